use std::sync::Arc;
use std::time::Duration;

use hamgate::store::StoreOptions;
use hamgate::telemetry::LogFormat;

use crate::support::{Blog, Log, REQUIRED, config};

/// Gives up on a locked file soon.
fn impatient() -> StoreOptions {
    StoreOptions {
        lock_patience: Duration::from_millis(50),
        answer_patience: Duration::from_millis(300),
        ..StoreOptions::default()
    }
}

const CLIENTS: i64 = 50;
const CHECKS_EACH: i64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_is_locked_fifty_clients_get_their_verdicts_and_no_thanks() {
    let blog = Arc::new(Blog::with(config(), impatient()).await);
    let mut other = blog.file().await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();

    // The lock is held until the last of them is answered: whoever waited for the disk would wait for ever.
    let clients = (0..CLIENTS).map(|client| {
        let blog = Arc::clone(&blog);
        tokio::spawn(async move {
            for check in 0..CHECKS_EACH {
                let form = format!("{REQUIRED}&comment_content=Thank+you+for+part+{check}+of+{client},+it+helped+me");
                let said = blog.wordpress("/1.1/comment-check", &form).await;
                assert!(["true", "false"].contains(&said.verdict().0));
            }
            let form = format!("{REQUIRED}&comment_content=Thank+you+for+part+1+of+{client},+it+helped+me");
            let said = blog.wordpress("/1.1/submit-spam", &form).await;
            assert_eq!((said.status, said.body.as_str()), (503, "Not stored: try again later"), "{said:?}");
            assert!(!said.help.is_empty());
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(blog.server.get("/readyz").await.status(), 503);
    assert!(blog.server.metric("hamgate_rejected_inputs_total{kind=\"busy\"}").await >= 50.0);

    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    // What was decided meanwhile is written as soon as it can be, and a correction then finds it.
    let remembered = async { while blog.store.flush().await.is_err() {} };
    tokio::time::timeout(crate::support::FOREVER, remembered).await.expect("the store comes back in time");
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments WHERE decision IS NOT NULL").await, CLIENTS * CHECKS_EACH);
    let form = format!("{REQUIRED}&comment_content=Thank+you+for+part+1+of+7,+it+helped+me");
    let said = blog.wordpress("/1.1/submit-ham", &form).await;
    assert_eq!(said.body, "Thanks for making the web a better place.");
    assert_eq!(said.decision.len(), 32, "{said:?}");
}

const LOCAL_PART: &str = "Zanzibella.Quux";
const ADDRESS: &str = "203.0.113.77";
const AGENT: &str = "Moxxilla";
const TYPED: &str = "Xyzzy";

/// Everything that WordPress tells of a visitor, each thing as often as it does.
fn visitor(key: &str) -> String {
    format!(
        "blog=https%3A%2F%2Fblog.example&user_ip={ADDRESS}&user_agent={AGENT}&comment_author={TYPED}\
         &comment_author_email={LOCAL_PART}%40mail.example&comment_author_url=https%3A%2F%2F{TYPED}.example\
         &comment_content={TYPED}+thanks+you&comment_author_IP={ADDRESS}&comment_agent={AGENT}&REMOTE_ADDR={ADDRESS}\
         &HTTP_X_FORWARDED_FOR={ADDRESS}&HTTP_USER_AGENT={AGENT}&POST_email={LOCAL_PART}%40mail.example\
         &POST_comment={TYPED}&POST_ak_hp_textarea={AGENT}&comment_type={LOCAL_PART}%40mail.example&{key}"
    )
}

/// One thread for everything, so that this test's subscriber sees all that is logged and nothing else.
#[tokio::test(flavor = "current_thread")]
async fn of_a_visitor_no_address_and_no_machine_is_kept_and_no_log_line_tells_anything() {
    let log = Log::catch(LogFormat::Text);
    let blog = Blog::start().await;
    let good = visitor("api_key=0123456789ab");
    for call in ["comment-check", "submit-spam", "submit-ham", "verify-key", "get-stats", "token", "deactivate", TYPED]
    {
        for form in [&good, &visitor("api_key=wrongwrong00"), &visitor(""), &good.replace("https", "a+b")] {
            blog.wordpress(&format!("/1.1/{call}"), form).await;
            blog.wordpress(&format!("/0123456789ab/1.1/{call}?{TYPED}={TYPED}"), form).await;
            blog.ask(&format!("/1.1/{call}"), TYPED, TYPED, form.as_bytes()).await;
        }
    }
    assert!(blog.count("SELECT COUNT(*) FROM comments WHERE email_domain = 'mail.example'").await > 0);
    blog.store.close().await;

    let lines = log.lines();
    assert!(
        lines.contains("/1.1/comment-check") && lines.contains("hold"),
        "the lines that should be there are: {lines}"
    );
    for mark in [LOCAL_PART, ADDRESS, AGENT, TYPED, "0123456789ab", "wrongwrong00", "blog.example", "mail.example"] {
        assert!(!lines.to_lowercase().contains(&mark.to_lowercase()), "{mark} is in the log: {lines}");
    }
    let folder = blog.path().parent().unwrap().to_owned();
    // SQLite may still be deleting the two files beside its own.
    let files = std::fs::read_dir(folder).unwrap().filter_map(|file| std::fs::read(file.unwrap().path()).ok());
    let files: Vec<Vec<u8>> = files.map(|bytes| bytes.to_ascii_lowercase()).collect();
    assert!(files.iter().any(|bytes| bytes.starts_with(b"sqlite format 3")));
    for bytes in files {
        for mark in [LOCAL_PART, ADDRESS, AGENT, "0123456789ab", "wrongwrong00"] {
            let mark = mark.to_lowercase();
            assert!(!bytes.windows(mark.len()).any(|window| window == mark.as_bytes()), "{mark} is in the store");
        }
    }
}
