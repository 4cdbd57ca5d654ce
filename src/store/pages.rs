//! What is read page by page, so that no store is too large to go through.

use crate::comment::{Comment, Label};
use crate::site::Site;
use crate::store::connection::{Connection, Row, query};
use crate::store::corrections::{decision, decision_id, label};
use crate::store::error::StoreError;
use crate::verdict::{Decision, DecisionId, Queue};

/// A page of something that is in the order of its numbers (`seq`).
///
/// A page with fewer rows than its limit is the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The page begins behind this number; 0 for the first one.
    pub after: i64,
    /// So many rows at most.
    pub limit: u32,
}

/// A comment of which somebody had said something as of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Its number in the store.
    pub seq: i64,
    /// The comment.
    pub comment: Comment,
    /// What a person said last; `None` when that was taken back.
    pub label: Option<Label>,
    /// What a person had said last as of the number that was asked for; `None` when that was a taking back.
    pub label_as_of: Option<Label>,
    /// The decision on it, if there was one.
    pub decision: Option<DecisionId>,
    /// When it was decided, or first corrected, in seconds since 1970.
    pub at: i64,
}

/// A decision that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The comment's number in the store.
    pub seq: i64,
    /// Its name.
    pub id: DecisionId,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The comment.
    pub comment: Comment,
    /// Approve or hold.
    pub decision: Decision,
    /// For a hold, which queue.
    pub queue: Option<Queue>,
    /// What a person said of it.
    pub label: Option<Label>,
}

/// Everything the store has of one comment.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its number in the store.
    pub seq: i64,
    /// The site it was written on.
    pub site: Site,
    /// The comment.
    pub comment: Comment,
    /// What kind of entry the blog said it is.
    pub comment_type: Option<String>,
    /// When it was decided, or first corrected, in seconds since 1970.
    pub at: i64,
    /// Whether it is a trial of an operator.
    pub test: bool,
    /// The decision's name. This and the next four are absent where nothing was decided.
    pub id: Option<DecisionId>,
    /// Approve or hold.
    pub decision: Option<Decision>,
    /// For a hold, which queue.
    pub queue: Option<Queue>,
    /// How sure the model was.
    pub spam_probability: Option<f64>,
    /// Which model it was.
    pub model: Option<String>,
    /// What a person said last.
    pub label: Option<Label>,
    /// Everything people said of it, in order.
    pub history: Vec<Said>,
}

/// A change of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When, in seconds since 1970.
    pub at: i64,
    /// What the comment has been since; `None` when a correction was taken back and none was before it.
    pub label: Option<Label>,
    /// By which way: see [`super::Origin::name`], or `undo`.
    pub origin: String,
}

/// How many labelled comments a site has, trials left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnRows {
    /// Comments a person called ham.
    pub ham: u64,
    /// Comments a person called spam.
    pub spam: u64,
}

/// What there is of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteOverview {
    /// The site.
    pub site: Site,
    /// Its comments, trials among them.
    pub comments: u64,
    /// Those with a label, trials left out.
    pub own: OwnRows,
    /// When the oldest of its comments was decided, or first corrected, in seconds since 1970.
    pub oldest: Option<i64>,
}

/// A question for comments `m`: the columns that [`comment`] reads, then others.
macro_rules! select_comment {
    ($rest:literal) => {
        concat!("SELECT m.content, m.author, m.author_url, m.email_domain, m.post_title, m.post_url, m.lang, ", $rest)
    };
}
pub(super) use select_comment;

/// The comment in the first seven columns.
pub(super) fn comment(row: &Row) -> Result<Comment, StoreError> {
    Ok(Comment {
        content: row.get(0)?,
        author: row.get(1)?,
        author_url: row.get(2)?,
        email_domain: row.get(3)?,
        post_title: row.get(4)?,
        post_url: row.get(5)?,
        lang: row.get(6)?,
        ..Comment::default()
    })
}

pub(super) async fn own_rows(connection: &mut Connection, site: &Site) -> Result<OwnRows, StoreError> {
    let sql = "SELECT label, COUNT(*) FROM comments WHERE site = $1 AND label IS NOT NULL AND test = 0 GROUP BY label";
    let mut own = OwnRows::default();
    for row in query(sql).bind(site.as_str()).fetch_all(connection).await? {
        match row.word(0, label)? {
            Some(Label::Ham) => own.ham = row.count(1)?,
            Some(Label::Spam) => own.spam = row.count(1)?,
            None => {}
        }
    }
    Ok(own)
}

/// What there is of each site that has comments or ever had a model of its own.
pub(super) async fn overview(connection: &mut Connection) -> Result<Vec<SiteOverview>, StoreError> {
    let sql = "SELECT m.site, COUNT(m.seq), \
               COUNT(CASE WHEN m.label = 'ham' AND m.test = 0 THEN 1 END), \
               COUNT(CASE WHEN m.label = 'spam' AND m.test = 0 THEN 1 END), MIN(m.at) \
               FROM (SELECT site, seq, label, test, at FROM comments \
               UNION ALL SELECT site, NULL, NULL, 0, NULL FROM in_service) m GROUP BY m.site";
    let rows = query(sql).fetch_all(connection).await?;
    let read = |row: &Row| {
        let own = OwnRows { ham: row.count(2)?, spam: row.count(3)? };
        Ok(SiteOverview { site: row.site(0)?, comments: row.count(1)?, own, oldest: row.get(4)? })
    };
    let mut sites = rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
    // Not by the database: each orders texts in its own way.
    sites.sort_by(|a, b| a.site.cmp(&b.site));
    Ok(sites)
}

/// The sites with labelled comments, trials left out.
pub(super) async fn sites(connection: &mut Connection) -> Result<Vec<Site>, StoreError> {
    let sql = "SELECT DISTINCT site FROM comments WHERE label IS NOT NULL AND test = 0";
    let rows = query(sql).fetch_all(connection).await?;
    let mut sites = rows.iter().map(|row| row.site(0)).collect::<Result<Vec<_>, _>>()?;
    sites.sort();
    Ok(sites)
}

pub(super) async fn labelled(
    connection: &mut Connection,
    site: &Site,
    as_of: i64,
    page: Page,
) -> Result<Vec<Labelled>, StoreError> {
    let sql = select_comment!(
        "m.seq, m.label, (SELECT c.label FROM corrections c WHERE c.comment = m.seq AND c.seq <= $2 \
         ORDER BY c.seq DESC LIMIT 1), m.decision_id, m.at FROM comments m \
         WHERE m.site = $1 AND m.test = 0 AND m.seq > $3 AND EXISTS \
         (SELECT 1 FROM corrections c WHERE c.comment = m.seq AND c.seq <= $2) ORDER BY m.seq LIMIT $4"
    );
    let query = query(sql).bind(site.as_str()).bind(as_of).bind(page.after).bind(i64::from(page.limit));
    let rows = query.fetch_all(connection).await?;
    let read = |row: &Row| {
        Ok(Labelled {
            comment: comment(row)?,
            seq: row.get(7)?,
            label: row.word(8, label)?,
            label_as_of: row.word(9, label)?,
            decision: decision_id(row, 10)?,
            at: row.get(11)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn decisions(
    connection: &mut Connection,
    site: &Site,
    since: i64,
    page: Page,
) -> Result<Vec<Remembered>, StoreError> {
    let sql = select_comment!(
        "m.seq, m.decision_id, m.at, m.decision, m.queue, m.label FROM comments m WHERE m.site = $1 AND m.at >= $2 \
         AND m.decision_id IS NOT NULL AND m.test = 0 AND m.seq > $3 ORDER BY m.seq LIMIT $4"
    );
    let query = query(sql).bind(site.as_str()).bind(since).bind(page.after).bind(i64::from(page.limit));
    let rows = query.fetch_all(connection).await?;
    let unreadable = || StoreError::Failed("a decision of another kind".to_owned());
    let read = |row: &Row| {
        Ok(Remembered {
            comment: comment(row)?,
            seq: row.get(7)?,
            id: decision_id(row, 8)?.ok_or_else(unreadable)?,
            at: row.get(9)?,
            decision: row.word(10, decision)?.ok_or_else(unreadable)?,
            queue: row.word(11, queue)?,
            label: row.word(12, label)?,
        })
    };
    rows.iter().map(read).collect()
}

/// All comments, of one site or of every site.
pub(super) async fn kept(
    connection: &mut Connection,
    site: Option<&Site>,
    page: Page,
) -> Result<Vec<Kept>, StoreError> {
    let sql = select_comment!(
        "m.seq, m.site, m.comment_type, m.at, m.test, m.decision_id, m.decision, m.queue, m.spam_probability, m.model, \
         m.label FROM comments m WHERE ($1 IS NULL OR m.site = $1) AND m.seq > $2 ORDER BY m.seq LIMIT $3"
    );
    let query = query(sql).bind(site.map(Site::as_str)).bind(page.after).bind(i64::from(page.limit));
    let rows = query.fetch_all(connection).await?;
    let read = |row: &Row| {
        Ok(Kept {
            comment: comment(row)?,
            seq: row.get(7)?,
            site: row.site(8)?,
            comment_type: row.get(9)?,
            at: row.get(10)?,
            test: row.get::<i64>(11)? != 0,
            id: decision_id(row, 12)?,
            decision: row.word(13, decision)?,
            queue: row.word(14, queue)?,
            spam_probability: row.get(15)?,
            model: row.get(16)?,
            label: row.word(17, label)?,
            history: Vec::new(),
        })
    };
    let mut kept = rows.iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
    add_history(connection, &mut kept).await?;
    Ok(kept)
}

/// Adds what was said of the comments of a page, which are in the order of their numbers.
async fn add_history(connection: &mut Connection, kept: &mut [Kept]) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (kept.first(), kept.last()) else { return Ok(()) };
    let sql = "SELECT comment, at, label, origin FROM corrections WHERE comment >= $1 AND comment <= $2 ORDER BY seq";
    let rows = query(sql).bind(first.seq).bind(last.seq).fetch_all(connection).await?;
    for row in &rows {
        let comment: i64 = row.get(0)?;
        if let Ok(position) = kept.binary_search_by_key(&comment, |kept| kept.seq) {
            kept[position].history.push(Said { at: row.get(1)?, label: row.word(2, label)?, origin: row.get(3)? });
        }
    }
    Ok(())
}

fn queue(word: &str) -> Option<Queue> {
    [Queue::Review, Queue::Spam].into_iter().find(|queue| queue.name() == word)
}
