//! A server on the production path, on a port of its own.

use std::net::SocketAddr;
use std::num::NonZeroUsize;

use hamgate::config::{ServeConfig, TimeSpan};
use hamgate::http::server::{Ended, Routes};
use hamgate::http::{Parts, Server};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{FOREVER, Raw, shipped_model};

/// A running server. Dropping it stops it.
pub struct TestServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Ended>,
    client: reqwest::Client,
}

/// The default configuration, on any free port.
pub fn config() -> ServeConfig {
    ServeConfig { listen: "127.0.0.1:0".parse().unwrap(), ..ServeConfig::default() }
}

/// A duration as people write it.
pub fn span(text: &str) -> TimeSpan {
    text.parse().unwrap()
}

impl TestServer {
    pub async fn start() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: ServeConfig) -> Self {
        Self::of(Server::bind(&config, Parts::new(shipped_model())).await.unwrap())
    }

    /// Runs a server.
    pub fn of(server: Server<impl Routes>) -> Self {
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run_until(async {
            let _ = stopped.await;
        }));
        TestServer { address, stop: Some(stop), running, client: reqwest::Client::new() }
    }

    /// A server that takes so many connections, and so many from one address.
    pub async fn with_places(all: usize, from_one: usize) -> Self {
        Self::with(ServeConfig {
            max_connections: NonZeroUsize::new(all).unwrap(),
            max_connections_per_address: NonZeroUsize::new(from_one).unwrap(),
            ..config()
        })
        .await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    /// Sends `body` as JSON.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        self.post_as(path, "application/json", body).await
    }

    pub async fn post_as(&self, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = self.client.post(self.url(path)).header("content-type", media_type);
        request.body(body).send().await.unwrap()
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    /// The verdict on a comment.
    pub async fn check(&self, comment: &str) -> Value {
        let response = self.post("/v1/check", comment.to_owned()).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    /// The answers to a batch, line by line.
    pub async fn batch(&self, lines: &str) -> Vec<Value> {
        let response = self.post_as("/v1/check/batch", "application/x-ndjson", lines.to_owned()).await;
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// One number of `/metrics`, by the beginning of its line.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.unwrap();
        let line =
            text.lines().find(|line| line.starts_with(series)).unwrap_or_else(|| panic!("no {series} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Waits until so many connections are open, the one that asks included.
    pub async fn until_open_connections_are(&self, count: f64) {
        let reached = async { while self.metric("hamgate_connections_open").await != count {} };
        timeout(FOREVER, reached).await.expect("the connections are closed in time");
    }

    pub async fn connect(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// Asks the server to stop, without waiting.
    pub fn begin_stop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    /// Stops the server and tells how it ended.
    pub async fn stop(mut self) -> Ended {
        self.begin_stop();
        timeout(FOREVER, &mut self.running).await.expect("the server ends in time").unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.running.abort();
    }
}
