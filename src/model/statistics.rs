//! How many rows of each class show each feature: all that naive Bayes learns from a corpus.
//!
//! Counts are kept per fold, so that a row can be scored by what the other folds know (held-out scores train the combination
//! and set the thresholds). They are sums of whole numbers: neither the order of rows nor the number of threads can change
//! them, and memory is the same for a thousand rows and for a million.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::comment::Label;
use crate::text::{Features, View};

use super::naive_bayes::Balance;

/// Number of folds: the usual compromise, each held-out score comes from four fifths of the rows.
pub(super) const FOLDS: usize = 5;

/// Counts of one bucket: by label, then by fold.
const WIDTH: usize = 2 * FOLDS;

/// The statistics of all views.
pub(super) struct Statistics {
    views: Vec<Box<[AtomicU32]>>,
}

impl Statistics {
    pub(super) fn new() -> Self {
        let table = |view: View| (0..view.buckets() * WIDTH).map(|_| AtomicU32::new(0)).collect();
        Statistics { views: View::ALL.into_iter().map(table).collect() }
    }

    /// Counts one row, `weight` times.
    pub(super) fn observe(&self, features: &Features, label: Label, fold: usize, weight: u32) {
        for view in View::ALL {
            let table = &self.views[view.index()];
            for &bucket in features.of(view) {
                table[bucket as usize * WIDTH + label.index() * FOLDS + fold].fetch_add(weight, Ordering::Relaxed);
            }
        }
    }

    /// Counts of one label in every bucket of a view.
    pub(super) fn counts(&self, view: View, label: Label) -> Vec<u64> {
        let sum = |bucket: &[AtomicU32]| bucket[label.index() * FOLDS..][..FOLDS].iter().map(load).sum();
        self.views[view.index()].chunks_exact(WIDTH).map(sum).collect()
    }

    /// The view of all folds but `fold`.
    pub(super) fn without_fold(&self, view: View, fold: usize) -> HeldOut<'_> {
        let table = &self.views[view.index()];
        let mut totals = [0.0; 2];
        for bucket in table.chunks_exact(WIDTH) {
            for label in Label::ALL {
                totals[label.index()] += others(bucket, label, fold);
            }
        }
        HeldOut { table, fold, balance: Balance::new(totals[Label::Ham.index()], totals[Label::Spam.index()]) }
    }
}

fn load(count: &AtomicU32) -> u64 {
    u64::from(count.load(Ordering::Relaxed))
}

/// Rows of a label in all folds but one.
fn others(bucket: &[AtomicU32], label: Label, fold: usize) -> f64 {
    let folds = &bucket[label.index() * FOLDS..][..FOLDS];
    (folds.iter().map(load).sum::<u64>() - load(&folds[fold])) as f64
}

/// What all folds but one know of a view.
pub(super) struct HeldOut<'a> {
    table: &'a [AtomicU32],
    fold: usize,
    balance: Balance,
}

impl HeldOut<'_> {
    /// The log-odds of a bucket as if the fold did not exist.
    pub(super) fn log_odds(&self, bucket: u32) -> f64 {
        let counts = &self.table[bucket as usize * WIDTH..][..WIDTH];
        self.balance.log_odds(others(counts, Label::Ham, self.fold), others(counts, Label::Spam, self.fold))
    }
}
