use std::io::{Read as _, Write as _};
use std::num::NonZeroUsize;
use std::time::Instant;

use hamgate::config::ServeConfig;

use crate::support::{HAM, Raw, TestServer, config, post, post_chunked, span};

#[tokio::test]
async fn a_head_that_never_ends_is_closed() {
    let server = TestServer::with(ServeConfig { header_timeout: span("200ms"), ..config() }).await;
    let begun = Instant::now();
    let mut client = server.connect().await;
    client.send("POST /v1/check HTTP/1.1\r\nHost").await;
    assert_eq!(client.closed().await, "");
    assert!(begun.elapsed().as_millis() >= 200);
}

#[tokio::test]
async fn a_head_that_drips_is_closed_like_one_that_stands() {
    let server = TestServer::with(ServeConfig { header_timeout: span("200ms"), ..config() }).await;
    let mut client = server.connect().await;
    client.send("GET /healthz HTTP/1.1\r\n").await;
    let begun = Instant::now();
    let dripping = async {
        while client.try_send("X: y\r\n").await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::support::FOREVER, dripping).await.expect("the connection is closed");
    assert!(begun.elapsed().as_millis() >= 150);
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_ever_sent_is_closed() {
    let server = TestServer::with(ServeConfig { header_timeout: span("100ms"), ..config() }).await;
    let mut client = server.connect().await;
    assert_eq!(client.closed().await, "");
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_its_own_time_and_then_closed() {
    let times = ServeConfig { header_timeout: span("100ms"), idle_timeout: span("400ms"), ..config() };
    let server = TestServer::with(times).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send(post("/v1/check", HAM.len()) + HAM).await;
        assert_eq!(client.answer().await.status, 200);
    }
    let begun = Instant::now();
    assert_eq!(client.closed().await, "");
    let idle = begun.elapsed().as_millis();
    assert!(idle >= 300, "closed after {idle} ms, long before the idle time-out");
}

#[tokio::test]
async fn a_body_that_never_ends_is_answered_and_closed() {
    let server = TestServer::with(ServeConfig { body_timeout: span("200ms"), ..config() }).await;
    for head in [post("/v1/check", HAM.len()), post_chunked("/v1/check")] {
        let mut client = server.connect().await;
        client.send(head).await;
        let detail = client.answer().await.problem(408);
        assert!(detail.contains("200 ms"), "{detail}");
        client.closed().await;
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_in_all_is_answered_and_closed() {
    let server = TestServer::with(ServeConfig { request_timeout: span("100ms"), ..config() }).await;
    let mut client = server.connect().await;
    client.send(post("/v1/check", HAM.len())).await;
    let answer = client.answer().await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    client.closed().await;
}

#[tokio::test]
async fn a_client_that_asks_and_asks_and_never_reads_is_cut_off() {
    let server = TestServer::with(ServeConfig { write_timeout: span("200ms"), ..config() }).await;
    let mut client = Raw::connect_with_small_buffer(server.address()).await;
    let questions = "GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n".repeat(100);
    let asking = async { while client.try_send(&questions).await {} };
    tokio::time::timeout(crate::support::FOREVER, asking).await.expect("the connection is cut");
    server.until_open_connections_are(1.0).await;
}

#[tokio::test]
async fn clients_with_many_requests_in_one_breath_take_turns_with_others() {
    const GREEDY: u32 = 40;
    let server = TestServer::start().await;
    let mut clients = Vec::new();
    for _ in 0..=GREEDY {
        let mut client = server.connect().await;
        client.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
        clients.push(client);
    }
    let mut other = clients.pop().unwrap();
    for client in &mut clients {
        client.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n".repeat(30)).await;
    }
    other.send("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await;
    let counted = other.answer().await.body;
    let answered = counted.lines().find_map(|line| line.strip_prefix("hamgate_responses_total{status=\"200\"} "));
    let before = answered.expect("it is counted").parse::<u32>().unwrap() - (GREEDY + 1);
    assert!(before < 6 * GREEDY, "{before} were answered first");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_at_once_and_a_free_place_is_used() {
    let server = TestServer::with_places(2, 2).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    for client in [&mut first, &mut second] {
        client.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
    }
    let mut third = server.connect().await;
    third.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    let answer = third.answer().await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    third.closed().await;

    drop(second);
    let come_back = async {
        loop {
            let mut client = server.connect().await;
            client.send("GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").await;
            if client.answer().await.status == 200 {
                break;
            }
        }
    };
    tokio::time::timeout(crate::support::FOREVER, come_back).await.expect("the place is free again");
    first.send("GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n").await;
    let counted = first.answer().await.body;
    assert!(counted.contains("hamgate_connections_refused_total{limit=\"too_many\"}"), "{counted}");
    assert!(!counted.contains("hamgate_connections_refused_total{limit=\"too_many\"} 0"), "{counted}");
}

#[tokio::test]
async fn a_client_over_the_limit_that_asks_nothing_is_told_all_the_same() {
    let server = TestServer::with_places(5, 1).await;
    let mut first = server.connect().await;
    first.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    first.answer().await;
    let mut second = server.connect().await;
    let detail = second.answer().await.problem(503);
    assert!(detail.contains("your address"), "{detail}");
}

/// A server whose only place is taken, and clients over the limit who ask nothing, so that each of them is waited for: more
/// than the service waits for at a time.
async fn crowded() -> (TestServer, Vec<Raw>) {
    let server = TestServer::with_places(5, 1).await;
    let mut first = server.connect().await;
    first.send("GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await;
    first.answer().await;
    let mut crowd = vec![first];
    for _ in 0..150 {
        crowd.push(server.connect().await);
    }
    (server, crowd)
}

#[tokio::test]
async fn in_a_flood_a_client_whose_question_is_there_is_told_at_once() {
    let (server, _crowd) = crowded().await;
    // This thread does nothing else in between, so the question is there before the server looks.
    let mut client = std::net::TcpStream::connect(server.address()).unwrap();
    client.write_all(b"POST /1.1/comment-check HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n").unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        let mut answer = String::new();
        client.read_to_string(&mut answer).map(|_| answer)
    });
    let answer = answer.await.unwrap().unwrap();
    for line in ["HTTP/1.1 503 ", "x-akismet-guid: ", "x-akismet-error: undecided\r\n", "your address"] {
        assert!(answer.contains(line), "{line} is missing in {answer}");
    }
}

#[tokio::test]
async fn silent_clients_over_the_limit_keep_nobody_else_from_hearing_why_they_are_turned_away() {
    let (server, mut crowd) = crowded().await;
    // Many clients send the head and the body apart: an answer before the head would be lost with the connection.
    for _ in 0..20 {
        let mut client = server.connect().await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        client.send(post("/v1/check", HAM.len())).await;
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        client.send(HAM).await;
        client.answer().await.problem(503);
        crowd.push(client);
    }
}

/// The head of a form of Akismet's with so many bytes, of which only some will come.
fn form(length: usize) -> String {
    post("/1.1/comment-check", length).replace("application/json", "application/x-www-form-urlencoded")
}

#[tokio::test]
async fn half_sent_bodies_take_no_more_memory_than_they_may_and_leave_room_for_comments() {
    let server =
        TestServer::with(ServeConfig { body_memory_bytes: NonZeroUsize::new(1_000_000).unwrap(), ..config() }).await;
    let mut halves = Vec::new();
    let mut refused = None;
    while refused.is_none() {
        assert!(halves.len() < 20, "there is no end to it");
        let mut client = server.connect().await;
        client.send(form(400_001)).await;
        client.try_send("x".repeat(400_000)).await;
        // The last byte never comes: either the body is held, or it is refused.
        let before = halves.len();
        let settled = async {
            loop {
                if client.has("\r\n\r\n").await {
                    return Some(client.answer().await);
                }
                if server.metric("hamgate_body_memory_bytes").await >= 380_000.0 * (before + 1) as f64 {
                    return None;
                }
            }
        };
        refused = tokio::time::timeout(crate::support::FOREVER, settled).await.expect("held or refused");
        halves.push(client);
    }
    let answer = refused.unwrap();
    let detail = answer.problem(503);
    assert!(detail.contains("long bodies"), "{detail}");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("x-akismet-error"), "undecided");
    assert_eq!(answer.header("x-akismet-guid").len(), 32);
    assert!(server.metric("hamgate_body_memory_bytes").await <= 1_000_000.0);
    assert_eq!(server.metric("hamgate_rejected_inputs_total{kind=\"busy\"}").await, 1.0);

    // While the room is as good as full, what is short is read.
    let mut short = "api_key=0123456789ab&blog=x&user_ip=192.0.2.7&comment_content=Nice+photo&x=".to_owned();
    short += &"y".repeat(10_000 - short.len());
    let mut client = server.connect().await;
    client.send(form(10_000) + &short).await;
    assert_eq!(client.answer().await.status, 200);
    server.check(HAM).await;

    drop(halves);
    let freed = async { while server.metric("hamgate_body_memory_bytes").await > 0.0 {} };
    tokio::time::timeout(crate::support::FOREVER, freed).await.expect("the room is given back");
}
