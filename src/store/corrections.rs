//! What people say of a comment after the machine has spoken.

use sqlx::{Row as _, SqliteConnection};

use crate::comment::{Comment, Label};
use crate::site::Site;
use crate::store::decisions::Row;
use crate::store::keys::site_of;
use crate::store::usage;
use crate::text::fingerprint;
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
    /// The one of this decision.
    Decision(DecisionId),
    /// The newest one with the same fingerprint. One that was never decided here is stored as it is.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrected {
    /// The decision it corrects; `None` for a comment that was never decided here.
    pub decision: Option<DecisionId>,
    /// What changed.
    pub change: Change,
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
}

impl Change {
    /// All changes; the position is the `usize` of the variant.
    pub const ALL: [Change; 3] = [Change::New, Change::AlreadyKnown, Change::Relabelled];

    /// The word used in JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::AlreadyKnown => "already_known",
            Change::Relabelled => "relabelled",
        }
    }
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

/// Does what a correction says. `None`: no decision has that id.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    correction: &Correction,
) -> Result<Option<Corrected>, sqlx::Error> {
    let known = match &correction.target {
        Target::Decision(id) => match by_id(connection, *id).await? {
            Some(known) => known,
            None => return Ok(None),
        },
        Target::Comment { site, comment } => match by_comment(connection, site, comment).await? {
            Some(known) => known,
            None => store(connection, site, comment, correction.at).await?,
        },
    };
    let change = match known.label {
        None => Change::New,
        Some(label) if label == correction.label => Change::AlreadyKnown,
        Some(_) => Change::Relabelled,
    };
    if change != Change::AlreadyKnown {
        relabel(connection, &known, correction).await?;
    }
    Ok(Some(Corrected { decision: known.decision_id, change }))
}

async fn relabel(connection: &mut SqliteConnection, known: &Known, correction: &Correction) -> Result<(), sqlx::Error> {
    let query = sqlx::query("UPDATE comments SET label = $2 WHERE seq = $1").bind(known.seq);
    query.bind(correction.label.name()).execute(&mut *connection).await?;
    let sql = "INSERT INTO corrections (comment, at, label, previous, origin) VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(sql).bind(known.seq).bind(correction.at).bind(correction.label.name());
    query.bind(known.label.map(Label::name)).bind(correction.origin.name()).execute(&mut *connection).await?;
    if known.test {
        return Ok(());
    }
    let labels = (known.label, correction.label);
    usage::relabelled(connection, &known.site, known.at, known.decision, labels).await
}

/// Keeps a comment that was never decided here.
async fn store(
    connection: &mut SqliteConnection,
    site: &Site,
    comment: &Comment,
    at: i64,
) -> Result<Known, sqlx::Error> {
    let row = Row { site, comment, at, decided: None };
    let seq = row.insert(connection).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Known { seq, site: site.clone(), at, test: false, decision_id: None, decision: None, label: None })
}

async fn by_id(connection: &mut SqliteConnection, id: DecisionId) -> Result<Option<Known>, sqlx::Error> {
    let sql = "SELECT seq, site, at, test, decision_id, decision, label FROM comments WHERE decision_id = $1";
    let row = sqlx::query(sql).bind(&id.as_bytes()[..]).fetch_optional(connection).await?;
    row.as_ref().map(known).transpose()
}

async fn by_comment(
    connection: &mut SqliteConnection,
    site: &Site,
    comment: &Comment,
) -> Result<Option<Known>, sqlx::Error> {
    let sql = "SELECT seq, site, at, test, decision_id, decision, label FROM comments WHERE fingerprint = $1 \
               ORDER BY seq DESC LIMIT 1";
    let row = sqlx::query(sql).bind(&fingerprint(site, comment)[..]).fetch_optional(connection).await?;
    row.as_ref().map(known).transpose()
}

fn known(row: &sqlx::sqlite::SqliteRow) -> Result<Known, sqlx::Error> {
    let id: Option<Vec<u8>> = row.try_get(4)?;
    let label: Option<&str> = row.try_get(6)?;
    Ok(Known {
        seq: row.try_get(0)?,
        site: site_of(row, 1)?,
        at: row.try_get(2)?,
        test: row.try_get::<i64, _>(3)? != 0,
        decision_id: id.and_then(|id| <[u8; 16]>::try_from(id).ok()).map(DecisionId::from),
        decision: match row.try_get(5)? {
            Some("approve") => Some(Decision::Approve),
            Some("hold") => Some(Decision::Hold),
            _ => None,
        },
        label: label.and_then(|label| label.parse().ok()),
    })
}
