//! What pictures of an evaluation are drawn from: curves over all thresholds, and histograms.

use crate::comment::Label;

/// One threshold: holding every row whose score is at least `from` holds so many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The score, in log-odds.
    pub from: f64,
    /// Ham rows held.
    pub ham: u64,
    /// Spam rows held.
    pub spam: u64,
}

/// What is held at every threshold, the strictest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// One step per different score, from the highest down; before the first, nothing is held.
    pub steps: Vec<Step>,
    /// All ham rows.
    pub ham: u64,
    /// All spam rows.
    pub spam: u64,
}

impl Curve {
    /// The curve of rows with their scores, which must be finite.
    pub fn of(rows: impl Iterator<Item = (f64, Label)>) -> Self {
        let mut ranked: Vec<(f64, Label)> = rows.collect();
        ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut curve = Curve { steps: Vec::new(), ham: 0, spam: 0 };
        for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
            let spam = tied.iter().filter(|(_, label)| *label == Label::Spam).count() as u64;
            curve.spam += spam;
            curve.ham += tied.len() as u64 - spam;
            curve.steps.push(Step { from: tied[0].0, ham: curve.ham, spam: curve.spam });
        }
        curve
    }

    /// What is held if only scores above `threshold` are.
    pub fn above(&self, threshold: f64) -> Step {
        let held = self.steps.partition_point(|step| step.from > threshold);
        let (ham, spam) = held.checked_sub(1).map_or((0, 0), |last| (self.steps[last].ham, self.steps[last].spam));
        Step { from: threshold, ham, spam }
    }

    /// The loosest threshold that holds at most `ham` ham rows.
    pub fn at_most(&self, ham: u64) -> Step {
        let held = self.steps.partition_point(|step| step.ham <= ham);
        let nothing = Step { from: f64::INFINITY, ham: 0, spam: 0 };
        held.checked_sub(1).map_or(nothing, |last| self.steps[last])
    }
}

/// One bar of a histogram of evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Where it begins, in log-odds; the first and the last bar also hold what lies beyond.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Ham rows.
    pub ham: u64,
    /// Spam rows.
    pub spam: u64,
}

/// Counts scores in `bars` equal bars between `from` and `to`.
///
/// # Panics
/// When there are no bars or no space for them.
pub fn histogram(rows: impl Iterator<Item = (f64, Label)>, from: f64, to: f64, bars: usize) -> Vec<Bar> {
    assert!(bars > 0 && from < to, "a histogram needs bars and a range");
    let width = (to - from) / bars as f64;
    let edge = |bar: usize| from + bar as f64 * width;
    let mut histogram: Vec<Bar> =
        (0..bars).map(|bar| Bar { from: edge(bar), to: edge(bar + 1), ham: 0, spam: 0 }).collect();
    for (score, label) in rows {
        let bar = ((score - from) / width).floor().clamp(0.0, bars as f64 - 1.0) as usize;
        match label {
            Label::Ham => histogram[bar].ham += 1,
            Label::Spam => histogram[bar].spam += 1,
        }
    }
    histogram
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Label::{Ham, Spam};

    const ROWS: [(f64, Label); 6] = [(3.0, Spam), (1.0, Ham), (2.0, Spam), (2.0, Ham), (-1.0, Spam), (-4.0, Ham)];

    #[test]
    fn a_curve_counts_what_each_threshold_holds_ties_together() {
        let curve = Curve::of(ROWS.into_iter());
        let steps: Vec<(f64, u64, u64)> = curve.steps.iter().map(|step| (step.from, step.ham, step.spam)).collect();
        assert_eq!(steps, [(3.0, 0, 1), (2.0, 1, 2), (1.0, 2, 2), (-1.0, 2, 3), (-4.0, 3, 3)]);
        let held = |step: Step| (step.ham, step.spam);
        for (threshold, expected) in [(9.0, (0, 0)), (2.0, (0, 1)), (1.9, (1, 2)), (-9.0, (3, 3))] {
            assert_eq!(held(curve.above(threshold)), expected, "above {threshold}");
        }
        for (ham, expected) in [(0, (0, 1)), (1, (1, 2)), (2, (2, 3)), (7, (3, 3))] {
            assert_eq!(held(curve.at_most(ham)), expected, "at most {ham}");
        }
    }

    #[test]
    fn a_histogram_counts_every_row_also_those_beyond_its_ends() {
        let bars = histogram(ROWS.into_iter().chain([(99.0, Spam), (-99.0, Ham)]), -2.0, 2.0, 4);
        let counts: Vec<(f64, u64, u64)> = bars.iter().map(|bar| (bar.from, bar.ham, bar.spam)).collect();
        assert_eq!(counts, [(-2.0, 2, 0), (-1.0, 0, 1), (0.0, 0, 0), (1.0, 2, 3)]);
    }

    proptest! {
        #[test]
        fn a_looser_threshold_never_holds_less(scores in proptest::collection::vec((-9..9_i32, any::<bool>()), 0..50)) {
            let rows = scores.iter().map(|&(score, spam)| (f64::from(score), if spam { Spam } else { Ham }));
            let curve = Curve::of(rows.clone());
            let ordered = |pair: &[Step]| {
                pair[0].from > pair[1].from && pair[0].ham <= pair[1].ham && pair[0].spam <= pair[1].spam
            };
            prop_assert!(curve.steps.windows(2).all(ordered));
            for ham in 0..=curve.ham {
                let step = curve.at_most(ham);
                prop_assert!(step.ham <= ham);
            }
            let counted = histogram(rows, -3.0, 3.0, 7).iter().map(|bar| bar.ham + bar.spam).sum::<u64>();
            prop_assert_eq!(counted, curve.ham + curve.spam);
        }
    }
}
