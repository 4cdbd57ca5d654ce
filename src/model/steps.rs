//! Log-odds in whole steps: what scoring adds up.
//!
//! One byte a bucket instead of four: the tables a busy server goes through all the time then stay in the processor's cache,
//! and sums of whole numbers are the same in every order. What is lost is far below what the log-odds are known to
//! (`docs/tried.md`, "Log-odds in bytes").

use super::combination::ViewSums;

/// One step of log-odds. 127 of them reach to 10.6, the log-odds of a feature that 12,000 spam rows showed and no ham.
pub(super) const STEP: f64 = 1.0 / 12.0;

/// A bucket's log-odds in steps, cut at 127 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps(i8);

impl Steps {
    /// Of a bucket that no row of the training corpus showed: no evidence, and the comment is told to be unfamiliar.
    pub(super) const NEVER_SEEN: Steps = Steps(i8::MIN);

    /// The nearest number of steps.
    pub(super) fn nearest(log_odds: f64) -> Self {
        Steps((log_odds / STEP).round().clamp(-127.0, 127.0) as i8)
    }

    /// Back to log-odds.
    pub(super) fn log_odds(self) -> f64 {
        if self == Self::NEVER_SEEN { 0.0 } else { f64::from(self.0) * STEP }
    }
}

/// How many log-odds are fetched from a table before they are added: fetching waits for memory, adding does not, and apart
/// both are done many at a time.
const AT_ONCE: usize = 64;

/// Adds up the entries of a view's table that a comment touches.
pub(super) fn sum(table: &[Steps], buckets: &[u32]) -> ViewSums {
    let mut sums = ViewSums::default();
    let mut fetched = [Steps(0); AT_ONCE];
    for chunk in buckets.chunks(AT_ONCE) {
        for (steps, &bucket) in fetched.iter_mut().zip(chunk) {
            *steps = table[bucket as usize];
        }
        sums.add(&fetched[..chunk.len()]);
    }
    sums
}

impl ViewSums {
    /// Adds some features' log-odds.
    pub(super) fn add(&mut self, features: &[Steps]) {
        let total = |of: fn(i8) -> i32| i64::from(features.iter().map(|steps| of(steps.0)).sum::<i32>());
        let unfamiliar = total(|steps| i32::from(steps == i8::MIN));
        self.n += features.len() as u64;
        self.unfamiliar += unfamiliar as u64;
        // What was never seen went into the sum as the smallest number and is taken out again.
        self.sum += total(i32::from) - unfamiliar * i64::from(i8::MIN);
        self.positive += total(|steps| i32::from(steps.max(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn log_odds_are_kept_to_half_a_step_and_cut_at_the_ends() {
        for log_odds in [0.0, 0.04, -0.04, 1.0, -3.3, 10.5] {
            assert!((Steps::nearest(log_odds).log_odds() - log_odds).abs() <= STEP / 2.0 + 1e-12, "{log_odds}");
        }
        assert_eq!(Steps::nearest(1e9).log_odds(), 127.0 * STEP);
        assert_eq!(Steps::nearest(f64::NEG_INFINITY).log_odds(), -127.0 * STEP);
        assert_eq!(Steps::NEVER_SEEN.log_odds(), 0.0);
    }

    proptest! {
        #[test]
        fn sums_are_those_of_one_feature_at_a_time(table in proptest::collection::vec(any::<i8>(), 200), buckets in proptest::collection::vec(0..200_u32, 0..300)) {
            let table: Vec<Steps> = table.into_iter().map(Steps).collect();
            let mut expected = ViewSums::default();
            for &bucket in &buckets {
                let steps = table[bucket as usize];
                let (seen, value) = (steps != Steps::NEVER_SEEN, i64::from(steps.0));
                expected.n += 1;
                expected.unfamiliar += u64::from(!seen);
                expected.sum += if seen { value } else { 0 };
                expected.positive += value.max(0);
            }
            prop_assert_eq!(sum(&table, &buckets), expected);
        }
    }
}
