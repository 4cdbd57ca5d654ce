use std::time::Duration;

use hamgate::config::ServeConfig;
use hamgate::store::StoreOptions;
use serde_json::Value;

use crate::support::{Blog, FOREVER, HAM, KEY, SPAM, config};

/// What a check is answered; `key` is sent if there is one.
async fn check(blog: &Blog, query: &str, key: &str, body: &str) -> Value {
    let mut request = blog.server.request("POST", &format!("/v1/check{query}")).body(body.to_owned());
    if !key.is_empty() {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{query}");
    response.json().await.unwrap()
}

/// What is remembered, oldest first, as `site decision queue test content`.
async fn remembered(blog: &Blog) -> Vec<String> {
    blog.store.flush().await.unwrap();
    let sql = "SELECT site || ' ' || decision || ' ' || COALESCE(queue, '-') || ' ' || test || ' ' || lower(hex(decision_id)) \
               FROM comments ORDER BY seq";
    sqlx::query_scalar(sql).fetch_all(&mut blog.file().await).await.unwrap()
}

#[tokio::test]
async fn a_decision_is_remembered_under_the_site_of_the_key_or_the_one_that_is_named() {
    // With keys that are not needed, both ways lead in.
    let blog = Blog::with(ServeConfig { open: true, ..config() }, StoreOptions::default()).await;
    let table = [
        ("", KEY, "blog.example", 0),
        ("?site=other.example", KEY, "blog.example", 0),
        ("?site=https://www.Other.example/blog/", "", "other.example/blog", 0),
        ("", "", "localhost", 0),
        ("?remember=true&explain=true", "", "localhost", 0),
        ("?test=true", "", "localhost", 1),
    ];
    let mut expected = Vec::new();
    for (query, key, site, test) in table {
        for (comment, verdict) in [(HAM, "approve"), (SPAM, "hold")] {
            let answer = check(&blog, query, key, comment).await;
            assert_eq!(answer["verdict"], verdict);
            let id = answer["decision"].as_str().unwrap_or_else(|| panic!("{query}: {answer}"));
            assert_eq!(id.len(), 32, "{answer}");
            let queue = answer["queue"].as_str().unwrap_or("-");
            expected.push(format!("{site} {verdict} {queue} {test} {id}"));
        }
    }
    assert_eq!(remembered(&blog).await, expected);
    let counted = blog.count("SELECT CAST(SUM(approved + held) AS INTEGER) FROM usage").await;
    assert_eq!(counted, expected.len() as i64 - 2, "a trial is not counted");
}

#[tokio::test]
async fn what_is_not_to_be_remembered_is_not_and_has_no_name() {
    let blog = Blog::open().await;
    for query in ["?remember=false", "?remember=0&test=true&site=x.example"] {
        assert!(check(&blog, query, "", HAM).await.get("decision").is_none(), "{query}");
    }
    for answer in blog.server.batch(&format!("{HAM}\n{SPAM}\n")).await {
        assert!(answer["verdict"].is_string() && answer.get("decision").is_none(), "{answer}");
    }
    assert_eq!(blog.server.post("/v1/check", "{}").await.status(), 422);
    assert!(remembered(&blog).await.is_empty());
}

#[tokio::test]
async fn an_unclear_wish_is_refused_and_nothing_is_remembered() {
    let blog = Blog::open().await;
    for (query, field) in [
        ("remember=maybe", None),
        ("test=", None),
        ("test=1&test=1", None),
        ("site=", Some("site")),
        ("site=my%20blog", Some("site")),
        ("remember=false&site=my%20blog", Some("site")),
    ] {
        let response = blog.server.post(&format!("/v1/check?{query}"), HAM).await;
        assert_eq!(response.status(), 400, "{query}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains("parameter"), "{query}: {problem}");
        assert_eq!(problem["field"].as_str(), field, "{query}: {problem}");
    }
    assert!(remembered(&blog).await.is_empty());
}

#[tokio::test]
async fn of_a_comment_that_is_remembered_no_address_and_no_machine_is_kept() {
    let blog = Blog::open().await;
    let comment = r#"{"content":"Thank you","author":"Jutta","author_email":"Zanzibella.Quux@mail.example",
        "ip":"203.0.113.77","user_agent":"Moxxilla","id":"Idxyz","date":"Datexyz"}"#;
    check(&blog, "", "", comment).await;
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments WHERE email_domain = 'mail.example'").await, 1);
    blog.store.close().await;
    let files = std::fs::read_dir(blog.path().parent().unwrap()).unwrap();
    for bytes in files.filter_map(|file| std::fs::read(file.unwrap().path()).ok()) {
        for mark in ["zanzibella", "203.0.113.77", "moxxilla", "idxyz", "datexyz"] {
            let found = bytes.to_ascii_lowercase().windows(mark.len()).any(|window| window == mark.as_bytes());
            assert!(!found, "{mark} is in the store");
        }
    }
}

#[tokio::test]
async fn no_verdict_waits_for_the_store_and_one_that_it_has_no_room_for_has_no_name() {
    let options =
        StoreOptions { queue_decisions: 10, lock_patience: Duration::from_millis(50), ..StoreOptions::default() };
    let blog = Blog::with(ServeConfig { open: true, ..config() }, options).await;
    let mut other = blog.file().await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let mut lost = 0.0;
    let filling = async {
        while lost < 3.0 {
            let answer = check(&blog, "", "", HAM).await;
            assert_eq!(answer["verdict"], "approve");
            lost += f64::from(u8::from(answer.get("decision").is_none()));
        }
    };
    // The lock is held all the while: whoever waited for the disk would wait for ever.
    tokio::time::timeout(FOREVER, filling).await.expect("verdicts without the store");
    assert_eq!(blog.server.metric("hamgate_store_decisions_lost_total").await, lost);
}
