//! What is remembered: decisions, what people said of them, keys, and figures.
//!
//! A [`Store`] is a handle on a database, a SQLite file or one of a PostgreSQL server, and on the one task that writes to it. [`Store::remember`] never waits, so that
//! no verdict waits for a disk; [`Store::correct`] returns when the correction would survive a loss of power. A crash
//! loses at most the decisions of the last tenth of a second, never an acknowledged correction.
//!
//! What is kept of a comment is listed in `docs/store.md`. An IP address, a user agent and the local part of an e-mail
//! address are not among it: they do not survive parsing, see [`crate::comment`].
//!
//! Nothing is known here of HTTP or of what a model is. SQL is written so that it means the same on both databases.

mod connection;
mod corrections;
mod decisions;
mod erasure;
mod error;
mod feed;
mod health;
mod keys;
mod listener;
mod location;
mod models;
mod pages;
mod readers;
mod retention;
mod schema;
mod transaction;
mod usage;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

pub use corrections::{Change, Corrected, Correction, Origin, Target, Undone};
pub use decisions::Decided;
pub use erasure::Forget;
pub use error::{ErrorKind, StoreError};
pub use feed::{Changes, Relabelled};
pub use health::{StoreHealth, StoreState};
pub use keys::{Key, KeyRecord, Keyring};
pub use location::{LocationError, PostgresUrl, StoreChoice, StoreLocation};
pub use models::{InService, ModelRecord, NewModel};
pub use pages::{Kept, Labelled, OwnRows, Page, Remembered, Said, SiteOverview};
pub use usage::{Day, DayError, Moment, Month, MonthError, SiteUsage, Totals};

use crate::clock::now;
use crate::site::Site;
use crate::verdict::DecisionId;
use connection::Connection;
use corrections::Undo;
use erasure::{Erase, Found, Search};
use health::{Limits, Shared};
use keys::{AddKey, RevokeKey};
use models::Rollback;
use readers::Readers;
use retention::Bounds;
use schema::{Database, Opening};
use writer::{Flush, Message, Work, Writer};

/// So many questions may wait beside the decisions.
const QUESTIONS: usize = 1024;

/// A store that is open. Cheap to clone; every clone is the same store.
///
/// When the last clone is dropped, the writer writes what is pending and ends, if the runtime lets it;
/// [`Store::close`] makes sure.
#[derive(Clone)]
pub struct Store {
    queue: mpsc::Sender<Message>,
    patience: Duration,
    readers: Arc<Readers>,
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
        let database = Database::open(location, options.lock_patience).await?;
        Self::start(database, location, options).await
    }

    async fn start(
        mut database: Database,
        location: &StoreLocation,
        options: StoreOptions,
    ) -> Result<Store, StoreError> {
        let limits = Limits { decisions: options.queue_decisions, bytes: options.queue_bytes };
        let shared = Arc::new(Shared::new(limits));
        shared.keyring.store(Arc::new(keys::ring(&mut database.connection).await?));
        shared.bytes.store(retention::bytes_in_use(&mut database.connection).await?, Relaxed);
        let numbers = feed::numbers(&mut database.connection).await?;
        let bounds = options
            .forgets
            .then_some(Bounds { days: options.retention_days, bytes: u64::from(options.limit_mib) << 20 });
        let (queue, messages) = mpsc::channel(options.queue_decisions + QUESTIONS);
        let readers = Readers::new(Opening::new(location, options.lock_patience)?, options.answer_patience);
        let patience = options.answer_patience;
        tokio::spawn(Writer::new(database, messages, Arc::clone(&shared), bounds, numbers, patience).run());
        Ok(Store { queue, patience: options.answer_patience, readers: Arc::new(readers), shared })
    }

    /// Takes a decision to be written within a tenth of a second. Never waits and never fails; `false` says that too many
    /// decisions wait already and this one is lost.
    pub fn remember(&self, decided: Decided) -> bool {
        let bytes = decided.weight();
        if !self.shared.enter_queue(bytes) {
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
        self.ask(correction).await
    }

    /// Stores many corrections as one: all of them or none. A few hundred at a time are soon written.
    ///
    /// # Errors
    /// As [`Store::correct`].
    pub async fn correct_all(&self, corrections: Vec<Correction>) -> Result<Vec<Corrected>, StoreError> {
        self.ask(corrections).await
    }

    /// Takes back the last correction of a comment that still stands, so that its label is what it was before. Done again,
    /// it takes back the one before that.
    ///
    /// # Errors
    /// [`StoreError::UnknownDecision`], [`StoreError::NothingToUndo`], or why it cannot be stored.
    pub async fn undo(&self, decision: DecisionId, at: i64) -> Result<Undone, StoreError> {
        self.ask(Undo { decision, site: None, at }).await
    }

    /// As [`Store::undo`], for a decision of this site; one of another site is not known.
    ///
    /// # Errors
    /// As [`Store::undo`].
    pub async fn undo_of(&self, site: &Site, decision: DecisionId, at: i64) -> Result<Undone, StoreError> {
        self.ask(Undo { decision, site: Some(site.clone()), at }).await
    }

    /// How many labelled comments a site has.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn own_rows(&self, site: &Site) -> Result<OwnRows, StoreError> {
        self.read(async |connection| pages::own_rows(connection, site).await).await
    }

    /// What there is of each site.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn overview(&self) -> Result<Vec<SiteOverview>, StoreError> {
        self.read(async |connection| pages::overview(connection).await).await
    }

    /// The sites that have labelled comments.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sites(&self) -> Result<Vec<Site>, StoreError> {
        self.read(async |connection| pages::sites(connection).await).await
    }

    /// The labelled comments of a site, page by page, each with the label it had as of a number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn labelled(&self, site: &Site, as_of: i64, page: Page) -> Result<Vec<Labelled>, StoreError> {
        self.read(async |connection| pages::labelled(connection, site, as_of, page).await).await
    }

    /// The decisions on comments of a site that are remembered, trials left out, from the moment `since` on (seconds since
    /// 1970), page by page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn decisions(&self, site: &Site, since: i64, page: Page) -> Result<Vec<Remembered>, StoreError> {
        self.read(async |connection| pages::decisions(connection, site, since, page).await).await
    }

    /// Everything that is kept of comments, of one site or of all, page by page.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn export(&self, site: Option<&Site>, page: Page) -> Result<Vec<Kept>, StoreError> {
        self.read(async |connection| pages::kept(connection, site, page).await).await
    }

    /// The number of the last change of a label.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn last_change(&self) -> Result<i64, StoreError> {
        Ok(self.read(async |connection| feed::numbers(connection).await).await?.0)
    }

    /// Sums up at most `limit` changes of labels after the number `after` and up to the number `until`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn changes(&self, after: i64, until: i64, limit: u32) -> Result<Changes, StoreError> {
        self.changes_of(None, after, until, limit).await
    }

    /// The same of one site only, if one is given.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn changes_of(
        &self,
        site: Option<&Site>,
        after: i64,
        until: i64,
        limit: u32,
    ) -> Result<Changes, StoreError> {
        self.read(async |connection| feed::changes(connection, site, after, until, limit).await).await
    }

    /// Ticks when labels or models in service may have changed: at once when it happened through this handle, and within two
    /// seconds when another process did it.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shared.watch()
    }

    /// Puts a model in service, for every instance on this store, and returns its number. The last three of a site are kept.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub async fn publish(&self, model: NewModel) -> Result<i64, StoreError> {
        self.ask(model).await
    }

    /// Puts the model before the one in service back, or the shipped one where there is none. What people said until now is
    /// not learned on top of it.
    ///
    /// # Errors
    /// [`StoreError::NothingToRollBack`], or why it cannot be stored.
    pub async fn rollback(&self, site: &Site) -> Result<InService, StoreError> {
        self.ask(Rollback(site.clone())).await
    }

    /// What is in service, for each site that ever had a model of its own. Any other is judged by the shipped model, and all
    /// its labels are learned on top of that.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn in_service(&self) -> Result<Vec<InService>, StoreError> {
        self.read(async |connection| models::in_service(connection).await).await
    }

    /// The models of a site that are kept, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn models(&self, site: &Site) -> Result<Vec<ModelRecord>, StoreError> {
        self.read(async |connection| models::list(connection, Some(site)).await).await
    }

    /// The file of a model.
    ///
    /// # Errors
    /// [`StoreError::UnknownModel`], or why it cannot be read.
    pub async fn model_bytes(&self, seq: i64) -> Result<Vec<u8>, StoreError> {
        self.read(async |connection| models::bytes(connection, seq).await).await
    }

    /// How many comments [`Store::forget`] would erase.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_to_forget(&self, forget: Forget) -> Result<u64, StoreError> {
        let search = Search::new(forget);
        let (mut count, mut next) = (0, Some(0));
        while let Some(after) = next {
            let found = self.search(&search, after).await?;
            count += found.seqs.len() as u64;
            next = found.next;
        }
        Ok(count)
    }

    /// Erases comments, with or without a label, and all that was said of them; returns how many. Figures stay. A model that
    /// learned from them knows them until the next training.
    ///
    /// # Errors
    /// When the store cannot be read or written; some of them may be gone then.
    pub async fn forget(&self, forget: Forget) -> Result<u64, StoreError> {
        // What was decided a moment ago goes, too.
        self.flush().await?;
        let search = Search::new(forget);
        let (mut count, mut next) = (0, Some(0));
        while let Some(after) = next {
            let found = self.search(&search, after).await?;
            if !found.seqs.is_empty() {
                count += self.ask(Erase(found.seqs)).await?;
            }
            next = found.next;
        }
        Ok(count)
    }

    async fn search(&self, search: &Search, after: i64) -> Result<Found, StoreError> {
        self.read(async |connection| search.step(connection, after).await).await
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
        let id = self.ask(AddKey { hash, site: site.clone(), at: now() }).await?;
        Ok(Key::new(id, digits))
    }

    /// Ends the validity of a key. One that was revoked before stays so.
    ///
    /// # Errors
    /// [`StoreError::UnknownKey`], or why it cannot be stored.
    pub async fn revoke_key(&self, id: i64) -> Result<(), StoreError> {
        self.ask(RevokeKey { id, at: now() }).await
    }

    /// Every key there ever was, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(async |connection| keys::list(connection).await).await
    }

    /// What each site used in a month, by the days of the decisions. Sites with keys stand in it even with nothing.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn usage(&self, month: Month) -> Result<Vec<SiteUsage>, StoreError> {
        let (first, end) = (month.first_day(), month.next().first_day());
        self.read(async |connection| usage::by_site(connection, first, end).await).await
    }

    /// The figures of one site, day by day, from `first` to before `end`; days without any are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn totals(&self, site: &Site, first: Day, end: Day) -> Result<Vec<(Day, Totals)>, StoreError> {
        self.read(async |connection| usage::by_day(connection, site, first, end).await).await
    }

    /// Returns when everything that was remembered before is safe on the disk.
    ///
    /// # Errors
    /// When it is not.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.ask(Flush).await
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

    async fn ask<W: Work>(&self, work: W) -> Result<W::Answer, StoreError> {
        let (message, answer) = Message::ask(work);
        let answered = timeout(self.patience, async {
            self.queue.send(message).await.map_err(|_| StoreError::Closed)?;
            answer.await.map_err(|_| StoreError::Closed)?
        });
        answered.await.unwrap_or_else(|_| {
            let error = StoreError::busy(self.patience);
            self.shared.refused(&error);
            Err(error)
        })
    }

    async fn read<T>(
        &self,
        question: impl AsyncFnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let answer = self.readers.ask(question).await;
        if let Err(error) = &answer {
            self.shared.refused(error);
        }
        answer
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
        let mut database = Database::open(&location, Duration::from_secs(1)).await.unwrap();
        // SQLite says of a file at its page limit what it says of a full disk.
        connection::query("PRAGMA max_page_count = 1").execute(&mut database.connection).await.unwrap();
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
