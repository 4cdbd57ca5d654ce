//! `hamgate train` and `hamgate inspect`, as a user runs them.

use std::fs;
use std::io::Write;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use crate::workshop::{Workshop, ham, hamgate, lines, model, spam};

fn train(corpus: &[&Path], out: &Path) -> Command {
    let mut command = hamgate();
    command.arg("train").arg("--corpus").args(corpus).arg("--out").arg(out);
    command
}

fn stderr(command: &mut Command) -> String {
    String::from_utf8(command.assert().failure().code(1).get_output().stderr.clone()).unwrap()
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn card(model: &Path) -> Value {
    serde_json::from_str(&stdout(hamgate().arg("inspect").arg(model).arg("--json"))).unwrap()
}

#[test]
fn training_tells_what_it_learned_and_where_it_put_it() {
    let workshop = Workshop::new();
    let out = workshop.path("m.hamgate");
    let output =
        train(&[&workshop.corpus()], &out).args(["--date", "2026-11-23"]).assert().success().get_output().clone();
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "2026-11-23 on 60 ham and 60 spam",
        "at most 5 of 1,000 honest comments",
        "ham held per 1,000",
        "bread-blog   60     0",
        "spam-pool     0    60",
        "word_pairs",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
    assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("wrote model `{}`\n", out.display()));
}

#[test]
fn the_same_rows_give_the_same_bytes_whatever_the_order_of_files_and_number_of_threads() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    let files = [corpus.join("ham.jsonl"), corpus.join("spam.jsonl")];
    let bytes = |name: &str, corpus: &[&Path], options: &[&str]| {
        train(corpus, &workshop.path(name)).args(options).assert().success();
        fs::read(workshop.path(name)).unwrap()
    };
    let first = bytes("1", &[&files[0], &files[1]], &[]);
    assert!(first == bytes("2", &[&files[1], &files[0]], &["--threads", "1"]), "swapped files, one thread");
    assert!(first == bytes("3", &[&corpus], &["--threads", "7"]), "the folder, seven threads");

    // Rows in another order are another file with another checksum on the card, but the same tables and figures.
    let reversed =
        |name: &str, rows: Vec<Value>| workshop.write(name, lines(&rows.into_iter().rev().collect::<Vec<_>>()));
    let turned = [reversed("turned/ham.jsonl", ham()), reversed("turned/spam.jsonl", spam())];
    train(&[&turned[0], &turned[1]], &workshop.path("4")).assert().success();
    let [mut a, mut b] = [card(&workshop.path("1")), card(&workshop.path("4"))];
    for card in [&mut a, &mut b] {
        card["model"] = Value::Null;
        card["about"] = Value::Null;
    }
    assert_eq!(a, b);
}

#[test]
fn a_share_may_be_written_in_three_ways_and_nonsense_is_refused_at_once() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    let mut models = ["20/1000", "2%", "0.02"].map(|share| {
        let out = workshop.path("m.hamgate");
        train(&[&corpus], &out).args(["--ham-held-at-most", share]).assert().success();
        fs::read(out).unwrap()
    });
    models.sort();
    assert!(models[0] == models[2]);
    for wrong in [["--ham-held-at-most", "5"], ["--date", "23.11.2026"], ["--fields", "text"], ["--threads", "0"]] {
        train(&[&corpus], &workshop.path("n")).args(wrong).assert().code(2);
    }
}

#[test]
fn a_bad_row_stops_training_and_leaves_the_old_model_alone() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    let bad =
        workshop.write("corpus/z.jsonl", "{\"content\":\"hello\",\"label\":\"ham\"}\n\n{\"content\":\"no label\"}\n");
    let out = workshop.write("m.hamgate", "the old model");
    let message = stderr(&mut train(&[&corpus], &out));
    assert!(message.contains(&format!("{}:3: field `label` is missing", bad.display())), "{message}");
    assert!(!message.contains("no label"), "the text of a comment is nobody's business: {message}");
    assert_eq!(fs::read_to_string(out).unwrap(), "the old model");
}

#[test]
fn bad_rows_are_skipped_and_counted_on_request() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    workshop.write("corpus/z.jsonl", "oops\n{\"content\":7}\n");
    let assert = train(&[&corpus], &workshop.path("m")).arg("--skip-bad").assert().success();
    let message = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(
        message.contains("skipped 2 rows") && message.contains("z.jsonl:2: field `content` must be a string"),
        "{message}"
    );
}

#[test]
fn what_is_missing_is_named_with_a_remedy_before_anything_is_read() {
    let workshop = Workshop::new();
    let corpus = workshop.corpus();
    let (absent, empty) = (workshop.path("absent.jsonl"), workshop.write("empty/notes.txt", ""));
    let message = stderr(&mut train(&[&corpus, &absent], &workshop.path("m")));
    assert!(message.contains("absent.jsonl`; name a file of JSON Lines"), "{message}");
    let message = stderr(&mut train(&[empty.parent().unwrap()], &workshop.path("m")));
    assert!(message.contains("ends in .jsonl or .jsonl.gz"), "{message}");
    let message = stderr(&mut train(&[&corpus], &workshop.path("no/such/folder/m")));
    assert!(message.contains("no/such/folder`; make it first"), "{message}");
    let message = stderr(&mut train(&[&corpus], &corpus));
    assert!(message.contains("it is a folder"), "{message}");
}

#[test]
fn rows_published_as_test_are_left_out_and_sources_can_be() {
    let workshop = Workshop::new();
    let mut rows = [ham(), spam()].concat();
    for row in rows.iter_mut().step_by(6) {
        row["split"] = "test".into();
    }
    rows.extend(ham().into_iter().map(|mut row| {
        row["source"] = "other".into();
        row
    }));
    let corpus = workshop.write("rows.jsonl", lines(&rows));
    let rows = |options: &[&str]| {
        let out = workshop.path("m");
        train(&[&corpus], &out).args(options).assert().success();
        let card = card(&out);
        (card["rows"]["ham"].as_u64().unwrap(), card["rows"]["spam"].as_u64().unwrap())
    };
    assert_eq!(rows(&[]), (110, 50));
    assert_eq!(rows(&["--split", "all"]), (120, 60));
    assert_eq!(rows(&["--split", "all", "--without-source", "other"]), (60, 60));
}

#[test]
fn the_rows_of_a_source_can_count_more_and_a_source_that_is_not_there_is_told() {
    let workshop = Workshop::new();
    let (corpus, out) = (workshop.corpus(), workshop.path("m"));
    let assert = train(&[&corpus], &out).args(["--weigh", "bread-blog=3", "--weigh", "typo=2"]).assert().success();
    let message = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(
        message.contains("--weigh names source `typo`, which no row has") && !message.contains("bread-blog"),
        "{message}"
    );
    assert_eq!(card(&out)["source_weights"]["bread-blog"], 3.0);
    train(&[&corpus], &out).args(["--weigh", "bread-blog"]).assert().code(2);
}

#[test]
fn too_few_rows_are_no_corpus() {
    let workshop = Workshop::new();
    let corpus = workshop.write("rows.jsonl", lines(&ham()));
    let message = stderr(&mut train(&[&corpus], &workshop.path("m")));
    assert!(message.contains("60 ham and 0 spam"), "{message}");
    assert!(!workshop.path("m").exists());
}

#[test]
fn gzip_is_read_as_it_is() {
    let workshop = Workshop::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(lines(&[ham(), spam()].concat()).as_bytes()).unwrap();
    let corpus = workshop.write("rows.jsonl.gz", encoder.finish().unwrap());
    train(&[&corpus], &workshop.path("m")).assert().success();
    assert_eq!(card(&workshop.path("m"))["rows"], serde_json::json!({"ham": 60, "spam": 60}));
}

#[test]
fn inspect_shows_the_card_with_checksums_and_never_a_folder() {
    let text = stdout(hamgate().arg("inspect").arg(model()));
    for expected in ["ham.jsonl   ", "spam.jsonl  ", "strongest evidence by view", "held-out figures"] {
        assert!(text.contains(expected), "{expected:?} is missing in:\n{text}");
    }
    let folder = model().parent().unwrap().to_str().unwrap();
    assert!(!text.contains(folder), "{text}");
    let card = card(model());
    assert_eq!(card["about"]["files"].as_array().map(Vec::len), Some(2));
    assert!(text.starts_with(&format!("model {}", card["model"].as_str().unwrap())));
}

#[test]
fn a_file_that_is_no_model_is_refused_by_name() {
    let workshop = Workshop::new();
    let wrong = workshop.write("wrong.hamgate", "not a model");
    for path in [wrong, workshop.path("absent.hamgate")] {
        let message = stderr(hamgate().arg("inspect").arg(&path));
        assert!(message.contains(&format!("cannot use model `{}`", path.display())), "{message}");
    }
}

#[test]
fn help_shows_examples() {
    for command in ["train", "evaluate", "score", "inspect"] {
        let text = stdout(hamgate().args([command, "--help"]));
        assert!(text.contains("Examples:\n") && text.contains("Exit codes:"), "{text}");
    }
}
