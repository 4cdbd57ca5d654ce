use hamgate::config::ServeConfig;
use hamgate::store::StoreOptions;
use serde_json::Value;

use crate::support::{Blog, HAM, KEY, REQUIRED, WORDPRESS, config};

const FORM: &str = "application/x-www-form-urlencoded";

/// Everything a page can send without the browser asking first: a form, or a body without a type.
fn calls() -> Vec<(&'static str, &'static str, String)> {
    let form = format!("{}&comment_content=Nice+photo", REQUIRED.replace("api_key=0123456789ab&", ""));
    vec![
        ("/v1/check", "", HAM.to_owned()),
        ("/v1/check/batch", "text/plain", HAM.to_owned()),
        ("/v1/feedback", "", format!("{{\"comment\":{HAM},\"label\":\"spam\"}}")),
        ("/1.1/comment-check", FORM, form.clone()),
        ("/1.1/submit-spam", FORM, form.clone()),
        ("/1.1/submit-ham", FORM, form),
    ]
}

/// What a browser adds when a page of another site asks.
const PAGES: &[&[(&str, &str)]] = &[
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:1")],
    // A name that was made to lead here.
    &[("sec-fetch-site", "same-origin"), ("origin", "http://evil.example:8080"), ("host", "evil.example:8080")],
];

async fn ask(
    blog: &Blog,
    (path, media_type, body): &(&str, &str, String),
    headers: &[(&str, &str)],
) -> reqwest::Response {
    let mut request = blog.server.request("POST", path).header("user-agent", WORDPRESS).body(body.clone());
    if !media_type.is_empty() {
        request = request.header("content-type", *media_type);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn where_no_key_is_needed_a_page_of_another_site_changes_and_costs_nothing() {
    let blog = Blog::open().await;
    for call in calls() {
        for page in PAGES {
            let response = ask(&blog, &call, page).await;
            assert_eq!(response.status(), 403, "{} {page:?}", call.0);
            assert!(!response.headers().contains_key("access-control-allow-origin"));
            if call.0 == "/1.1/comment-check" {
                assert_eq!(response.headers()["x-akismet-error"], "undecided");
            }
            if call.0.starts_with("/v1/") {
                let problem: Value = response.json().await.unwrap();
                assert_eq!(problem["type"], "urn:hamgate:problem:other-page");
                assert!(problem["detail"].as_str().unwrap().contains("make a key"), "{problem}");
            } else {
                assert!(response.headers()["x-akismet-debug-help"].to_str().unwrap().contains("make a key"));
                assert!(response.text().await.unwrap().starts_with("Refused: a web page of another site"));
            }
        }
    }
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments").await, 0);
    let refused = blog.server.metric("hamgate_rejected_inputs_total{kind=\"other-page\"}").await;
    assert_eq!(refused, (calls().len() * PAGES.len()) as f64);
}

#[tokio::test]
async fn programs_and_the_services_own_pages_are_asked_for_nothing() {
    let blog = Blog::open().await;
    let own = blog.server.url("");
    // Node's fetch sends the first of these; a browser sends the others.
    let senders: &[&[(&str, &str)]] = &[
        &[],
        &[("sec-fetch-mode", "cors")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin"), ("origin", &own)],
    ];
    for call in calls() {
        for sender in senders {
            assert_eq!(ask(&blog, &call, sender).await.status(), 200, "{} {sender:?}", call.0);
        }
    }
}

#[tokio::test]
async fn a_key_is_enough_for_a_page_and_so_is_asking_for_what_anyone_may_read() {
    let blog = Blog::with(ServeConfig { open: true, ..config() }, StoreOptions::default()).await;
    let key = format!("Bearer {KEY}");
    for mut call in calls() {
        for page in PAGES {
            assert_eq!(ask(&blog, &call, page).await.status(), 403, "{}", call.0);
        }
        if call.0.starts_with("/1.1/") {
            call.2 += "&api_key=0123456789ab";
        }
        for page in PAGES {
            let with_key: Vec<_> = page.iter().copied().chain([("authorization", key.as_str())]).collect();
            assert_eq!(ask(&blog, &call, &with_key).await.status(), 200, "{} {page:?}", call.0);
        }
    }
    for path in ["/healthz", "/readyz", "/metrics", "/v1/model", "/openapi.json"] {
        let request = blog.server.request("GET", path).header("sec-fetch-site", "cross-site");
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }
}
