use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use assert_cmd::Command;
use hamgate::config::ServeConfig;
use hamgate::http::{App, Parts, Server, routes};
use hamgate::store::{Store, StoreOptions};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::support::{FOREVER, HAM, TestServer, config, shipped_model};

/// The program with a store in a folder of its own, and nothing of this test's own environment.
struct Program {
    folder: TempDir,
}

impl Program {
    fn new() -> Self {
        Program { folder: tempfile::tempdir().unwrap() }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store.sqlite")
    }

    fn command(&self) -> Command {
        let mut command = Command::cargo_bin("hamgate").unwrap();
        command.env_clear().env("HAMGATE_STORE", self.store());
        command
    }

    fn add(&self, site: &str) -> String {
        let output = self.command().args(["key", "add", site]).assert().success().get_output().clone();
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    }

    fn list(&self) -> String {
        let output = self.command().args(["key", "list"]).assert().success().get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    }

    fn failure(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).assert().code(1).get_output().clone();
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }

    /// Starts the service and returns it with its address.
    async fn serve(&self, arguments: &[&str]) -> (Child, String) {
        let mut child = tokio::process::Command::new(assert_cmd::cargo::cargo_bin("hamgate"))
            .env_clear()
            .env("HAMGATE_STORE", self.store())
            .args(["serve", "--log-format", "json"])
            .args(arguments)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = tokio::time::timeout(FOREVER, lines.next_line()).await.unwrap().unwrap().expect("a line");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let address = line["address"].as_str().unwrap_or_else(|| panic!("{line}"));
        (child, address.to_owned())
    }
}

/// The status of a check with a key.
async fn status(address: &str, key: Option<&str>) -> u16 {
    let request = reqwest::Client::new().post(format!("http://{address}/v1/check")).body(HAM);
    let request = match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    };
    request.send().await.unwrap().status().as_u16()
}

async fn until_status(address: &str, key: Option<&str>, expected: u16) {
    let waiting = async {
        while status(address, key).await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(FOREVER, waiting).await.expect("the status in time");
}

#[test]
fn a_key_is_shown_once_listed_without_itself_and_revoked() {
    let program = Program::new();
    let first = program.add("https://www.Example.org/Blog/");
    let second = program.add("example.com");
    for key in [&first, &second] {
        assert!(key.len() == 12 && key.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{key}");
    }
    program.command().args(["key", "revoke", "1"]).assert().success();
    let list = program.list();
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["site", "id", "made", "revoked"]);
    assert_eq!(rows[1][..2], ["example.org/blog", "1"]);
    assert_eq!(rows[1][2], rows[1][3], "it was made and revoked on one day");
    assert_eq!((rows[2][..2].to_vec(), rows[2][3]), (vec!["example.com", "2"], "–"));
    assert!(!list.contains(&first) && !list.contains(&second));
    for path in std::fs::read_dir(program.folder.path()).unwrap() {
        let bytes = std::fs::read(path.unwrap().path()).unwrap();
        assert!(!bytes.windows(12).any(|window| window == first.as_bytes() || window == second.as_bytes()));
    }
}

#[test]
fn what_cannot_be_done_with_keys_is_said_with_the_remedy() {
    let program = Program::new();
    for arguments in [&["key", "list"][..], &["key", "revoke", "7"]] {
        let message = program.failure(arguments);
        assert!(message.contains("there is no store at") && message.contains("`hamgate key add`"), "{message}");
    }
    program.add("blog.example");
    let message = program.failure(&["key", "revoke", "7"]);
    assert!(message.contains("cannot revoke the key") && message.contains("hint: `hamgate key list`"), "{message}");
    let message = program.failure(&["key", "list", "--store", "none"]);
    assert!(message.contains("there is none") && message.contains("--store"), "{message}");
    std::fs::write(program.store(), "no database".repeat(1000)).unwrap();
    let message = program.failure(&["key", "list"]);
    assert!(message.contains("cannot open the store `") && message.contains("no SQLite database"), "{message}");
    assert!(message.contains("\nhint: "), "{message}");
    program.command().args(["key", "add", "not a site"]).assert().code(2);
    program.command().args(["key", "list", "--store", "mysql://x/y"]).assert().code(2);
}

#[test]
fn where_strangers_may_come_the_service_starts_only_with_keys_or_the_explicit_word() {
    let program = Program::new();
    let message = program.failure(&["serve", "--listen", "0.0.0.0:0"]);
    assert!(message.contains("there are no keys") && message.contains("hamgate key add SITE"), "{message}");
    assert!(message.contains("--open"), "{message}");
    let message = program.failure(&["serve", "--listen", "[::]:0", "--store", "none"]);
    assert!(message.contains("keys need a store"), "{message}");
    let message = program.failure(&["serve", "--listen", "0.0.0.0:0", "--open=false"]);
    assert!(message.contains("there are no keys"), "{message}");
}

#[test]
fn without_a_home_the_service_asks_for_a_place() {
    let message = Program::new().command();
    let output = { message }.env_remove("HAMGATE_STORE").args(["serve", "--listen", "127.0.0.1:0"]).assert().code(1);
    let message = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(message.contains("no home folder") && message.contains("--store none"), "{message}");
}

#[test]
fn the_store_lies_where_its_user_keeps_data() {
    let program = Program::new();
    let folder = program.folder.path();
    let print = |name: &str| {
        let mut command = program.command();
        command.env_remove("HAMGATE_STORE").env(name, folder).args(["serve", "--print-config"]);
        let output = command.assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap().parse::<toml::Table>().unwrap()["store"].as_str().unwrap().to_owned()
    };
    assert_eq!(print("XDG_DATA_HOME"), format!("sqlite:{}/hamgate/hamgate.sqlite", folder.display()));
    assert_eq!(print("HOME"), format!("sqlite:{}/.local/share/hamgate/hamgate.sqlite", folder.display()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_service_sees_keys_come_and_go() {
    let program = Program::new();
    let (_child, address) = program.serve(&["--listen", "127.0.0.1:0"]).await;
    assert_eq!(status(&address, None).await, 200, "it is open as long as there are no keys");
    let key = program.add("example.org");
    until_status(&address, None, 401).await;
    assert_eq!(status(&address, Some(&key)).await, 200);
    assert_eq!(status(&address, Some("000000000000")).await, 401);
    let other = program.add("example.com");
    until_status(&address, Some(&other), 200).await;
    program.command().args(["key", "revoke", "1"]).assert().success();
    until_status(&address, Some(&key), 401).await;
    assert_eq!(status(&address, Some(&other)).await, 200);
}

/// The status of a check by routes that are served nowhere, as if strangers could reach them.
async fn status_of_routes(open: bool, store: &Store, key: &str) -> u16 {
    let config = ServeConfig { listen: "192.0.2.1:8080".parse().unwrap(), open, ..config() };
    let routes = routes(&App::new(&config, Parts::new(shipped_model()).with_store(store.clone())));
    let request = warp::test::request().method("POST").path("/v1/check").body(HAM);
    request.header("authorization", format!("Bearer {key}")).reply(&routes).await.status().as_u16()
}

#[tokio::test]
async fn revoking_the_last_key_never_opens_a_service_to_strangers() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s").into(), StoreOptions::default()).await.unwrap();
    let key = store.add_key(&"example.org".parse().unwrap()).await.unwrap();
    let (id, key) = (key.id(), key.reveal());
    assert_eq!(status_of_routes(false, &store, &key).await, 200);
    store.revoke_key(id).await.unwrap();
    assert_eq!(status_of_routes(false, &store, &key).await, 401);
    assert_eq!(status_of_routes(true, &store, &key).await, 200, "who said `--open` meant it");
    store.close().await;
}

#[tokio::test]
async fn verdicts_need_the_key_and_what_operators_ask_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s").into(), StoreOptions::default()).await.unwrap();
    let key = store.add_key(&"example.org".parse().unwrap()).await.unwrap().reveal();
    let config = ServeConfig { listen: "127.0.0.1:0".parse().unwrap(), ..config() };
    let server =
        TestServer::of(Server::bind(&config, Parts::new(shipped_model()).with_store(store.clone())).await.unwrap());
    for path in ["/v1/check", "/v1/check/batch"] {
        for (authorization, status) in [
            (None, 401),
            (Some("Bearer".to_owned()), 401),
            (Some(format!("Basic {key}")), 401),
            (Some(key.clone()), 401),
            (Some(format!("Bearer {}", key.to_uppercase() + "0")), 401),
            (Some(format!("Bearer {key}")), 200),
            (Some(format!("bearer {key}")), 200),
        ] {
            let mut request = server.request("POST", path).body(HAM);
            if let Some(authorization) = &authorization {
                request = request.header("authorization", authorization);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), status, "{path} {authorization:?}");
            if status == 401 {
                assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"hamgate\"");
                let problem: serde_json::Value = response.json().await.unwrap();
                assert_eq!(problem["type"], "urn:hamgate:problem:unauthorized");
                assert!(problem["detail"].as_str().unwrap().contains("hamgate key add"), "{problem}");
            }
        }
    }
    for path in ["/healthz", "/readyz", "/metrics", "/v1/model", "/openapi.json"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(server.metric("hamgate_rejected_inputs_total{kind=\"unauthorized\"}").await, 10.0);
    store.close().await;
}
