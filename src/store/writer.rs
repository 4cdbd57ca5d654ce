//! The one task that writes.
//!
//! Everything that changes the store passes its queue, in order: so a correction finds every decision that was
//! remembered before it, and nobody but this task ever waits for the disk or for a lock. It collects for a tenth of a
//! second and writes what came as one transaction; as soon as somebody waits for an answer, it writes at once.
//!
//! When a write fails, whoever waits is told so, and decisions stay to be tried again until it works.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::Connection as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::site::Site;
use crate::store::corrections::{self, Corrected, Correction};
use crate::store::decisions::{self, Decided};
use crate::store::error::StoreError;
use crate::store::health::{Shared, StoreState};
use crate::store::keys;
use crate::store::retention::{self, Bounds};
use crate::store::schema::Database;

/// A decision is written at most so long after it was remembered, as long as the disk keeps up.
const LINGER: Duration = Duration::from_millis(100);

/// So many messages at most are written as one transaction.
const BATCH: usize = 256;

/// The pause before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How often keys are looked at, which another process may have changed.
const REFRESH: Duration = Duration::from_secs(1);

/// How often the writer looks for what may go.
const TIDY: Duration = Duration::from_secs(60);

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do.
pub(super) enum Message {
    /// Nobody waits for it. It takes so many bytes of the queue.
    Remember(Box<Decided>, usize),
    /// Somebody waits for it.
    Ask(Box<Ask>),
    /// Write what is pending and end.
    Close(oneshot::Sender<()>),
}

/// Something that is answered when it is committed.
#[expect(clippy::large_enum_variant, reason = "it is boxed as a whole")]
pub(super) enum Ask {
    /// A correction.
    Correct(Correction, Reply<Corrected>),
    /// A new key, by its checksum.
    AddKey([u8; 32], Site, Reply<i64>),
    /// The end of a key, by its id.
    RevokeKey(i64, Reply<()>),
    /// Nothing; but everything before it is committed when it is answered.
    Flush(Reply<()>),
}

/// The answer to an [`Ask`] of the same name.
enum Outcome {
    Correct(Option<Corrected>),
    AddKey(i64),
    RevokeKey(bool),
    Flush,
}

/// The task.
pub(super) struct Writer {
    database: Database,
    queue: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
    bounds: Option<Bounds>,
    batch: Vec<Message>,
    closing: Option<oneshot::Sender<()>>,
    next_refresh: Instant,
    next_tidy: Instant,
}

impl Writer {
    /// A writer with its work before it.
    pub fn new(
        database: Database,
        queue: mpsc::Receiver<Message>,
        shared: Arc<Shared>,
        bounds: Option<Bounds>,
    ) -> Self {
        let now = Instant::now();
        let (next_refresh, next_tidy) = (now + REFRESH, now);
        Writer { database, queue, shared, bounds, batch: Vec::new(), closing: None, next_refresh, next_tidy }
    }

    /// Writes until it is told to end, or nobody is left who could ask.
    pub async fn run(mut self) {
        while self.collect().await {
            // The outcome is known to everybody it concerns.
            let _ = self.write().await;
            self.tend().await;
        }
        self.finish().await;
    }

    /// Waits for something to do; `false` when there will be no more.
    async fn collect(&mut self) -> bool {
        if self.closing.is_some() {
            return false;
        }
        let failing = self.shared.state() != StoreState::Ready;
        let mut until = if failing { Instant::now() + RETRY } else { self.next_refresh.min(self.next_tidy) };
        let mut lingers = failing;
        while self.batch.len() < BATCH {
            let Ok(received) = timeout_at(until, self.queue.recv()).await else {
                return true;
            };
            match received {
                None => return false,
                Some(Message::Close(reply)) => {
                    self.closing = Some(reply);
                    return false;
                }
                Some(Message::Ask(ask)) => {
                    self.batch.push(Message::Ask(ask));
                    self.take_what_is_there();
                    return true;
                }
                Some(decision) => self.batch.push(decision),
            }
            if !lingers {
                until = Instant::now() + LINGER;
                lingers = true;
            }
        }
        if failing {
            sleep_until(until).await;
        }
        true
    }

    fn take_what_is_there(&mut self) {
        while self.batch.len() < BATCH && self.closing.is_none() {
            match self.queue.try_recv() {
                Ok(Message::Close(reply)) => self.closing = Some(reply),
                Ok(message) => self.batch.push(message),
                Err(_) => return,
            }
        }
    }

    /// Writes the batch and answers. What failed and nobody waits for stays in the batch.
    async fn write(&mut self) -> Result<(), StoreError> {
        self.batch.retain(|message| !message.is_abandoned());
        if self.batch.is_empty() && self.shared.state() == StoreState::Ready {
            return Ok(());
        }
        match self.commit().await {
            Ok(outcomes) => {
                self.shared.wrote(Ok(()));
                self.answer(outcomes).await;
                Ok(())
            }
            Err(error) => {
                self.shared.wrote(Err(&error));
                for message in self.batch.extract_if(.., |message| matches!(message, Message::Ask(_))) {
                    message.refuse(&error);
                }
                Err(error)
            }
        }
    }

    /// Writes the batch as one transaction.
    async fn commit(&mut self) -> Result<Vec<Outcome>, StoreError> {
        self.database.require_file()?;
        let written = self.write_within().await;
        if written.is_err() {
            // SQLite may have rolled back already, on a full disk for instance; then this fails, and there is nothing to do.
            let _ = sqlx::query("ROLLBACK").execute(&mut self.database.connection).await;
        }
        written
    }

    /// The transaction. Its beginning and end are statements like others: sqlx counts transactions of its own, and a rollback
    /// that SQLite made by itself would leave that count wrong for ever.
    async fn write_within(&mut self) -> Result<Vec<Outcome>, StoreError> {
        let transaction = &mut self.database.connection;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *transaction).await?;
        let mut outcomes = Vec::new();
        for message in &self.batch {
            let ask = match message {
                Message::Remember(decided, _) => {
                    decisions::insert(transaction, decided).await?;
                    continue;
                }
                Message::Ask(ask) => ask,
                Message::Close(_) => continue,
            };
            outcomes.push(match &**ask {
                Ask::Correct(correction, _) => Outcome::Correct(corrections::apply(transaction, correction).await?),
                Ask::AddKey(hash, site, _) => Outcome::AddKey(keys::insert(transaction, hash, site, now()).await?),
                Ask::RevokeKey(id, _) => Outcome::RevokeKey(keys::revoke(transaction, *id, now()).await?),
                Ask::Flush(_) => Outcome::Flush,
            });
        }
        if self.shared.state() != StoreState::Ready {
            // Without this a transaction of nothing would look like a disk that can be written.
            sqlx::query("UPDATE probe SET tries = tries + 1").execute(&mut *transaction).await?;
        }
        sqlx::query("COMMIT").execute(&mut *transaction).await?;
        Ok(outcomes)
    }

    /// Tells everybody who waits what was committed.
    async fn answer(&mut self, outcomes: Vec<Outcome>) {
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::AddKey(_) | Outcome::RevokeKey(_))) {
            self.refresh().await;
        }
        let mut outcomes = outcomes.into_iter();
        for message in self.batch.drain(..) {
            match message {
                Message::Remember(_, bytes) => {
                    self.shared.remembered.fetch_add(1, Relaxed);
                    self.shared.left_queue(bytes);
                }
                Message::Ask(ask) => {
                    if let Some(outcome) = outcomes.next() {
                        ask.answer(outcome, &self.shared);
                    }
                }
                Message::Close(_) => {}
            }
        }
    }

    /// What is done from time to time.
    async fn tend(&mut self) {
        let now = Instant::now();
        if now >= self.next_refresh {
            // So that it is known before somebody needs it.
            match self.database.require_file() {
                Ok(()) => self.refresh().await,
                Err(error) => self.shared.wrote(Err(&error)),
            }
            self.next_refresh = now + REFRESH;
        }
        if now >= self.next_tidy && self.shared.state() == StoreState::Ready {
            let more = self.tidy().await;
            self.next_tidy = now + if more { LINGER } else { TIDY };
        }
    }

    /// Reads the keys anew. While that fails, those that were valid stay valid.
    async fn refresh(&mut self) {
        if let Ok(ring) = keys::ring(&mut self.database.connection).await
            && *self.shared.keys() != ring
        {
            self.shared.keyring.store(Arc::new(ring));
        }
    }

    /// Lets go what may go; tells whether there may be more of it.
    async fn tidy(&mut self) -> bool {
        let Some(bounds) = self.bounds else { return false };
        match retention::step(&mut self.database.connection, bounds, now()).await {
            Ok(step) => {
                self.shared.bytes.store(step.bytes, Relaxed);
                step.more
            }
            Err(error) => {
                self.shared.wrote(Err(&error.into()));
                false
            }
        }
    }

    /// Writes what is pending, once, and closes the file.
    async fn finish(mut self) {
        self.queue.close();
        loop {
            self.take_what_is_there_although_closing();
            if self.batch.is_empty() || self.write().await.is_err() {
                break;
            }
        }
        let unwritten = self.shared.queued.load(Relaxed);
        if unwritten > 0 {
            self.shared.lost.fetch_add(unwritten as u64, Relaxed);
            tracing::warn!(decisions = unwritten, "The store could not be written before the end; decisions are lost");
        }
        // The transaction log is merged into the file here; if that fails, the next start does it.
        let _ = self.database.connection.close().await;
        if let Some(reply) = self.closing {
            let _ = reply.send(());
        }
    }

    fn take_what_is_there_although_closing(&mut self) {
        let closing = self.closing.take();
        self.take_what_is_there();
        self.closing = closing.or(self.closing.take());
    }
}

impl Message {
    /// Whether the one who asked has stopped waiting.
    fn is_abandoned(&self) -> bool {
        match self {
            Message::Ask(ask) => match &**ask {
                Ask::Correct(_, reply) => reply.is_closed(),
                Ask::AddKey(_, _, reply) => reply.is_closed(),
                Ask::RevokeKey(_, reply) | Ask::Flush(reply) => reply.is_closed(),
            },
            Message::Remember(..) | Message::Close(_) => false,
        }
    }

    /// Tells the one who asked that it did not work. If they left, nobody needs to know.
    fn refuse(self, error: &StoreError) {
        let Message::Ask(ask) = self else { return };
        let _ = match *ask {
            Ask::Correct(_, reply) => reply.send(Err(error.clone())).is_ok(),
            Ask::AddKey(_, _, reply) => reply.send(Err(error.clone())).is_ok(),
            Ask::RevokeKey(_, reply) | Ask::Flush(reply) => reply.send(Err(error.clone())).is_ok(),
        };
    }
}

impl Ask {
    /// Tells the one who asked what came of it. If they left, it is stored all the same.
    fn answer(self, outcome: Outcome, shared: &Shared) {
        match (self, outcome) {
            (Ask::Correct(correction, reply), Outcome::Correct(corrected)) => {
                if let Some(corrected) = corrected {
                    shared.corrected(correction.label, corrected.change);
                }
                let _ = reply.send(corrected.ok_or(StoreError::UnknownDecision));
            }
            (Ask::AddKey(_, _, reply), Outcome::AddKey(id)) => {
                let _ = reply.send(Ok(id));
            }
            (Ask::RevokeKey(_, reply), Outcome::RevokeKey(known)) => {
                let _ = reply.send(if known { Ok(()) } else { Err(StoreError::UnknownKey) });
            }
            (Ask::Flush(reply), Outcome::Flush) => {
                let _ = reply.send(Ok(()));
            }
            // Outcomes stand in the order of their questions.
            _ => {}
        }
    }
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
