use std::time::Duration;

use hamgate::config::ServeConfig;
use hamgate::model::OWN_HAM_FOR_THRESHOLD;
use hamgate::store::StoreOptions;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Blog, HAM, KEY, SPAM, TestServer, comment_of, config};

const FEEDBACK: &str = "/v1/feedback";
const UNDO: &str = "/v1/feedback/undo";

/// A service that takes a key and needs none.
async fn open_with_key() -> Blog {
    Blog::with(ServeConfig { open: true, ..config() }, StoreOptions::default()).await
}

async fn send(blog: &Blog, path: &str, key: &str, body: impl ToString) -> reqwest::Response {
    let mut request = blog.server.request("POST", path).body(body.to_string());
    if !key.is_empty() {
        request = request.bearer_auth(key);
    }
    request.send().await.unwrap()
}

async fn ask(blog: &Blog, path: &str, key: &str, body: impl ToString) -> Value {
    let response = send(blog, path, key, body).await;
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    response.json().await.unwrap()
}

/// Asserts a refusal of this status and kind, and returns it.
async fn refused(response: reqwest::Response, status: u16, kind: &str) -> Value {
    let (got, retry) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
    let problem: Value = response.json().await.unwrap();
    assert_eq!((got, &problem["type"]), (status, &json!(format!("urn:hamgate:problem:{kind}"))), "{problem}");
    assert_eq!(retry, kind == "busy", "{problem}");
    problem
}

/// The name of the decision on a comment.
async fn decided(blog: &Blog, key: &str, body: &str) -> String {
    let answer = ask(blog, "/v1/check", key, body).await;
    answer["decision"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn every_word_on_a_decision_is_answered_with_what_it_changed() {
    let blog = Blog::start().await;
    let id = decided(&blog, KEY, HAM).await;
    let table = [
        // what is said, then: change, label and previous, own ham and spam
        ("ham", "new", json!("ham"), Value::Null, [1, 0]),
        ("ham", "already_known", json!("ham"), json!("ham"), [1, 0]),
        ("spam", "relabelled", json!("spam"), json!("ham"), [0, 1]),
        ("spam", "already_known", json!("spam"), json!("spam"), [0, 1]),
        ("undo", "undone", json!("ham"), json!("spam"), [1, 0]),
        ("spam", "relabelled", json!("spam"), json!("ham"), [0, 1]),
        ("undo", "undone", json!("ham"), json!("spam"), [1, 0]),
        ("undo", "undone", Value::Null, json!("ham"), [0, 0]),
        ("undo", "", Value::Null, Value::Null, [0, 0]),
        ("spam", "new", json!("spam"), Value::Null, [0, 1]),
    ];
    for (said, change, label, previous, [ham, spam]) in table {
        let path = if said == "undo" { UNDO } else { FEEDBACK };
        let response = send(&blog, path, KEY, json!({"decision": id, "label": said})).await;
        if change.is_empty() {
            let problem = refused(response, 409, "nothing-to-undo").await;
            assert!(problem["detail"].as_str().unwrap().contains("no correction"), "{problem}");
            continue;
        }
        assert_eq!(response.status(), 200);
        let answer: Value = response.json().await.unwrap();
        let expected = json!({
            "decision": id, "change": change, "label": label, "previous": previous,
            "own": {"ham": ham, "spam": spam}, "missing": {"ham": OWN_HAM_FOR_THRESHOLD - ham}, "message": answer["message"],
        });
        assert_eq!(answer, expected, "{said}");
        let more = format!("{} more ham until a training can fit your own threshold.", OWN_HAM_FOR_THRESHOLD - ham);
        assert!(answer["message"].as_str().unwrap().ends_with(&more), "{answer}");
        // What is answered is on the disk.
        let stored: Option<String> =
            sqlx::query_scalar("SELECT label FROM comments").fetch_one(&mut blog.file().await).await.unwrap();
        assert_eq!(json!(stored), label, "{said}");
    }
    for (label, change, count) in [("ham", "new", 1.0), ("spam", "already_known", 1.0), ("spam", "relabelled", 2.0)] {
        let series = format!("hamgate_store_corrections_total{{label=\"{label}\",change=\"{change}\"}}");
        assert_eq!(blog.server.metric(&series).await, count, "{series}");
    }
    assert_eq!(blog.server.metric("hamgate_store_corrections_undone_total").await, 3.0);
    assert_eq!(blog.count("SELECT COUNT(*) FROM corrections WHERE origin = 'api'").await, 4);
}

#[tokio::test]
async fn a_comment_is_found_by_itself_and_one_that_nobody_asked_about_is_stored() {
    let blog = open_with_key().await;
    let id = decided(&blog, KEY, HAM).await;
    let said =
        |comment: &str| format!("{{\"comment\":{comment},\"decision\":null,\"label\":\"spam\",\"unknown\":[1]}}");
    let found = ask(&blog, FEEDBACK, KEY, said(HAM)).await;
    assert_eq!((&found["decision"], &found["change"]), (&json!(id), &json!("new")));
    for (change, ham) in [("new", 0), ("already_known", 0)] {
        let stored = ask(&blog, FEEDBACK, KEY, said(SPAM)).await;
        assert_eq!((&stored["decision"], &stored["change"]), (&Value::Null, &json!(change)), "{stored}");
        assert_eq!(stored["own"], json!({"ham": ham, "spam": 2}));
    }
    // Where there are keys, nobody teaches without one, even where anyone may ask.
    refused(send(&blog, FEEDBACK, "", said(HAM)).await, 401, "unauthorized").await;
    refused(send(&blog, UNDO, "", json!({"decision": id})).await, 401, "unauthorized").await;
    // Where there are none, it belongs to the site that is named, or to this machine.
    let blog = Blog::open().await;
    for (path, site) in [("/v1/feedback?site=https://Other.example/", "other.example"), (FEEDBACK, "localhost")] {
        let stored = ask(&blog, path, "", said(HAM)).await;
        assert_eq!((&stored["change"], &stored["own"]["spam"]), (&json!("new"), &json!(1)), "{site}: {stored}");
    }
    blog.store.flush().await.unwrap();
    let sites: Vec<String> =
        sqlx::query_scalar("SELECT site FROM comments ORDER BY seq").fetch_all(&mut blog.file().await).await.unwrap();
    assert_eq!(sites, ["other.example", "localhost"]);
}

#[tokio::test]
async fn a_key_corrects_its_own_site_and_what_is_anothers_is_unknown_to_it() {
    let blog = Blog::start().await;
    let other = blog.store.add_key(&"other.example".parse().unwrap()).await.unwrap().reveal();
    let id = decided(&blog, KEY, HAM).await;
    ask(&blog, FEEDBACK, KEY, json!({"decision": id, "label": "ham"})).await;

    let unknown = "00000000000000000000000000000000";
    for path in [FEEDBACK, UNDO] {
        let of_nobody = refused(
            send(&blog, path, &other, json!({"decision": unknown, "label": "spam"})).await,
            404,
            "unknown-decision",
        )
        .await;
        let of_another =
            refused(send(&blog, path, &other, json!({"decision": id, "label": "spam"})).await, 404, "unknown-decision")
                .await;
        assert_eq!(of_nobody, of_another, "{path}");
        let own = refused(
            send(&blog, path, KEY, json!({"decision": unknown, "label": "spam"})).await,
            404,
            "unknown-decision",
        )
        .await;
        assert_eq!(of_nobody, own, "{path}");
    }
    // The same text on the other site is another comment, whatever site is named.
    let path = format!("{FEEDBACK}?site=blog.example");
    let theirs = ask(&blog, &path, &other, format!("{{\"comment\":{HAM},\"label\":\"spam\"}}")).await;
    assert_eq!((&theirs["decision"], &theirs["own"]), (&Value::Null, &json!({"ham": 0, "spam": 1})));
    let ours = ask(&blog, FEEDBACK, KEY, json!({"decision": id, "label": "ham"})).await;
    assert_eq!((&ours["change"], &ours["own"]), (&json!("already_known"), &json!({"ham": 1, "spam": 0})));
}

#[tokio::test]
async fn what_is_no_feedback_is_refused_with_what_where_and_how_to_mend() {
    let blog = Blog::open().await;
    let id = "0123456789abcdef0123456789abcdef";
    let table = [
        ("", 400, "not-json", "", "not valid JSON"),
        ("hello", 400, "not-json", "", "line 1, column 1"),
        ("{\"label\":\"ham\"", 400, "not-json", "", "ends too early"),
        ("{\"label\":\"ham\"} {}", 400, "not-json", "", "rules of JSON"),
        ("[]", 422, "not-feedback", "", "must be a JSON object"),
        ("[\"ID\",null,\"ham\"]", 422, "not-feedback", "", "must be a JSON object"),
        ("7", 422, "not-feedback", "", "must be a JSON object"),
        ("{}", 422, "not-feedback", "label", "`label` is missing"),
        ("{\"decision\":\"ID\"}", 422, "not-feedback", "label", "`label` is missing"),
        ("{\"decision\":\"ID\",\"label\":\"Spam\"}", 422, "not-feedback", "label", "\"ham\" or \"spam\""),
        ("{\"decision\":\"ID\",\"label\":1}", 422, "not-feedback", "label", "\"ham\" or \"spam\""),
        ("{\"decision\":\"ID\",\"label\":\"ham\",\"label\":\"ham\"}", 422, "not-feedback", "", "stands twice"),
        ("{\"label\":\"ham\"}", 422, "not-feedback", "", "send `decision`"),
        ("{\"label\":\"ham\",\"decision\":null,\"comment\":null}", 422, "not-feedback", "", "send `decision`"),
        (
            "{\"label\":\"ham\",\"decision\":\"ID\",\"comment\":{\"content\":\"x\"}}",
            422,
            "not-feedback",
            "",
            "not both",
        ),
        ("{\"label\":\"ham\",\"decision\":\"0123\"}", 422, "not-feedback", "decision", "32 hexadecimal digits"),
        ("{\"label\":\"ham\",\"decision\":[\"ID\"]}", 422, "not-feedback", "decision", "32 hexadecimal digits"),
        ("{\"label\":\"ham\",\"comment\":\"x\"}", 422, "not-a-comment", "comment", "must be a JSON object"),
        ("{\"label\":\"ham\",\"comment\":{}}", 422, "not-a-comment", "comment.content", "`content` is missing"),
        (
            "{\"label\":\"ham\",\"comment\":{\"content\":7}}",
            422,
            "not-a-comment",
            "comment.content",
            "must be a string",
        ),
    ];
    for (body, status, kind, field, detail) in table {
        let problem = refused(send(&blog, FEEDBACK, "", body.replace("ID", id)).await, status, kind).await;
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{body}: {problem}");
    }
    for (body, field) in [("{}", "decision"), ("{\"decision\":\"x\"}", "decision"), ("[]", "")] {
        let problem = refused(send(&blog, UNDO, "", body).await, 422, "not-feedback").await;
        assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{body}: {problem}");
    }
    refused(blog.server.post_as(FEEDBACK, "text/csv", "{}").await, 415, "unsupported-media-type").await;
    refused(blog.server.post(FEEDBACK, &b"{\"label\":\"\xff\"}"[..]).await, 400, "not-utf8").await;
    refused(
        blog.server.post("/v1/feedback?site=my%20blog", format!("{{\"comment\":{HAM},\"label\":\"ham\"}}")).await,
        400,
        "bad-request",
    )
    .await;
    assert_eq!(blog.server.request("DELETE", FEEDBACK).send().await.unwrap().headers()["allow"], "POST");
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments").await, 0);
}

#[tokio::test]
async fn whatever_was_checked_can_be_corrected_and_nothing_much_longer_is_read() {
    let blog = Blog::open().await;
    let longest = comment_of(65_536);
    decided(&blog, "", &longest).await;
    let answer = ask(&blog, FEEDBACK, "", format!("{{\"comment\": {longest}, \"label\": \"spam\"}}")).await;
    assert!(answer["decision"].is_string(), "{answer}");
    let longer = format!("{{\"comment\": {}, \"label\": \"spam\"}}", comment_of(70_000));
    refused(send(&blog, FEEDBACK, "", longer).await, 413, "too-large").await;
}

#[tokio::test]
async fn a_trial_is_corrected_like_any_other_and_counts_for_nothing() {
    let blog = Blog::open().await;
    let id = ask(&blog, "/v1/check?test=true", "", HAM).await["decision"].clone();
    for (path, change) in [(FEEDBACK, "new"), (UNDO, "undone")] {
        let answer = ask(&blog, path, "", json!({"decision": id, "label": "ham"})).await;
        assert_eq!((&answer["change"], &answer["own"]), (&json!(change), &json!({"ham": 0, "spam": 0})));
        assert!(answer["message"].as_str().unwrap().contains("nothing is learned from it"), "{answer}");
    }
}

#[tokio::test]
async fn the_message_is_in_the_language_asked_for_and_says_when_nothing_is_missing() {
    let blog = Blog::open().await;
    for n in 1..=OWN_HAM_FOR_THRESHOLD {
        let body = format!("{{\"comment\":{{\"content\":\"Thank you for part {n}\"}},\"label\":\"ham\"}}");
        for (wanted, tag, words) in
            [("de", "de", "Ham, bis ein Training"), ("fr, en;q=0.5", "en", "more ham until a training")]
        {
            let request = blog.server.request("POST", FEEDBACK).header("accept-language", wanted);
            let response = request.body(body.clone()).send().await.unwrap();
            assert_eq!(response.headers()["content-language"], tag);
            assert_eq!(response.headers()["vary"], "accept-language");
            let answer: Value = response.json().await.unwrap();
            let missing = OWN_HAM_FOR_THRESHOLD - n;
            assert_eq!(answer["missing"], if missing == 0 { Value::Null } else { json!({"ham": missing}) });
            assert_eq!(answer["message"].as_str().unwrap().contains(words), missing > 0, "{answer}");
        }
    }
}

#[tokio::test]
async fn feedback_needs_the_key_that_a_check_needs() {
    let blog = Blog::start().await;
    let id = decided(&blog, KEY, HAM).await;
    for path in [FEEDBACK, UNDO] {
        for key in ["", "000000000000"] {
            refused(send(&blog, path, key, json!({"decision": id, "label": "spam"})).await, 401, "unauthorized").await;
        }
    }
    // A wrong key is no key at all, but a mistake, also where none is needed.
    let open = open_with_key().await;
    for path in [FEEDBACK, UNDO, "/v1/check"] {
        refused(send(&open, path, "000000000000", HAM).await, 401, "unauthorized").await;
    }
    assert_eq!(blog.count("SELECT COUNT(*) FROM corrections").await, 0);
}

#[tokio::test]
async fn what_is_not_stored_is_not_acknowledged() {
    let body = json!({"comment": {"content": "Thank you"}, "label": "ham"});
    let undo = json!({"decision": "0123456789abcdef0123456789abcdef"});
    let none = TestServer::start().await;
    for (path, body) in [(FEEDBACK, &body), (UNDO, &undo)] {
        let problem = refused(none.post(path, body.to_string()).await, 503, "no-store").await;
        assert!(problem["detail"].as_str().unwrap().contains("`--store`"), "{problem}");
    }

    let impatient = StoreOptions {
        lock_patience: Duration::from_millis(50),
        answer_patience: Duration::from_millis(300),
        ..StoreOptions::default()
    };
    let blog = Blog::with(ServeConfig { open: true, ..config() }, impatient).await;
    let mut other = blog.file().await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    for (path, body) in [(FEEDBACK, &body), (UNDO, &undo)] {
        refused(send(&blog, path, KEY, body).await, 503, "busy").await;
    }
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let written = async { while blog.store.flush().await.is_err() {} };
    tokio::time::timeout(crate::support::FOREVER, written).await.expect("the store comes back in time");
    assert_eq!(ask(&blog, FEEDBACK, KEY, &body).await["change"], "new", "it was not stored behind the caller's back");
}

#[test]
fn no_body_is_an_error_of_ours() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let blog = runtime.block_on(Blog::open());
    let json = "[{}\\[\\]\":,a-z0-9\\\\ \u{0}-\u{1f}é]{0,60}".prop_map(String::into_bytes);
    let value = "(null|7|\"(ham|spam|x|[0-9a-f]{32})\"|\\{\"content\":(\"\\\\\\\\?.{0,9}\"|7)\\}|\\[\\[)";
    let fields = prop::collection::vec(("(decision|comment|label|.{0,4})", value), 0..5);
    let close = fields.prop_map(|fields| {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    });
    let bodies = prop_oneof![prop::collection::vec(any::<u8>(), 0..200), json, close];
    let mut runner = TestRunner::new(Config { cases: 300, ..Config::default() });
    let tried = runner.run(&(bodies, any::<bool>()), |(body, undo)| {
        let response = runtime.block_on(blog.server.post(if undo { UNDO } else { FEEDBACK }, body));
        let status = response.status().as_u16();
        prop_assert!([200, 400, 404, 422].contains(&status), "{}", status);
        if status != 200 {
            prop_assert_eq!(&response.headers()["content-type"], "application/problem+json");
        }
        Ok(())
    });
    tried.unwrap();
    assert_eq!(runtime.block_on(blog.server.metric("hamgate_panics_total")), 0.0);
}
