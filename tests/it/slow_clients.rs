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
