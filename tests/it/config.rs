use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::support::{FOREVER, HAM, shipped_model_bytes};

/// The program, with nothing of this test's own environment that could configure it.
fn hamgate() -> Command {
    let mut command = Command::cargo_bin("hamgate").unwrap();
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HAMGATE_")) {
        command.env_remove(name);
    }
    // Never the store of whoever runs the tests.
    command.env("HAMGATE_STORE", "none");
    command
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// What `serve --print-config` says.
fn printed(command: &mut Command) -> toml::Table {
    let output = command.args(["serve", "--print-config"]).assert().success().get_output().stdout.clone();
    String::from_utf8(output).unwrap().parse().unwrap()
}

/// The end of a run that fails.
fn failure(command: &mut Command) -> String {
    let output = command.assert().code(1).get_output().clone();
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn flag_wins_over_environment_over_file_over_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(
        &folder,
        "hamgate.toml",
        "body_limit_bytes = 1\nmax_connections = 1\nidle_timeout = \"1s\"\nlog_format = \"json\"\n\
         max_requests_per_key = \"1/s\"\nmax_corrections_per_key = \"1/s\"\nmax_batches = 1\n",
    );
    let mut command = hamgate();
    command.env("HAMGATE_CONFIG", &path).env("HAMGATE_BODY_LIMIT_BYTES", "2").env("HAMGATE_MAX_CONNECTIONS", "2");
    command.env("HAMGATE_MAX_REQUESTS_PER_KEY", "2/s").env("HAMGATE_MAX_CORRECTIONS_PER_KEY", "none");
    command.args(["serve", "--body-limit-bytes", "3", "--max-requests-per-key", "180/60s", "--print-config"]);
    let output = command.assert().success().get_output().stdout.clone();
    let table: toml::Table = String::from_utf8(output).unwrap().parse().unwrap();
    assert_eq!(table["body_limit_bytes"].as_integer(), Some(3));
    assert_eq!(table["max_connections"].as_integer(), Some(2));
    assert_eq!(table["max_requests_per_key"].as_str(), Some("180/m"));
    assert_eq!(table["max_corrections_per_key"].as_str(), Some("none"));
    assert_eq!((table["max_batches"].as_integer(), table["max_batches_per_key"].as_integer()), (Some(1), Some(128)));
    assert_eq!(table["idle_timeout"].as_str(), Some("1s"));
    assert_eq!(table["log_format"].as_str(), Some("json"));
    assert_eq!(table["header_timeout"].as_str(), Some("10s"));
    assert_eq!(table["listen"].as_str(), Some("127.0.0.1:8080"));
}

#[test]
fn the_printed_configuration_is_a_file_that_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let table = printed(hamgate().env("HAMGATE_LISTEN", "[::]:80").env("HAMGATE_MODEL", "x.model"));
    let path = file(&folder, "printed.toml", table.to_string());
    assert_eq!(printed(hamgate().env("HAMGATE_CONFIG", path)), table);
}

#[test]
fn a_file_that_is_wrong_is_named_with_the_line_and_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let table = [
        (
            "listen = \"127.0.0.1:0\"\nlog_levle = \"info\"\n",
            "line 2: there is no option `log_levle`; did you mean `log_level`",
        ),
        ("idle_timeout = \"soon\"\n", "line 1: write a duration"),
        ("[serve]\nthreads = 1\n", "there is no option `serve`"),
        ("threads = \n", "line 1"),
    ];
    for (text, expected) in table {
        let path = file(&folder, "bad.toml", text);
        let message = failure(hamgate().args(["serve", "--config"]).arg(&path));
        assert!(message.starts_with("error: cannot configure the service\n  caused by: "), "{message}");
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("bad.toml") && message.contains("\nhint: "), "{message}");
    }
    let message = failure(hamgate().args(["serve", "--config", "/nowhere/hamgate.toml"]));
    assert!(message.contains("`/nowhere/hamgate.toml`") && message.contains("--config"), "{message}");
}

#[test]
fn a_wrong_value_on_the_command_line_is_wrong_usage() {
    for arguments in [
        &["--listen", "localhost"] as &[_],
        &["--idle-timeout", "5"],
        &["--max-requests-per-key", "5"],
        &["--max-batches", "0"],
        &["--threads", "0"],
        &["--nonsense"],
    ] {
        hamgate().arg("serve").args(arguments).assert().code(2);
    }
    hamgate().arg("serve").env("HAMGATE_LOG_LEVEL", "loud").assert().code(2);
}

#[test]
fn a_missing_or_unreadable_model_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let nonsense = file(&folder, "nonsense.model", "this is not a model");
    for path in [Path::new("/nowhere/some.model"), &nonsense] {
        let message = failure(hamgate().args(["serve", "--listen", "127.0.0.1:0", "--model"]).arg(path));
        assert!(message.contains(&format!("error: cannot use model `{}`\n  caused by: ", path.display())), "{message}");
        assert!(message.contains("\nhint: "), "{message}");
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let model = file(&folder, "copy.model", shipped_model_bytes());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message = failure(hamgate().args(["serve", "--listen", &address, "--model"]).arg(model));
    assert!(message.contains(&format!("error: cannot listen on `{address}`")), "{message}");
    assert!(message.contains("hint: another program has this port"), "{message}");
}

#[test]
fn the_document_is_printed_and_a_reader_may_stop_reading() {
    let output = hamgate().arg("openapi").assert().success().get_output().stdout.clone();
    let document: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert!(document["paths"]["/v1/check"].is_object());

    let program = assert_cmd::cargo::cargo_bin("hamgate");
    let mut child = std::process::Command::new(program).arg("openapi").stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_health_check_fails_when_nobody_is_there() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let message = failure(hamgate().args(["healthcheck", &format!("http://{free}/readyz")]));
    assert!(message.contains(&format!("`http://{free}/readyz` is not healthy")), "{message}");
    for url in ["https://127.0.0.1/", "not a url", "127.0.0.1:8080", "http:///x"] {
        let message = failure(hamgate().args(["healthcheck", url]));
        assert!(message.contains("is not healthy") && message.contains("hint: "), "{message}");
    }
}

#[tokio::test]
async fn the_program_serves_greets_passes_its_health_check_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let model = file(&folder, "copy.model", shipped_model_bytes());
    let mut child = tokio::process::Command::new(assert_cmd::cargo::cargo_bin("hamgate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--store"])
        .arg(folder.path().join("made/store.sqlite"))
        .arg("--model")
        .arg(&model)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let url = loop {
        let line = tokio::time::timeout(FOREVER, lines.next_line()).await.unwrap().unwrap().expect("a greeting");
        said += &line;
        if let Some(at) = line.find("http://").filter(|_| line.starts_with("Serving")) {
            break line[at..].trim().to_owned();
        }
    };
    assert!(said.contains("copy.model"), "{said}");
    for expected in ["Whoever reaches this address may ask", "Try it", &format!("curl -s '{url}/v1/check")] {
        let line = tokio::time::timeout(FOREVER, lines.next_line()).await.unwrap().unwrap().unwrap();
        assert!(line.contains(expected), "{line}");
    }
    assert!(folder.path().join("made/store.sqlite").exists());

    let answer = reqwest::Client::new().post(format!("{url}/v1/check")).body(HAM).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let health = format!("{url}/readyz");
    let listen = url.trim_start_matches("http://").to_owned();
    tokio::task::spawn_blocking(move || {
        hamgate().args(["healthcheck", &health]).assert().success();
        hamgate().arg("healthcheck").env("HAMGATE_LISTEN", listen).assert().success();
        let wrong = health.replace("readyz", "nowhere");
        assert!(failure(hamgate().args(["healthcheck", &wrong])).contains("404"));
    })
    .await
    .unwrap();

    let pid = child.id().unwrap().to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    let status = tokio::time::timeout(FOREVER, child.wait()).await.expect("it ends").unwrap();
    assert!(status.success());
}
