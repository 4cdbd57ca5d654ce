//! Learning without a training: counts are sums, so a correction is a few additions.
//!
//! What changes are the counts of the features of the comment, and with them the log-odds in closed form, which is what linfa would fit to
//! the new counts (`naive_bayes` proves it). The balance of the classes follows the counts too: with it fixed, a blog that only reports
//! spam would soon see its readers held (`docs/tried.md`, "The balance of the classes"). The combination and the thresholds stay.
//!
//! A correction costs the features of its comment and one pass over the tables, whose balance has moved: milliseconds, however
//! much was learned before, because what was learned is made part of the counts from time to time. The model in service is never written
//! to.

use crate::comment::{Comment, Label};
use crate::text::{Extractor, Features, View};
use crate::verdict::ModelId;

use super::classifier::{Classifier, Table};
use super::naive_bayes::Balance;
use super::own;
use super::steps::Steps;
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
            if table.added.len() > MOST_ADDED {
                table.fold();
            }
            table.relearn();
        }
        classifier
    }
}

/// So many changed buckets at most are kept beside a table before they are made part of it.
const MOST_ADDED: usize = 1 << 14;

impl Table {
    /// Makes what was learned since a part of the counts, so that the next correction need not carry it along.
    fn fold(&mut self) {
        let (ham, spam): (Vec<u32>, Vec<u32>) =
            (0..self.steps.len() as u32).map(|bucket| self.units(bucket)).map(|[ham, spam]| (ham, spam)).unzip();
        let [ham_total, spam_total] = self.totals();
        let balance = Balance::new(ham_total, spam_total);
        let log_odds: Vec<f32> = ham.iter().zip(&spam).map(|(&h, &s)| balance.log_odds(h, s) as f32).collect();
        *self = Table::of(&ham, &spam, &log_odds);
    }

    /// Moves one row of a bucket from one label to another.
    fn recount(&mut self, bucket: u32, before: Option<Label>, after: Option<Label>, weight: Weight) {
        let added = self.added.entry(bucket).or_default();
        if let Some(label) = before {
            added[label.index()] -= i64::from(weight.units());
        }
        if let Some(label) = after {
            added[label.index()] += i64::from(weight.units());
        }
        if *added == [0; 2] {
            self.added.remove(&bucket);
        }
    }

    /// Brings what scoring adds up in line with the counts.
    fn relearn(&mut self) {
        let [ham, spam] = self.totals();
        let balance = Balance::new(ham, spam);
        let by_code: Vec<Steps> = self.fitted.counts.iter().map(|&[ham, spam]| balance.steps(ham, spam)).collect();
        for (steps, &code) in self.steps.iter_mut().zip(&self.fitted.codes) {
            *steps = by_code[code as usize];
        }
        for &bucket in self.added.keys() {
            let [ham, spam] = self.units(bucket);
            self.steps[bucket as usize] = balance.steps(ham, spam);
        }
    }
}
