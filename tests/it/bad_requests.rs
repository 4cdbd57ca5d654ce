use hamgate::http::{App, Parts, Server, routes};
use proptest::prelude::*;
use serde_json::Value;
use warp::Filter as _;

use crate::support::{Blog, HAM, TestServer, chunk, comment_of, config, post, post_chunked, shipped_model};

/// Asserts that a response is a refusal of the one form, and returns it.
async fn problem(response: reqwest::Response, status: u16) -> Value {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    for key in ["type", "title", "detail"] {
        assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    }
    problem
}

#[tokio::test]
async fn a_bad_body_is_refused_with_what_where_and_how_to_mend() {
    let server = TestServer::start().await;
    let table: &[(&[u8], u16, &str)] = &[
        (b"", 400, "not valid JSON"),
        (b"hello", 400, "not valid JSON at line 1"),
        (b"{\"content\":\"x\"", 400, "ends too early"),
        (b"{\"content\":\"x\"} {}", 400, "something follows"),
        (b"{\"content\":\"\xff\"}", 400, "not valid UTF-8"),
        (b"[]", 422, "must be a JSON object"),
        (b"{}", 422, "`content` is missing"),
        (b"{\"content\":null}", 422, "`content` is missing"),
        (b"{\"content\":\" \"}", 422, "`content` is empty"),
        (b"{\"content\":7}", 422, "`content` must be a string"),
        (b"{\"content\":\"x\",\"author\":[1]}", 422, "`author` must be a string"),
        (b"{\"content\":\"x\",\"ip\":1}", 422, "`ip` must be a string"),
    ];
    for (body, status, detail) in table {
        let problem = problem(server.post("/v1/check", body.to_vec()).await, *status).await;
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{problem}");
        let named = detail.split('`').nth(1);
        assert_eq!(problem["field"].as_str(), named, "{problem}");
    }
}

#[tokio::test]
async fn a_refusal_never_repeats_what_was_sent() {
    let server = TestServer::start().await;
    let mark = "Xyzzy";
    let bodies = [
        mark.to_owned(),
        format!("{{\"{mark}\":1}}"),
        format!("{{\"content\":{{\"{mark}\":1}}}}"),
        format!("{{\"content\":\"x\",\"author\":[\"{mark}\"]}}"),
        format!("[\"{mark}\"]"),
        format!("\"{mark}\""),
        format!("{{\"content\":\"\",\"id\":\"{mark}\"}}"),
    ];
    for body in bodies {
        let text = server.post("/v1/check", body.clone()).await.text().await.unwrap();
        assert!(text.contains("detail") && !text.contains(mark), "{body} gave {text}");
    }
    let blog = Blog::open().await;
    for body in [
        format!("{{\"label\":\"{mark}\",\"decision\":\"{mark}\"}}"),
        format!("{{\"label\":\"ham\",\"decision\":\"{mark}\"}}"),
        format!("{{\"label\":\"ham\",\"decision\":{{\"{mark}\":\"{mark}\"}}}}"),
        format!("{{\"label\":\"ham\",\"comment\":{{\"{mark}\":1}}}}"),
        format!("{{\"label\":\"ham\",\"comment\":{{\"content\":[\"{mark}\"]}}}}"),
        format!("{{\"{mark}\":1,\"{mark}\":2}}"),
        format!("\"{mark}\""),
    ] {
        for path in
            ["/v1/feedback".to_owned(), "/v1/feedback/undo".to_owned(), format!("/v1/feedback?site={mark}%20{mark}")]
        {
            let text = blog.server.post(&path, body.clone()).await.text().await.unwrap();
            assert!(text.contains("detail") && !text.contains(mark), "{body} gave {text}");
        }
    }
    for path in
        [format!("/{mark}"), format!("/v1/check?explain={mark}"), format!("/v1/check?{mark}=%ff&explain={mark}")]
    {
        let text = server.post(&path, HAM).await.text().await.unwrap();
        assert!(text.contains("detail") && !text.contains(mark), "{path} gave {text}");
    }
    let text = server.request(mark, "/v1/check").send().await.unwrap().text().await.unwrap();
    assert!(text.contains("detail") && !text.contains(mark));
    let text = server.post_as("/v1/check", &format!("x/{mark}"), HAM).await.text().await.unwrap();
    assert!(text.contains("detail") && !text.contains(mark));
}

#[tokio::test]
async fn an_unclear_wish_for_reasons_is_refused() {
    let server = TestServer::start().await;
    for query in ["explain=yes", "explain=", "explain", "explain=TRUE", "explain=true&explain=true"] {
        let problem = problem(server.post(&format!("/v1/check?{query}"), HAM).await, 400).await;
        assert!(problem["detail"].as_str().unwrap().contains("parameter"), "{query}: {problem}");
    }
}

#[tokio::test]
async fn the_wrong_method_is_told_the_right_ones() {
    let server = TestServer::start().await;
    let table = [
        ("GET", "/v1/check", "POST"),
        ("PUT", "/v1/check/", "POST"),
        ("DELETE", "/v1/check/batch", "POST"),
        ("GET", "/v1/feedback", "POST"),
        ("DELETE", "/v1/feedback/undo", "POST"),
        ("POST", "/v1/model", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
        ("OPTIONS", "/metrics", "GET, HEAD"),
        ("BREW", "/readyz", "GET, HEAD"),
    ];
    for (method, path, allow) in table {
        let response = server.request(method, path).send().await.unwrap();
        assert_eq!(response.headers()["allow"], allow, "{method} {path}");
        problem(response, 405).await;
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_whatever_the_method() {
    let server = TestServer::start().await;
    for path in ["/", "/v1", "/v1/checks", "/v1/check/batch/1", "/v1//check", "/%2e%2e/etc/passwd", "/admin.php"] {
        for method in ["GET", "POST", "DELETE"] {
            problem(server.request(method, path).send().await.unwrap(), 404).await;
        }
    }
}

#[tokio::test]
async fn another_media_type_is_refused() {
    let server = TestServer::start().await;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/x-ndjson", "json", "x"] {
        let problem = problem(server.post_as("/v1/check", media_type, HAM).await, 415).await;
        assert!(problem["detail"].as_str().unwrap().contains("application/json"));
    }
}

#[tokio::test]
async fn a_comment_over_the_limit_is_refused_with_and_without_a_length() {
    let server = TestServer::start().await;
    let body = comment_of(65_537);
    let refused = problem(server.post("/v1/check", body.clone()).await, 413).await;
    assert!(refused["detail"].as_str().unwrap().contains("65536 bytes"));

    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check")).await;
    client.send(chunk(&body)).await;
    client.answer().await.problem(413);
    client.closed().await;
}

#[tokio::test]
async fn a_refusal_arrives_even_while_the_client_is_still_sending() {
    let server = TestServer::start().await;
    for _ in 0..20 {
        let mut client = server.connect().await;
        client.send(post("/v1/check", 900_000)).await;
        client.try_send("x".repeat(900_000)).await;
        let answer = client.answer().await;
        answer.problem(413);
        assert_eq!(answer.header("connection"), "close");
        client.closed().await;
    }
}

#[tokio::test]
async fn an_announced_body_is_refused_before_it_is_sent() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    let head = post("/v1/check", usize::MAX / 2).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    client.send(head).await;
    client.answer().await.problem(413);
}

#[tokio::test]
async fn a_body_whose_length_is_given_twice_is_refused() {
    let server = TestServer::start().await;
    let lengths =
        ["Content-Length: 5\r\nTransfer-Encoding: chunked", "transfer-encoding: chunked\r\nX: y\r\ncontent-length: 5"];
    for both in lengths {
        let mut client = server.connect().await;
        client.send(format!("POST /v1/check HTTP/1.1\r\nHost: test\r\n{both}\r\n\r\n")).await;
        client.send(chunk(HAM)).await;
        client.send("0\r\n\r\n").await;
        let detail = client.answer().await.problem(400);
        assert!(detail.contains("not both"), "{detail}");
        client.closed().await;
    }
}

#[tokio::test]
async fn a_head_that_two_readers_might_read_differently_is_never_taken_for_a_comment() {
    let server = TestServer::start().await;
    let length = HAM.len();
    // Ways to have a proxy and a server disagree about where a request ends (RFC 9112, section 11.2).
    let table = [
        ("two lengths", format!("Content-Length: {length}\r\nContent-Length: 0\r\n")),
        ("two lengths in one", format!("Content-Length: {length}, 0\r\n")),
        ("a length with a sign", format!("Content-Length: +{length}\r\n")),
        ("a length in hexadecimals", format!("Content-Length: 0x{length:x}\r\n")),
        ("a length below nothing", "Content-Length: -1\r\n".to_owned()),
        ("a length beyond all numbers", "Content-Length: 99999999999999999999999\r\n".to_owned()),
        ("a space before the colon", format!("Content-Length : {length}\r\n")),
        ("a folded line", format!("X: y\r\n folded\r\nContent-Length: {length}\r\n")),
        ("a first line that is folded", format!(" X: y\r\nContent-Length: {length}\r\n")),
        ("a bare carriage return in a value", format!("X: y\rContent-Length: 0\r\nContent-Length: {length}\r\n")),
        ("a NUL in a value", format!("X: y\0\r\nContent-Length: {length}\r\n")),
        ("an unknown coding", "Transfer-Encoding: gzip\r\n".to_owned()),
        ("chunks that are coded again", "Transfer-Encoding: chunked, gzip\r\n".to_owned()),
        ("a coding of no name", "Transfer-Encoding: \u{b}chunked\r\n".to_owned()),
    ];
    for (name, headers) in table {
        let mut client = server.connect().await;
        client
            .try_send(format!(
                "POST /v1/check HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{headers}\r\n{HAM}"
            ))
            .await;
        let heard = client.closed().await;
        assert!(heard.starts_with("HTTP/1.1 400"), "{name}: {heard:?}");
        assert_eq!(heard.matches("HTTP/1.1").count(), 1, "{name}: {heard:?}");
    }
    assert_eq!(server.metric("hamgate_verdicts_total{decision=\"approve\",queue=\"\"}").await, 0.0);
}

#[tokio::test]
async fn a_second_request_on_a_connection_is_looked_at_as_closely_as_the_first() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(post("/v1/check", HAM.len()) + HAM).await;
    assert_eq!(client.answer().await.status, 200);
    client.send("POST /v1/check HTTP/1.1\r\nHost: test\r\nContent-Le").await;
    client.send("ngth: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
    client.answer().await.problem(400);
}

#[tokio::test]
async fn a_length_given_twice_is_found_behind_another_request_however_the_two_are_cut() {
    let server = TestServer::start().await;
    let good = post("/v1/check", HAM.len()) + HAM;
    let twice = post("/v1/check", HAM.len()).replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n");
    let both = format!("{good}{twice}{}0\r\n\r\n", chunk(HAM));
    let behind = |text| good.len() + twice.find(text).unwrap();
    for cut in [
        both.len(),
        good.len(),
        good.len() - 2,
        behind("ontent-Length"),
        behind("ength"),
        behind("Transfer"),
        behind("coding"),
    ] {
        let mut client = server.connect().await;
        client.send(&both[..cut]).await;
        if cut >= good.len() && cut < both.len() {
            // hyper holds the beginning of the second head when the rest of it comes.
            client.wait_for("\"verdict\"").await;
        }
        client.try_send(&both[cut..]).await;
        let heard = client.closed().await;
        assert_eq!(heard.matches("\r\n\r\n").count(), heard.matches("HTTP/1.1").count(), "{heard}");
        let last = heard.rfind("HTTP/1.1").map(|at| &heard[at..]);
        assert!(last.is_some_and(|last| last.starts_with("HTTP/1.1 400")), "cut at {cut}: {heard}");
        assert!(heard.contains("ambiguous-length") && heard.matches("HTTP/1.1 200").count() <= 1, "{heard}");
    }
}

#[tokio::test]
async fn requests_with_chunks_and_with_a_length_may_come_in_one_breath() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    let with_length = post("/v1/check", HAM.len()) + HAM;
    let with_chunks = format!("{}{}0\r\n\r\n", post_chunked("/v1/check"), chunk(HAM));
    client.send(format!("{with_length}{with_chunks}{with_chunks}{with_length}")).await;
    for _ in 0..4 {
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error_and_not_a_comment() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.send(post("/v1/check", HAM.len() + 1)).await;
    client.send(HAM).await;
    client.finish_sending().await;
    // Nobody may be left to hear it, but if there is an answer it is a refusal.
    let heard = client.closed().await;
    assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 400"), "{heard}");

    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check")).await;
    client.send("zz\r\nnonsense").await;
    client.answer().await.problem(400);
}

fn headers(count: usize) -> String {
    (0..count).fold(String::new(), |headers, n| headers + &format!("X-{n}: y\r\n"))
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_refused() {
    let server = TestServer::start().await;
    let many = headers(70);
    let long = format!("X: {}\r\n", "y".repeat(20_000));
    for headers in [many, long] {
        let mut client = server.connect().await;
        client.send(format!("GET /healthz HTTP/1.1\r\nHost: test\r\n{headers}\r\n")).await;
        let detail = client.answer().await.problem(431);
        assert!(detail.contains("64 headers"));
    }
    // Beyond that, hyper refuses before it is a request.
    let mut client = server.connect().await;
    client.try_send(format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(500_000))).await;
    assert_eq!(client.answer().await.status, 431);
    let mut client = server.connect().await;
    client.send(format!("GET / HTTP/1.1\r\n{}\r\n", headers(200))).await;
    assert_eq!(client.answer().await.status, 431);
}

#[tokio::test]
async fn a_header_that_is_not_ascii_is_refused_if_it_is_read() {
    let server = TestServer::start().await;
    for header in ["Content-Type: application/jsön", "Accept-Language: dé"] {
        let mut client = server.connect().await;
        client.send(format!("POST /v1/check HTTP/1.1\r\nHost: x\r\n{header}\r\nContent-Length: 2\r\n\r\n{{}}")).await;
        let detail = client.answer().await.problem(400);
        assert!(detail.contains("visible ASCII"), "{detail}");
    }
    let mut client = server.connect().await;
    client.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Náme: ü\r\n\r\n").await;
    assert!(client.closed().await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn what_is_not_http_at_all_is_closed() {
    let server = TestServer::start().await;
    for noise in ["\u{16}\u{3}\u{1}\u{2}", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET\r\n\r\n", "\0\0\0\0\r\n\r\n"] {
        let mut client = server.connect().await;
        client.send(noise).await;
        client.finish_sending().await;
        let heard = client.closed().await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 400"), "{noise:?}: {heard}");
    }
    assert_eq!(server.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn a_refused_request_leaves_the_connection_usable_if_nothing_of_it_is_left() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    for (request, status) in [
        ("GET /nowhere HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(), 404),
        ("DELETE /v1/check HTTP/1.1\r\nHost: test\r\n\r\n".to_owned(), 405),
        (post("/v1/check", 2) + "{}", 422),
        (post("/v1/check", 5) + "bogus", 400),
    ] {
        client.send(request).await;
        client.answer().await.problem(status);
    }
    // Here the body is never read.
    client.send(post("/nowhere", HAM.len())).await;
    client.try_send(HAM).await;
    let answer = client.answer().await;
    answer.problem(404);
    assert_eq!(answer.header("connection"), "close");
    client.closed().await;
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_for_and_counted() {
    let app = App::new(&config(), Parts::new(shipped_model()));
    let faulty = warp::path!("faulty").map(|| -> warp::reply::Response { panic!("quoting what a stranger typed") });
    let routes = faulty.or(routes(&app)).unify().boxed();
    let server = TestServer::of(Server::bind_routes(app, routes).await.unwrap());
    let problem = problem(server.get("/faulty").await, 500).await;
    assert!(!problem.to_string().contains("stranger"));
    assert_eq!(server.metric("hamgate_panics_total").await, 1.0);
    assert_eq!(server.metric("hamgate_responses_total{status=\"500\"}").await, 1.0);
    assert_eq!(server.post("/v1/check", HAM).await.status(), 200);
}

#[tokio::test]
async fn refusals_are_counted_by_kind() {
    let server = TestServer::start().await;
    server.post("/v1/check", "{}").await;
    server.post("/v1/check", "nonsense").await;
    server.batch("{}\n{}\n").await;
    server.get("/nowhere").await;
    assert_eq!(server.metric("hamgate_rejected_inputs_total{kind=\"not-a-comment\"}").await, 3.0);
    assert_eq!(server.metric("hamgate_rejected_inputs_total{kind=\"not-json\"}").await, 1.0);
    assert_eq!(server.metric("hamgate_rejected_inputs_total{kind=\"not-found\"}").await, 1.0);
}

/// Bodies of any bytes, and of bytes that come close to being a comment.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let text = any::<String>().prop_map(|content| serde_json::json!({ "content": content }).to_string().into_bytes());
    let json = "[{}\\[\\]\":,a-z0-9\\\\ \u{0}-\u{1f}é]{0,60}".prop_map(String::into_bytes);
    let damaged = (text.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut body, at, byte)| {
        let at = at.index(body.len());
        body[at] = byte;
        body
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..400), text, json, damaged]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_body_is_an_error_of_ours(body in bodies(), path in "/v1/check(/batch)?(\\?explain=(true|false|x))?") {
        let app = App::new(&config(), Parts::new(shipped_model()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let response = runtime.block_on(async {
            warp::test::request().method("POST").path(&path).body(&body).reply(&routes(&app)).await
        });
        prop_assert!(response.status().as_u16() < 500, "{}", response.status());
        if !response.status().is_success() {
            prop_assert_eq!(&response.headers()["content-type"], "application/problem+json");
        }
    }
}
