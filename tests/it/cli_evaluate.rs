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
    let nothing = stderr(evaluate(&corpus).arg("--model").arg(model()).args(["--split", "dev"]));
    assert!(nothing.contains("no row of the corpus was chosen; check --split"), "{nothing}");
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
    for wrong in
        [&["--cv", "3", "--model", "m"][..], &["--cv", "1"], &["--hold-at", "1"], &["--ham-held-at-most", "1%"]]
    {
        evaluate(&corpus).args(wrong).assert().code(2);
    }
}
