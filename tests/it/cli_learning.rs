//! `hamgate evaluate --learning-curve`, as a user runs it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::workshop::{Workshop, ham, hamgate, lines, spam};

/// The small corpus as a blog, and another blog that uses the same words the other way round, so that no two rows say nearly the same.
fn corpus(workshop: &Workshop, blog: &str) -> PathBuf {
    let mut own = ham();
    for row in &mut own {
        row["source"] = blog.into();
    }
    let backwards = |row: &Value| {
        let content: Vec<&str> = row["content"].as_str().unwrap().split(' ').rev().collect();
        json!({"content": content.join(" "), "label": row["label"], "source": "elsewhere"})
    };
    let elsewhere: Vec<Value> = [ham(), spam()].concat().iter().map(backwards).collect();
    workshop.write("rows/blog.jsonl", lines(&own));
    workshop.write("rows/spam.jsonl", lines(&spam()));
    workshop.write("rows/elsewhere.jsonl", lines(&elsewhere));
    workshop.path("rows")
}

fn curve(corpus: &Path, sizes: &str, options: &[&str]) -> Command {
    let mut command = hamgate();
    command.args(["evaluate", "--quiet", "--learning-curve", sizes, "--own-source", "spam-*", "--corpus"]).arg(corpus);
    command.args(options);
    command
}

fn json_of(command: &mut Command) -> Value {
    serde_json::from_slice(&command.arg("--json").assert().success().get_output().stdout).unwrap()
}

#[test]
fn every_way_is_measured_on_the_half_of_the_blog_that_nobody_learned() {
    let workshop = Workshop::new();
    let corpus = corpus(&workshop, "bread-blog");
    let options = ["--own-source", "bread-blog", "--draws", "1", "--own-weight", "20"];
    let curve = json_of(&mut curve(&corpus, "0,10,24", &options));
    assert_eq!(curve["own_sources"], json!(["bread-blog", "spam-pool"]));
    assert_eq!((&curve["judged"], &curve["pool"]), (&json!({"ham": 30, "spam": 30}), &json!({"ham": 30, "spam": 30})));
    assert_eq!((&curve["generic"], &curve["near_duplicates"]), (&json!(120), &json!(0)));
    let ways = curve["ways"].as_array().unwrap();
    let point = |way: &str, size: u64| {
        let way = ways.iter().find(|found| found["name"] == way).unwrap_or_else(|| panic!("no way {way}: {curve}"));
        let total = |point: &&Value| point["own"]["ham"].as_u64().unwrap() + point["own"]["spam"].as_u64().unwrap();
        way["points"].as_array().unwrap().iter().find(|point| total(point) == size).unwrap()
    };
    // Without comments of its own, every way that starts from the generic model is the generic model.
    for way in ["learned at once", "trained", "trained, weight 20"] {
        assert_eq!(point(way, 0), point("generic only", 0), "{way}");
    }
    assert_eq!(point("generic only", 24)["auc"], point("generic only", 0)["auc"]);
    // With less than 50 ham of its own a blog keeps the thresholds, and training comes to what was learned at once.
    assert_eq!(point("trained", 24)["spam_approved_per_1000"], point("learned at once", 24)["spam_approved_per_1000"]);
    assert_eq!(point("trained", 24), point("trained, weight 20", 24));
    assert_eq!(point("learned at once", 24), point("learned at once, weight 20", 24));
    assert_eq!(point("own only", 10)["auc"], Value::Null);
    assert!(point("own only", 24)["auc"]["mean"].as_f64().unwrap() > 0.8, "{}", point("own only", 24));
}

#[test]
fn the_picture_is_well_formed_whatever_a_source_is_called() {
    let workshop = Workshop::new();
    let blog = "<script>alert('1')</script>&\"";
    let corpus = corpus(&workshop, blog);
    let svg = workshop.path("curve.svg");
    let html = workshop.path("curve.html");
    for path in [&svg, &html] {
        let options = ["--own-source", blog, "--draws", "1", "--report", path.to_str().unwrap()];
        curve(&corpus, "4", &options).assert().success();
    }
    let picture = fs::read_to_string(&svg).unwrap();
    let mut reader = quick_xml::Reader::from_str(&picture);
    let mut elements = BTreeSet::new();
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(start) => drop(elements.insert(format!("{:?}", start.name().as_ref()))),
            _ => {}
        }
    }
    assert!(elements.len() > 5 && !elements.iter().any(|element| element.contains("script")), "{elements:?}");
    let page = fs::read_to_string(&html).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg") && !page.contains("<script"));
}

#[test]
fn the_curve_does_not_depend_on_the_number_of_threads() {
    let workshop = Workshop::new();
    let corpus = corpus(&workshop, "bread-blog");
    let [one, five] = ["1", "5"].map(|threads| {
        let options = ["--own-source", "bread-blog", "--draws", "1", "--threads", threads];
        curve(&corpus, "24", &options).assert().success().get_output().stdout.clone()
    });
    assert_eq!(String::from_utf8(one), String::from_utf8(five));
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    let workshop = Workshop::new();
    let corpus = corpus(&workshop, "bread-blog");
    let stderr = |command: &mut Command, code: i32| {
        let assert = command.assert().failure().code(code);
        String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
    };
    let own = ["--own-source", "bread-blog"];
    let too_many = stderr(&mut curve(&corpus, "10,300", &own), 1);
    assert!(
        too_many.contains("300 own comments would be 150 ham") && too_many.contains("--own-ham-share"),
        "{too_many}"
    );
    let missing = stderr(&mut curve(&corpus, "10", &["--own-source", "shop"]), 1);
    assert!(missing.contains("no row has a source `shop` that --own-source names"), "{missing}");
    let nobody = stderr(hamgate().args(["evaluate", "--learning-curve", "--corpus"]).arg(&corpus), 2);
    assert!(nobody.contains("--own-source"), "{nobody}");
    for option in [&["--cv", "3"][..], &["--model", "x.hamgate"], &["--hold-at", "0.9"], &["--own-weight", "0"]] {
        stderr(curve(&corpus, "10", &own).args(option), 2);
    }
    stderr(hamgate().args(["evaluate", "--draws", "3", "--corpus"]).arg(&corpus), 2);
}

#[test]
fn without_numbers_the_usual_ones_are_taken() {
    let workshop = Workshop::new();
    let corpus = corpus(&workshop, "bread-blog");
    let mut command = hamgate();
    command.args([
        "evaluate",
        "--quiet",
        "--learning-curve",
        "--own-source",
        "bread-blog",
        "--own-source",
        "spam-pool",
    ]);
    let assert = command.arg("--corpus").arg(&corpus).assert().failure();
    let message = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    // Of 0, 10, 30, 100 and 300 it is 100 that the small blog cannot give.
    assert!(message.contains("100 own comments would be 50 ham"), "{message}");
}
