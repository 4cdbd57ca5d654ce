//! Forgetting: what nobody corrected goes after a time, or when the store grows beyond its bound.

use crate::store::connection::{Connection, query};
use crate::store::error::StoreError;

/// So many comments go in one step, so that no other write waits for long.
const STEP_ROWS: i64 = 500;

/// Fewer go for want of room, so that hardly more go than must.
const CROWDED_STEP_ROWS: i64 = 100;

/// So many pages are given back to the system in one step.
const STEP_PAGES: &str = "PRAGMA incremental_vacuum(256)";

/// How much and how long is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Comments that nobody corrected go after so many days.
    pub days: u32,
    /// Beyond so many bytes the oldest of them go before their time.
    pub bytes: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Bytes in use after it.
    pub bytes: u64,
    /// Whether another one may find more to do.
    pub more: bool,
}

/// Deletes a few comments, if any may go, and gives the room back.
pub(super) async fn step(connection: &mut Connection, bounds: Bounds, now: i64) -> Result<Step, StoreError> {
    let horizon = now - i64::from(bounds.days) * 86_400;
    let mut gone = delete_older_than(connection, horizon, STEP_ROWS).await?;
    if bytes_in_use(connection).await? > bounds.bytes {
        gone += delete_older_than(connection, i64::MAX, CROWDED_STEP_ROWS).await?;
    }
    if gone > 0 {
        give_back(connection).await?;
    }
    Ok(Step { bytes: bytes_in_use(connection).await?, more: gone > 0 })
}

/// Deletes the oldest comments that nobody ever corrected. One whose corrections were taken back stays: a model may have
/// learned from it, and must hear of that.
async fn delete_older_than(connection: &mut Connection, horizon: i64, most: i64) -> Result<u64, StoreError> {
    let sql = "DELETE FROM comments WHERE seq IN \
               (SELECT seq FROM comments WHERE label IS NULL AND at < $1 \
               AND NOT EXISTS (SELECT 1 FROM corrections WHERE corrections.comment = comments.seq) \
               ORDER BY at LIMIT $2)";
    query(sql).bind(horizon).bind(most).execute(connection).await
}

/// Gives room that is no longer used back to the system, and sees to it that what was deleted stands nowhere any more.
pub(super) async fn give_back(connection: &mut Connection) -> Result<(), StoreError> {
    query(STEP_PAGES).execute(connection).await?;
    // Until the log is merged into the file, the deleted text still stands there. A reader may be in the way; the next step
    // tries again.
    query("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await.map(drop)
}

/// What the tables take, without pages that are free.
pub(super) async fn bytes_in_use(connection: &mut Connection) -> Result<u64, StoreError> {
    let sql = "SELECT (p.page_count - f.freelist_count) * s.page_size \
               FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s";
    query(sql).fetch_one(connection).await?.count(0)
}
