//! What is written together, or not at all.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::site::Site;
use crate::store::connection::{Connection, query};
use crate::store::error::StoreError;
use crate::store::usage::{self, Day};

/// A transaction that is open.
///
/// Several instances may write to one PostgreSQL. Whoever changes or deletes a comment locks the row of `sequence` first, so
/// that what was read of a comment stays true; and nobody waits for each other in a circle, because what else is locked are
/// figures, at the end and in their order.
pub(super) struct Transaction<'c> {
    pub connection: &'c mut Connection,
    /// Figures are written at the end, in their order.
    figures: BTreeMap<(Site, Day), Figures>,
    pub news: News,
}

/// What a transaction changed that others want to know.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct News {
    /// A label, or a model in service.
    pub learning: bool,
    pub keys: bool,
    /// Comments, whose text must not be left lying about.
    pub erased: bool,
}

/// How figures of a site and day change; corrections also take back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub approved: i64,
    pub held: i64,
    pub missed_spam: i64,
    pub false_positives: i64,
}

impl<'c> Transaction<'c> {
    /// Begins. Whoever gets an error from here on rolls back. `changes` says that comments that are there already may be changed or deleted.
    ///
    /// Beginning and end are statements like others: sqlx counts transactions of its own, and a rollback that SQLite made by
    /// itself would leave that count wrong for ever.
    pub async fn begin(connection: &'c mut Connection, changes: bool) -> Result<Self, StoreError> {
        if connection.is_postgres() {
            query("BEGIN ISOLATION LEVEL READ COMMITTED").execute(connection).await?;
            if changes {
                query("SELECT changes FROM sequence FOR UPDATE").execute(connection).await?;
            }
        } else {
            query("BEGIN IMMEDIATE").execute(connection).await?;
        }
        Ok(Transaction { connection, figures: BTreeMap::new(), news: News::default() })
    }

    /// The numbers of the next changes of labels. There is no gap: they are given back when the transaction fails.
    pub async fn next_numbers(&mut self, count: usize) -> Result<RangeInclusive<i64>, StoreError> {
        let sql = "UPDATE sequence SET changes = changes + $1 RETURNING changes";
        let count = i64::try_from(count).map_err(|error| StoreError::Failed(error.to_string()))?;
        let last: i64 = query(sql).bind(count).fetch_one(self.connection).await?.get(0)?;
        Ok(last - count + 1..=last)
    }

    /// The number of the last change of a label.
    pub async fn last_number(&mut self) -> Result<i64, StoreError> {
        query("SELECT changes FROM sequence").fetch_one(self.connection).await?.get(0)
    }

    /// The figures of a site on a day.
    pub fn figures(&mut self, site: &Site, at: i64) -> &mut Figures {
        self.figures.entry((site.clone(), Day::of(at))).or_default()
    }

    /// Makes it last, and tells what others want to know.
    pub async fn commit(self) -> Result<News, StoreError> {
        for ((site, day), figures) in self.figures {
            if figures != Figures::default() {
                usage::add(self.connection, &site, day, figures).await?;
            }
        }
        if self.news.learning && self.connection.is_postgres() {
            query("SELECT pg_notify('hamgate', '')").execute(self.connection).await?;
        }
        query("COMMIT").execute(self.connection).await?;
        Ok(self.news)
    }
}
