//! `hamgate evaluate`, as a user runs it.

use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::workshop::{Workshop, ham, hamgate, lines, model, spam};

fn evaluate(corpus: &Path) -> Command {
    let mut command = hamgate();
    command.arg("evaluate").arg("--corpus").arg(corpus);
    command
}

fn report(command: &mut Command) -> Value {
    serde_json::from_slice(&command.arg("--json").assert().success().get_output().stdout).unwrap()
}

fn stderr(command: &mut Command) -> String {
    String::from_utf8_lossy(&command.assert().get_output().stderr).into_owned()
}

#[test]
fn a_report_counts_every_row_overall_by_source_and_by_language() {
    let workshop = Workshop::new();
    let report = report(evaluate(&workshop.corpus()).arg("--model").arg(model()));
    let overall = &report["overall"];
    assert_eq!((&overall["ham"], &overall["spam"]), (&json!(60), &json!(60)));
    for name in [
        "ham_held_per_1000",
        "spam_approved_per_1000",
        "mcc",
        "auc",
        "spam_caught_at_half_percent_held",
        "spam_caught_at_one_percent_held",
        "log_loss",
        "calibration_error",
    ] {
        assert!(overall[name].is_number(), "{name} in {overall}");
    }
    assert_eq!(report["by_source"]["bread-blog"]["ham"], 60);
    assert_eq!(report["by_source"]["bread-blog"]["mcc"], Value::Null);
    let by_lang = report["by_lang"].as_object().unwrap();
    let rows: u64 = by_lang.values().map(|part| part["ham"].as_u64().unwrap() + part["spam"].as_u64().unwrap()).sum();
    assert_eq!((by_lang.len(), rows), (2, 120));
    assert_eq!(report["intervals"]["auc"].as_array().map(Vec::len), Some(2));
}

#[test]
fn the_table_begins_with_the_rates_an_owner_feels() {
    let workshop = Workshop::new();
    let assert = evaluate(&workshop.corpus()).arg("--model").arg(model()).assert().success();
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("model "), "{text}");
    assert!(lines[1].starts_with("60 ham and 60 spam in "), "{text}");
    assert!(lines[4].starts_with("ham held per 1,000") && lines[5].starts_with("spam approved per 1,000"), "{text}");
}

#[test]
fn reports_are_the_same_whatever_the_number_of_threads() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    let output = |options: &[&str]| {
        let mut command = evaluate(&corpus);
        command.args(options).assert().success().get_output().stdout.clone()
    };
    let model = model().to_str().unwrap();
    assert_eq!(output(&["--model", model, "--threads", "1"]), output(&["--model", model, "--threads", "5"]));
    assert_eq!(output(&["--cv", "3", "--threads", "1"]), output(&["--cv", "3", "--threads", "5"]));
}

#[test]
fn cross_validation_judges_every_row_once_without_a_model() {
    let workshop = Workshop::new();
    let report = report(evaluate(&workshop.corpus()).args(["--cv", "4"]));
    assert_eq!(
        (&report["folds"], &report["overall"]["ham"], &report["overall"]["spam"]),
        (&json!(4), &json!(60), &json!(60))
    );
    let folds = report["by_fold"].as_array().unwrap();
    assert_eq!(folds.len(), 4);
    for fold in folds {
        for label in ["ham", "spam"] {
            assert!((13..=17).contains(&fold[label].as_u64().unwrap()), "{fold}");
        }
    }
    // The two classes of the small corpus have hardly a word in common.
    assert!(report["overall"]["auc"].as_f64().unwrap() > 0.9, "{}", report["overall"]);
}

#[test]
fn a_copy_in_every_row_cannot_be_learned_by_heart() {
    // One text under ten ids is one group: it cannot be divided into two folds.
    let workshop = Workshop::new();
    let copies: Vec<Value> =
        (0..10).map(|n| json!({"content": "the very same words", "label": "ham", "id": n.to_string()})).collect();
    let corpus = workshop.write("rows.jsonl", lines(&copies));
    let message = stderr(evaluate(&corpus).args(["--cv", "2"]));
    assert!(message.contains("2 folds need at least 2 different rows, and the corpus has 1"), "{message}");
}

#[test]
fn rows_are_chosen_by_split_and_source() {
    let workshop = Workshop::new();
    let mut rows = [ham(), spam()].concat();
    for row in rows.iter_mut().step_by(4) {
        row["split"] = "test".into();
    }
    let corpus = workshop.write("rows.jsonl", lines(&rows));
    let rows = |options: &[&str]| {
        let report = report(evaluate(&corpus).arg("--model").arg(model()).args(options));
        (report["overall"]["ham"].as_u64().unwrap(), report["overall"]["spam"].as_u64().unwrap())
    };
    assert_eq!(rows(&[]), (60, 60));
    assert_eq!(rows(&["--split", "test"]), (15, 15));
    assert_eq!(rows(&["--split", "not-test"]), (45, 45));
    assert_eq!(rows(&["--only-source", "spam-pool"]), (0, 60));
    assert_eq!(rows(&["--without-source", "spam-pool", "--split", "test"]), (15, 0));
    let nothing = stderr(evaluate(&corpus).arg("--model").arg(model()).args(["--only-source", "nobody"]));
    assert!(nothing.contains("no row of the corpus was chosen; check --split"), "{nothing}");
}

#[test]
fn a_split_that_no_row_has_is_an_error_that_names_those_there_are() {
    let workshop = Workshop::new();
    let mut rows = [ham(), spam()].concat();
    for row in rows.iter_mut().step_by(4) {
        row["split"] = "test".into();
    }
    let corpus = workshop.write("rows.jsonl", lines(&rows));
    let expected = "no row has the split `tset`; there are `test` (30 rows), none (90 rows)";
    let judged = stderr(evaluate(&corpus).arg("--model").arg(model()).args(["--split", "tset"]).assert_code(1));
    assert!(judged.contains(expected), "{judged}");
    let out = workshop.path("out.hamgate");
    let mut train = hamgate();
    train.arg("train").arg("--out").arg(&out).arg("--corpus").arg(&corpus);
    let trained = stderr(train.args(["--split", "tset"]).assert_code(1));
    assert!(trained.contains(expected) && !out.exists(), "{trained}");
    let all = stderr(evaluate(&corpus).arg("--model").arg(model()).args(["--split", "not-tset"]));
    assert!(all.contains(expected) && all.contains("left nothing out"), "{all}");
}

trait AssertCode {
    fn assert_code(&mut self, code: i32) -> &mut Self;
}

impl AssertCode for Command {
    fn assert_code(&mut self, code: i32) -> &mut Self {
        self.assert().code(code);
        self
    }
}

#[test]
fn a_later_threshold_holds_less() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    let held = |at: &str| {
        let report = report(evaluate(&corpus).arg("--model").arg(model()).args(["--hold-at", at]));
        let count = |name: &str| report["overall"][name].as_u64().unwrap();
        count("ham_held") + count("spam") - count("spam_approved")
    };
    assert!(held("0.0001") >= held("50%") && held("50%") >= held("0.9999"));
    assert!(held("0.0001") > held("0.9999"));
}

#[test]
fn figures_on_rows_the_model_has_seen_come_with_a_note() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    let message = stderr(evaluate(&corpus).arg("--model").arg(model()));
    assert!(
        message.contains("the model was trained on `ham.jsonl`, `spam.jsonl`; rows it has seen flatter it"),
        "{message}"
    );
    let other = workshop.write("other.jsonl", lines(&ham()[..7]));
    assert_eq!(stderr(evaluate(&other).arg("--model").arg(model())), "");
}

#[test]
fn what_cannot_be_read_is_named() {
    let workshop = Workshop::new();
    let bad = workshop.write("bad.jsonl", "{\"content\":\"x\",\"label\":\"perhaps\"}\n");
    let message = stderr(evaluate(&bad).arg("--model").arg(model()));
    assert!(message.contains("bad.jsonl:1: field `label` must be"), "{message}");
    let absent = workshop.path("absent.hamgate");
    let message = stderr(evaluate(&bad).arg("--model").arg(&absent));
    assert!(message.contains(&format!("cannot use model `{}`", absent.display())), "{message}");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    for wrong in [
        &["--cv", "3", "--model", "m"][..],
        &["--cv", "1"],
        &["--hold-at", "1"],
        &["--ham-held-at-most", "1%"],
        &["--cv", "3", "--leave-one-source-out"],
        &["--leave-out", "bread-blog"],
        &["--cv", "3", "--weigh", "bread-blog=257"],
        &["--compare", "a.json", "b.json"],
        &["--calibration", "--json"],
    ] {
        evaluate(&corpus).args(wrong).assert().code(2);
    }
    hamgate().arg("evaluate").assert().code(2);
}

/// Ham and spam of two blogs each, and a source of three rows.
fn sources(workshop: &Workshop) -> std::path::PathBuf {
    let mut rows = [ham(), spam()].concat();
    for (number, row) in rows.iter_mut().enumerate() {
        let source = if number % 40 == 7 { "tiny" } else { ["blog-a", "blog-b"][number % 2] };
        row["source"] = source.into();
        row["author_url"] = if number % 3 == 0 { "https://example.org".into() } else { Value::Null };
        row["topic"] = ["bread", "cake"][number / 2 % 2].into();
    }
    workshop.write("sources.jsonl", lines(&rows))
}

#[test]
fn each_source_is_judged_by_a_model_that_has_not_seen_it() {
    let workshop = Workshop::new();
    let corpus = sources(&workshop);
    let report = report(evaluate(&corpus).arg("--leave-one-source-out"));
    let rows = |source: &str| {
        let part = &report["by_source"][source];
        part["ham"].as_u64().unwrap() + part["spam"].as_u64().unwrap()
    };
    assert_eq!((rows("blog-a"), rows("blog-b")), (60, 57));
    assert_eq!((&report["by_source"]["tiny"], &report["not_left_out"]), (&Value::Null, &json!([["tiny", 3]])));
    // What was not judged was learned from, but for near-duplicates of what was.
    let left_out = &report["left_out"][0];
    let count = |name: &str| left_out[name].as_u64().unwrap();
    assert_eq!((&left_out["sources"], count("rows")), (&json!(["blog-a"]), 60));
    assert_eq!(count("near_duplicates") + count("trained_on"), 60);
    for figure in ["ham_held_per_1000", "spam_approved_per_1000", "mcc", "auc"] {
        assert_eq!(report["across_sources"][figure]["sources"], 2, "{figure}");
    }
    for side in ["with", "without"] {
        assert_eq!(report["by_source"]["blog-a"]["website"][side]["interval"].as_array().map(Vec::len), Some(2));
    }
    assert!(report["by_topic"]["bread"]["ham"].as_u64().unwrap() > 20);
}

#[test]
fn leaving_sources_out_prints_their_rates_with_the_mean_and_the_worst() {
    let workshop = Workshop::new();
    let corpus = sources(&workshop);
    let assert = evaluate(&corpus)
        .args(["--leave-one-source-out", "--leave-out", "blog-a", "--leave-out", "blog-b*", "--calibration"])
        .assert();
    let text = String::from_utf8_lossy(&assert.success().get_output().stdout).into_owned();
    for beginning in [
        "2 models, each",
        "over sources",
        "honest authors with a website",
        "blog-a ",
        "always trained on: tiny (3 rows)",
        "probability  promised",
    ] {
        assert!(text.lines().any(|line| line.starts_with(beginning)), "no line begins with {beginning:?} in\n{text}");
    }
}

#[test]
fn every_verdict_can_be_had_with_what_its_judge_had_not_seen() {
    let workshop = Workshop::new();
    let corpus = sources(&workshop);
    let verdicts = workshop.path("verdicts.jsonl");
    evaluate(&corpus).args(["--leave-one-source-out", "--verdicts"]).arg(&verdicts).assert().success();
    let verdicts = std::fs::read_to_string(verdicts).unwrap();
    let verdicts: Vec<Value> = verdicts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (judged, kept_out): (Vec<&Value>, Vec<&Value>) =
        verdicts.iter().partition(|verdict| verdict["kept_out"].is_null());
    assert_eq!(judged.len(), 117);
    for verdict in judged {
        assert_eq!(verdict["left_out"], verdict["source"], "{verdict}");
        for field in ["evidence", "line"] {
            assert!(verdict[field].is_number(), "{verdict}");
        }
        assert!(["hold", "approve"].contains(&verdict["verdict"].as_str().unwrap()), "{verdict}");
    }
    assert!(kept_out.iter().all(|row| row["line"].is_u64() && row["evidence"].is_null()), "{kept_out:?}");
}

#[test]
fn two_reports_are_compared_source_by_source() {
    let workshop = Workshop::new();
    let corpus = sources(&workshop);
    let json = |name: &str, options: &[&str]| {
        let mut command = evaluate(&corpus);
        let report = command.arg("--json").arg("--model").arg(model()).args(options).assert().success();
        workshop.write(name, &report.get_output().stdout)
    };
    let (good, bad) = (json("good.json", &[]), json("bad.json", &["--hold-at", "0.0000001"]));
    let compare = |a: &Path, b: &Path| hamgate().args(["evaluate", "--compare"]).arg(a).arg(b).assert().success();
    let text = String::from_utf8_lossy(&compare(&good, &bad).get_output().stdout).into_owned();
    let tally = |text: &str| text.lines().find(|line| line.starts_with("ham held per 1,000")).unwrap().to_owned();
    assert!(text.contains("3 sources with the same rows in both"), "{text}");
    assert_eq!(tally(&text).split_whitespace().skip(4).take(3).collect::<Vec<_>>(), ["0", "1", "2"], "{text}");
    let text = String::from_utf8_lossy(&compare(&good, &good).get_output().stdout).into_owned();
    assert_eq!(tally(&text).split_whitespace().skip(4).take(3).collect::<Vec<_>>(), ["0", "3", "0"], "{text}");
    let no_report = workshop.write("no.json", "{}");
    let message = stderr(hamgate().args(["evaluate", "--compare"]).arg(&good).arg(&no_report).assert_code(1));
    assert!(message.contains("cannot compare") && message.contains("--json"), "{message}");
}

#[test]
fn the_page_of_a_report_loads_nothing_and_shows_what_strangers_wrote_as_text() {
    let workshop = Workshop::new();
    let mut rows = [ham(), spam()].concat();
    rows[0]["label"] = "spam".into();
    rows[0]["content"] = "<script>alert('x')</script> \u{202e}we baked </blockquote> bread & butter".into();
    rows[0]["author"] = "<img src=http://evil.example/x onerror=alert(1)>".into();
    rows[0]["author_url"] = "javascript:alert('y')".into();
    rows[0]["source"] = "blog\"><script>".into();
    rows[0]["topic"] = "<b>topic</b>".into();
    let corpus = workshop.write("rows.jsonl", lines(&rows));
    for options in [&["--model", model().to_str().unwrap()][..], &["--cv", "2"]] {
        let page = workshop.path("page.html");
        evaluate(&corpus).args(options).arg("--report").arg(&page).assert().success();
        let page = std::fs::read_to_string(page).unwrap();
        assert!(
            page.contains("&lt;script&gt;alert('x')&lt;/script&gt; we baked &lt;/blockquote&gt; bread &amp; butter"),
            "{page}"
        );
        for never in ["<script", "<img", "<b>", "href", "src=\"", "url(", "@import", "NaN", "inf"] {
            assert!(!page.contains(never), "{never} in the page");
        }
        for heading in
            ["Held against caught", "Over all thresholds", "Can the probability be believed?", "The worst mistakes"]
        {
            assert!(page.contains(heading), "{heading}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert_eq!(page.matches("<line").count(), page.matches("</line>").count());
    }
    let missing = workshop.path("no/such/page.html");
    let message = stderr(evaluate(&corpus).args(["--cv", "2", "--report"]).arg(&missing).assert_code(1));
    assert!(message.contains("there is no folder"), "{message}");
}

#[test]
fn a_page_of_one_class_only_is_still_a_page() {
    let workshop = Workshop::new();
    let corpus = workshop.write("rows.jsonl", lines(&ham()));
    let page = workshop.path("page.html");
    evaluate(&corpus).arg("--model").arg(model()).arg("--report").arg(&page).assert().success();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("By source") && !page.contains("NaN"), "{page}");
}

#[test]
fn the_environment_names_the_model_as_it_does_for_score_and_serve() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    let with = |path: &Path| {
        let mut command = evaluate(&corpus);
        command.env("HAMGATE_MODEL", path);
        command
    };
    let from_option = report(evaluate(&corpus).arg("--model").arg(model()));
    assert_eq!(report(&mut with(model()))["model"], from_option["model"]);
    let absent = workshop.path("absent.hamgate");
    assert!(stderr(&mut with(&absent)).contains("cannot use model"));
    // A way of training needs no model, so the one in service is no contradiction.
    with(&absent).args(["--cv", "2"]).assert().success();
    let inspected = hamgate().arg("inspect").env("HAMGATE_MODEL", model()).arg("--json").assert().success();
    let inspected: Value = serde_json::from_slice(&inspected.get_output().stdout).unwrap();
    assert_eq!(inspected["model"], from_option["model"]);
}

#[cfg(unix)]
#[test]
fn a_model_that_is_a_pipe_is_refused_instead_of_waited_for() {
    let workshop = Workshop::new();
    let pipe = workshop.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let message =
        stderr(hamgate().arg("inspect").arg(&pipe).timeout(std::time::Duration::from_secs(60)).assert_code(1));
    assert!(message.contains("it is not a regular file") && message.contains("hint: name a model file"), "{message}");
}

#[test]
fn a_row_that_cannot_be_read_comes_with_the_option_that_passes_over_it() {
    let workshop = Workshop::new();
    let corpus = workshop.write("rows.jsonl", lines(&ham()) + "{\"content\": 7}\n");
    let mut train = hamgate();
    train.arg("train").arg("--out").arg(workshop.path("x.hamgate")).arg("--corpus").arg(&corpus);
    for command in [&mut train, evaluate(&corpus).arg("--model").arg(model()), evaluate(&corpus).args(["--cv", "2"])] {
        let message = stderr(command);
        assert!(message.contains("rows.jsonl:61:") && message.contains("--skip-bad"), "{message}");
    }
}
