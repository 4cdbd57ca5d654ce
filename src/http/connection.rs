//! One connection: its requests one after the other, each of them watched, counted and bounded in time.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use hyper::body::{self, Body, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;
use warp::http::header::{CONNECTION, HeaderMap, HeaderValue};
use warp::http::{Method, Request};
use warp::reply::Response;

use crate::http::App;
use crate::http::access::Peer;
use crate::http::akismet;
use crate::http::check::Judged;
use crate::http::endpoint::Endpoint;
use crate::http::problem::{Kind, Problem};
use crate::http::server::Routes;
use crate::http::socket::{Activity, Patience, Socket};

/// Most headers in a request, and most bytes in their names and values. They are refused with an explanation; hyper
/// refuses twice as much without one, before it becomes a request.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 16 * 1024;
const HYPER_MAX_HEADER_BYTES: usize = 2 * MAX_HEADER_BYTES;

/// hyper's buffer per connection, at most. It bounds what one connection can hold, not what a body may be.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// What the server wants of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Go on.
    Serving,
    /// Answer what is asked, and say with each answer that it is the last.
    Leaving,
    /// End what is in flight, begin nothing.
    Draining,
    /// Stop at once.
    Aborting,
}

/// Serves `stream` until either side has had enough.
pub async fn serve<R: Routes>(
    stream: TcpStream,
    peer: Peer,
    routes: R,
    app: Arc<App>,
    mut stage: watch::Receiver<Stage>,
) {
    let activity = Activity::new();
    let socket = Socket::new(stream, patience(&app), Arc::clone(&activity));
    let context = Arc::new(Connection { routes, app, peer, activity: Arc::clone(&activity) });
    let service = service_fn(|request| answer(Arc::clone(&context), request));
    let mut connection = pin!(
        http1::Builder::new()
            // The socket keeps time, see there.
            .header_read_timeout(None)
            .max_header_size(HYPER_MAX_HEADER_BYTES)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(socket), service)
    );
    loop {
        tokio::select! {
            biased;
            // How a connection ends says nothing that a response or a counter has not said already.
            _ = connection.as_mut() => return,
            changed = stage.changed() => match (changed, *stage.borrow_and_update()) {
                (Ok(()), Stage::Serving) => {}
                (Ok(()), Stage::Leaving) => activity.leave(),
                (Ok(()), Stage::Draining) => connection.as_mut().graceful_shutdown(),
                (Ok(()), Stage::Aborting) | (Err(_), _) => return,
            },
        }
    }
}

fn patience(app: &App) -> Patience {
    Patience {
        head: app.config.header_timeout.duration(),
        idle: app.config.idle_timeout.duration(),
        write: app.config.write_timeout.duration(),
    }
}

/// What the requests of a connection share.
struct Connection<R> {
    routes: R,
    app: Arc<App>,
    peer: Peer,
    activity: Arc<Activity>,
}

/// Answers one request, whatever happens.
async fn answer<R: Routes>(
    connection: Arc<Connection<R>>,
    mut request: Request<body::Incoming>,
) -> Result<hyper::Response<impl Body<Data = Bytes, Error = warp::Error>>, Infallible> {
    let begun = Instant::now();
    if connection.activity.begin_request(!request.is_end_stream()) {
        // One request, then the other connections' turn: a client with hundreds of requests in its buffer would else keep them waiting.
        yield_now().await;
    }
    let turn = Turn(Arc::clone(&connection.activity));
    let endpoint = Endpoint::at(request.uri().path());
    let method = tracing::enabled!(tracing::Level::DEBUG).then(|| request.method().clone());

    if connection.app.rates.tell_addresses_apart(endpoint) {
        request.extensions_mut().insert(connection.peer);
    }
    let mut response = match connection.refusal(&request) {
        Some(problem) => connection.app.refuse(problem),
        None => connection.route(request).await,
    };
    akismet::complete(endpoint, &mut response);
    let took = begun.elapsed();
    connection.app.metrics.responded(endpoint, response.status(), took);
    if let Some(method) = method {
        log(&method, endpoint, &response, took);
    }
    if !response.status().is_success() && !connection.activity.body_read() {
        // Nobody will read the rest, so the next request can never be found behind it.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        connection.activity.linger();
    }
    if connection.activity.leaves() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Watched { body, _turn: turn }))
}

impl<R: Routes> Connection<R> {
    /// Why a request is refused by its head alone.
    fn refusal(&self, request: &Request<body::Incoming>) -> Option<Problem> {
        if self.activity.length_given_twice() {
            let detail = "send either `Content-Length` or `Transfer-Encoding`, not both";
            return Some(Problem::new(Kind::AmbiguousLength, detail));
        }
        let headers = request.headers();
        (headers.len() > MAX_HEADERS || header_bytes(headers) > MAX_HEADER_BYTES).then(|| {
            let detail =
                format!("at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes in all are taken; send fewer");
            Problem::new(Kind::HeadersTooLarge, detail)
        })
    }

    /// Lets the routes answer. A handler that panics or takes too long is answered for.
    async fn route(&self, request: Request<body::Incoming>) -> Response {
        let patience = self.app.config.request_timeout.duration();
        let request = request.map(|body| Incoming { body, activity: Arc::clone(&self.activity) });
        // What a panic leaves half done is dropped with the future; nothing else is shared but atomics.
        let routed = AssertUnwindSafe(self.routes.call(request)).catch_unwind();
        match timeout(patience, routed).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_panic)) => {
                self.app.metrics.panicked();
                self.app.refuse(Problem::internal())
            }
            Err(_) => {
                let detail = format!("there was no answer within {} ms; try again", patience.as_millis());
                self.app.refuse(Problem::new(Kind::Busy, detail))
            }
        }
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Writes the line of a request: nothing in it was typed by a stranger.
fn log(method: &Method, endpoint: Endpoint, response: &Response, took: Duration) {
    let judged = response.extensions().get::<Judged>();
    tracing::debug!(
        method = known_method(method),
        route = endpoint.name(),
        status = response.status().as_u16(),
        duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        decision = judged.map(|judged| judged.decision),
        model = judged.map(|judged| judged.model.as_str()),
        "Answered a request"
    );
}

/// The method, if it is one of those everybody knows: a client may invent its own.
fn known_method(method: &Method) -> &'static str {
    let known = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

/// The body of a request that knows when it was read to its end.
#[derive(Debug)]
pub struct Incoming {
    body: body::Incoming,
    activity: Arc<Activity>,
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.activity.finish_body();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Marks the end of a request when the last byte of its answer is handed over, or given up on.
struct Turn(Arc<Activity>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// A body that knows when it is done.
struct Watched<B> {
    body: B,
    _turn: Turn,
}

impl<B: Body + Unpin> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
