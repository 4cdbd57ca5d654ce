//! One naive Bayes table per view, fitted by linfa. The only file that names `linfa` or `ndarray`.
//!
//! Multinomial naive Bayes needs nothing of the rows but their sum per class, so linfa is fitted on **two rows**, one per
//! class, and gives the same log-probabilities as on all of them (a test below proves it); a dense matrix of the corpus would not fit
//! into memory. Three things follow and are taken care of here:
//!
//! - linfa counts rows, so its class priors come out as 1/2 each. They are not used: the base rate belongs to
//!   [`super::combination`].
//! - Both rows are rescaled to the same total first. A corpus with ten times more ham text would otherwise call every
//!   rare feature spam, because smoothing weighs more in the smaller class (Rennie et al., "Tackling the Poor Assumptions of
//!   Naive Bayes Text Classifiers", ICML 2003, describe the effect).
//! - linfa's `predict_proba` overflows beyond some 80 features; linfa never scores here, we add the weights up ourselves.
//!
//! The crates stay at 0.7.1: 0.8.0 and 0.8.1 print every fit's whole state to stderr through a forgotten `dbg!`
//! (`docs/decisions/0001-linfa-version.md`).

use linfa::prelude::*;
use linfa_bayes::MultinomialNb;
use ndarray::{Array1, Array2};
use serde::Deserialize;

use crate::comment::Label;

use super::steps::Steps;
use super::weights::Weight;

/// Added to every rescaled count (Lidstone smoothing). Taken over from the experiments before this program, where .1 to 1 made no
/// difference; not measured again (`docs/tried.md`, "Not tried here").
pub(super) const ALPHA: f64 = 0.3;

/// Factors that bring the two class totals to their mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Balance {
    ham: f64,
    spam: f64,
}

impl Balance {
    /// From the sums of all counts of ham and of spam, in units of [`Weight`].
    pub(super) fn new(ham_total: u64, spam_total: u64) -> Self {
        let [ham, spam] = [ham_total, spam_total].map(in_rows);
        let mean = f64::midpoint(ham, spam);
        Balance { ham: mean / ham.max(1.0), spam: mean / spam.max(1.0) }
    }

    /// The log-odds of one feature in closed form: what linfa's two log-probabilities differ by, because with equal totals and
    /// equal numbers of features their denominators cancel. 0 for a feature nobody has seen.
    ///
    /// Held-out scores use it, because it can leave a row out of the counts without another fit.
    pub(super) fn log_odds(self, ham: u32, spam: u32) -> f64 {
        if ham == 0 && spam == 0 {
            return 0.0;
        }
        ((in_rows(spam.into()) * self.spam + ALPHA) / (in_rows(ham.into()) * self.ham + ALPHA)).ln()
    }

    /// The same in steps.
    pub(super) fn steps(self, ham: u32, spam: u32) -> Steps {
        if ham == 0 && spam == 0 { Steps::NEVER_SEEN } else { Steps::nearest(self.log_odds(ham, spam)) }
    }
}

/// Units of weight as a number of ordinary rows.
fn in_rows(units: u64) -> f64 {
    units as f64 / f64::from(Weight::UNITS)
}

/// Why linfa refused to fit. It does not happen with finite, non-negative counts.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// linfa's own reason.
    #[error("naive Bayes could not be fitted: {0}")]
    Linfa(#[from] linfa_bayes::NaiveBayesError),
    /// The fitted model no longer looks as expected.
    #[error("the fitted naive Bayes model could not be read back: {0}")]
    ReadBack(String),
}

/// Fits one table: the log-odds of every bucket from its ham and spam counts, in units of [`Weight`].
///
/// `ham` and `spam` have one entry per bucket; the result too. Buckets without rows get exactly 0.
pub(super) fn fit(ham: &[u32], spam: &[u32]) -> Result<Vec<f32>, FitError> {
    let total = |counts: &[u32]| counts.iter().map(|&n| u64::from(n)).sum::<u64>();
    let balance = Balance::new(total(ham), total(spam));
    let mut sums = Array2::<f64>::zeros((2, ham.len()));
    for (bucket, (&h, &s)) in ham.iter().zip(spam).enumerate() {
        sums[(Label::Ham.index(), bucket)] = in_rows(h.into()) * balance.ham;
        sums[(Label::Spam.index(), bucket)] = in_rows(s.into()) * balance.spam;
    }
    let classes = Array1::from_vec(vec![Label::Ham.index(), Label::Spam.index()]);
    let [ham_log, spam_log] = fit_log_probabilities(sums, classes)?;
    let unseen = |bucket: usize| ham[bucket] == 0 && spam[bucket] == 0;
    let odds = |bucket: usize| if unseen(bucket) { 0.0 } else { (spam_log[bucket] - ham_log[bucket]) as f32 };
    Ok((0..ham.len()).map(odds).collect())
}

/// linfa's feature log-probabilities of classes 0 and 1.
fn fit_log_probabilities(rows: Array2<f64>, classes: Array1<usize>) -> Result<[Vec<f64>; 2], FitError> {
    let model: MultinomialNb<f64, usize> = MultinomialNb::params().alpha(ALPHA).fit(&Dataset::new(rows, classes))?;
    // linfa has no accessor for its weights; its serde form does. The layout is private, hence the pinned version.
    let read_back = |why: String| FitError::ReadBack(why);
    let bytes = rmp_serde::to_vec_named(&model).map_err(|e| read_back(e.to_string()))?;
    drop(model);
    let mut fitted: Fitted = rmp_serde::from_slice(&bytes).map_err(|e| read_back(e.to_string()))?;
    let mut take = |class: usize| {
        fitted
            .class_info
            .remove(&class)
            .map(|info| info.feature_log_prob.to_vec())
            .ok_or_else(|| read_back(format!("class {class} is missing")))
    };
    Ok([take(0)?, take(1)?])
}

#[derive(Deserialize)]
struct Fitted {
    class_info: std::collections::HashMap<usize, FittedClass>,
}

#[derive(Deserialize)]
struct FittedClass {
    feature_log_prob: Array1<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows of binary counts with their class, as a corpus would give them.
    fn corpus() -> impl Strategy<Value = Vec<(Vec<bool>, bool)>> {
        prop::collection::vec((prop::collection::vec(any::<bool>(), 12), any::<bool>()), 2..40)
            .prop_filter("both classes, each with a feature", |rows| {
                [false, true].iter().all(|class| rows.iter().any(|(row, c)| c == class && row.contains(&true)))
            })
    }

    /// Counts of one class, in units.
    fn sums(rows: &[(Vec<bool>, bool)], class: bool) -> Vec<u32> {
        let count = |bucket: usize| rows.iter().filter(|(row, c)| *c == class && row[bucket]).count() as u32;
        (0..12).map(|bucket| count(bucket) * Weight::UNITS).collect()
    }

    proptest! {
        #[test]
        fn a_fit_on_two_summed_rows_equals_linfas_fit_on_all_rows(rows in corpus()) {
            let full = Array2::from_shape_fn((rows.len(), 12), |(r, c)| f64::from(u8::from(rows[r].0[c])));
            let classes = Array1::from_iter(rows.iter().map(|(_, class)| usize::from(*class)));
            let on_all = fit_log_probabilities(full, classes).unwrap();
            let (ham, spam) = (sums(&rows, false), sums(&rows, true));
            let summed = Array2::from_shape_fn((2, 12), |(r, c)| in_rows(if r == 0 { ham[c] } else { spam[c] }.into()));
            let on_sums = fit_log_probabilities(summed, Array1::from_vec(vec![0, 1])).unwrap();
            for (a, b) in on_all.iter().flatten().zip(on_sums.iter().flatten()) {
                prop_assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }

        #[test]
        fn the_closed_form_equals_linfas_fit(rows in corpus()) {
            let (ham, spam) = (sums(&rows, false), sums(&rows, true));
            let balance = Balance::new(ham.iter().map(|&n| u64::from(n)).sum(), spam.iter().map(|&n| u64::from(n)).sum());
            for (bucket, fitted) in fit(&ham, &spam).unwrap().into_iter().enumerate() {
                let closed = balance.log_odds(ham[bucket], spam[bucket]);
                prop_assert!((f64::from(fitted) - closed).abs() < 1e-6, "{fitted} {closed}");
            }
        }
    }

    #[test]
    fn evidence_points_to_the_class_it_was_seen_in_and_unseen_is_exactly_nothing() {
        let odds = fit(&[9, 0, 5, 0].map(|n| n * Weight::UNITS), &[0, 9, 5, 0].map(|n| n * Weight::UNITS)).unwrap();
        assert!(odds[0] < -2.0 && odds[1] > 2.0 && odds[2].abs() < 1e-6);
        assert_eq!(odds[3], 0.0);
    }

    #[test]
    fn a_larger_class_does_not_turn_rare_features_into_evidence() {
        // Ten times more ham text; a feature equally common per row in both is no evidence.
        let odds = fit(&[1000, 10].map(|n| n * Weight::UNITS), &[100, 1].map(|n| n * Weight::UNITS)).unwrap();
        assert!(odds[0].abs() < 0.05, "{odds:?}");
    }
}
