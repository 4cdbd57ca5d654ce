use serde_json::{Value, json};

use crate::support::{HAM, SPAM, TestServer, chunk, comment_of, post, post_chunked, shipped_model};

#[tokio::test]
async fn a_readers_comment_is_approved_and_an_advertisement_is_held() {
    let server = TestServer::start().await;
    let ham = server.check(HAM).await;
    assert_eq!((&ham["verdict"], &ham["queue"]), (&json!("approve"), &Value::Null), "{ham}");
    let spam = server.check(SPAM).await;
    assert_eq!(spam["verdict"], "hold", "{spam}");
    assert!(spam["queue"].is_string(), "{spam}");
    assert!(ham["spam_probability"].as_f64() < spam["spam_probability"].as_f64());
}

#[tokio::test]
async fn the_answer_gives_back_the_id_and_names_the_model() {
    let server = TestServer::start().await;
    let answer = server.check(r#"{"id":"4711","content":"hello there"}"#).await;
    assert_eq!(answer["id"], "4711");
    assert_eq!(answer["model"], shipped_model().generic().id().as_str());
    assert_eq!(server.check(r#"{"content":"hello there"}"#).await["id"], Value::Null);
}

#[tokio::test]
async fn without_being_asked_it_does_not_explain() {
    let server = TestServer::start().await;
    for path in ["/v1/check", "/v1/check?explain=false", "/v1/check?explain=0", "/v1/check?unknown=parameter"] {
        let response = server.post(path, SPAM).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(!response.headers().contains_key("content-language"));
        let answer: Value = response.json().await.unwrap();
        assert!(answer.get("reasons").is_none() && answer.get("summary").is_none(), "{path}: {answer}");
    }
}

#[tokio::test]
async fn reasons_come_in_the_language_asked_for() {
    let server = TestServer::start().await;
    let table = [
        (None, "en", "Held"),
        (Some("de-DE,de;q=0.9,en;q=0.8"), "de", "zurückgehalten"),
        (Some("fr, en;q=0.2"), "en", "Held"),
        (Some("fr"), "en", "Held"),
    ];
    for (wanted, tag, word) in table {
        let mut request = server.request("POST", "/v1/check?explain=true").body(SPAM);
        if let Some(wanted) = wanted {
            request = request.header("accept-language", wanted);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-language"], tag);
        assert_eq!(response.headers()["vary"], "accept-language");
        let answer: Value = response.json().await.unwrap();
        assert!(answer["summary"].as_str().unwrap().contains(word), "{answer}");
        assert!(answer["reasons"][0]["text"].is_string(), "{answer}");
    }
    let one: Value = server.post("/v1/check?explain=1", SPAM).await.json().await.unwrap();
    assert!(one["reasons"].is_array());
}

#[tokio::test]
async fn json_is_taken_under_all_its_names_and_under_none() {
    let server = TestServer::start().await;
    for media_type in ["application/json", "application/json; charset=utf-8", "application/vnd.blog+json", ""] {
        assert_eq!(server.post_as("/v1/check", media_type, HAM).await.status(), 200, "{media_type}");
    }
    assert_eq!(server.request("POST", "/v1/check").body(HAM).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_chunked_comment_is_taken_like_any_other() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check")).await;
    client.send(chunk(&HAM[..10])).await;
    client.send(chunk(&HAM[10..])).await;
    client.send("0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), server.check(HAM).await);
}

#[tokio::test]
async fn every_answer_tells_its_length() {
    let server = TestServer::start().await;
    for (path, body) in [("/v1/check", HAM), ("/v1/check", "{}"), ("/nowhere", "{}"), ("/v1/check?explain=true", SPAM)]
    {
        let mut client = server.connect().await;
        client.send(post(path, body.len()) + body).await;
        let answer = client.answer().await;
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{path} {body}");
    }
}

#[tokio::test]
async fn requests_sent_in_one_breath_are_answered_in_order() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    let mut breath = String::new();
    for id in 0..50 {
        let body = format!(r#"{{"id":"{id}","content":"hello"}}"#);
        breath += &post("/v1/check", body.len());
        breath += &body;
    }
    client.send(breath).await;
    for id in 0..50 {
        assert_eq!(client.answer().await.json()["id"], id.to_string());
    }
}

#[tokio::test]
async fn old_clients_and_those_who_want_to_close_are_honoured() {
    let server = TestServer::start().await;
    let body = HAM.len();
    let heads = [
        format!("POST /v1/check HTTP/1.0\r\nContent-Length: {body}\r\n\r\n"),
        format!("POST /v1/check HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {body}\r\n\r\n"),
    ];
    for head in heads {
        let mut client = server.connect().await;
        client.send(head).await;
        client.send(HAM).await;
        assert_eq!(client.answer().await.json()["verdict"], "approve");
        assert_eq!(client.closed().await, "");
    }
}

#[tokio::test]
async fn a_comment_of_exactly_the_limit_is_judged() {
    let server = TestServer::start().await;
    assert_eq!(server.post("/v1/check", comment_of(65_536)).await.status(), 200);
}
