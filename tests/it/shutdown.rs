use std::io::{Read as _, Write as _};
use std::time::Instant;

use hamgate::config::ServeConfig;
use hamgate::http::server::Ended;
use tokio::net::TcpStream;

use crate::support::{FOREVER, HAM, TestServer, chunk, config, post, post_chunked, span};

/// Waits until nobody listens at the server's address any more.
async fn until_refused(server: &TestServer) {
    let refused = async { while TcpStream::connect(server.address()).await.is_ok() {} };
    tokio::time::timeout(FOREVER, refused).await.expect("the listener closes");
}

#[tokio::test]
async fn a_request_in_flight_is_finished_while_new_clients_are_refused() {
    let mut server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(post("/v1/check", HAM.len())).await;
    client.send(&HAM[..20]).await;
    server.until_open_connections_are(2.0).await;
    server.begin_stop();
    until_refused(&server).await;
    client.send(&HAM[20..]).await;
    let answer = client.answer().await;
    assert_eq!(answer.json()["verdict"], "approve");
    assert_eq!(answer.header("connection"), "close");
    client.closed().await;
    assert_eq!(server.stop().await, Ended { cut: 0 });
}

#[tokio::test]
async fn a_batch_in_flight_is_finished() {
    let mut server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check/batch")).await;
    client.send(chunk(&format!("{HAM}\n"))).await;
    client.wait_for("approve").await;
    server.begin_stop();
    until_refused(&server).await;
    client.send(chunk(&format!("{HAM}\n"))).await;
    client.send("0\r\n\r\n").await;
    client.wait_for("approve").await;
    client.closed().await;
    assert_eq!(server.stop().await.cut, 0);
}

#[tokio::test]
async fn idle_connections_do_not_hold_it_up() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(post("/v1/check", HAM.len()) + HAM).await;
    client.answer().await;
    let begun = Instant::now();
    assert_eq!(server.stop().await.cut, 0);
    assert!(begun.elapsed().as_millis() < 5_000);
    client.closed().await;
}

#[tokio::test]
async fn a_question_on_a_kept_connection_is_answered_and_the_answer_says_that_it_is_the_last() {
    let mut server = TestServer::start().await;
    let mut proxy = server.connect().await;
    proxy.send(post("/v1/check", HAM.len()) + HAM).await;
    proxy.answer().await;
    server.begin_stop();
    until_refused(&server).await;
    proxy.send(post("/v1/check", HAM.len()) + HAM).await;
    let answer = proxy.answer().await;
    assert_eq!(answer.json()["verdict"], "approve");
    assert_eq!(answer.header("connection"), "close");
    proxy.closed().await;
    assert_eq!(server.stop().await, Ended { cut: 0 });
}

#[tokio::test]
async fn who_is_connected_but_not_yet_taken_in_is_answered() {
    let mut server = TestServer::start().await;
    // In one thread: the server cannot move while this one does not wait.
    let mut client = std::net::TcpStream::connect(server.address()).unwrap();
    client.write_all((post("/v1/check", HAM.len()) + HAM).as_bytes()).unwrap();
    server.begin_stop();
    assert_eq!(server.stop().await, Ended { cut: 0 });
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_stuck_client_is_cut_at_the_deadline() {
    let server = TestServer::with(ServeConfig { shutdown_deadline: span("300ms"), ..config() }).await;
    let mut stuck = server.connect().await;
    stuck.send(post("/v1/check", HAM.len())).await;
    let mut silent = server.connect().await;
    silent.send(post_chunked("/v1/check/batch")).await;
    silent.send(chunk(&format!("{HAM}\n"))).await;
    silent.wait_for("approve").await;
    let begun = Instant::now();
    let ended = server.stop().await;
    let took = begun.elapsed().as_millis();
    assert_eq!(ended, Ended { cut: 2 });
    assert!((300..8_000).contains(&took), "{took} ms");
    stuck.closed().await;
    silent.closed().await;
}
