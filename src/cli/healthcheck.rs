//! `hamgate healthcheck`: is the service ready? For containers, which have no other HTTP client.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::cli::Failure;
use crate::cli::serve::reachable;

/// A service that takes longer than this is not healthy.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which service to ask.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Address to ask
    ///
    /// Default: /readyz of the service on this machine, at the port of HAMGATE_LISTEN or else 8080. Anything but an
    /// answer of 200 within 3 seconds is a failure (exit code 1). Only http:// is spoken.
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Where the service listens, if not asked by URL
    #[arg(long, env = "HAMGATE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080", hide = true)]
    listen: SocketAddr,
}

/// Asks, and fails if the answer is not the right one.
pub fn run(options: &Options) -> Result<(), Failure> {
    let url = options.url.clone().unwrap_or_else(|| format!("http://{}/readyz", reachable(options.listen)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(&url)).await });
    let answered = asked.unwrap_or_else(|_| Err(anyhow!("there was no answer within {} s", PATIENCE.as_secs())));
    let outcome = answered.with_context(|| format!("`{url}` is not healthy")).map_err(|error| {
        Failure::from(error)
            .with_hint("is `hamgate serve` running there? The URL looks like http://127.0.0.1:8080/readyz")
    });
    // A name being looked up cannot be interrupted; it is left behind.
    runtime.shutdown_background();
    outcome
}

async fn ask(url: &str) -> anyhow::Result<()> {
    let url: Uri = url.parse().context("this is not a URL")?;
    ensure!(url.scheme_str() == Some("http"), "only http:// is spoken");
    let authority = url.authority().context("there is no host in it")?.clone();
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.context("cannot connect")?;
    let (mut client, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(url.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority.as_str())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let driver = tokio::spawn(connection);
    let response = client.send_request(request).await.context("there was no answer")?;
    driver.abort();
    match response.status() {
        StatusCode::OK => Ok(()),
        status => bail!("the answer was {status}"),
    }
}
