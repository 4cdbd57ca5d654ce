//! `hamgate score`, as a user runs it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command as Process, Stdio};

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::workshop::{Workshop, hamgate, lines, model};

fn score() -> Command {
    let mut command = hamgate();
    command.arg("score").arg("--model").arg(model());
    command
}

fn answers(command: &mut Command) -> Vec<Value> {
    parse(&command.assert().success().get_output().stdout)
}

fn parse(stdout: &[u8]) -> Vec<Value> {
    stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn a_text_gets_one_answer() {
    let answers =
        answers(score().args(["--text", "Buy followers now, casino bonus, payday loans http://win-big.example"]));
    assert_eq!(answers.len(), 1);
    assert_eq!((&answers[0]["id"], &answers[0]["verdict"]), (&Value::Null, &json!("hold")));
    assert!(answers[0]["queue"].is_string() && answers[0]["model"].is_string());
    let probability = answers[0]["spam_probability"].as_f64().unwrap();
    assert!(probability > 0.5 && probability <= 1.0);
    score().args(["--text", "  "]).assert().code(1);
}

#[test]
fn every_line_is_answered_in_order_from_standard_input_and_from_files() {
    let rows: Vec<Value> =
        (0..5000).map(|n| json!({"id": n.to_string(), "content": "bread ".repeat(1 + n % 50)})).collect();
    let (first, second) = rows.split_at(1700);
    let expected: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    let ids = |answers: Vec<Value>| {
        answers.iter().map(|answer| answer["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(answers(score().write_stdin(lines(&rows)))), expected);
    let workshop = Workshop::new();
    let files = [workshop.write("a.jsonl", lines(first)), workshop.write("b.jsonl", lines(second))];
    assert_eq!(ids(answers(score().args(files))), expected);
}

#[test]
fn gzip_byte_order_mark_line_ends_and_blank_lines_are_understood() {
    let text = "\u{feff}{\"id\":\"1\",\"content\":\"a\"}\r\n\r\n{\"id\":\"2\",\"content\":\"b\"}";
    assert_eq!(answers(score().write_stdin(text)).len(), 2);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    assert_eq!(answers(score().write_stdin(encoder.finish().unwrap())).len(), 2);
    assert_eq!(answers(score().write_stdin("")).len(), 0);
}

#[test]
fn a_bad_line_ends_the_run_after_the_answers_before_it() {
    let input = "{\"content\":\"one\"}\n{\"content\":\"two\"}\n\n{\"content\":3}\n{\"content\":\"four\"}\n";
    let assert = score().write_stdin(input).assert().code(1);
    assert_eq!(parse(&assert.get_output().stdout).len(), 2);
    let message = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(message.contains("standard input:4: field `content` must be a string or null"), "{message}");
}

#[test]
fn with_bad_lines_skipped_every_line_has_its_answer() {
    let workshop = Workshop::new();
    let input = "{\"content\":\"one\"}\nnonsense\n{\"content\":\"three\"}\n{}\n";
    let file = workshop.write("in.jsonl", input);
    let assert = score().arg("--skip-bad").arg(&file).assert().success();
    let answers = parse(&assert.get_output().stdout);
    assert_eq!(answers.len(), 4);
    assert!(answers[0]["verdict"].is_string() && answers[2]["verdict"].is_string());
    assert_eq!(
        answers[1],
        json!({"error": "not valid JSON at column 2: it breaks the rules of JSON; put one JSON object on a line", "line": 2})
    );
    assert_eq!(answers[3], json!({"error": "field `content` is missing; it must hold the comment's text", "line": 4}));
    let message = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(message.contains(&format!("{}:4: field `content` is missing", file.display())), "{message}");
    assert!(message.contains("answered 2 unreadable lines by an error"), "{message}");
}

#[test]
fn a_missing_file_is_named_before_anything_is_answered() {
    let workshop = Workshop::new();
    let good = workshop.write("good.jsonl", "{\"content\":\"x\"}\n");
    let absent = workshop.path("absent.jsonl");
    let assert = score().arg(good).arg(&absent).assert().code(1);
    let message = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(message.contains(&format!("cannot read comments from `{}`; name a file", absent.display())), "{message}");
    assert!(assert.get_output().stdout.is_empty());
}

#[test]
fn the_model_may_also_come_from_the_environment() {
    let text = ["score", "--text", "hello"];
    let from_environment =
        hamgate().args(text).env("HAMGATE_MODEL", model()).assert().success().get_output().stdout.clone();
    assert_eq!(from_environment, score().args(&text[1..]).assert().success().get_output().stdout.clone());
    let message = hamgate().args(text).env("HAMGATE_MODEL", "absent").assert().code(1).get_output().stderr.clone();
    assert!(String::from_utf8_lossy(&message).contains("cannot use model `absent`"));
}

#[test]
fn language_without_explanation_makes_no_sense() {
    score().args(["--text", "x", "--language", "de"]).assert().code(2);
}

#[test]
fn answers_appear_while_the_next_comment_is_still_being_written() {
    let mut child = process().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for id in ["first", "second"] {
        writeln!(input, "{}", json!({"id": id, "content": "hello"})).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.contains(id), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let workshop = Workshop::new();
    let rows: Vec<Value> =
        (0..20_000).map(|n| json!({"id": n.to_string(), "content": "enough to fill any pipe"})).collect();
    let file = workshop.write("in.jsonl", lines(&rows));
    let mut child = process().arg(file).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn process() -> Process {
    let mut process = Process::new(assert_cmd::cargo::cargo_bin!("hamgate"));
    process.arg("score").arg("--model").arg(model());
    process
}
