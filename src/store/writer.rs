//! The one task that writes.
//!
//! Everything that changes the store passes its queue, in order: so a correction finds every decision that was
//! remembered before it, and nobody but this task ever waits for the disk or for a lock. It collects for a tenth of a
//! second and writes what came as one transaction; as soon as somebody waits for an answer, it writes at once.
//!
//! When a write fails, whoever waits is told so, and decisions stay to be tried again until it works. What the database
//! will never take is found by writing one by one, so that it keeps nothing else from being written.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::clock::now;
use crate::store::connection::query;
use crate::store::decisions::{self, Decided};
use crate::store::error::StoreError;
use crate::store::feed;
use crate::store::health::{Shared, StoreState};
use crate::store::keys;
use crate::store::listener::Listener;
use crate::store::retention::{self, Bounds, Swept};
use crate::store::schema::{Database, no_answer};
use crate::store::transaction::{News, Transaction};

/// A decision is written at most so long after it was remembered, as long as the disk keeps up.
const LINGER: Duration = Duration::from_millis(100);

/// So many messages at most are written as one transaction to a file.
const BATCH: usize = 256;

/// So many to a server, where each question takes the time of journeys there and back.
const SERVER_BATCH: usize = 64;

/// So long at least a server may take for what it is asked, however little whoever asks is willing to wait.
const LEAST_SERVER_PATIENCE: Duration = Duration::from_secs(10);

/// The pause before a failed write is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// How often is looked at what another process may have changed: keys, labels, models.
const REFRESH: Duration = Duration::from_secs(1);

/// How often the writer looks for what may go.
const TIDY: Duration = Duration::from_secs(60);

/// The pause before is tried again what a reader was in the way of. The writer waits for them as long as for a lock.
const HINDERED: Duration = Duration::from_secs(5);

/// Something to do that changes the store.
pub(super) trait Work: Send + Sync + 'static {
    /// What whoever asked for it is told.
    type Answer: Send;

    /// Whether comments that are there already may be changed or deleted.
    fn changes(&self) -> bool {
        false
    }

    /// Does it, as part of a transaction.
    ///
    /// An error without a kind refuses this and nothing else; until then, nothing may have been written.
    fn apply(&self, transaction: &mut Transaction<'_>)
    -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;

    /// Counts it, once it is committed.
    fn committed(&self, _: &Self::Answer, _: &Shared) {}
}

/// [`Work`] that somebody waits for.
pub(super) trait Ask: Send {
    fn changes(&self) -> bool;

    fn apply<'a>(&'a mut self, transaction: &'a mut Transaction<'_>) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Tells the one who asked what came of it. If they left, it is stored all the same.
    fn answer(self: Box<Self>, written: Result<(), &StoreError>, shared: &Shared);

    /// Whether the one who asked has stopped waiting.
    fn is_abandoned(&self) -> bool;
}

struct Asked<W: Work> {
    work: W,
    outcome: Option<Result<W::Answer, StoreError>>,
    reply: oneshot::Sender<Result<W::Answer, StoreError>>,
}

impl<W: Work> Ask for Asked<W> {
    fn changes(&self) -> bool {
        self.work.changes()
    }

    fn apply<'a>(&'a mut self, transaction: &'a mut Transaction<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            match self.work.apply(transaction).await {
                Err(error) if error.kind().is_some() => Err(error),
                outcome => {
                    self.outcome = Some(outcome);
                    Ok(())
                }
            }
        })
    }

    fn answer(self: Box<Self>, written: Result<(), &StoreError>, shared: &Shared) {
        let outcome = match (written, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Closed),
            (Err(error), _) => Err(error.clone()),
        };
        if let Ok(answer) = &outcome {
            self.work.committed(answer, shared);
        }
        let _ = self.reply.send(outcome);
    }

    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }
}

/// Nothing; but everything before it is committed when it is answered.
pub(super) struct Flush;

impl Work for Flush {
    type Answer = ();

    async fn apply(&self, _: &mut Transaction<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What the writer is asked to do.
pub(super) enum Message {
    /// Nobody waits for it. It takes so many bytes of the queue.
    Remember(Box<Decided>, usize),
    /// Somebody waits for it.
    Ask(Box<dyn Ask>),
    /// Write what is pending and end.
    Close(oneshot::Sender<()>),
}

/// What is asked of a server is given up after a while: it may have gone without a word. SQLite is waited for.
async fn in_time<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match patience {
        Some(patience) => timeout(patience, work).await.unwrap_or_else(|_| Err(no_answer(patience))),
        None => work.await,
    }
}

impl Message {
    /// A question, and where its answer will come.
    pub fn ask<W: Work>(work: W) -> (Self, oneshot::Receiver<Result<W::Answer, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Message::Ask(Box::new(Asked { work, outcome: None, reply })), answer)
    }

    fn is_abandoned(&self) -> bool {
        matches!(self, Message::Ask(ask) if ask.is_abandoned())
    }
}

/// The task.
pub(super) struct Writer {
    database: Database,
    queue: mpsc::Receiver<Message>,
    shared: Arc<Shared>,
    bounds: Option<Bounds>,
    /// What came and is not written yet, in order. [`Shared`] bounds the decisions in it.
    waiting: VecDeque<Message>,
    closing: Option<oneshot::Sender<()>>,
    /// What [`feed::numbers`] said last.
    numbers: (i64, i64),
    next_refresh: Instant,
    next_tidy: Instant,
    /// Whether something was deleted whose room is not given back yet.
    littered: bool,
    /// Whether it was said that the bound on the size cannot be kept.
    stuck: bool,
    /// How long a server is waited for; a file is waited for in any case.
    patience: Option<Duration>,
    /// Gives room back, on a server.
    sweeping: Option<JoinHandle<()>>,
    _listener: Option<Listener>,
}

impl Writer {
    /// A writer with its work before it.
    pub fn new(
        database: Database,
        queue: mpsc::Receiver<Message>,
        shared: Arc<Shared>,
        bounds: Option<Bounds>,
        numbers: (i64, i64),
        patience: Duration,
    ) -> Self {
        let now = Instant::now();
        let (next_refresh, next_tidy) = (now + REFRESH, now);
        let patience = database.server().map(|_| patience.max(LEAST_SERVER_PATIENCE));
        let listener = database.server().and_then(|opening| Listener::start(opening, &shared));
        Writer {
            database,
            queue,
            shared,
            bounds,
            waiting: VecDeque::new(),
            closing: None,
            numbers,
            next_refresh,
            next_tidy,
            littered: false,
            stuck: false,
            patience,
            sweeping: None,
            _listener: listener,
        }
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
        // While writing fails, decisions are taken out of the way of questions, which are answered at once.
        while failing || self.waiting.len() < BATCH {
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
                    self.waiting.push_back(Message::Ask(ask));
                    self.take_what_is_there();
                    return true;
                }
                Some(decision) => self.waiting.push_back(decision),
            }
            if !lingers {
                until = Instant::now() + LINGER;
                lingers = true;
            }
        }
        true
    }

    fn take_what_is_there(&mut self) {
        while self.closing.is_none() {
            match self.queue.try_recv() {
                Ok(Message::Close(reply)) => self.closing = Some(reply),
                Ok(message) => self.waiting.push_back(message),
                Err(_) => return,
            }
        }
    }

    /// Writes what waits and answers. What failed and nobody waits for goes on waiting.
    async fn write(&mut self) -> Result<(), StoreError> {
        self.waiting.retain(|message| !message.is_abandoned());
        let most = if self.patience.is_some() { SERVER_BATCH } else { BATCH };
        let mut must_try = self.shared.state() != StoreState::Ready;
        while must_try || !self.waiting.is_empty() {
            must_try = false;
            let mut batch: Vec<Message> = self.waiting.drain(..self.waiting.len().min(most)).collect();
            match self.commit(&mut batch).await {
                Ok(news) => {
                    self.shared.wrote(Ok(()));
                    self.answer(batch, news).await;
                }
                Err(StoreError::Rejected(_)) if !batch.is_empty() => self.write_one_by_one(batch).await?,
                Err(error) => {
                    self.shared.wrote(Err(&error));
                    self.take_back(batch, &error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Writes each message of a batch by itself. What the database does not take is given up.
    async fn write_one_by_one(&mut self, batch: Vec<Message>) -> Result<(), StoreError> {
        let mut batch = VecDeque::from(batch);
        while let Some(message) = batch.pop_front() {
            let mut alone = vec![message];
            match self.commit(&mut alone).await {
                Ok(news) => {
                    self.shared.wrote(Ok(()));
                    self.answer(alone, news).await;
                }
                Err(error @ StoreError::Rejected(_)) => {
                    self.shared.refused(&error);
                    self.give_up(alone, &error);
                }
                Err(error) => {
                    self.shared.wrote(Err(&error));
                    alone.extend(batch);
                    self.take_back(alone, &error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Tells everybody who waits that it did not work; decisions are lost.
    fn give_up(&self, batch: Vec<Message>, error: &StoreError) {
        for message in batch {
            match message {
                Message::Remember(_, bytes) => {
                    self.shared.left_queue(bytes);
                    self.shared.lost.fetch_add(1, Relaxed);
                    tracing::warn!("The database does not take a decision, which is lost");
                }
                Message::Ask(ask) => ask.answer(Err(error), &self.shared),
                Message::Close(_) => {}
            }
        }
    }

    /// Writes a batch as one transaction.
    async fn commit(&mut self, batch: &mut [Message]) -> Result<News, StoreError> {
        self.database.require().await?;
        let written = in_time(self.patience, self.write_within(batch)).await;
        if let Err(error) = &written {
            self.database.note(error);
            if !matches!(error, StoreError::Unreachable(_)) {
                // SQLite may have rolled back already, on a full disk for instance; then this fails, and there is nothing to do.
                // A server that does not even do that is given up.
                let rollback = query("ROLLBACK").execute(&mut self.database.connection);
                if in_time(self.patience, rollback).await.is_err() {
                    self.database.lose();
                }
            }
        }
        written
    }

    async fn write_within(&mut self, batch: &mut [Message]) -> Result<News, StoreError> {
        let changes = batch.iter().any(|message| matches!(message, Message::Ask(ask) if ask.changes()));
        let mut transaction = Transaction::begin(&mut self.database.connection, changes).await?;
        let mut remembered = Vec::new();
        for message in batch {
            match message {
                Message::Remember(decided, _) => remembered.push(&**decided),
                Message::Ask(ask) => {
                    // It may be about one of them.
                    decisions::insert_all(&mut transaction, &std::mem::take(&mut remembered)).await?;
                    ask.apply(&mut transaction).await?;
                }
                Message::Close(_) => {}
            }
        }
        decisions::insert_all(&mut transaction, &remembered).await?;
        if self.shared.state() != StoreState::Ready {
            // Without this a transaction of nothing would look like a disk that can be written.
            query("UPDATE probe SET tries = tries + 1").execute(transaction.connection).await?;
        }
        transaction.commit().await
    }

    /// Tells everybody who waits what was committed.
    async fn answer(&mut self, batch: Vec<Message>, news: News) {
        if news.keys {
            self.refresh().await;
        }
        if news.erased {
            self.littered = true;
            self.shared.remains.store(self.database.server().is_none(), Relaxed);
            self.next_tidy = Instant::now();
        }
        if news.learning {
            self.shared.changed();
        }
        for message in batch {
            match message {
                Message::Remember(_, bytes) => {
                    self.shared.remembered.fetch_add(1, Relaxed);
                    self.shared.left_queue(bytes);
                }
                Message::Ask(ask) => ask.answer(Ok(()), &self.shared),
                Message::Close(_) => {}
            }
        }
    }

    /// Tells everybody who waits that it did not work; decisions wait on, in their order.
    fn take_back(&mut self, batch: Vec<Message>, error: &StoreError) {
        for message in batch.into_iter().rev() {
            self.waiting.push_front(message);
        }
        for message in std::mem::take(&mut self.waiting) {
            match message {
                Message::Ask(ask) => ask.answer(Err(error), &self.shared),
                message => self.waiting.push_back(message),
            }
        }
    }

    /// What is done from time to time.
    async fn tend(&mut self) {
        let now = Instant::now();
        if now >= self.next_refresh {
            // So that it is known before somebody needs it.
            match self.database.require().await {
                Ok(()) => self.refresh().await,
                Err(error) => self.shared.wrote(Err(&error)),
            }
            self.next_refresh = now + REFRESH;
        }
        if now >= self.next_tidy && self.shared.state() == StoreState::Ready {
            self.next_tidy = now + self.tidy().await;
        }
    }

    /// Reads anew what others may have changed. While that fails, keys that were valid stay valid.
    async fn refresh(&mut self) {
        if let Err(error) = in_time(self.patience, self.read_anew()).await {
            self.database.note(&error);
            match error {
                StoreError::Unreachable(_) => self.shared.wrote(Err(&error)),
                error => self.shared.refused(&error),
            }
        }
    }

    async fn read_anew(&mut self) -> Result<(), StoreError> {
        let ring = keys::ring(&mut self.database.connection).await?;
        if *self.shared.keys() != ring {
            self.shared.keyring.store(Arc::new(ring));
        }
        let numbers = feed::numbers(&mut self.database.connection).await?;
        if self.numbers != numbers {
            self.numbers = numbers;
            self.shared.changed();
        }
        Ok(())
    }

    /// Lets go what may go; tells after what pause to look again.
    async fn tidy(&mut self) -> Duration {
        let mut more = false;
        if let Some(bounds) = self.bounds {
            let step = retention::step(&mut self.database.connection, bounds, now());
            match in_time(self.patience, step).await {
                Ok(step) => {
                    self.shared.bytes.store(step.bytes, Relaxed);
                    more = step.gone > 0;
                    self.littered |= more;
                    if step.stuck && !self.stuck {
                        tracing::warn!(
                            bytes = step.bytes,
                            limit = bounds.bytes,
                            "The store takes more than --store-limit-mib, and what is left was corrected, is a model, or came \
                             within a day; it stays"
                        );
                    }
                    self.stuck = step.stuck;
                }
                Err(error) => {
                    self.database.note(&error);
                    self.shared.wrote(Err(&error));
                }
            }
            // Of a file, a service clears away what commands left that had no time for it, or a reader in their way.
            self.littered |= self.database.server().is_none();
        }
        let swept = if self.littered { self.sweep(more).await } else { Swept::Clean };
        match swept {
            _ if more => LINGER,
            Swept::More => LINGER,
            Swept::Hindered => HINDERED,
            Swept::Clean => TIDY,
        }
    }

    /// Gives room back; on a server when there is no more to delete, and beside the writer, because it may take long.
    async fn sweep(&mut self, more: bool) -> Swept {
        let Some(opening) = self.database.server() else {
            // An error is a lock of somebody else, or will be known by the next write.
            let swept = retention::give_back(&mut self.database.connection).await.unwrap_or(Swept::Hindered);
            self.littered = swept != Swept::Clean;
            if swept != Swept::Hindered {
                self.shared.remains.store(false, Relaxed);
            }
            return swept;
        };
        if more || self.sweeping.as_ref().is_some_and(|sweeping| !sweeping.is_finished()) {
            return Swept::Clean;
        }
        let opening = opening.clone();
        self.littered = false;
        self.sweeping = Some(tokio::spawn(async move {
            if let Ok(mut connection) = opening.connect().await {
                // The server does it sooner or later by itself.
                let _ = retention::give_back(&mut connection).await;
                let _ = connection.close().await;
            }
        }));
        Swept::Clean
    }

    /// Gives back what can be before the end. A service does not wait for a server: the next one, or the server itself, does
    /// it. A command has the time.
    async fn sweep_at_the_end(&mut self) {
        let is_command = self.bounds.is_none();
        if self.database.server().is_none() {
            while self.littered && self.sweep(false).await == Swept::More && is_command {}
        } else if is_command {
            if self.littered {
                self.sweep(false).await;
            }
            if let (Some(sweeping), Some(patience)) = (self.sweeping.take(), self.patience) {
                // It cannot panic, and nobody aborts it.
                let _ = timeout(patience, sweeping).await;
            }
        }
    }

    /// Writes what is pending, once, and closes the database.
    async fn finish(mut self) {
        self.queue.close();
        loop {
            self.take_what_is_there_although_closing();
            if self.waiting.is_empty() || self.write().await.is_err() {
                break;
            }
        }
        let unwritten = self.shared.queued.load(Relaxed);
        if unwritten > 0 {
            self.shared.lost.fetch_add(unwritten as u64, Relaxed);
            tracing::warn!(decisions = unwritten, "The store could not be written before the end; decisions are lost");
        }
        self.sweep_at_the_end().await;
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
