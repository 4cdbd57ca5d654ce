//! Remembering what was decided.

use crate::comment::Comment;
use crate::site::Site;
use crate::store::connection::query;
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::usage;
use crate::text::fingerprint;
use crate::verdict::{Decision, DecisionId, ModelId, Probability, Queue};

/// A decision to remember.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// Its name.
    pub id: DecisionId,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The site the comment was written on.
    pub site: Site,
    /// The comment; of its fields, `id`, `post_excerpt` and `date` are not kept.
    pub comment: Comment,
    /// What kind of entry the blog says it is (`comment`, `trackback`, `forum-post`).
    pub comment_type: Option<String>,
    /// Approve or hold.
    pub decision: Decision,
    /// For a hold, which queue.
    pub queue: Option<Queue>,
    /// How sure the model was.
    pub spam_probability: Probability,
    /// Which model it was.
    pub model: ModelId,
    /// A trial of an operator: it is kept, but neither counted nor learned from.
    pub test: bool,
}

impl Decided {
    /// What it takes of the queue's room, in bytes, roughly.
    pub(super) fn weight(&self) -> usize {
        let comment = &self.comment;
        let fields = [
            &comment.author,
            &comment.author_url,
            &comment.email_domain,
            &comment.post_title,
            &comment.post_excerpt,
            &comment.post_url,
            &comment.lang,
            &comment.date,
            &comment.id,
            &self.comment_type,
        ];
        let fields = fields.into_iter().flatten().map(String::len).sum::<usize>();
        size_of::<Self>() + comment.content.len() + fields
    }
}

/// Writes a decision and counts it. One whose name is known already is left as it is.
pub(super) async fn insert(transaction: &mut Transaction<'_>, decided: &Decided) -> Result<(), StoreError> {
    let row = Row { site: &decided.site, comment: &decided.comment, at: decided.at, decided: Some(decided) };
    if row.insert(transaction).await?.is_some() && !decided.test {
        usage::decided(transaction, &decided.site, decided.at, decided.decision);
    }
    Ok(())
}

/// A comment with or without the decision on it.
pub(super) struct Row<'a> {
    pub site: &'a Site,
    pub comment: &'a Comment,
    pub at: i64,
    pub decided: Option<&'a Decided>,
}

impl Row<'_> {
    /// Writes it and returns its number; `None` when the decision is known already.
    pub async fn insert(&self, transaction: &mut Transaction<'_>) -> Result<Option<i64>, StoreError> {
        let sql = "INSERT INTO comments (site, fingerprint, at, content, author, author_url, email_domain, post_title, \
                   post_url, lang, comment_type, test, decision_id, decision, queue, spam_probability, model) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
                   ON CONFLICT (decision_id) DO NOTHING RETURNING seq";
        let Row { site, comment, at, decided } = self;
        let print = fingerprint(site, comment);
        let query = query(sql)
            .bind(site.as_str())
            .bind(&print[..])
            .bind(*at)
            .bind(comment.content.as_str())
            .bind(comment.author.as_deref())
            .bind(comment.author_url.as_deref())
            .bind(comment.email_domain.as_deref())
            .bind(comment.post_title.as_deref())
            .bind(comment.post_url.as_deref())
            .bind(comment.lang.as_deref())
            .bind(decided.and_then(|decided| decided.comment_type.as_deref()))
            .bind(i64::from(decided.is_some_and(|decided| decided.test)))
            .bind(decided.map(|decided| &decided.id.as_bytes()[..]))
            .bind(decided.map(|decided| decided.decision.name()))
            .bind(decided.and_then(|decided| decided.queue).map(Queue::name))
            .bind(decided.map(|decided| decided.spam_probability.value()))
            .bind(decided.map(|decided| decided.model.as_str()));
        let row = query.fetch_optional(transaction.connection).await?;
        row.map(|row| row.get(0)).transpose()
    }
}
