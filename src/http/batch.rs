//! `POST /v1/check/batch`: a verdict for each line, in the same order, while the lines still come in.
//!
//! Input and output are streamed: memory holds one line, one chunk of input and a few chunks of answers, whatever the
//! batch's length. A bad line gets an error object with its number in its place, and the rest goes on. What ends the
//! whole batch (its limits, a slow or broken body) is an error object too, on the last line: by then the status is sent.
//! A batch that is faster than its key may be waits.
//!
//! A client must read while it sends. One that sends a long batch first and reads later fills the network's buffers,
//! and is cut off by the write timeout.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::reply::{Reply as _, Response};
use warp::{Buf, Filter, Rejection};

use crate::comment::Comment;
use crate::http::body::{self, Lines, Piece, Share};
use crate::http::check::{Asked, asked, judge, speak};
use crate::http::gate::{Client, Place};
use crate::http::metrics::Refusal;
use crate::http::problem::{Kind, Problem};
use crate::http::{App, with};
use crate::reasons::Language;
use crate::site::Site;

/// Answers are sent in pieces of about this size, and whenever there is nothing else to do.
const CHUNK_BYTES: usize = 16 * 1024;

/// Lines of so many bytes are judged before other requests get a turn: some thirty comments as people write them.
const BYTES_PER_TURN: usize = 16 * 1024;

/// The media type of the answers.
const MEDIA_TYPE: &str = "application/x-ndjson";

/// The route.
pub fn route(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("v1" / "check" / "batch")
        .and(warp::post())
        .and(asked())
        .and(warp::body::stream())
        .and(with(app))
        .then(answer)
}

async fn answer(
    asked: Asked,
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send + 'static,
    app: Arc<App>,
) -> Response {
    start(&asked, body::boxed(body), &app).unwrap_or_else(|problem| app.refuse(problem))
}

/// Starts judging and returns the head of the answer.
fn start(asked: &Asked, body: body::Body, app: &Arc<App>) -> Result<Response, Problem> {
    let caller = asked.asker.caller(app)?;
    let client = caller.client;
    let site = asked.site(caller)?;
    asked.require_json_lines()?;
    let explain = asked.explain()?;
    let batch_limit = app.config.batch_limit_bytes.get();
    body::refuse_announced(asked.length, batch_limit)?;
    let place = app.batches.admit(client).map_err(too_many)?;
    let lines = Lines::new(body, app.config.body_limit_bytes.get(), batch_limit, Share::of(&app.bodies));
    let (sender, chunks) = mpsc::channel(2);
    let batch = Batch::new(Arc::clone(app), place, site, explain, lines, sender);
    let answers = Answers { chunks, worker: Some(tokio::spawn(batch.run())), app: Arc::clone(app) };
    let mut response = warp::reply::stream(answers).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Some(language) = explain {
        speak(&mut response, language);
    }
    Ok(response)
}

/// Why a batch is not taken in.
fn too_many(why: Refusal) -> Problem {
    match why {
        Refusal::TooMany => Problem::new(Kind::Busy, "too many batches are being answered; try again later"),
        Refusal::TooManyFromOne => {
            let detail = "too many batches are being answered with this key, or from this address where no key is needed; \
                          send the next one when one of them is done";
            Problem::new(Kind::TooManyBatches, detail).with_retry_after(1)
        }
    }
}

/// The body of the answer: what the worker sends, until it is done.
struct Answers {
    chunks: mpsc::Receiver<Bytes>,
    worker: Option<JoinHandle<()>>,
    app: Arc<App>,
}

impl Stream for Answers {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(chunk) = ready!(self.chunks.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(chunk)));
        }
        let Some(worker) = &mut self.worker else {
            return Poll::Ready(None);
        };
        let outcome = ready!(Pin::new(worker).poll(cx));
        self.worker = None;
        Poll::Ready(outcome.is_err().then(|| {
            // The connection is cut, so that a batch cut short by a fault of ours never looks complete.
            self.app.metrics.panicked();
            Err(io::Error::other("the batch could not be finished"))
        }))
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.abort();
        }
    }
}

/// A batch at work.
struct Batch {
    app: Arc<App>,
    place: Place<Client>,
    site: Site,
    explain: Option<Language>,
    lines: Lines,
    sender: mpsc::Sender<Bytes>,
    unsent: Vec<u8>,
    /// Number of the last line read, counted from 1.
    line: u64,
    comments: usize,
    /// Bytes of the lines judged since other requests had a turn.
    bytes_in_turn: usize,
}

/// Why a batch ended before its last line.
enum Stop {
    /// It may not go on.
    Problem(Problem),
    /// There is nobody left to answer.
    ClientGone,
}

/// An error in the place of an answer.
#[derive(Serialize)]
struct BadLine<P> {
    line: u64,
    error: P,
}

impl Batch {
    fn new(
        app: Arc<App>,
        place: Place<Client>,
        site: Site,
        explain: Option<Language>,
        lines: Lines,
        sender: mpsc::Sender<Bytes>,
    ) -> Self {
        Batch { app, place, site, explain, lines, sender, unsent: Vec::new(), line: 0, comments: 0, bytes_in_turn: 0 }
    }

    async fn run(mut self) {
        let patience = self.app.config.batch_timeout.duration();
        let outcome = timeout(patience, self.answer_lines()).await.unwrap_or_else(|_| {
            let detail = format!("the batch was not done within {} ms; send it in parts", patience.as_millis());
            Err(Stop::Problem(Problem::new(Kind::Timeout, detail)))
        });
        if let Err(Stop::Problem(problem)) = outcome {
            self.line += 1;
            self.refuse_line(&problem);
        }
        // If the client is gone there is nobody to tell.
        let _ = self.send().await;
    }

    async fn answer_lines(&mut self) -> Result<(), Stop> {
        loop {
            match self.lines.next_here() {
                Piece::Line(json) => self.answer_line(&json).await?,
                Piece::LongLine => {
                    self.line += 1;
                    self.refuse_line(&Problem::too_large("the line", self.app.config.body_limit_bytes.get()));
                }
                Piece::More => self.fetch().await?,
                Piece::End => return Ok(()),
            }
            if self.unsent.len() >= CHUNK_BYTES {
                self.send().await?;
            }
        }
    }

    async fn answer_line(&mut self, json: &[u8]) -> Result<(), Stop> {
        if json.trim_ascii().is_empty() {
            self.line += 1;
            return Ok(());
        }
        let most = self.app.config.batch_limit_comments.get();
        if self.comments == most {
            let detail = format!("the batch has more than the limit of {most} comments; send the rest in another one");
            return Err(Stop::Problem(Problem::new(Kind::TooLarge, detail)));
        }
        while let Err(over) = self.app.rates.comment_in_batch(self.place.client()) {
            // What is answered already need not wait.
            self.send().await?;
            sleep(over.wait).await;
        }
        self.line += 1;
        self.comments += 1;
        match Comment::from_json(json) {
            Ok(comment) => self.write(&judge(&self.app, &self.site, &comment, self.explain)),
            Err(error) => self.refuse_line(&Problem::from(error)),
        }
        self.bytes_in_turn += json.len();
        if self.bytes_in_turn >= BYTES_PER_TURN {
            self.bytes_in_turn = 0;
            yield_now().await;
        }
        Ok(())
    }

    /// Waits for more lines, after sending what is there.
    async fn fetch(&mut self) -> Result<(), Stop> {
        self.send().await?;
        let patience = self.app.config.body_timeout.duration();
        let fetched = timeout(patience, self.lines.fetch()).await.unwrap_or_else(|_| Err(body::too_slow(patience)));
        fetched.map_err(Stop::Problem)
    }

    fn refuse_line(&mut self, problem: &Problem) {
        self.app.metrics.rejected(problem.kind());
        self.write(&BadLine { line: self.line, error: problem.to_json() });
    }

    fn write(&mut self, value: &impl Serialize) {
        // Writing to memory cannot fail, and neither can turning our own types into JSON.
        let _ = serde_json::to_writer(&mut self.unsent, value);
        self.unsent.push(b'\n');
    }

    async fn send(&mut self) -> Result<(), Stop> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.unsent).into();
        self.sender.send(chunk).await.map_err(|_| Stop::ClientGone)
    }
}
