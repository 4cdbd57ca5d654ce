//! Remembering what was decided.

use std::collections::HashMap;

use crate::comment::{Comment, Label};
use crate::site::Site;
use crate::store::connection::{Query, portions, query_of_rows};
use crate::store::error::StoreError;
use crate::store::transaction::Transaction;
use crate::store::usage;
use crate::text::{Fingerprint, fingerprint};
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

/// Writes decisions and counts them. One whose name is known already is left as it is.
pub(super) async fn insert_all(transaction: &mut Transaction<'_>, decided: &[&Decided]) -> Result<(), StoreError> {
    let rows: Vec<Row> = decided.iter().map(|decided| Row::decided(decided)).collect();
    let seqs = store(transaction, &rows.iter().collect::<Vec<_>>()).await?;
    for (decided, seq) in decided.iter().zip(seqs) {
        if seq.is_some() && !decided.test {
            usage::decided(transaction, &decided.site, decided.at, decided.decision);
        }
    }
    Ok(())
}

/// A comment with or without the decision on it.
pub(super) struct Row<'a> {
    pub site: &'a Site,
    pub comment: &'a Comment,
    pub fingerprint: Fingerprint,
    pub at: i64,
    pub decided: Option<&'a Decided>,
    pub label: Option<Label>,
}

/// Writes rows and tells the number each got; `None` for a decision that is known already.
///
/// In what order a database answers is nowhere promised; rows are told apart by their decision, or without one by their
/// fingerprint, which must then differ.
pub(super) async fn store(
    transaction: &mut Transaction<'_>,
    rows: &[&Row<'_>],
) -> Result<Vec<Option<i64>>, StoreError> {
    let mut seqs = Vec::with_capacity(rows.len());
    for portion in portions(rows) {
        let mut query = query_of_rows(
            "INSERT INTO comments (site, fingerprint, at, content, author, author_url, email_domain, post_title, \
             post_url, lang, comment_type, test, decision_id, decision, queue, spam_probability, model, label) VALUES ",
            18,
            portion.len(),
            " ON CONFLICT (decision_id) DO NOTHING RETURNING seq, COALESCE(decision_id, fingerprint)",
        );
        for row in portion {
            query = row.bind(query);
        }
        let answer = query.fetch_all(transaction.connection).await?;
        let numbered = answer.iter().map(|row| Ok((row.get::<&[u8]>(1)?, row.get(0)?)));
        let mut numbered: HashMap<&[u8], i64> = numbered.collect::<Result<_, StoreError>>()?;
        seqs.extend(portion.iter().map(|row| numbered.remove(row.name())));
    }
    Ok(seqs)
}

impl<'a> Row<'a> {
    fn decided(decided: &'a Decided) -> Self {
        let Decided { site, comment, at, .. } = decided;
        let fingerprint = fingerprint(site, comment);
        Row { site, comment, fingerprint, at: *at, decided: Some(decided), label: None }
    }

    /// What tells it from the others it is written with.
    fn name(&self) -> &[u8] {
        self.decided.map_or(&self.fingerprint, |decided| decided.id.as_bytes())
    }

    fn bind(&'a self, query: Query<'a>) -> Query<'a> {
        let Row { site, comment, fingerprint, at, decided, label } = self;
        query
            .bind(site.as_str())
            .bind(&fingerprint[..])
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
            .bind(decided.map(|decided| decided.model.as_str()))
            .bind(label.map(Label::name))
    }
}
