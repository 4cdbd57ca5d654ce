//! Forgetting: what nobody corrected goes after a time, or when the store grows beyond its bound.

use crate::store::connection::{Connection, query};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;

/// So many comments go in one step, so that no other write waits for long.
const STEP_ROWS: i64 = 500;

/// Fewer go for want of room, so that hardly more go than must.
const CROWDED_STEP_ROWS: i64 = 100;

/// Whatever the bound, what came in the last day stays: people must be able to correct it.
const SPARED: i64 = 86_400;

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
    /// So many comments went; after none, another step finds nothing to do.
    pub gone: u64,
    /// The tables take more than they may, and nothing in them may go.
    pub stuck: bool,
}

/// What came of giving room back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Swept {
    /// There is nothing left to give back, and deleted text stands nowhere.
    Clean,
    /// There is more.
    More,
    /// A reader is in the way: deleted text may still stand in the log.
    Hindered,
}

/// Deletes a few comments, if any may go.
///
/// Of several instances one does it at a time, and each looks first at what the one before has left.
pub(super) async fn step(connection: &mut Connection, bounds: Bounds, now: i64) -> Result<Step, StoreError> {
    let horizon = now - i64::from(bounds.days) * 86_400;
    let (gone, stuck) = match delete(connection, bounds, horizon, now - SPARED).await {
        Ok(done) => done,
        Err(error) => {
            // If this fails, too, the database does it by itself when the connection ends.
            let _ = query("ROLLBACK").execute(connection).await;
            return Err(error);
        }
    };
    Ok(Step { bytes: bytes_in_use(connection).await?, gone, stuck })
}

/// How many went, and whether more should and cannot.
async fn delete(
    connection: &mut Connection,
    bounds: Bounds,
    horizon: i64,
    spared: i64,
) -> Result<(u64, bool), StoreError> {
    let transaction = Transaction::begin(connection, true).await?;
    let connection = &mut *transaction.connection;
    let mut gone = delete_older_than(connection, horizon, STEP_ROWS).await?;
    let crowded = bytes_in_use(connection).await? > bounds.bytes && bytes_worth(connection).await? > bounds.bytes;
    if crowded {
        gone += delete_older_than(connection, spared, CROWDED_STEP_ROWS).await?;
    }
    transaction.commit().await?;
    Ok((gone, crowded && gone == 0))
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

/// Gives room that is no longer used back, and sees to it that what was deleted stands nowhere any more.
///
/// On PostgreSQL it takes as long as it takes, so it is done beside the writer, on a connection of its own. The room is
/// used again there, but hardly ever given back to the system.
pub(super) async fn give_back(connection: &mut Connection) -> Result<Swept, StoreError> {
    if connection.is_postgres() {
        query("VACUUM (ANALYZE) comments, corrections").execute(connection).await?;
        return Ok(Swept::Clean);
    }
    let before = free_pages(connection).await?;
    if before > 0 {
        query(STEP_PAGES).execute(connection).await?;
    }
    // Until the log is merged into the file, the deleted text still stands there. A reader in the way is no error, but a row.
    let hindered: i64 = query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?.get(0)?;
    let left = free_pages(connection).await?;
    Ok(match hindered {
        // A file that was not made by Hamgate may not know how to give anything back.
        0 if left == 0 || left >= before => Swept::Clean,
        0 => Swept::More,
        _ => Swept::Hindered,
    })
}

async fn free_pages(connection: &mut Connection) -> Result<i64, StoreError> {
    query("PRAGMA freelist_count").fetch_one(connection).await?.get(0)
}

/// What the tables take on the disk; of a file, without pages that are free.
pub(super) async fn bytes_in_use(connection: &mut Connection) -> Result<u64, StoreError> {
    let sql = if connection.is_postgres() {
        "SELECT pg_total_relation_size('comments') + pg_total_relation_size('corrections') \
         + pg_total_relation_size('models') + pg_total_relation_size('usage') + pg_total_relation_size('keys')"
    } else {
        "SELECT (p.page_count - f.freelist_count) * s.page_size \
         FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s"
    };
    query(sql).fetch_one(connection).await?.count(0)
}

/// What the tables would take without room that is free. PostgreSQL does not say how much of a table that is, and a bound on
/// what can hardly shrink would let one comment go after the other; so it is estimated from how many comments there are
/// and how long the newest are. A row and its places in the indexes take some 300 bytes beside its texts.
async fn bytes_worth(connection: &mut Connection) -> Result<u64, StoreError> {
    if !connection.is_postgres() {
        return bytes_in_use(connection).await;
    }
    let sql = "SELECT pg_total_relation_size('corrections') + pg_total_relation_size('models') \
               + CAST((SELECT COUNT(*) FROM comments) * (SELECT 300 + COALESCE(AVG(octet_length(n.content) \
               + COALESCE(octet_length(n.author), 0) + COALESCE(octet_length(n.author_url), 0) \
               + COALESCE(octet_length(n.post_title), 0) + COALESCE(octet_length(n.post_url), 0)), 0) \
               FROM (SELECT * FROM comments ORDER BY seq DESC LIMIT 10000) n) AS BIGINT)";
    query(sql).fetch_one(connection).await?.count(0)
}
