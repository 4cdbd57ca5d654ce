//! Learning without a training: counts are sums, so a correction is a few additions.
//!
//! What changes are the counts of the features of the comment, and with them their log-odds in closed form, which is what linfa
//! would fit to the new counts (`naive_bayes` proves it). The combination, the thresholds and the balance of the
//! classes stay as they were fitted: a comment called ham can only lower the log-odds of its features, and moves no other feature.
//! The cost is that of the comment's features and of one copy of the bytes that are summed (one and a half megabytes); the model in
//! service is never written to.

use crate::comment::{Comment, Label};
use crate::text::{Extractor, Features, View};
use crate::verdict::ModelId;

use super::classifier::{Classifier, Learned, Table};
use super::naive_bayes::Balance;
use super::own;
use super::weights::Weight;

/// What people say of one comment, compared with what they said before.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    /// The comment.
    pub comment: &'a Comment,
    /// Its label as the model knows it; `None`: the model never met it.
    pub before: Option<Label>,
    /// Its label now; `None`: the model is to forget it.
    pub after: Option<Label>,
}

impl Classifier {
    /// The model with some labels changed. `id` is its name: a model that learned has another one than it had before.
    ///
    /// Each comment counts as often as the blog's own rows do in this model. Updates may come in any order and number; the
    /// same labels in the end give the same model.
    #[must_use]
    pub fn updated<'a>(&self, id: ModelId, updates: impl IntoIterator<Item = Update<'a>>) -> Classifier {
        let weight = self.card.own.as_ref().map_or_else(own::first_weight, |own| own::weight_of(own.weight));
        let mut classifier = Classifier { id, ..self.clone() };
        let (mut extractor, mut features) = (Extractor::default(), Features::default());
        for Update { comment, before, after } in updates {
            features.fill(&mut extractor, comment, self.card.fields);
            for view in View::ALL {
                let table = &mut classifier.tables[view.index()];
                for &bucket in features.of(view) {
                    table.recount(bucket, before, after, weight);
                }
            }
        }
        for table in &mut classifier.tables {
            table.relearn();
        }
        classifier
    }
}

impl Table {
    /// Moves one row of a bucket from one label to another.
    fn recount(&mut self, bucket: u32, before: Option<Label>, after: Option<Label>, weight: Weight) {
        let fitted = &self.fitted;
        let learned = self.learned.entry(bucket).or_insert_with(|| Learned::new(fitted.counts(bucket)));
        if let Some(label) = before {
            learned.added[label.index()] -= i64::from(weight.units());
        }
        if let Some(label) = after {
            learned.added[label.index()] += i64::from(weight.units());
        }
    }

    /// Brings the log-odds of all buckets whose counts changed up to date.
    fn relearn(&mut self) {
        let [ham, spam] = self.fitted.totals();
        let balance = Balance::new(ham, spam);
        for (&bucket, learned) in &mut self.learned {
            let [ham, spam] = learned.counts();
            learned.log_odds = balance.log_odds(ham, spam) as f32;
            self.steps[bucket as usize] = balance.steps(ham, spam);
        }
    }
}
