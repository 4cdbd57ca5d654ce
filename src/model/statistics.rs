//! How many rows of each class show each feature: all that naive Bayes learns from a corpus.
//!
//! Counts are sums of whole numbers: neither the order of rows nor the number of threads can change them, and memory is the same
//! for a thousand rows and for a million. Because they are sums, a row can be taken out of them again: its *held-out* score, what
//! the model would say had it never seen the row, needs no further fit (leave-one-out in closed form; `docs/tried.md` compares
//! it with folds).

use std::sync::atomic::{AtomicU32, Ordering};

use crate::comment::Label;
use crate::text::{Features, View};

use super::naive_bayes::Balance;
use super::steps::Steps;
use super::weights::Weight;

/// The weighted counts of all views, by bucket and label, in units of [`Weight`].
#[derive(Debug)]
pub(super) struct Statistics {
    views: Vec<Box<[[AtomicU32; 2]]>>,
}

impl Statistics {
    pub(super) fn new() -> Self {
        let table = |view: View| (0..view.buckets()).map(|_| Default::default()).collect();
        Statistics { views: View::ALL.into_iter().map(table).collect() }
    }

    /// Counts one row.
    pub(super) fn observe(&self, features: &Features, label: Label, weight: Weight) {
        for view in View::ALL {
            let table = &self.views[view.index()];
            for &bucket in features.of(view) {
                table[bucket as usize][label.index()].fetch_add(weight.units(), Ordering::Relaxed);
            }
        }
    }

    /// Counts of one bucket by label.
    pub(super) fn counts_of(&self, view: View, bucket: u32) -> [u32; 2] {
        let pair = &self.views[view.index()][bucket as usize];
        [load(&pair[0]), load(&pair[1])]
    }

    /// Counts of one label in every bucket of a view.
    pub(super) fn counts(&self, view: View, label: Label) -> Vec<u32> {
        self.views[view.index()].iter().map(|pair| load(&pair[label.index()])).collect()
    }

    /// For every view, its sums of all counts by label.
    pub(super) fn totals(&self) -> Totals {
        Totals(View::ALL.map(|view| {
            let table = &self.views[view.index()];
            Label::ALL.map(|label| table.iter().map(|pair| u64::from(load(&pair[label.index()]))).sum())
        }))
    }

    /// One view as if a row had never been counted; `features` is the row's number of features in the view.
    pub(super) fn without_row(
        &self,
        view: View,
        totals: &Totals,
        label: Label,
        weight: Weight,
        features: usize,
    ) -> HeldOut<'_> {
        let mut totals = totals.0[view.index()];
        // Saturating: a corpus that changed since it was counted is refused, but only after this pass.
        let total = &mut totals[label.index()];
        *total = total.saturating_sub(u64::from(weight.units()) * features as u64);
        let balance = Balance::new(totals[Label::Ham.index()], totals[Label::Spam.index()]);
        HeldOut { table: &self.views[view.index()], label, weight, balance }
    }
}

/// Sums of all counts, by view and label.
#[derive(Debug)]
pub(super) struct Totals([[u64; 2]; View::COUNT]);

impl Totals {
    /// One view's sums by label.
    pub(super) fn of(&self, view: View) -> [u64; 2] {
        self.0[view.index()]
    }
}

fn load(count: &AtomicU32) -> u32 {
    count.load(Ordering::Relaxed)
}

/// What all rows but one know of a view.
pub(super) struct HeldOut<'a> {
    table: &'a [[AtomicU32; 2]],
    label: Label,
    weight: Weight,
    balance: Balance,
}

impl HeldOut<'_> {
    /// The log-odds of one of the row's buckets as if the row did not exist.
    pub(super) fn steps(&self, bucket: u32) -> Steps {
        let mut counts = Label::ALL.map(|label| load(&self.table[bucket as usize][label.index()]));
        let count = &mut counts[self.label.index()];
        *count = count.saturating_sub(self.weight.units());
        self.balance.steps(counts[Label::Ham.index()], counts[Label::Spam.index()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Comment;
    use crate::text::{Extractor, Fields};

    #[test]
    fn leaving_a_row_out_equals_never_having_counted_it() {
        let weight = Weight::from_factor(2.5).unwrap();
        let rows = [
            ("cheap pills online", Label::Spam),
            ("pills and casino", Label::Spam),
            ("thanks for the pills joke", Label::Ham),
            ("see you online", Label::Ham),
        ];
        let features = |text: &str| {
            let mut features = Features::default();
            features.fill(&mut Extractor::default(), &Comment::from_text(text).unwrap(), Fields::All);
            features
        };
        let counted = |skip: usize| {
            let statistics = Statistics::new();
            for (at, (text, label)) in rows.iter().enumerate() {
                if at != skip {
                    statistics.observe(&features(text), *label, weight);
                }
            }
            statistics
        };
        let all = counted(usize::MAX);
        for (at, (text, label)) in rows.iter().enumerate() {
            let row = features(text);
            let (others, totals) = (counted(at), all.totals());
            for view in View::ALL {
                let [ham, spam] = others.totals().0[view.index()];
                let balance = Balance::new(ham, spam);
                let left_out = all.without_row(view, &totals, *label, weight, row.of(view).len());
                for &bucket in row.of(view) {
                    let [ham, spam] =
                        Label::ALL.map(|label| load(&others.views[view.index()][bucket as usize][label.index()]));
                    assert_eq!(left_out.steps(bucket), balance.steps(ham, spam), "{view:?}");
                }
            }
        }
    }
}
