//! Erasing what a person asks to be erased.

use crate::site::Site;
use crate::store::connection::{Connection, query};
use crate::store::error::StoreError;
use crate::store::models;
use crate::store::transaction::Transaction;
use crate::store::writer::Work;
use crate::text::folded;

/// Which comments: those to which everything applies that is given. Nothing given means every comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forget {
    /// Of this site.
    pub site: Option<Site>,
    /// By whoever gave this display name.
    pub author: Option<String>,
    /// With this in their text.
    pub text: Option<String>,
    /// Decided, or first corrected, before this moment, in seconds since 1970.
    pub before: Option<i64>,
}

/// So many comments are looked at in one go.
const PAGE: i64 = 500;

/// Some comments by which is known which they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Their numbers.
    pub seqs: Vec<i64>,
    /// Where to look on; `None` at the end.
    pub next: Option<i64>,
}

/// Comments to erase, by their numbers.
pub(super) struct Erase(pub Vec<i64>);

/// What to look for, in the one spelling that does not depend on capitals, white space and entities.
pub(super) struct Search {
    forget: Forget,
    author: Option<String>,
    text: Option<String>,
}

impl Search {
    pub fn new(forget: Forget) -> Self {
        let author = forget.author.as_deref().map(folded);
        let text = forget.text.as_deref().map(folded);
        Search { forget, author, text }
    }

    /// Looks through some comments behind the number `after`.
    pub async fn step(&self, connection: &mut Connection, after: i64) -> Result<Found, StoreError> {
        let sql = "SELECT seq, author, content FROM comments WHERE seq > $1 AND ($2 IS NULL OR site = $2) \
                   AND ($3 IS NULL OR at < $3) ORDER BY seq LIMIT $4";
        let query = query(sql).bind(after).bind(self.forget.site.as_ref().map(Site::as_str)).bind(self.forget.before);
        let rows = query.bind(PAGE).fetch_all(connection).await?;
        let mut found = Found::default();
        for row in &rows {
            let seq = row.get(0)?;
            if self.applies(row.get(1)?, row.get(2)?) {
                found.seqs.push(seq);
            }
            found.next = Some(seq);
        }
        if rows.len() < PAGE as usize {
            found.next = None;
        }
        Ok(found)
    }

    /// A search for nothing but invisible characters finds nothing, rather than everything.
    fn applies(&self, author: Option<&str>, content: &str) -> bool {
        let is = |wanted: &str| !wanted.is_empty() && author.is_some_and(|author| folded(author) == wanted);
        let has = |wanted: &str| !wanted.is_empty() && folded(content).contains(wanted);
        self.author.as_deref().is_none_or(is) && self.text.as_deref().is_none_or(has)
    }
}

impl Work for Erase {
    type Answer = u64;

    fn changes(&self) -> bool {
        true
    }

    async fn apply(&self, transaction: &mut Transaction<'_>) -> Result<u64, StoreError> {
        let mut gone = 0;
        for seq in &self.0 {
            models::forget_learned_from(transaction, *seq).await?;
            gone += query("DELETE FROM comments WHERE seq = $1").bind(*seq).execute(transaction.connection).await?;
        }
        transaction.news.learning = true;
        transaction.news.erased = true;
        Ok(gone)
    }
}
