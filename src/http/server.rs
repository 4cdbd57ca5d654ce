//! Taking connections in, and letting them go.
//!
//! warp's own server has no time-outs, no limit on connections and no end to its shutdown, so the filters are served by
//! a loop of our own on hyper. What it promises:
//!
//! * a connection over the limit is answered with 503 at once, never left waiting;
//! * each connection is one task, each request is served on its connection's task;
//! * at shutdown whoever is connected already is taken in and the listener closes; requests in flight are finished, a kept
//!   connection gets one more answer, idle ones are closed, and at the deadline what is left is cut, so that no client can
//!   keep the process alive.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{sleep, timeout};
use warp::filters::BoxedFilter;
use warp::http::Request;
use warp::reply::Response;

use crate::config::ServeConfig;
use crate::http::access::Peer;
use crate::http::akismet;
use crate::http::connection::{self, Incoming, Stage};
use crate::http::gate::{Gate, client_of};
use crate::http::metrics::Refusal;
use crate::http::problem::{Kind, Problem};
use crate::http::{App, Parts, routes};

/// A client that is turned away has so long to send something and to read why.
const REFUSAL_PATIENCE: Duration = Duration::from_millis(500);

/// So many clients at a time are waited for, so that they surely hear why they are turned away. When there are more, those
/// who came first are waited for no longer: whoever wants an answer has asked by then, and whoever wants to be in the way
/// keeps nobody else from being told.
const REFUSALS_AT_ONCE: usize = 128;

/// So many clients at a time are being told, those included who are waited for no longer. Any more are told without a task of their own, which
/// those understand whose question has arrived already; so a flood cannot take up memory and files.
const MOST_REFUSALS: usize = 2 * REFUSALS_AT_ONCE;

/// The pause after the system could not hand out a connection, which mostly means too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// So many clients, at most, are taken in after the signal to end: as many as wait at most where nobody floods.
const MOST_WAITING: usize = 1024;

/// At shutdown an idle connection stays open for so long, and half the deadline at most. A proxy keeps connections, and its
/// next request may be on the way when this end closes: it is then lost, and its sender cannot tell whether it was carried
/// out. On a connection in use a request comes within this time, and its answer says that it is the last one.
const FAREWELL: Duration = Duration::from_secs(1);

/// A server that has its address and is about to run.
#[derive(Debug)]
pub struct Server<R> {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    routes: R,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`")]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl BindError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has this port; choose another one with `--listen 127.0.0.1:PORT`"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one with `--listen`",
            io::ErrorKind::AddrNotAvailable => {
                "this machine does not have this address; `--listen 0.0.0.0:PORT` takes all"
            }
            _ => "choose another address with `--listen`",
        }
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Connections that were cut at the deadline.
    pub cut: usize,
}

impl Server<()> {
    /// Takes the address of `config` and gets ready to serve the routes of this crate.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(config: &ServeConfig, parts: Parts) -> Result<Server<impl Routes>, BindError> {
        let app = App::new(config, parts);
        let routes = routes(&app);
        Self::bind_routes(app, routes).await
    }

    /// The same for other routes, which share the limits and counters of `app`.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind_routes(
        app: Arc<App>,
        routes: BoxedFilter<(Response,)>,
    ) -> Result<Server<impl Routes>, BindError> {
        let address = app.config.listen;
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = bound.await.map_err(|source| BindError { address, source })?;
        let routes = TowerToHyperService::new(warp::service(routes));
        Ok(Server { listener, address, app, routes })
    }
}

/// What a server serves: one concrete response, and never an error.
pub trait Routes:
    Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<R> Routes for R where
    R: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

impl<R: Routes> Server<R> {
    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `signal` completes, then ends within the shutdown deadline.
    pub async fn run_until(self, signal: impl Future<Output = ()>) -> Ended {
        let deadline = self.app.config.shutdown_deadline.duration();
        let (stage, connections) = watch::channel(Stage::Serving);
        self.accept_until(signal, connections).await;
        drain(&stage, deadline).await
    }

    /// Takes connections in. The listener closes when it returns.
    async fn accept_until(self, signal: impl Future<Output = ()>, stage: watch::Receiver<Stage>) {
        let Server { listener, app, routes, .. } = self;
        let gate = Gate::new(app.config.max_connections.get(), app.config.max_connections_per_address.get());
        let mut entrance = Entrance { app, routes, stage, gate, turnstile: Turnstile::new() };
        let mut signal = std::pin::pin!(signal);
        loop {
            let accepted = tokio::select! {
                biased;
                () = signal.as_mut() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, client)) => entrance.take_in(stream, client),
                Err(error) => {
                    tracing::warn!(%error, "Cannot take a connection in");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // The system has told these clients that they are connected, and they may have asked already; closing would cut them off.
        let Ok(listener) = listener.into_std() else { return };
        for _ in 0..MOST_WAITING {
            let Ok((stream, client)) = listener.accept() else { return };
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                entrance.take_in(stream, client);
            }
        }
    }
}

/// Where connections come in.
struct Entrance<R> {
    app: Arc<App>,
    routes: R,
    stage: watch::Receiver<Stage>,
    gate: Arc<Gate<IpAddr>>,
    turnstile: Turnstile,
}

impl<R: Routes> Entrance<R> {
    /// Serves a connection, or tells it that there are too many.
    fn take_in(&mut self, stream: TcpStream, client: SocketAddr) {
        let client = client_of(client.ip());
        match self.gate.admit(client) {
            Ok(place) => {
                let (routes, app, stage) = (self.routes.clone(), Arc::clone(&self.app), self.stage.clone());
                tokio::spawn(async move {
                    app.metrics.connection_accepted();
                    // Answers are small and written at once; waiting for more would only delay them.
                    let _ = stream.set_nodelay(true);
                    connection::serve(stream, Peer(client), routes, Arc::clone(&app), stage).await;
                    app.metrics.connection_closed();
                    drop(place);
                });
            }
            Err(why) => {
                self.app.metrics.connection_refused(why);
                self.turnstile.turn_away(stream, why);
            }
        }
    }
}

/// Waits for every connection to end, for as long as `deadline` allows, and then cuts what is left.
async fn drain(stage: &watch::Sender<Stage>, deadline: Duration) -> Ended {
    stage.send_replace(Stage::Leaving);
    let farewell = FAREWELL.min(deadline / 2);
    // Every connection holds a receiver.
    if timeout(farewell, stage.closed()).await.is_ok() {
        return Ended { cut: 0 };
    }
    stage.send_replace(Stage::Draining);
    if timeout(deadline.saturating_sub(farewell), stage.closed()).await.is_ok() {
        return Ended { cut: 0 };
    }
    let cut = stage.receiver_count();
    stage.send_replace(Stage::Aborting);
    // Cutting needs a connection's task to run once. One that is deep in arithmetic ends with the runtime.
    let _ = timeout(Duration::from_secs(1), stage.closed()).await;
    Ended { cut }
}

/// Tells clients over the limit to come back.
struct Turnstile {
    /// Those who are waited for, in the order they came; dropping one ends the waiting.
    waiting: VecDeque<oneshot::Sender<Infallible>>,
    slots: Arc<Semaphore>,
}

impl Turnstile {
    fn new() -> Self {
        Turnstile { waiting: VecDeque::new(), slots: Arc::new(Semaphore::new(MOST_REFUSALS)) }
    }

    fn turn_away(&mut self, stream: TcpStream, why: Refusal) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            // Nobody is there to hear that even this failed.
            let _ = explain_at_once(stream, &refusal(why));
            return;
        };
        if self.waiting.len() >= REFUSALS_AT_ONCE {
            self.waiting.retain(|waiting| !waiting.is_closed());
        }
        if self.waiting.len() >= REFUSALS_AT_ONCE {
            self.waiting.pop_front();
        }
        let (waiting, hurry) = oneshot::channel();
        self.waiting.push_back(waiting);
        tokio::spawn(async move {
            // Nobody is there to hear that even this failed.
            let _ = explain(stream, &refusal(why), hurry).await;
            drop(slot);
        });
    }
}

/// A whole answer to a request that nobody reads. It may well be one of Akismet's: then the headers of that protocol are
/// what keeps a blog from publishing a comment that nobody judged. To all others they mean nothing.
fn refusal(why: Refusal) -> Vec<u8> {
    let detail = match why {
        Refusal::TooMany => "there are too many connections; close unused ones or try again later",
        Refusal::TooManyFromOne => "your address has too many connections; close unused ones or try again later",
    };
    Problem::new(Kind::Busy, detail).into_bytes(&akismet::undecided_lines())
}

/// Most bytes of a question that are thrown away without waiting.
const UNHEARD_BYTES: usize = 64 * 1024;

/// Sends `answer` to a client that may not have asked yet, and closes. It costs nothing that a flood of clients could use
/// up: no task, no timer, no memory. What has arrived is read first, because closing with unread input loses the answer.
fn explain_at_once(stream: TcpStream, answer: &[u8]) -> io::Result<()> {
    let mut stream = stream.into_std()?;
    let mut scratch = [0; 4096];
    let mut left = UNHEARD_BYTES;
    while left > 0
        && let Ok(count @ 1..) = stream.read(&mut scratch)
    {
        left = left.saturating_sub(count);
    }
    // A new connection's buffer has room for it.
    stream.write_all(answer)
}

/// Sends `answer` to a client as soon as it asks, and at the latest when patience ends or somebody is in a `hurry`. An answer
/// that comes before the question confuses clients, and one that is followed by closing with unread input gets lost.
async fn explain(mut stream: TcpStream, answer: &[u8], mut hurry: oneshot::Receiver<Infallible>) -> io::Result<()> {
    let mut scratch = [0; 4096];
    let hurried = tokio::select! {
        biased;
        _ = timeout(REFUSAL_PATIENCE, stream.read(&mut scratch)) => false,
        _ = &mut hurry => true,
    };
    timeout(REFUSAL_PATIENCE, stream.write_all(answer)).await??;
    stream.shutdown().await?;
    if hurried {
        return Ok(());
    }
    let rest = async {
        while stream.read(&mut scratch).await? > 0 {}
        io::Result::Ok(())
    };
    tokio::select! {
        biased;
        read = timeout(REFUSAL_PATIENCE, rest) => read?,
        _ = hurry => Ok(()),
    }
}
