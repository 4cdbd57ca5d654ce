//! The feed of label changes: what a learner that knows everything up to a number has to learn yet.
//!
//! Every change of a label has a number, be it by a correction or by an undo. The numbers have no gaps when they are given
//! and are seen in their order, whoever writes, so that "everything up to here" always means the same.

use crate::comment::{Comment, Label};
use crate::site::Site;
use crate::store::connection::{Connection, query};
use crate::store::corrections::{Origin, label};
use crate::store::error::StoreError;
use crate::store::pages::{comment, select_comment};

/// What changed after a number, comment by comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The comments whose label is another one than before, in the order of their last change. Trials are not among them.
    pub rows: Vec<Relabelled>,
    /// With these rows everything up to this number is known: what to ask for next.
    pub through: i64,
    /// Whether there is more after it.
    pub more: bool,
}

/// A comment whose label changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relabelled {
    /// The number of its last change in these [`Changes`].
    pub number: i64,
    /// The comment's number in the store.
    pub seq: i64,
    /// The site it was written on.
    pub site: Site,
    /// The comment.
    pub comment: Comment,
    /// Its label as it was known before.
    pub before: Option<Label>,
    /// Its label as of [`Changes::through`].
    pub after: Option<Label>,
    /// Whether it was said elsewhere and taken over by an import.
    pub imported: bool,
}

/// What `sequence` says: the number of the last change of a label, and one that is raised when other models are in service.
pub(super) async fn numbers(connection: &mut Connection) -> Result<(i64, i64), StoreError> {
    let row = query("SELECT changes, models FROM sequence").fetch_one(connection).await?;
    Ok((row.get(0)?, row.get(1)?))
}

/// Sums up at most `limit` changes after the number `after` and up to the number `until`; of one site only, if one is given.
pub(super) async fn changes(
    connection: &mut Connection,
    site: Option<&Site>,
    after: i64,
    until: i64,
    limit: u32,
) -> Result<Changes, StoreError> {
    // Read first: whatever has a number up to this one is seen by every question that follows.
    let last = numbers(connection).await?.0.min(until);
    let sql = "SELECT COUNT(*), COALESCE(MAX(seq), 0) FROM \
               (SELECT seq FROM corrections WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3) page";
    let page = query(sql).bind(after).bind(last).bind(i64::from(limit)).fetch_one(connection).await?;
    let full = page.count(0)? >= u64::from(limit);
    let through = if full { page.get(1)? } else { last.max(after) };
    // The last change of each comment within the page, and what its label was before the first.
    let sql = select_comment!(
        "c.seq, m.seq, m.site, c.label, (SELECT f.previous FROM corrections f WHERE f.comment = c.comment AND f.seq > $1 \
         ORDER BY f.seq LIMIT 1), c.origin FROM corrections c JOIN comments m ON m.seq = c.comment \
         WHERE c.seq > $1 AND c.seq <= $2 AND m.test = 0 AND ($3 IS NULL OR m.site = $3) AND NOT EXISTS \
         (SELECT 1 FROM corrections l WHERE l.comment = c.comment AND l.seq > c.seq AND l.seq <= $2) ORDER BY c.seq"
    );
    let found = query(sql).bind(after).bind(through).bind(site.map(Site::as_str)).fetch_all(connection).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        let (before, after) = (row.word(11, label)?, row.word(10, label)?);
        if before != after {
            let (number, seq, site) = (row.get(7)?, row.get(8)?, row.site(9)?);
            let imported = row.get::<String>(12)? == Origin::Import.name();
            rows.push(Relabelled { number, seq, site, comment: comment(row)?, before, after, imported });
        }
    }
    Ok(Changes { rows, through, more: through < last })
}
