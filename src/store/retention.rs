//! Forgetting: what nobody corrected goes after a time, or when the store grows beyond its bound.

use sqlx::SqliteConnection;

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
pub(super) async fn step(connection: &mut SqliteConnection, bounds: Bounds, now: i64) -> Result<Step, sqlx::Error> {
    let horizon = now - i64::from(bounds.days) * 86_400;
    let mut gone = delete_older_than(connection, horizon, STEP_ROWS).await?;
    if bytes_in_use(connection).await? > bounds.bytes {
        gone += delete_older_than(connection, i64::MAX, CROWDED_STEP_ROWS).await?;
    }
    if gone > 0 {
        sqlx::query(STEP_PAGES).execute(&mut *connection).await?;
        // Until the log is merged into the file, the deleted text still stands there. A reader may be in the way; the next step
        // tries again.
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *connection).await?;
    }
    Ok(Step { bytes: bytes_in_use(connection).await?, more: gone > 0 })
}

async fn delete_older_than(connection: &mut SqliteConnection, horizon: i64, most: i64) -> Result<u64, sqlx::Error> {
    let sql = "DELETE FROM comments WHERE seq IN \
               (SELECT seq FROM comments WHERE label IS NULL AND at < $1 ORDER BY at LIMIT $2)";
    let query = sqlx::query(sql).bind(horizon).bind(most);
    Ok(query.execute(connection).await?.rows_affected())
}

/// What the tables take, without pages that are free.
pub(super) async fn bytes_in_use(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let mut pragma = async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut *connection).await;
    let pages = pragma("PRAGMA page_count").await? - pragma("PRAGMA freelist_count").await?;
    Ok((pages * pragma("PRAGMA page_size").await?).max(0).cast_unsigned())
}
