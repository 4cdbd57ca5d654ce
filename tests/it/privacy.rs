use hamgate::telemetry::LogFormat;

use crate::support::{Blog, Log, TestServer, chunk, post_chunked};

const MARK: &str = "Xyzzy";

/// Sends [`MARK`] in every place a request has.
async fn send_marks(server: &TestServer) {
    let comment = [
        "content",
        "id",
        "author",
        "author_email",
        "author_url",
        "post_title",
        "post_excerpt",
        "post_url",
        "lang",
        "date",
        "ip",
        "user_agent",
    ]
    .map(|field| format!("\"{field}\":\"{MARK} {MARK}@{MARK}.example http://{MARK}.example\""))
    .join(",");
    let bodies = [
        format!("{{{comment}}}"),
        format!("{{\"{MARK}\":1}}"),
        format!("{{\"content\":[\"{MARK}\"]}}"),
        MARK.to_owned(),
        format!("{{\"content\":\"{MARK}"),
        format!("{{\"content\":\"{}\"}}", MARK.repeat(20_000)),
        format!("\u{0}{MARK}\u{1b}[31m"),
        format!("{{\"comment\":{{{comment}}},\"label\":\"spam\",\"{MARK}\":\"{MARK}\"}}"),
        format!("{{\"comment\":{{{comment}}},\"label\":\"{MARK}\"}}"),
        format!("{{\"decision\":\"{MARK}\",\"comment\":\"{MARK}\",\"label\":\"ham\"}}"),
        format!("{{\"decision\":\"{MARK}\",\"label\":\"ham\"}}"),
    ];
    let paths = [
        "/v1/check",
        "/v1/check/batch",
        "/v1/feedback",
        "/v1/feedback/undo",
        "/v1/model",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/Xyzzy",
    ];
    for path in paths {
        for method in ["POST", "GET", "HEAD", MARK] {
            for query in [
                "",
                "?explain=true",
                "?explain=Xyzzy&site=Xyzzy",
                "?Xyzzy=%ff&explain=1&explain=1",
                "?site=Xyzzy.example",
            ] {
                for body in &bodies {
                    let request = server
                        .request(method, &format!("{path}{query}"))
                        .header("user-agent", MARK)
                        .header("accept-language", MARK)
                        .header("x-forwarded-for", MARK)
                        .header("referer", MARK)
                        .header(MARK, MARK)
                        .body(body.clone());
                    request.send().await.unwrap().bytes().await.unwrap();
                }
            }
        }
    }
    for media_type in [MARK.to_owned(), format!("application/json; {MARK}")] {
        server.post_as("/v1/check", &media_type, bodies[0].clone()).await;
    }
    let noise = [
        format!("{MARK} /{MARK} HTTP/9.9\r\n\r\n"),
        format!("GET /{MARK} HTTP/1.1\r\n{MARK}\r\n\r\n"),
        format!("GET /{MARK} HTTP/1.1\r\n{}\r\n", format!("{MARK}: {MARK}\r\n").repeat(70)),
        format!("GET /{MARK} HTTP/1.1\r\nX: {}\r\n\r\n", MARK.repeat(9_000)),
        format!("POST /v1/check HTTP/1.1\r\nContent-Length: {MARK}\r\n\r\n"),
        format!("POST /v1/check HTTP/1.1\r\nTransfer-Encoding: {MARK}\r\n\r\n"),
        post_chunked("/v1/check") + &chunk(MARK) + MARK,
    ];
    for noise in noise {
        let mut client = server.connect().await;
        client.try_send(noise).await;
        client.finish_sending().await;
        client.closed().await;
    }
}

/// One thread for everything, so that this test's subscriber sees all that is logged and nothing else.
#[tokio::test(flavor = "current_thread")]
async fn nothing_a_stranger_types_reaches_a_log_line_even_at_trace_level() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let log = Log::catch(format);
        let blog = Blog::open().await;
        let server = &blog.server;
        send_marks(server).await;
        let checked = server.check(r#"{"content":"hello"}"#).await;
        assert!(blog.count("SELECT COUNT(*) FROM corrections").await > 0, "marks were learned");
        for page in [("origin", MARK), ("sec-fetch-site", MARK)] {
            let request = server.request("POST", "/v1/feedback").header(page.0, page.1);
            assert_eq!(request.send().await.unwrap().status(), 403);
        }
        for label in ["ham", "spam", MARK] {
            let body = format!("{{\"decision\":{},\"label\":\"{label}\"}}", checked["decision"]);
            server.post("/v1/feedback", body.clone()).await;
            server.post("/v1/feedback/undo", body).await;
        }
        blog.store.close().await;
        let lines = log.lines();
        assert!(!lines.to_lowercase().contains(&MARK.to_lowercase()), "{lines}");
        // The lines that should be there are.
        let model = checked["model"].as_str().unwrap();
        assert!(lines.contains("/v1/check") && lines.contains("422") && lines.contains(model), "{lines}");
        assert!(lines.contains("approve") || lines.contains("hold"), "{lines}");
    }
}
