use std::num::NonZeroUsize;

use hamgate::config::ServeConfig;
use serde_json::Value;

use crate::support::{FOREVER, HAM, Raw, SPAM, TestServer, chunk, comment_of, config, post_chunked, span};

fn small(comments: usize, bytes: usize) -> ServeConfig {
    ServeConfig {
        batch_limit_comments: NonZeroUsize::new(comments).unwrap(),
        batch_limit_bytes: NonZeroUsize::new(bytes).unwrap(),
        body_limit_bytes: NonZeroUsize::new(200).unwrap(),
        ..config()
    }
}

#[tokio::test]
async fn every_line_gets_the_answer_it_would_get_alone_in_the_same_order() {
    let server = TestServer::start().await;
    let comments: Vec<String> =
        (0..500).map(|id| format!(r#"{{"id":"{id}","content":"comment number {id} about backups"}}"#)).collect();
    let answers = server.batch(&comments.join("\n")).await;
    assert_eq!(answers.len(), 500);
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], id.to_string());
    }
    assert_eq!(answers[7], server.check(&comments[7]).await);
}

#[tokio::test]
async fn a_bad_line_gets_an_error_in_its_place_and_the_rest_goes_on() {
    let server = TestServer::start().await;
    let lines = format!("{HAM}\n\n{{\"content\":7}}\r\nnot json\n   \n{SPAM}");
    let answers = server.batch(&lines).await;
    assert_eq!(answers.len(), 4, "{answers:?}");
    assert_eq!(answers[0]["verdict"], "approve");
    assert_eq!((&answers[1]["line"], &answers[1]["error"]["status"]), (&3.into(), &422.into()));
    assert_eq!(answers[1]["error"]["field"], "content");
    assert_eq!((&answers[2]["line"], &answers[2]["error"]["status"]), (&4.into(), &400.into()));
    assert_eq!(answers[3]["verdict"], "hold");
}

#[tokio::test]
async fn a_line_over_the_limit_costs_only_itself() {
    let server = TestServer::with(small(9, 100_000)).await;
    let lines = format!("{HAM}\n{}\n{HAM}\n", comment_of(50_000));
    let answers = server.batch(&lines).await;
    assert_eq!(answers.len(), 3);
    assert_eq!((&answers[1]["line"], &answers[1]["error"]["status"]), (&2.into(), &413.into()));
    assert!(answers[1]["error"]["detail"].as_str().unwrap().contains("200 bytes"));
    assert_eq!(answers[2]["verdict"], "approve");
}

#[tokio::test]
async fn a_batch_of_too_many_comments_is_answered_up_to_there() {
    let server = TestServer::with(small(3, 100_000)).await;
    let answers = server.batch(&format!("{HAM}\n").repeat(5)).await;
    assert_eq!(answers.len(), 4);
    assert!(answers[2]["verdict"].is_string());
    assert_eq!((&answers[3]["line"], &answers[3]["error"]["status"]), (&4.into(), &413.into()));
    assert_eq!(server.batch(&format!("{HAM}\n\n").repeat(3)).await.len(), 3);
}

#[tokio::test]
async fn a_batch_that_says_it_is_too_long_is_refused_at_once() {
    let server = TestServer::with(small(9, 1000)).await;
    let response = server.post_as("/v1/check/batch", "application/x-ndjson", format!("{HAM}\n").repeat(20)).await;
    assert_eq!(response.status(), 413);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_batch_that_turns_out_to_be_too_long_ends_with_an_error() {
    let server = TestServer::with(small(99, 1000)).await;
    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check/batch")).await;
    client.send(chunk(&format!("{HAM}\n"))).await;
    client.send(chunk(&format!("{HAM}\n").repeat(20))).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200);
    let last: Value = serde_json::from_str(answer.body.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["status"], 413);
}

#[tokio::test]
async fn answers_come_while_lines_are_still_sent() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check/batch")).await;
    for id in 0..20 {
        client.send(chunk(&format!("{{\"id\":\"{id}\",\"content\":\"hello\"}}\n"))).await;
        // The next line is sent only after this answer.
        client.wait_for(&format!("\"id\":\"{id}\"")).await;
    }
    client.send("0\r\n\r\n").await;
    client.wait_for("0\r\n\r\n").await;
}

#[tokio::test]
async fn an_empty_batch_has_no_answers() {
    let server = TestServer::start().await;
    assert!(server.batch("").await.is_empty());
    assert!(server.batch("\n \n\r\n").await.is_empty());
}

#[tokio::test]
async fn a_batch_explains_itself_when_asked() {
    let server = TestServer::start().await;
    let request = server.request("POST", "/v1/check/batch?explain=true").header("accept-language", "de");
    let response = request.body(format!("{SPAM}\n{HAM}\n")).send().await.unwrap();
    assert_eq!(response.headers()["content-language"], "de");
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    for line in response.text().await.unwrap().lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert!(answer["summary"].is_string() && answer["reasons"].is_array());
    }
}

#[tokio::test]
async fn a_batch_is_json_lines_and_says_so_when_it_gets_something_else() {
    let server = TestServer::start().await;
    for media_type in ["application/x-ndjson", "application/jsonl", "application/json-lines", "text/plain", ""] {
        assert_eq!(server.post_as("/v1/check/batch", media_type, HAM).await.status(), 200, "{media_type}");
    }
    for media_type in ["application/json", "text/csv", "multipart/form-data"] {
        assert_eq!(server.post_as("/v1/check/batch", media_type, HAM).await.status(), 415, "{media_type}");
    }
}

#[tokio::test]
async fn a_batch_that_stops_coming_ends_with_an_error() {
    let server = TestServer::with(ServeConfig { body_timeout: span("100ms"), ..config() }).await;
    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check/batch")).await;
    client.send(chunk(&format!("{HAM}\n{{\"content\":"))).await;
    let answer = client.answer().await;
    let lines: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["verdict"], "approve");
    assert_eq!((&lines[1]["line"], &lines[1]["error"]["status"]), (&2.into(), &408.into()));
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn a_batch_has_an_end_even_if_it_never_stops_coming() {
    let server = TestServer::with(ServeConfig { batch_timeout: span("300ms"), ..config() }).await;
    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check/batch")).await;
    while client.try_send(chunk(&format!("{HAM}\n"))).await && !client.has("\"status\":408").await {}
    assert!(client.has("\"status\":408").await);
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off_and_holds_no_more_than_buffers() {
    let server = TestServer::with(ServeConfig { write_timeout: span("200ms"), ..config() }).await;
    let mut client = Raw::connect_with_small_buffer(server.address()).await;
    client.send(post_chunked("/v1/check/batch?explain=true")).await;
    let lines = chunk(&format!("{SPAM}\n").repeat(100));
    let endless = async { while client.try_send(&lines).await {} };
    tokio::time::timeout(FOREVER, endless).await.expect("the connection is cut");
    server.until_open_connections_are(1.0).await;
}
