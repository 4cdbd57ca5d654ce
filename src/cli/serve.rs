//! `hamgate serve`: configuration, model, server, signals.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Failure;
use crate::config::{ServeConfig, ServeOptions};
use crate::http::Server;
use crate::model::Classifier;
use crate::moderator::Moderator;
use crate::telemetry::{self, LogFormat};
use crate::verdict::ModelId;

/// Serves until a signal says otherwise.
pub fn run(options: &ServeOptions) -> Result<(), Failure> {
    let config = configure(options)?;
    if options.print_config {
        return print(&config);
    }
    telemetry::init(config.log_format, config.log_level).context("cannot start logging")?;
    let classifier = load(config.model.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.threads.get())
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let served = runtime.block_on(serve(&config, classifier));
    // Whatever a cut connection was doing, nobody waits for it.
    runtime.shutdown_background();
    served
}

fn configure(options: &ServeOptions) -> Result<ServeConfig, Failure> {
    options.resolve().map_err(|error| {
        let hint = error.hint();
        Failure::from(anyhow::Error::new(error).context("cannot configure the service")).with_hint(hint)
    })
}

fn print(config: &ServeConfig) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    write!(out, "{}", config.to_toml()?).and_then(|()| out.flush()).context("cannot write to stdout")?;
    Ok(())
}

fn load(model: Option<&Path>) -> Result<Classifier, Failure> {
    let Some(path) = model else {
        return Ok(Classifier::embedded());
    };
    Classifier::read_file(path).map_err(|error| {
        let hint = error.hint();
        let error = anyhow::Error::new(error).context(format!("cannot use model `{}`", path.display()));
        Failure::from(error).with_hint(hint)
    })
}

async fn serve(config: &ServeConfig, classifier: Classifier) -> Result<(), Failure> {
    let model = classifier.id().clone();
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let server = Server::bind(config, Moderator::new(classifier), None).await.map_err(|error| {
        let hint = error.hint();
        Failure::from(error).with_hint(hint)
    })?;
    let address = server.address();
    tracing::info!(%address, %model, "Hamgate {} listens", env!("CARGO_PKG_VERSION"));
    if config.log_format == LogFormat::Text {
        greet(address, &model, config.model.as_deref());
    }
    let ended = server
        .run_until(async {
            let signal = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal, "Shutting down; requests in flight are finished");
        })
        .await;
    match ended.cut {
        0 => tracing::info!("Stopped"),
        cut => tracing::warn!(connections = cut, "Stopped; connections that did not end in time were cut"),
    }
    Ok(())
}

/// Tells a person at a terminal what to do next. If even stderr is closed, nobody is there.
fn greet(address: SocketAddr, model: &ModelId, path: Option<&Path>) {
    let origin = path.map_or("embedded".to_owned(), |path| format!("from `{}`", path.display()));
    let _ = writeln!(
        std::io::stderr(),
        "Serving model {model} ({origin}) on http://{address}\n\
         Try it:\n  \
         curl -s 'http://{reachable}/v1/check?explain=true' -H 'Content-Type: application/json' -d '{{\"content\":\"Thank you, this helped me a lot!\"}}'",
        reachable = reachable(address),
    );
}

/// An address this machine can call: a server that listens everywhere also listens at home.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, v4.port())),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port())),
        address => address,
    }
}
