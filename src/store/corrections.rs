//! What people say of a comment after the machine has spoken.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use crate::comment::{Comment, Label};
use crate::site::Site;
use crate::store::connection::{Connection, Row, portions, query, query_of_rows};
use crate::store::decisions;
use crate::store::error::StoreError;
use crate::store::health::Shared;
use crate::store::transaction::Transaction;
use crate::store::usage;
use crate::store::writer::Work;
use crate::text::{Fingerprint, fingerprint};
use crate::verdict::{Decision, DecisionId};

/// A person's word on a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Which comment.
    pub target: Target,
    /// What it is.
    pub label: Label,
    /// By which way it came.
    pub origin: Origin,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// Which comment is corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is made once and passed on once")]
pub enum Target {
    /// The one of this decision, whatever its site.
    Decision(DecisionId),
    /// The one of this decision, if it was on a comment of this site; of any other it is not known.
    DecisionOf(Site, DecisionId),
    /// The newest one with the same fingerprint; a trial only where there is nothing else. One that was never decided here is stored as it is.
    Comment {
        /// The site it was written on.
        site: Site,
        /// The comment.
        comment: Comment,
    },
}

/// The way a correction came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Akismet's `submit-spam`.
    SubmitSpam,
    /// Akismet's `submit-ham`.
    SubmitHam,
    /// Our own HTTP interface.
    Api,
    /// The command line.
    Cli,
    /// What a blog's moderators said before it had Hamgate.
    Import,
}

impl Origin {
    /// The word in the store.
    pub fn name(self) -> &'static str {
        match self {
            Origin::SubmitSpam => "submit-spam",
            Origin::SubmitHam => "submit-ham",
            Origin::Api => "api",
            Origin::Cli => "cli",
            Origin::Import => "import",
        }
    }
}

/// What a correction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// The decision it corrects; `None` for a comment that was never decided here.
    pub decision: Option<DecisionId>,
    /// What changed.
    pub change: Change,
    /// The label the comment had before.
    pub before: Option<Label>,
    /// The comment's number in the store.
    pub comment: i64,
    /// The number of the change, or of the last one there is if this one changed nothing.
    pub number: i64,
    /// The site the comment was written on.
    pub site: Site,
    /// Whether it is a trial of an operator, which nothing is learned from.
    pub test: bool,
}

/// What an undo did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The decision whose correction was taken back.
    pub decision: DecisionId,
    /// The label the comment had.
    pub before: Option<Label>,
    /// The label it has now: the one it had before that correction.
    pub after: Option<Label>,
    /// The comment's number in the store.
    pub comment: i64,
    /// The number of the change.
    pub number: i64,
    /// The site the comment was written on.
    pub site: Site,
    /// Whether it is a trial of an operator, which nothing is learned from.
    pub test: bool,
}

/// What changed by a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The comment had no label before.
    New,
    /// It had this label already.
    AlreadyKnown,
    /// It had the other label.
    Relabelled,
    /// It has the other label still: people said so here, and what was said elsewhere does not overrule them.
    Kept,
}

impl Change {
    /// All changes; the position is the `usize` of the variant.
    pub const ALL: [Change; 4] = [Change::New, Change::AlreadyKnown, Change::Relabelled, Change::Kept];

    /// The word used in JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::AlreadyKnown => "already_known",
            Change::Relabelled => "relabelled",
            Change::Kept => "kept",
        }
    }
}

/// What is asked of the store when a correction is taken back.
pub(super) struct Undo {
    pub decision: DecisionId,
    /// The only site it may be of, if there is such a bound.
    pub site: Option<Site>,
    pub at: i64,
}

/// A comment in the store, as far as a correction needs to know it.
struct Known {
    seq: i64,
    site: Site,
    at: i64,
    test: bool,
    decision_id: Option<DecisionId>,
    decision: Option<Decision>,
    label: Option<Label>,
}

/// What there is to write of a correction whose comment is not in the store yet.
struct New<'a> {
    row: decisions::Row<'a>,
    origin: Origin,
}

impl<'a> New<'a> {
    fn of(correction: &Correction, site: &'a Site, comment: &'a Comment) -> Self {
        let Correction { label, origin, at, .. } = *correction;
        let fingerprint = fingerprint(site, comment);
        New { row: decisions::Row { site, comment, fingerprint, at, decided: None, label: Some(label) }, origin }
    }
}

/// How a label changes.
struct LabelChange {
    at: i64,
    after: Option<Label>,
    origin: &'static str,
    /// The number of the change that is taken back.
    undoes: Option<i64>,
}

impl Work for Correction {
    type Answer = Corrected;

    fn changes(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction<'_>) -> Result<Corrected, StoreError> {
        // Whether people spoke of it here, whom an import does not overrule.
        let mut stands = false;
        let known = match &self.target {
            Target::Decision(id) => {
                by_id(transaction.connection, *id, None).await?.ok_or(StoreError::UnknownDecision)?
            }
            Target::DecisionOf(site, id) => {
                by_id(transaction.connection, *id, Some(site)).await?.ok_or(StoreError::UnknownDecision)?
            }
            Target::Comment { site, comment } => {
                let new = New::of(self, site, comment);
                match by_comment(transaction.connection, &new.row.fingerprint).await? {
                    None => {
                        let stored = store(transaction, &[&new]).await?.pop();
                        return stored.ok_or_else(|| StoreError::Failed("a row was not stored".to_owned()));
                    }
                    Some(newest) if self.origin == Origin::Import => {
                        let said_here = said_here(transaction.connection, &new.row.fingerprint).await?;
                        stands = said_here.is_some();
                        said_here.unwrap_or(newest)
                    }
                    Some(newest) => newest,
                }
            }
        };
        let (change, number) = match known.label {
            Some(label) if label == self.label => (Change::AlreadyKnown, transaction.last_number().await?),
            Some(_) if stands => (Change::Kept, transaction.last_number().await?),
            before => {
                let change = if before.is_none() { Change::New } else { Change::Relabelled };
                let to = LabelChange { at: self.at, after: Some(self.label), origin: self.origin.name(), undoes: None };
                (change, relabel(transaction, &known, to).await?)
            }
        };
        let Known { seq, site, test, decision_id, label, .. } = known;
        Ok(Corrected { decision: decision_id, change, before: label, comment: seq, number, site, test })
    }

    fn committed(&self, corrected: &Corrected, shared: &Shared) {
        shared.corrected(self.label, corrected.change);
    }
}

impl Work for Vec<Correction> {
    type Answer = Vec<Corrected>;

    fn changes(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction<'_>) -> Result<Vec<Corrected>, StoreError> {
        // All or none: what may be refused is looked at first.
        for correction in self {
            let (id, site) = match &correction.target {
                Target::Decision(id) => (id, None),
                Target::DecisionOf(site, id) => (id, Some(site)),
                Target::Comment { .. } => continue,
            };
            by_id(transaction.connection, *id, site).await?.ok_or(StoreError::UnknownDecision)?;
        }
        // What is new here, as most of an import is, is written many at once, and the rest in its order.
        let new = unknown(transaction.connection, self).await?;
        let mut stored = store(transaction, &new.iter().flatten().collect::<Vec<_>>()).await?.into_iter();
        let mut corrected = Vec::with_capacity(self.len());
        for (correction, new) in self.iter().zip(&new) {
            corrected.push(match new {
                Some(_) => stored.next().ok_or_else(|| StoreError::Failed("a row was not stored".to_owned()))?,
                None => correction.apply(transaction).await?,
            });
        }
        Ok(corrected)
    }

    fn committed(&self, corrected: &Vec<Corrected>, shared: &Shared) {
        for (correction, corrected) in self.iter().zip(corrected) {
            correction.committed(corrected, shared);
        }
    }
}

impl Work for Undo {
    type Answer = Undone;

    fn changes(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction<'_>) -> Result<Undone, StoreError> {
        let known = by_id(transaction.connection, self.decision, self.site.as_ref()).await?;
        let known = known.ok_or(StoreError::UnknownDecision)?;
        // Corrections are a stack: of those that nobody took back, the last one set the label that is there now.
        let sql = "SELECT seq, previous FROM corrections c WHERE comment = $1 AND undoes IS NULL \
                   AND NOT EXISTS (SELECT 1 FROM corrections u WHERE u.undoes = c.seq) ORDER BY seq DESC LIMIT 1";
        let standing = query(sql).bind(known.seq).fetch_optional(transaction.connection).await?;
        let standing = standing.ok_or(StoreError::NothingToUndo)?;
        let after = standing.word(1, label)?;
        let change = LabelChange { at: self.at, after, origin: "undo", undoes: Some(standing.get(0)?) };
        let number = relabel(transaction, &known, change).await?;
        let Known { seq, site, test, label: before, .. } = known;
        Ok(Undone { decision: self.decision, before, after, comment: seq, number, site, test })
    }

    fn committed(&self, _: &Undone, shared: &Shared) {
        shared.undone.fetch_add(1, Relaxed);
    }
}

/// Writes a change of a label, counts it, and returns its number.
async fn relabel(
    transaction: &mut Transaction<'_>,
    known: &Known,
    LabelChange { at, after, origin, undoes }: LabelChange,
) -> Result<i64, StoreError> {
    let number = *transaction.next_numbers(1).await?.start();
    let name = after.map(Label::name);
    let update = query("UPDATE comments SET label = $2 WHERE seq = $1").bind(known.seq).bind(name);
    update.execute(transaction.connection).await?;
    let sql = "INSERT INTO corrections (seq, comment, at, label, previous, origin, undoes) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let insert = query(sql).bind(number).bind(known.seq).bind(at).bind(name).bind(known.label.map(Label::name));
    insert.bind(origin).bind(undoes).execute(transaction.connection).await?;
    if !known.test {
        usage::relabelled(transaction, &known.site, known.at, known.decision, (known.label, after));
    }
    transaction.news.learning = true;
    Ok(number)
}

/// What there is to write of corrections whose comments are not in the store yet, each in the place of its correction.
async fn unknown<'a>(
    connection: &mut Connection,
    corrections: &'a [Correction],
) -> Result<Vec<Option<New<'a>>>, StoreError> {
    let new = |correction: &'a Correction| match &correction.target {
        Target::Comment { site, comment } => Some(New::of(correction, site, comment)),
        Target::Decision(_) | Target::DecisionOf(..) => None,
    };
    let mut new: Vec<Option<New>> = corrections.iter().map(new).collect();
    let prints: Vec<Fingerprint> = new.iter().flatten().map(|new| new.row.fingerprint).collect();
    let mut known = HashSet::new();
    for portion in portions(&prints) {
        // One look into the index for each, however many rows share it, and whatever PostgreSQL thinks of a table it never analysed.
        let sql = "SELECT column1 FROM (VALUES ";
        let found = ") AS asked WHERE (SELECT 1 FROM comments WHERE fingerprint = column1 LIMIT 1) = 1";
        let empty = query_of_rows(sql, 1, portion.len(), found);
        let query = portion.iter().fold(empty, |query, print| query.bind(&print[..]));
        for row in query.fetch_all(connection).await? {
            known.insert(row.get::<&[u8]>(0)?.to_vec());
        }
    }
    for new in &mut new {
        // The second of two that are the same finds the first in the store.
        new.take_if(|new| !known.insert(new.row.fingerprint.to_vec()));
    }
    Ok(new)
}

/// Keeps comments that are not in the store yet, with their labels.
async fn store(transaction: &mut Transaction<'_>, new: &[&New<'_>]) -> Result<Vec<Corrected>, StoreError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<&decisions::Row> = new.iter().map(|new| &new.row).collect();
    let seqs = decisions::store(transaction, &rows).await?;
    let numbers = transaction.next_numbers(new.len()).await?;
    let mut stored = Vec::with_capacity(new.len());
    for ((row, seq), number) in rows.iter().zip(seqs).zip(numbers) {
        // Without a decision there is nothing it could be in conflict with.
        let comment = seq.ok_or_else(|| StoreError::Failed("a row was not stored".to_owned()))?;
        let (site, change) = (row.site.clone(), Change::New);
        stored.push(Corrected { decision: None, change, before: None, comment, number, site, test: false });
    }
    let changes: Vec<(&New, &Corrected)> = new.iter().copied().zip(&stored).collect();
    for portion in portions(&changes) {
        let sql = "INSERT INTO corrections (seq, comment, at, label, origin) VALUES ";
        let mut query = query_of_rows(sql, 5, portion.len(), "");
        for (New { row, origin }, stored) in portion {
            query = query.bind(stored.number).bind(stored.comment).bind(row.at);
            query = query.bind(row.label.map(Label::name)).bind(origin.name());
        }
        query.execute(transaction.connection).await?;
    }
    transaction.news.learning = true;
    Ok(stored)
}

async fn by_id(connection: &mut Connection, id: DecisionId, site: Option<&Site>) -> Result<Option<Known>, StoreError> {
    let sql = "SELECT seq, site, at, test, decision_id, decision, label FROM comments WHERE decision_id = $1";
    let row = query(sql).bind(&id.as_bytes()[..]).fetch_optional(connection).await?;
    let known = row.as_ref().map(known).transpose()?;
    Ok(known.filter(|known| site.is_none_or(|site| *site == known.site)))
}

async fn by_comment(connection: &mut Connection, print: &Fingerprint) -> Result<Option<Known>, StoreError> {
    let sql = "SELECT seq, site, at, test, decision_id, decision, label FROM comments WHERE seq = COALESCE(\
               (SELECT seq FROM comments WHERE fingerprint = $1 AND test = 0 ORDER BY seq DESC LIMIT 1), \
               (SELECT seq FROM comments WHERE fingerprint = $1 ORDER BY seq DESC LIMIT 1))";
    let row = query(sql).bind(&print[..]).fetch_optional(connection).await?;
    row.as_ref().map(known).transpose()
}

/// The newest comment of a fingerprint that has a label and of which somebody spoke here: anybody but an import.
async fn said_here(connection: &mut Connection, print: &Fingerprint) -> Result<Option<Known>, StoreError> {
    let sql = "SELECT seq, site, at, test, decision_id, decision, label FROM comments c WHERE fingerprint = $1 \
               AND label IS NOT NULL \
               AND EXISTS (SELECT 1 FROM corrections s WHERE s.comment = c.seq AND s.origin <> 'import') \
               ORDER BY seq DESC LIMIT 1";
    let row = query(sql).bind(&print[..]).fetch_optional(connection).await?;
    row.as_ref().map(known).transpose()
}

fn known(row: &Row) -> Result<Known, StoreError> {
    Ok(Known {
        seq: row.get(0)?,
        site: row.site(1)?,
        at: row.get(2)?,
        test: row.get::<i64>(3)? != 0,
        decision_id: decision_id(row, 4)?,
        decision: row.word(5, decision)?,
        label: row.word(6, label)?,
    })
}

/// The name of a decision in a column that may be empty.
pub(super) fn decision_id(row: &Row, column: usize) -> Result<Option<DecisionId>, StoreError> {
    let bytes: Option<&[u8]> = row.get(column)?;
    Ok(bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()).map(DecisionId::from))
}

/// A decision by its word.
pub(super) fn decision(word: &str) -> Option<Decision> {
    [Decision::Approve, Decision::Hold].into_iter().find(|decision| decision.name() == word)
}

/// A label by its word.
pub(super) fn label(word: &str) -> Option<Label> {
    word.parse().ok()
}
