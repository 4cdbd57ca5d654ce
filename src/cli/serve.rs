//! `hamgate serve`: configuration, model, store, server, signals.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::cli::Failure;
use crate::config::{Access, ServeConfig, ServeOptions};
use crate::http::{AdminToken, Parts, Server};
use crate::learner::{Learner, ModelSource};
use crate::model::Classifier;
use crate::moderator::Moderator;
use crate::store::{Store, StoreChoice, StoreLocation, StoreOptions};
use crate::telemetry::{self, LogFormat};
use crate::verdict::ModelId;

/// The store gets so long to write what is pending, even if clients have used up the deadline.
const LEAST_TIME_TO_CLOSE: Duration = Duration::from_millis(500);

/// The service starts to listen after so long even if not everything that was learned is in service yet.
const MOST_TIME_TO_CATCH_UP: Duration = Duration::from_secs(10);

/// Serves until a signal says otherwise.
pub fn run(options: &ServeOptions) -> Result<(), Failure> {
    let config = configure(options)?;
    if options.print_config {
        return print(&config);
    }
    telemetry::init(config.log_format, config.log_level).context("cannot start logging")?;
    let source = config.model.clone().map_or(ModelSource::Embedded, ModelSource::File);
    let classifier = load(&source)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.threads.get())
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let served = runtime.block_on(serve(&config, source, classifier));
    // Whatever a cut connection was doing, nobody waits for it.
    runtime.shutdown_background();
    served
}

pub(super) fn configure(options: &ServeOptions) -> Result<ServeConfig, Failure> {
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

fn load(source: &ModelSource) -> Result<Classifier, Failure> {
    source.read().map_err(|error| {
        let hint = error.hint();
        let error = anyhow::Error::new(error);
        let error = match source {
            ModelSource::Embedded => error.context("cannot use the embedded model"),
            ModelSource::File(path) => error.context(format!("cannot use model `{}`", path.display())),
        };
        Failure::from(error).with_hint(hint)
    })
}

fn admin_token(config: &ServeConfig) -> Result<Option<AdminToken>, Failure> {
    let Some(path) = &config.admin_token_file else { return Ok(None) };
    AdminToken::read_file(path).map(Some).map_err(|error| {
        let error = anyhow::Error::new(error).context(format!("cannot use the admin token in `{}`", path.display()));
        Failure::from(error).with_hint("write one there with `openssl rand -hex 24`")
    })
}

/// Opens a store, or says which one cannot be opened and why.
pub(super) async fn open(location: &StoreLocation, options: StoreOptions) -> Result<Store, Failure> {
    Store::open(location, options).await.map_err(|error| {
        let hint = error.hint();
        let error = anyhow::Error::new(error).context(format!("cannot open the store `{}`", location.readable()));
        Failure::from(error).with_hint(hint)
    })
}

async fn open_configured(config: &ServeConfig) -> Result<Option<Store>, Failure> {
    match &config.store {
        Some(StoreChoice::At(location)) => open(location, config.store_options()).await.map(Some),
        Some(StoreChoice::None) => Ok(None),
        None => {
            let failure = Failure::from(anyhow!("there is no home folder to keep the store in"));
            Err(failure.with_hint("give a path with `--store PATH`, or `--store none`"))
        }
    }
}

/// Refuses to start where strangers may reach the port and nobody said that they may ask.
fn require_access(config: &ServeConfig, store: Option<&Store>) -> Result<Access, Failure> {
    let access = config.access(store.is_some_and(|store| !store.keys().is_empty()));
    if access != Access::Nobody {
        return Ok(access);
    }
    let failure =
        Failure::from(anyhow!("there are no keys, and others than this machine may reach `{}`", config.listen));
    Err(failure.with_hint(match store {
        Some(_) => {
            "make a key with `hamgate key add SITE` (and the same `--store`), listen on 127.0.0.1, or let whoever reaches \
             the port ask with `--open`"
        }
        None => "keys need a store: give one with `--store`, listen on 127.0.0.1, or let whoever reaches the port ask with `--open`",
    }))
}

async fn serve(config: &ServeConfig, source: ModelSource, classifier: Classifier) -> Result<(), Failure> {
    let model = classifier.id().clone();
    let store = open_configured(config).await?;
    let access = require_access(config, store.as_ref())?;
    let admin = admin_token(config)?;
    let moderator = Arc::new(Moderator::new(classifier));
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let (learner, handle) = Learner::new(source, Arc::clone(&moderator), store.clone());
    tokio::spawn(learner.run());
    // What was learned before is in service before the first comment comes.
    if !handle.learned(0, MOST_TIME_TO_CATCH_UP).await {
        tracing::warn!("Not everything that was learned is in service yet; it follows");
    }
    let reloads = handle.clone();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            // Whether it worked stands in the log.
            let _ = reloads.reload().await;
        }
    });
    let parts = Parts { moderator, store: store.clone(), learner: Some(handle), admin };
    let server = Server::bind(config, parts).await.map_err(|error| {
        let hint = error.hint();
        Failure::from(error).with_hint(hint)
    })?;
    let address = server.address();
    tracing::info!(%address, %model, key_needed = access == Access::WithKey, "Hamgate {} listens", env!("CARGO_PKG_VERSION"));
    if config.log_format == LogFormat::Text {
        greet(address, &model, config, access);
    }
    let stopping = OnceLock::new();
    let ended = server
        .run_until(async {
            let signal = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal, "Shutting down; requests in flight are finished");
            let _ = stopping.set(Instant::now());
        })
        .await;
    if let Some(store) = store {
        let used = stopping.get().map(Instant::elapsed).unwrap_or_default();
        let left = config.shutdown_deadline.duration().saturating_sub(used).max(LEAST_TIME_TO_CLOSE);
        if timeout(left, store.close()).await.is_err() {
            tracing::warn!("The store could not be closed in time; decisions of the last moments may be lost");
        }
    }
    match ended.cut {
        0 => tracing::info!("Stopped"),
        cut => tracing::warn!(connections = cut, "Stopped; connections that did not end in time were cut"),
    }
    Ok(())
}

/// Tells a person at a terminal what to do next. If even stderr is closed, nobody is there.
fn greet(address: SocketAddr, model: &ModelId, config: &ServeConfig, access: Access) {
    let origin = config.model.as_deref().map_or("embedded".to_owned(), |path| format!("from `{}`", path.display()));
    let key = if access == Access::WithKey { "-H 'Authorization: Bearer YOUR-KEY' " } else { "" };
    let who = if access == Access::WithKey {
        "Only who has a key may ask; `hamgate key add SITE` makes one."
    } else {
        "Whoever reaches this address may ask; keys (`hamgate key add SITE`) would change that."
    };
    let kept = match &config.store {
        Some(StoreChoice::At(location)) => format!("Remembers in `{}`.", location.readable()),
        _ => "Remembers nothing.".to_owned(),
    };
    let _ = writeln!(
        std::io::stderr(),
        "Serving model {model} ({origin}) on http://{address}\n\
         {who} {kept}\n\
         Try it:\n  \
         curl -s 'http://{reachable}/v1/check?explain=true' {key}-H 'Content-Type: application/json' -d '{{\"content\":\"Thank you, this helped me a lot!\"}}'",
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
