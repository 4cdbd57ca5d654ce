//! What is remembered: decisions, what people said of them, keys, and figures.
//!
//! A [`Store`] is a handle on a SQLite file and on the one task that writes to it. [`Store::remember`] never waits, so that
//! no verdict waits for a disk; [`Store::correct`] returns when the correction would survive a loss of power. A crash
//! loses at most the decisions of the last tenth of a second, never an acknowledged correction.
//!
//! What is kept of a comment is listed in `docs/store.md`. An IP address, a user agent and the local part of an e-mail
//! address are not among it: they do not survive parsing, see [`crate::comment`].
//!
//! Beside SQLite itself nothing is known here of files, HTTP or models. SQL is written so that other databases take it too.

mod corrections;
mod decisions;
mod error;
mod health;
mod keys;
mod location;
mod retention;
mod schema;
mod usage;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqlitePoolOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

pub use corrections::{Change, Corrected, Correction, Origin, Target};
pub use decisions::Decided;
pub use error::{ErrorKind, StoreError};
pub use health::{StoreHealth, StoreState};
pub use keys::{Key, KeyRecord, Keyring};
pub use location::{LocationError, StoreChoice, StoreLocation};
pub use usage::{Day, Month, MonthError, SiteUsage, Totals};

use crate::site::Site;
use health::Shared;
use retention::Bounds;
use schema::Database;
use writer::{Ask, Message, Reply, Writer};

/// A store that is open. Cheap to clone; every clone is the same store.
///
/// When the last clone is dropped, the writer writes what is pending and ends, if the runtime lets it;
/// [`Store::close`] makes sure.
#[derive(Clone)]
pub struct Store {
    queue: mpsc::Sender<Message>,
    queue_bytes: usize,
    patience: Duration,
    readers: SqlitePool,
    shared: Arc<Shared>,
}

/// How a store is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Whether anything goes at all: a program that only looks in leaves that to the service and its options.
    pub forgets: bool,
    /// Comments that nobody corrected go after so many days.
    pub retention_days: u32,
    /// When the tables take more than so many mebibytes, the oldest of these go before their time.
    pub limit_mib: u32,
    /// So many decisions may wait to be written; any more are lost, and counted.
    pub queue_decisions: usize,
    /// And they may take so many bytes.
    pub queue_bytes: usize,
    /// How long a lock of another process is waited for.
    pub lock_patience: Duration,
    /// How long [`Store::correct`] and its like wait for an answer.
    pub answer_patience: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            forgets: true,
            retention_days: 90,
            limit_mib: 1024,
            queue_decisions: 4096,
            queue_bytes: 16 * 1024 * 1024,
            lock_patience: Duration::from_secs(1),
            answer_patience: Duration::from_secs(3),
        }
    }
}

impl Store {
    /// Opens the store, which is made when it is not there, brings its schema up to date, and starts its writer on the
    /// current tokio runtime.
    ///
    /// # Errors
    /// When the file or its folder cannot be made, read or written, is locked, is no store, or one of a newer version.
    pub async fn open(location: &StoreLocation, options: StoreOptions) -> Result<Store, StoreError> {
        let database = Database::open(location.path(), options.lock_patience).await?;
        Self::start(database, location, options).await
    }

    async fn start(
        mut database: Database,
        location: &StoreLocation,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        let shared = Arc::new(Shared::default());
        shared.keyring.store(Arc::new(keys::ring(&mut database.connection).await?));
        shared.bytes.store(retention::bytes_in_use(&mut database.connection).await?, Relaxed);
        let bounds = options
            .forgets
            .then_some(Bounds { days: options.retention_days, bytes: u64::from(options.limit_mib) << 20 });
        let (queue, messages) = mpsc::channel(options.queue_decisions);
        tokio::spawn(Writer::new(database, messages, Arc::clone(&shared), bounds).run());
        let readers = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(options.answer_patience)
            // Not opened read-only: SQLite would refuse the settings that every connection starts with.
            .connect_lazy_with(schema::options(location.path(), options.lock_patience));
        Ok(Store { queue, queue_bytes: options.queue_bytes, patience: options.answer_patience, readers, shared })
    }

    /// Takes a decision to be written within a tenth of a second. Never waits and never fails; `false` says that too many
    /// decisions wait already and this one is lost.
    pub fn remember(&self, decided: Decided) -> bool {
        let bytes = decided.weight();
        if !self.shared.enter_queue(bytes, self.queue_bytes) {
            return false;
        }
        let taken = self.queue.try_send(Message::Remember(Box::new(decided), bytes)).is_ok();
        if !taken {
            self.shared.left_queue(bytes);
            self.shared.lost.fetch_add(1, Relaxed);
        }
        taken
    }

    /// Stores what a person says of a comment, and returns when it is safe on the disk. It finds every decision that
    /// [`Store::remember`] took before.
    ///
    /// # Errors
    /// [`StoreError::UnknownDecision`], or why it was not stored. After [`StoreError::Busy`] it may be stored yet.
    pub async fn correct(&self, correction: Correction) -> Result<Corrected, StoreError> {
        self.ask(|reply| Ask::Correct(correction, reply)).await
    }

    /// The keys that are valid. What another process changes is seen here within two seconds.
    pub fn keys(&self) -> Arc<Keyring> {
        self.shared.keys()
    }

    /// Makes a key for a site.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn add_key(&self, site: &Site) -> Result<Key, StoreError> {
        let digits = keys::draw();
        let hash = keys::hash(&digits);
        let id = self.ask(|reply| Ask::AddKey(hash, site.clone(), reply)).await?;
        Ok(Key::new(id, digits))
    }

    /// Ends the validity of a key. One that was revoked before stays so.
    ///
    /// # Errors
    /// [`StoreError::UnknownKey`], or why it cannot be stored.
    pub async fn revoke_key(&self, id: i64) -> Result<(), StoreError> {
        self.ask(|reply| Ask::RevokeKey(id, reply)).await
    }

    /// Every key there ever was, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        Ok(keys::list(&mut *self.reader().await?).await?)
    }

    /// What each site used in a month, by the days of the decisions. Sites with keys stand in it even with nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn usage(&self, month: Month) -> Result<Vec<SiteUsage>, StoreError> {
        Ok(usage::by_site(&mut *self.reader().await?, month.first_day(), month.next().first_day()).await?)
    }

    /// The figures of one site, day by day, from `first` to before `end`; days without any are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn totals(&self, site: &Site, first: Day, end: Day) -> Result<Vec<(Day, Totals)>, StoreError> {
        Ok(usage::by_day(&mut *self.reader().await?, site, first, end).await?)
    }

    /// Returns when everything that was remembered before is safe on the disk.
    ///
    /// # Errors
    /// When it is not.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(Ask::Flush).await
    }

    /// How the store is doing, without waiting for it.
    pub fn health(&self) -> StoreHealth {
        self.shared.health()
    }

    /// Writes what is pending and closes the file. Whoever asks later is told that it is closed.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_ok() {
            // If the answer never comes, the writer has ended already.
            let _ = closed.await;
        }
        self.readers.close().await;
    }

    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Ask(Box::new(ask(reply)));
        let answered = timeout(self.patience, async {
            self.queue.send(message).await.map_err(|_| StoreError::Closed)?;
            answer.await.map_err(|_| StoreError::Closed)?
        });
        answered.await.unwrap_or_else(|_| {
            let waited_ms = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
            let error = StoreError::Busy { waited_ms };
            self.shared.refused(&error);
            Err(error)
        })
    }

    async fn reader(&self) -> Result<PoolConnection<sqlx::Sqlite>, StoreError> {
        self.readers.acquire().await.map_err(|error| match error {
            sqlx::Error::PoolClosed => StoreError::Closed,
            sqlx::Error::PoolTimedOut => {
                StoreError::Busy { waited_ms: u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX) }
            }
            error => error.into(),
        })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("health", &self.health()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::{Comment, Label};

    #[tokio::test]
    async fn a_full_disk_refuses_corrections_keeps_decisions_and_is_known_to_be_full() {
        let folder = tempfile::tempdir().unwrap();
        let location = StoreLocation::from(folder.path().join("store.sqlite"));
        let mut database = Database::open(location.path(), Duration::from_secs(1)).await.unwrap();
        // SQLite says of a file at its page limit what it says of a full disk.
        sqlx::query("PRAGMA max_page_count = 1").execute(&mut database.connection).await.unwrap();
        let store = Store::start(database, &location, StoreOptions::default()).await.unwrap();
        let long = Comment::from_text("x".repeat(100_000)).unwrap();
        let target = || Target::Comment { site: "blog.example".parse().unwrap(), comment: long.clone() };
        for _ in 0..2 {
            let correction = Correction { target: target(), label: Label::Ham, origin: Origin::SubmitHam, at: 0 };
            assert_eq!(store.correct(correction).await, Err(StoreError::Full));
            assert_eq!(store.health().state, StoreState::Failing(ErrorKind::Full));
        }
        assert!(StoreError::Full.hint().contains("make room"));
        store.close().await;
    }
}
