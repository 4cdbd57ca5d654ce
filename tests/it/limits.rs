use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use hamgate::config::ServeConfig;
use hamgate::http::{App, Parts, Server, routes};
use hamgate::store::{Store, StoreOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::{
    Blog, FOREVER, HAM, KEY, REQUIRED, Raw, TestServer, WORDPRESS, chunk, config, post_chunked, shipped_model,
};

const FEEDBACK: &str = r#"{"comment":{"content":"buy cheap pills"},"label":"spam"}"#;
const CHECK_FORM: &str = "comment_author=Jutta&comment_content=Thank+you";

/// So many requests with one key.
fn requests(rate: &str) -> ServeConfig {
    ServeConfig { max_requests_per_key: rate.parse().unwrap(), ..config() }
}

/// So many corrections with one key.
fn corrections(rate: &str) -> ServeConfig {
    ServeConfig { max_corrections_per_key: rate.parse().unwrap(), ..config() }
}

/// So many batches at once, and so many of one key.
fn batches(all: usize, of_one: usize) -> ServeConfig {
    let count = |n| NonZeroUsize::new(n).unwrap();
    ServeConfig { max_batches: count(all), max_batches_per_key: count(of_one), ..config() }
}

/// A server with two keys, the second of the same site.
struct Service {
    server: TestServer,
    keys: [String; 2],
    _folder: TempDir,
}

impl Service {
    async fn with(config: ServeConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("s").into(), StoreOptions::default()).await.unwrap();
        let site = "blog.example".parse().unwrap();
        let keys = [store.add_key(&site).await.unwrap().reveal(), store.add_key(&site).await.unwrap().reveal()];
        let server = Server::bind(&config, Parts::new(shipped_model()).with_store(store)).await.unwrap();
        Service { server: TestServer::of(server), keys, _folder: folder }
    }

    /// What a request with one of the keys is answered.
    async fn post(&self, key: usize, path: &str, body: &'static str) -> reqwest::Response {
        self.server.request("POST", path).bearer_auth(&self.keys[key]).body(body).send().await.unwrap()
    }

    async fn status(&self, key: usize, path: &str, body: &'static str) -> u16 {
        self.post(key, path, body).await.status().as_u16()
    }

    async fn refused(&self, kind: &str) -> f64 {
        self.server.metric(&format!("hamgate_rejected_inputs_total{{kind=\"{kind}\"}}")).await
    }
}

/// Asserts that a client is told to come back after so many seconds, or a little less: they began with its first request.
fn assert_retry_after(response: &reqwest::Response, seconds: u64) {
    let told: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(told <= seconds && seconds <= told + FOREVER.as_secs(), "{told} instead of {seconds}");
}

/// Asserts that a response is a refusal of that kind for coming too often, and returns what it says.
async fn too_often(response: reqwest::Response, kind: &str, retry_after: u64) -> String {
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_retry_after(&response, retry_after);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], format!("urn:hamgate:problem:{kind}"));
    problem["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_over_its_limit_is_told_so_while_another_goes_on() {
    let service = Service::with(requests("3/h")).await;
    // Whatever is asked, it is one limit.
    assert_eq!(service.status(0, "/v1/check", HAM).await, 200);
    assert_eq!(service.status(0, "/v1/check/batch", HAM).await, 200);
    assert_eq!(service.status(0, "/v1/feedback", FEEDBACK).await, 200);
    let detail = too_often(service.post(0, "/v1/check", HAM).await, "too-many-requests", 1200).await;
    assert!(detail.contains("limit of 3/h") && detail.contains("--max-requests-per-key"), "{detail}");
    too_often(service.post(0, "/v1/check/batch", HAM).await, "too-many-requests", 1200).await;
    too_often(service.post(0, "/v1/feedback", FEEDBACK).await, "too-many-requests", 1200).await;
    assert_eq!(service.status(1, "/v1/check", HAM).await, 200, "the other key of the same site");
    assert_eq!(service.refused("too-many-requests").await, 3.0);
    assert_eq!(service.server.metric("hamgate_responses_total{status=\"429\"}").await, 3.0);
}

#[tokio::test]
async fn what_operators_ask_is_never_too_often() {
    let service = Service::with(requests("1/h")).await;
    for path in ["/healthz", "/readyz", "/metrics", "/v1/model", "/openapi.json", "/1.1/test"] {
        for _ in 0..3 {
            assert_eq!(service.server.get(path).await.status(), 200, "{path}");
        }
    }
}

#[tokio::test]
async fn wrong_keys_are_refused_as_wrong_and_use_up_nothing_of_a_right_one() {
    let service = Service::with(requests("1/h")).await;
    for _ in 0..5 {
        let wrong = service.server.request("POST", "/v1/check").bearer_auth("000000000000").body(HAM);
        assert_eq!(wrong.send().await.unwrap().status(), 401);
        assert_eq!(service.server.post("/v1/check", HAM).await.status(), 401);
    }
    assert_eq!(service.status(0, "/v1/check", HAM).await, 200);
    assert_eq!(service.refused("unauthorized").await, 10.0);
}

#[tokio::test]
async fn where_no_key_is_needed_the_address_stands_for_it() {
    let server = TestServer::with(requests("2/h")).await;
    for _ in 0..2 {
        assert_eq!(server.post("/v1/check?site=one.example", HAM).await.status(), 200);
    }
    // Another name is no other client: whoever needs no key could invent them.
    let refused = server.post("/v1/check?site=two.example", HAM).await;
    too_often(refused, "too-many-requests", 1800).await;
    // On Linux, all of 127.0.0.0/8 is this machine.
    if cfg!(target_os = "linux") {
        let neighbour = reqwest::Client::builder().local_address(IpAddr::from([127, 0, 0, 2])).build().unwrap();
        let answer = neighbour.post(server.url("/v1/check")).body(HAM).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn blogs_that_speak_akismets_protocol_hold_what_was_asked_too_often() {
    let blog = Blog::with(requests("2/h"), StoreOptions::default()).await;
    let form = format!("{REQUIRED}&{CHECK_FORM}");
    for _ in 0..2 {
        assert_eq!(blog.wordpress("/1.1/comment-check", &form).await.verdict().0, "false");
    }
    for call in ["comment-check", "submit-ham", "verify-key", "get-stats"] {
        let request = blog.server.request("POST", &format!("/1.1/{call}")).header("user-agent", WORDPRESS);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.clone());
        let response = request.send().await.unwrap();
        assert_retry_after(&response, 1800);
        let said = crate::support::Said::read(response).await;
        assert_eq!((said.status, said.body.as_str()), (429, "Refused: too many requests; try again later"), "{call}");
        assert!(said.help.contains("--max-requests-per-key"), "{said:?}");
        if call == "comment-check" {
            // WordPress keeps such a comment for moderation and asks again in twenty minutes.
            said.assert_guid();
            assert_eq!(said.error, "undecided");
        }
    }
    let kind = "hamgate_rejected_inputs_total{kind=\"too-many-requests\"}";
    assert_eq!(blog.server.metric(kind).await, 4.0);
}

#[tokio::test]
async fn corrections_have_a_limit_of_their_own_by_whatever_way_they_come() {
    let blog = Blog::with(corrections("4/h"), StoreOptions::default()).await;
    let form = format!("{REQUIRED}&comment_author=Pills&comment_content=buy+cheap+pills");
    let tell = async |path: &str, body: String| {
        blog.server.request("POST", path).bearer_auth(KEY).body(body).send().await.unwrap()
    };
    let learned: Value = tell("/v1/feedback", FEEDBACK.to_owned()).await.json().await.unwrap();
    assert_eq!(learned["change"], "new");
    let checked: Value = tell("/v1/check", HAM.to_owned()).await.json().await.unwrap();
    let undo = json!({"decision": checked["decision"]}).to_string();
    assert_eq!(tell("/v1/feedback/undo", undo.clone()).await.status(), 409, "it counts, whatever comes of it");
    for call in ["/1.1/submit-spam", "/1.1/submit-ham"] {
        assert_eq!(blog.wordpress(call, &form).await.status, 200);
    }
    let corrections = "SELECT COUNT(*) FROM corrections";
    let stored = blog.count(corrections).await;
    for path in ["/v1/feedback", "/v1/feedback/undo"] {
        let detail = too_often(tell(path, undo.clone()).await, "too-many-corrections", 900).await;
        assert!(detail.contains("limit of 4/h") && detail.contains("hamgate import"), "{detail}");
    }
    let said = blog.wordpress("/1.1/submit-spam", &form).await;
    assert_eq!((said.status, said.body.as_str()), (429, "Not stored: too many corrections; try again later"));
    assert!(said.help.contains("--max-corrections-per-key"), "{said:?}");
    assert_eq!(blog.count(corrections).await, stored);
    for _ in 0..9 {
        assert_eq!(tell("/v1/check", HAM.to_owned()).await.status(), 200, "asking is not limited");
    }
    let kind = "hamgate_rejected_inputs_total{kind=\"too-many-corrections\"}";
    assert_eq!(blog.server.metric(kind).await, 3.0);
}

#[tokio::test]
async fn of_many_long_comments_at_once_each_is_judged_or_told_to_come_back() {
    let threads = NonZeroUsize::MIN;
    let turn_timeout = "1ms".parse().unwrap();
    let server = TestServer::with(ServeConfig { threads, turn_timeout, ..config() }).await;
    let long = "Ein langer Bericht von unserer Kampagne. ".repeat(1000);
    let json = json!({ "content": long }).to_string();
    let form = format!("{REQUIRED}&comment_content={}", long.replace(' ', "+"));
    let ask = |n: usize| {
        let (path, media_type, body) = match n % 2 {
            0 => ("/v1/check", "application/json", &json),
            _ => ("/1.1/comment-check", "application/x-www-form-urlencoded", &form),
        };
        server.request("POST", path).header("content-type", media_type).body(body.clone()).send()
    };
    let mut told = 0;
    for response in futures_util::future::join_all((0..40).map(ask)).await {
        let response = response.unwrap();
        if response.status() == 200 {
            continue;
        }
        told += 1;
        assert_retry_after(&response, 1);
        if response.url().path() == "/1.1/comment-check" {
            assert_eq!(response.headers()["x-akismet-error"], "undecided");
        }
        assert_eq!(response.status(), 503);
        assert!(response.text().await.unwrap().contains("long comments"));
    }
    // The first is always judged; while it is, others have waited for longer than a moment.
    assert!((1..40).contains(&told), "{told}");
    assert_eq!(server.metric("hamgate_rejected_inputs_total{kind=\"busy\"}").await, f64::from(told));
    // Whoever comes when it is over does not wait, and neither does who says little.
    assert_eq!(server.post("/v1/check", json).await.status(), 200);
    server.check(HAM).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_when_told_is_answered() {
    let routes = routes(&App::new(&requests("2/3s"), Parts::new(shipped_model())));
    let ask = async || warp::test::request().method("POST").path("/v1/check").body(HAM).reply(&routes).await;
    for _ in 0..2 {
        assert_eq!(ask().await.status(), 200);
    }
    let refused = ask().await;
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert_eq!(seconds, 2, "one in a second and a half, and no moment too early");
    tokio::time::advance(Duration::from_secs(seconds)).await;
    assert_eq!(ask().await.status(), 200);
    assert_eq!(ask().await.status(), 429);
}

#[tokio::test(start_paused = true)]
async fn a_batch_goes_on_at_the_pace_of_its_key_and_takes_nothing_from_single_comments() {
    let routes = routes(&App::new(&requests("10/m"), Parts::new(shipped_model())));
    let begun = Instant::now();
    let batch = warp::test::request().method("POST").path("/v1/check/batch").body(format!("{HAM}\n").repeat(25));
    let answer = batch.reply(&routes).await;
    assert_eq!(begun.elapsed().as_secs(), 90, "ten at once, and fifteen more each six seconds");
    let text = std::str::from_utf8(answer.body()).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("\"verdict\"")).count(), 25);
    for _ in 0..10 {
        let single = warp::test::request().method("POST").path("/v1/check").body(HAM).reply(&routes).await;
        assert_eq!(single.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_would_have_to_wait_for_too_long_ends_with_an_error() {
    let routes = routes(&App::new(&requests("3/h"), Parts::new(shipped_model())));
    let begun = Instant::now();
    let batch = warp::test::request().method("POST").path("/v1/check/batch").body(format!("{HAM}\n").repeat(9));
    let answer = batch.reply(&routes).await;
    assert_eq!(begun.elapsed(), config().batch_timeout.duration());
    let text = std::str::from_utf8(answer.body()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[2]["verdict"], "approve");
    assert_eq!((&lines[3]["line"], &lines[3]["error"]["status"]), (&4.into(), &408.into()));
}

#[tokio::test]
async fn a_batch_that_waits_sends_the_answers_it_has() {
    let server = TestServer::with(requests("3/h")).await;
    let mut client = server.connect().await;
    client.send(post_chunked("/v1/check/batch")).await;
    let line = |id| format!("{{\"id\":\"{id}\",\"content\":\"hello\"}}\n");
    client.send(chunk(&(1..9).map(line).collect::<String>())).await;
    client.wait_for("\"id\":\"3\"").await;
}

/// A batch that is being answered and waits for its next line.
async fn open_batch(service: &Service, key: usize) -> Raw {
    let mut client = service.server.connect().await;
    let authorization = format!("\r\nAuthorization: Bearer {}\r\n\r\n", service.keys[key]);
    client.send(post_chunked("/v1/check/batch").replace("\r\n\r\n", &authorization)).await;
    client.send(chunk(&format!("{HAM}\n"))).await;
    client.wait_for("\"verdict\"").await;
    client
}

#[tokio::test]
async fn one_batch_too_many_is_told_so_at_once_and_a_free_place_is_used() {
    let service = Service::with(batches(3, 2)).await;
    let (first, second) = (open_batch(&service, 0).await, open_batch(&service, 0).await);
    let detail = too_often(service.post(0, "/v1/check/batch", HAM).await, "too-many-batches", 1).await;
    assert!(detail.contains("this key"), "{detail}");
    let third = open_batch(&service, 1).await;
    assert_eq!(service.server.metric("hamgate_batches_open").await, 3.0);
    let all = service.post(1, "/v1/check/batch", HAM).await;
    assert_eq!((all.status().as_u16(), all.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    assert_eq!(service.status(0, "/v1/check", HAM).await, 200, "a single comment is none");
    assert_eq!(service.refused("too-many-batches").await, 1.0);

    // One ends, another breaks off.
    let mut ending = first;
    ending.send("0\r\n\r\n").await;
    ending.wait_for("0\r\n\r\n").await;
    drop(second);
    let freed = async { while service.server.metric("hamgate_batches_open").await != 1.0 {} };
    tokio::time::timeout(FOREVER, freed).await.expect("the places are free again");
    assert_eq!(service.status(0, "/v1/check/batch", HAM).await, 200);
    drop(third);
}

#[tokio::test]
async fn without_being_told_the_service_limits_no_requests_and_only_corrections_beyond_any_moderator() {
    let config = config();
    assert_eq!(config.max_requests_per_key.rate(), None);
    assert!(config.max_corrections_per_key.rate().unwrap().most.get() >= 10_000);
    let server = TestServer::with(config).await;
    let lines = format!("{HAM}\n").repeat(1_000);
    assert_eq!(server.batch(&lines).await.len(), 1_000);
    let mut client = server.connect().await;
    for _ in 0..300 {
        client.send(crate::support::post("/v1/check", HAM.len()) + HAM).await;
        assert_eq!(client.answer().await.status, 200);
    }
}
