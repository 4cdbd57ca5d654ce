use std::collections::HashSet;
use std::num::NonZeroUsize;

use hamgate::config::{AkismetHold, ServeConfig};
use hamgate::store::StoreOptions;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Blog, KEY, REQUIRED, Said, TestServer, WORDPRESS, config, post, span};

const CHECK: &str = "/1.1/comment-check";
const THANKS: &str = "Thanks for making the web a better place.";
const HAM: &str = "comment_author=Sabine&comment_content=Thank+you+for+this+article,+the+part+about+backups+helped+me+a+lot.+Greetings+from+Kiel";
const SPAM: &str = "comment_author=Best+Casino+Bonus&comment_content=BUY+CHEAP+VIAGRA+casino+bonus+http%3A%2F%2Fpills.example+http%3A%2F%2Fcasino.example+Click+here+now!!!";
/// Walks into the trap, so that it is held for a person whatever the model says.
const TRAPPED: &str = "&POST_ak_hp_textarea=x";

/// The answer to a request written by hand.
async fn raw(blog: &Blog, request: &str) -> crate::support::RawAnswer {
    let mut client = blog.server.connect().await;
    client.send(request).await;
    client.answer().await
}

fn form(text: &str) -> String {
    format!("{REQUIRED}&{text}")
}

#[tokio::test]
async fn a_verdict_is_a_bare_word_with_a_name_of_its_own() {
    let blog = Blog::start().await;
    let mut names = HashSet::new();
    for _ in 0..3 {
        for (comment, expected) in [(HAM, "false"), (SPAM, "true")] {
            let said = blog.other(CHECK, &form(comment)).await;
            assert_eq!(said.verdict(), (expected, ""));
            assert!(names.insert(said.guid));
        }
    }
    assert_eq!(blog.server.metric("hamgate_verdicts_total{decision=\"approve\",queue=\"\"}").await, 3.0);
    let series = "hamgate_request_duration_seconds_count{route=\"/1.1/comment-check\"}";
    assert_eq!(blog.server.metric(series).await, 6.0);
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments WHERE site = 'blog.example'").await, 6);
}

#[tokio::test]
async fn a_key_is_taken_from_every_place_and_a_wrong_one_from_none() {
    let blog = Blog::start().await;
    let body = "blog=http%3A%2F%2Fx.example&user_ip=192.0.2.1&comment_content=Nice+photo";
    for (key, valid) in [(KEY, true), ("0123456789AB", true), ("wrongwrong00", false), ("0123456789ac", false)] {
        let requests = [
            (CHECK.to_owned(), "h", format!("api_key={key}&{body}")),
            (CHECK.to_owned(), "h", format!("{body}&api_key={key}")),
            (CHECK.to_owned(), "h", format!("{body}&key={key}")),
            (format!("{CHECK}?api_key={key}"), "h", body.to_owned()),
            (CHECK.to_owned(), &format!("{key}.rest.akismet.com"), body.to_owned()),
            (CHECK.to_owned(), &format!("{key}.localhost:8080"), body.to_owned()),
            (format!("/{key}{CHECK}"), "h", body.to_owned()),
            (format!("http://{key}.rest.akismet.com{CHECK}"), &format!("{key}.rest.akismet.com"), body.to_owned()),
        ];
        for (target, host, body) in requests {
            let length = body.len();
            let request = format!(
                "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {length}\r\n\r\n{body}"
            );
            let answer = raw(&blog, &request).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body == "invalid", !valid, "{request} got {answer:?}");
            assert_eq!(answer.header("x-akismet-debug-help").is_empty(), valid, "{answer:?}");
            assert_eq!(answer.header("x-akismet-guid").len(), 32, "{answer:?}");
        }
    }
    let said = blog.other(CHECK, body).await;
    assert_eq!(said.body, "invalid", "no key at all");
}

#[tokio::test]
async fn verify_key_is_about_the_key_that_was_typed() {
    let blog = Blog::start().await;
    let table = [
        ("key=0123456789ab&blog=http%3A%2F%2Fx.example&api_key=0123456789ab", "valid"),
        ("key=wrongwrong00&blog=http%3A%2F%2Fx.example&api_key=0123456789ab", "invalid"),
        ("api_key=0123456789ab", "valid"),
        ("blog=http%3A%2F%2Fx.example", "invalid"),
        ("", "invalid"),
    ];
    for (form, expected) in table {
        let said = blog.wordpress("/1.1/verify-key", form).await;
        assert_eq!((said.status, said.body.as_str()), (200, expected), "{form}");
        assert_eq!(said.help.is_empty(), expected == "valid");
    }
}

#[tokio::test]
async fn a_service_without_keys_takes_every_key_and_none() {
    let blog = Blog::open().await;
    assert_eq!(blog.other("/1.1/verify-key", "key=abcdefabcdef").await.body, "valid");
    let said = blog.other(CHECK, &format!("blog=https%3A%2F%2Fwww.one.example%2F&user_ip=1&{HAM}")).await;
    assert_eq!(said.verdict(), ("false", ""));
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments WHERE site = 'one.example'").await, 1);
    let said = blog.other(CHECK, &format!("blog=my+blog&user_ip=1&{HAM}")).await;
    assert_eq!((said.body.as_str(), said.help.as_str()), ("invalid", "We were unable to parse your blog URI"));
}

#[tokio::test]
async fn old_http_is_spoken_and_connections_are_closed_on_request() {
    let blog = Blog::start().await;
    let body = form(HAM);
    for (version, header) in [("1.0", ""), ("1.1", "Connection: close\r\n"), ("1.0", "Connection: Close\r\n")] {
        let mut client = blog.server.connect().await;
        let length = body.len();
        client
            .send(format!(
                "POST {CHECK} HTTP/{version}\r\nHost: rest.akismet.com\r\n{header}Content-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        let all = client.closed().await;
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "false");
        assert!(head.contains("\r\ncontent-length: 5\r\n") || head.ends_with("\r\ncontent-length: 5"), "{head}");
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    }
}

#[tokio::test]
async fn a_hold_waits_where_the_operator_and_the_client_can_have_it_wait() {
    let held = form(&format!("{HAM}{TRAPPED}"));
    let spam = form(SPAM);
    let other = "Generic Node.js/1.0.0 | Akismet/3.1.7";
    let table = [
        (AkismetHold::Queue, WORDPRESS, &held, ("false", "hold")),
        (AkismetHold::Queue, "Discourse/3.5.0 | discourse-akismet/1.0", &held, ("false", "hold")),
        (AkismetHold::Queue, other, &held, ("true", "")),
        (AkismetHold::Queue, WORDPRESS, &spam, ("true", "")),
        (AkismetHold::Pending, WORDPRESS, &held, ("false", "hold")),
        (AkismetHold::Pending, WORDPRESS, &spam, ("false", "hold")),
        (AkismetHold::Pending, other, &spam, ("false", "hold")),
        (AkismetHold::Spam, WORDPRESS, &held, ("true", "")),
        (AkismetHold::Spam, WORDPRESS, &spam, ("true", "")),
    ];
    for hold in [AkismetHold::Queue, AkismetHold::Pending, AkismetHold::Spam] {
        let blog = Blog::with(ServeConfig { akismet_hold: hold, ..config() }, StoreOptions::default()).await;
        for (_, agent, form, expected) in table.iter().filter(|row| row.0 == hold) {
            let said = blog.ask(CHECK, agent, "application/x-www-form-urlencoded", form.as_bytes()).await;
            assert_eq!(said.verdict(), *expected, "{hold:?} {agent} {form}");
        }
    }
}

#[tokio::test]
async fn a_check_again_is_answered_by_the_word_alone() {
    let blog = Blog::start().await;
    let table = [
        ("recheck_queue", HAM, "", "false"),
        ("recheck_queue", HAM, TRAPPED, "false"),
        ("recheck_queue", SPAM, "", "true"),
        ("retry", HAM, "", "false"),
        ("retry", HAM, TRAPPED, "true"),
        ("edit", HAM, TRAPPED, "true"),
        ("retry", SPAM, "", "true"),
    ];
    for (reason, comment, trap, expected) in table {
        // What WordPress has stored of a visitor may lack the address.
        let form = format!("api_key={KEY}&blog=x.example&user_ip&{comment}{trap}&recheck_reason={reason}");
        assert_eq!(blog.wordpress(CHECK, &form).await.verdict().0, expected, "{reason} {comment}");
    }
}

#[tokio::test]
async fn documented_values_are_answered_as_documented() {
    let blog = Blog::start().await;
    let table = [
        (format!("{SPAM}&user_role=administrator"), "false"),
        (format!("{SPAM}&user_role=editor,administrator"), "false"),
        (format!("{SPAM}&user_role=editor"), "true"),
        (HAM.replace("Sabine", "viagra-test-123"), "true"),
        (HAM.replace("Sabine", "akismet-guaranteed-spam"), "true"),
        (format!("{HAM}&comment_author_email=akismet-guaranteed-spam%40example.com"), "true"),
        (format!("{HAM}&comment_author_email=sabine%40example.com"), "false"),
        (format!("{HAM}&honeypot_field_name=url2&url2="), "false"),
        (format!("{HAM}&honeypot_field_name=url2&url2=x"), "true"),
        (
            "comment_type=pingback&akismet_pre_check=1&comment_content&comment_author_url=http%3A%2F%2Fcasino.example"
                .into(),
            "false",
        ),
    ];
    for (comment, expected) in table {
        assert_eq!(blog.other(CHECK, &form(&comment)).await.verdict(), (expected, ""), "{comment}");
    }
}

#[tokio::test]
async fn a_test_is_answered_and_never_remembered_and_a_magic_value_is_never_learned_from() {
    let blog = Blog::start().await;
    for flag in ["1", "true", "True"] {
        let test = form(&format!("{SPAM}&is_test={flag}"));
        assert_eq!(blog.other(CHECK, &test).await.verdict(), ("true", ""));
        assert_eq!(blog.other("/1.1/submit-ham", &test).await.body, THANKS);
    }
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments").await, 0);
    blog.other(CHECK, &form(&format!("{HAM}&is_test=False"))).await;
    blog.other(CHECK, &form(&HAM.replace("Sabine", "viagra-test-123"))).await;
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments").await, 2);
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments WHERE test = 1").await, 1);
}

#[tokio::test]
async fn a_submit_finds_the_comment_that_was_checked_with_slashes() {
    let blog = Blog::start().await;
    let slashed =
        r#"comment_author=O\'Neil&comment_content=It\'s \"fine\", isn\'t it? C:\\temp&akismet_comment_nonce=passed"#;
    let plain = r#"comment_author=O'Neil&comment_content=It's "fine", isn't it? C:\temp&comment_check_response=false"#;
    let checked = blog.wordpress(CHECK, &form(slashed)).await;
    let said = blog.wordpress("/1.1/submit-spam", &form(plain)).await;
    assert_eq!((said.body.as_str(), &said.decision), (THANKS, &checked.guid));
    // The same person, once more, and then the other way.
    assert_eq!(blog.wordpress("/1.1/submit-spam", &form(plain)).await.decision, checked.guid);
    assert_eq!(blog.wordpress("/1.1/submit-ham", &form(plain)).await.decision, checked.guid);
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments WHERE label = 'ham'").await, 1);
    assert_eq!(blog.count("SELECT COUNT(*) FROM corrections WHERE origin = 'submit-spam'").await, 1);
    let stored = "SELECT COUNT(*) FROM comments WHERE content = 'It''s \"fine\", isn''t it? C:\\temp'";
    assert_eq!(blog.count(stored).await, 1);
}

#[tokio::test]
async fn a_comment_is_the_same_comment_in_every_charset() {
    let blog = Blog::start().await;
    let latin = form("comment_author=J%F6rg&comment_content=Gr%FC%DFe+aus+K%F6ln,+das+hat+geholfen");
    let utf8 = form("comment_author=J%C3%B6rg&comment_content=Gr%C3%BC%C3%9Fe+aus+K%C3%B6ln,+das+hat+geholfen");
    let content_type = "application/x-www-form-urlencoded; charset=ISO-8859-1";
    let checked = blog.ask(CHECK, WORDPRESS, content_type, latin.as_bytes()).await;
    assert_eq!(blog.wordpress("/1.1/submit-ham", &utf8).await.decision, checked.guid);
}

#[tokio::test]
async fn the_endpoint_counts_and_not_the_field_and_an_unknown_comment_is_stored_and_said_to_be() {
    let blog = Blog::start().await;
    let said = blog.other("/1.1/submit-ham", &form(&format!("{HAM}&is_spam=True"))).await;
    assert_eq!((said.status, said.body.as_str(), said.decision.as_str()), (200, THANKS, "unknown"));
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments WHERE label = 'ham' AND decision IS NULL").await, 1);
    assert_eq!(blog.server.metric("hamgate_store_corrections_total{label=\"ham\",change=\"new\"}").await, 1.0);
    // A submit is about a comment that the blog has stored, perhaps without the address.
    let said = blog.other("/1.1/submit-spam", &format!("api_key={KEY}&blog=x.example&{SPAM}")).await;
    assert_eq!(said.body, THANKS);
}

#[tokio::test]
async fn what_is_missing_is_said_in_akismets_words_and_never_published() {
    let blog = Blog::start().await;
    let table = [
        (CHECK, format!("api_key={KEY}&user_ip=1&{HAM}"), "Missing required field: blog", "Empty \"blog\" value"),
        (
            CHECK,
            format!("api_key={KEY}&blog=+&user_ip=1&{HAM}"),
            "Missing required field: blog",
            "Empty \"blog\" value",
        ),
        (CHECK, format!("api_key={KEY}&blog=a+b&user_ip=1"), "invalid", "We were unable to parse your blog URI"),
        (CHECK, format!("api_key={KEY}&blog=x&{HAM}"), "Missing required field: user_ip.", "Empty \"user_ip\" value"),
        (
            CHECK,
            format!("api_key={KEY}&blog=x&user_ip&{HAM}"),
            "Missing required field: user_ip.",
            "Empty \"user_ip\" value",
        ),
        (CHECK, "{\"api_key\":\"0123456789ab\"}".into(), "invalid", "The key is"),
        ("/1.1/submit-spam", format!("api_key={KEY}&{SPAM}"), "Missing required field: blog", "Empty \"blog\" value"),
        ("/1.1/submit-spam", form("comment_content"), "Missing required field: comment_content.", "There is nothing"),
        ("/1.1/submit-ham", format!("api_key=wrongwrong00&{HAM}"), "invalid", "The key is"),
        ("/1.1/get-stats", format!("key={KEY}"), "Missing required field: blog", "Empty \"blog\" value"),
        ("/1.2/key-sites", format!("api_key={KEY}&month=November"), "invalid", "Write `month`"),
        ("/1.1/get-subscription", String::new(), "invalid", "The key is"),
        ("/1.1/token", String::new(), "invalid", "The key is"),
        ("/1.1/deactivate", String::new(), "invalid", "The key is"),
    ];
    for (call, form, body, help) in table {
        let said = blog.wordpress(call, &form).await;
        assert_eq!((said.status, said.body.as_str()), (200, body), "{call} {form}");
        assert!(said.help.starts_with(help), "{said:?}");
        if call == CHECK {
            said.assert_guid();
            assert_eq!(said.error, "undecided");
        }
    }
    assert_eq!(blog.count("SELECT COUNT(*) FROM comments").await, 0);
}

#[tokio::test]
async fn what_is_no_form_or_too_long_or_too_late_is_an_error_with_a_name() {
    let limits =
        ServeConfig { body_limit_bytes: NonZeroUsize::new(1000).unwrap(), body_timeout: span("50ms"), ..config() };
    let blog = Blog::with(limits, StoreOptions::default()).await;
    let said = blog.ask(CHECK, WORDPRESS, "application/json", b"{}").await;
    undecided(&said, 415);
    let said = blog.ask(CHECK, WORDPRESS, "multipart/form-data; boundary=x", b"--x--").await;
    undecided(&said, 415);
    let fits = form(&format!("comment_content=Nice+photo&x={}", "y".repeat(7_000)));
    assert_eq!(blog.wordpress(CHECK, &fits).await.verdict().0, "false");
    undecided(&blog.wordpress(CHECK, &form(&"x=y&".repeat(2_000))).await, 413);
    undecided(&Said::read(blog.server.get(CHECK).await).await, 405);
    let many = Blog::start().await;
    undecided(&many.wordpress(CHECK, &form(&"a&".repeat(5_000))).await, 413);
    let said = Said::read(blog.server.post("/1.1/nothing", "").await).await;
    assert_eq!((said.status, said.guid.as_str()), (404, ""));

    let late = [post(CHECK, 100), format!("POST {CHECK} HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(70))];
    for (request, status) in late.iter().zip([408, 431]) {
        let request = request.replace("application/json", "application/x-www-form-urlencoded");
        let answer = raw(&blog, &request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("x-akismet-guid").len(), 32, "{answer:?}");
        assert_eq!(answer.header("x-akismet-error"), "undecided");
    }
}

fn undecided(said: &Said, status: u16) {
    assert_eq!((said.status, said.error.as_str()), (status, "undecided"), "{said:?}");
    assert!(!["true", "false"].contains(&said.body.as_str()) && !said.help.is_empty(), "{said:?}");
    said.assert_guid();
}

#[tokio::test]
async fn whoever_is_turned_away_gets_a_fresh_name_too() {
    let server = TestServer::with_places(1, 1).await;
    let mut first = server.connect().await;
    first.send("GET /1.1/test HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(first.answer().await.body, "connected");
    let mut names = HashSet::new();
    for _ in 0..2 {
        let mut client = server.connect().await;
        client.send(post(CHECK, 0)).await;
        let answer = client.answer().await;
        answer.problem(503);
        assert_eq!(answer.header("x-akismet-error"), "undecided");
        assert_eq!(answer.header("x-akismet-guid").len(), 32, "{answer:?}");
        assert!(names.insert(answer.header("x-akismet-guid").to_owned()));
    }
}

#[tokio::test]
async fn figures_are_those_of_the_store_and_of_the_keys_own_site() {
    let blog = Blog::start().await;
    for comment in [HAM, HAM, SPAM] {
        blog.other(CHECK, &form(comment)).await;
    }
    blog.other("/1.1/submit-spam", &form(HAM)).await;
    blog.other("/1.1/submit-ham", &form(SPAM)).await;
    let other_site = "INSERT INTO usage (site, day, approved, held) VALUES ('else.example', 20000, 7, 7)";
    sqlx::query(other_site).execute(&mut blog.file().await).await.unwrap();

    let get = async |path: &str| -> Value { blog.server.get(path).await.json().await.unwrap() };
    let limit = json!({"limit": "none", "usage": 3, "percentage": "0.00", "throttled": false});
    assert_eq!(get(&format!("/1.2/usage-limit?api_key={KEY}")).await, limit);
    let extended = get(&format!("/1.2/usage-limit?api_key={KEY}&extended=1")).await;
    assert_eq!((&extended["upgrade"], &extended["usage"]), (&json!(false), &json!(3)));

    let sites = get(&format!("/1.2/key-sites?api_key={KEY}&limit=10")).await;
    let (month, rows) = sites.as_object().unwrap().iter().find(|(name, _)| name.starts_with('2')).unwrap();
    let row = json!([{
        "site": "blog.example", "api_calls": "3", "spam": "1", "ham": "2", "missed_spam": "1", "false_positives": "1",
        "is_revoked": false
    }]);
    assert_eq!((rows, &sites["limit"], &sites["total"]), (&row, &json!(10), &json!(1)));
    let csv = blog.other("/1.2/key-sites", &format!("api_key={KEY}&format=csv&month={month}")).await.body;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], format!("Active sites during {month} (limit:500, offset: 0, total: 1)"));
    assert_eq!(lines[1], "Site,Total API Calls,Spam,Ham,Missed Spam,False Positives,Is Revoked");
    assert_eq!(lines[2..], ["blog.example,3,1,2,1,1,false"]);
    let elsewhere = get(&format!("/1.2/key-sites?api_key={KEY}&filter=else")).await;
    assert_eq!(elsewhere["total"], 0);

    for from in ["60-days", "6-months", "all"] {
        let form = format!("key={KEY}&blog=https%3A%2F%2Fblog.example&from={from}");
        let stats: Value = serde_json::from_str(&blog.wordpress("/1.1/get-stats", &form).await.body).unwrap();
        let figures =
            [&stats["spam"], &stats["ham"], &stats["missed_spam"], &stats["false_positives"], &stats["accuracy"]];
        assert_eq!(figures, [&json!(1), &json!(2), &json!(1), &json!(1), &json!("33.33")], "{from}");
        let periods = stats["breakdown"].as_object().unwrap();
        assert_eq!(periods.len(), 1, "{stats}");
        assert!(periods.values().all(|period| period["spam"] == 1 && period["da"].is_string()), "{stats}");
    }
}

#[tokio::test]
async fn the_settings_page_gets_what_it_asks() {
    let blog = Blog::start().await;
    let key = format!("key={KEY}&blog=https%3A%2F%2Fblog.example&api_key={KEY}");
    let account: Value = serde_json::from_str(&blog.wordpress("/1.1/get-subscription", &key).await.body).unwrap();
    for (name, value) in
        [("status", json!("active")), ("limit_reached", json!(false)), ("next_billing_date", json!(false))]
    {
        assert_eq!(account[name], value, "{name}");
    }
    assert_eq!(blog.wordpress("/1.1/deactivate", &key).await.body, "deactivated");
    assert_eq!(blog.wordpress("/1.1/verify-key", &key).await.body, "valid", "a key outlives a blog's good-bye");
    assert!(!blog.wordpress("/1.1/token", &key).await.body.contains(KEY));
    assert_eq!(blog.server.get("/1.1/test").await.text().await.unwrap(), "connected");
    assert_eq!(blog.server.get("/1.2/compatible-plugins").await.text().await.unwrap(), "[]");
}

#[tokio::test]
async fn without_a_store_verdicts_go_on_and_submits_are_not_thanked_for() {
    let server = TestServer::start().await;
    let ask = async |path: &str, form: &str| {
        let request = server.request("POST", path).header("content-type", "application/x-www-form-urlencoded");
        Said::read(request.body(form.to_owned()).send().await.unwrap()).await
    };
    assert_eq!(ask(CHECK, &form(HAM)).await.verdict(), ("false", ""));
    for (call, why) in [
        ("/1.1/submit-spam", "Not stored"),
        ("/1.1/submit-ham", "Not stored"),
        ("/1.1/get-stats", "No figures"),
        ("/1.2/usage-limit", "No figures"),
        ("/1.2/key-sites", "No figures"),
    ] {
        let said = ask(call, &form(HAM)).await;
        assert_eq!(said.status, 503, "{said:?}");
        assert!(said.body.starts_with(why) && !said.help.is_empty(), "{said:?}");
    }
}

#[test]
fn any_bytes_get_an_answer_with_a_name() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let blog = runtime.block_on(Blog::start());
    let bytes = proptest::collection::vec(any::<u8>(), 0..200);
    let names = "(comment_content|comment_author|blog|user_ip|is_test|honeypot_field_name|comment_context\\[\\]|akismet_comment_nonce|.{0,9})";
    let fields = proptest::collection::vec((names, ".{0,30}"), 0..12);
    let mut runner = TestRunner::new(Config { cases: 300, ..Config::default() });
    let tried = runner.run(&(bytes, fields, any::<bool>()), |(bytes, fields, whole)| {
        let mut body: Vec<u8> = if whole { form("").into_bytes() } else { Vec::new() };
        for (name, value) in fields {
            body.extend_from_slice(format!("&{name}={value}").as_bytes());
        }
        body.extend_from_slice(&bytes);
        let said = runtime.block_on(blog.ask(CHECK, WORDPRESS, "application/x-www-form-urlencoded", &body));
        said.assert_guid();
        prop_assert!(said.status == 200, "{:?}", said);
        prop_assert!(whole || said.body == "invalid" || said.help.is_empty());
        Ok(())
    });
    tried.unwrap();
    assert_eq!(runtime.block_on(blog.server.metric("hamgate_panics_total")), 0.0);
}
