//! How far figures could be off: intervals by resampling.
//!
//! A thousand times, as many groups of near-duplicates are drawn as there are, with replacement, and the figures taken
//! of their rows; the interval holds the middle 95 % of what came out (Efron's percentile bootstrap). Groups are drawn and not
//! rows, because the second copy of a comment tells nothing that the first did not: with rows, repeated comments would make intervals
//! look narrower than they are. The seed is fixed, so a report can be compared byte for byte.

use serde::Serialize;

use crate::comment::Label;
use crate::figures::{Confusion, Judged, Scored, by_evidence, per_1000};
use crate::verdict::Decision;

/// Times the rows are resampled. Bounds move in the third digit with another seed, which is as fine as they are read.
const REPLICATES: usize = 1000;

/// Any number would do, as long as it stays.
const SEED: u64 = 0x68_61_6D;

/// Bounds that hold a figure in 95 of 100 draws; serialises to `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

/// 95 % intervals of the main figures. Absent where the figure is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// How many resamples they are taken from.
    pub replicates: usize,
    /// Of honest comments held, of 1,000.
    pub ham_held_per_1000: Option<Interval>,
    /// Of spam comments approved, of 1,000.
    pub spam_approved_per_1000: Option<Interval>,
    /// Of the Matthews correlation.
    pub mcc: Option<Interval>,
    /// Of the area under the ROC curve.
    pub auc: Option<Interval>,
}

/// Resamples `rows` by the group that `group_of_row` gives each.
pub(super) fn intervals(rows: &[Judged], group_of_row: &[usize]) -> Intervals {
    let sample = Sample::new(rows, group_of_row);
    let mut random = SplitMix64(SEED);
    let (mut held, mut approved, mut mccs, mut aucs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut weights = vec![0; sample.groups];
    for _ in 0..REPLICATES {
        weights.fill(0);
        for _ in 0..sample.groups {
            weights[random.below(sample.groups)] += 1;
        }
        let drawn = sample.draw(&weights);
        held.extend(per_1000(drawn.ham_held, drawn.ham));
        approved.extend(per_1000(drawn.spam_approved, drawn.spam));
        mccs.extend(drawn.at_even_odds.mcc());
        aucs.extend(drawn.auc());
    }
    let whole = sample.draw(&vec![1; sample.groups]);
    let ham_held = middle(held).map(|interval| open_up(interval, whole.ham_held, sample.groups_with(Label::Ham)));
    let spam_approved =
        middle(approved).map(|interval| open_up(interval, whole.spam_approved, sample.groups_with(Label::Spam)));
    Intervals {
        replicates: REPLICATES,
        ham_held_per_1000: ham_held,
        spam_approved_per_1000: spam_approved,
        mcc: middle(mccs),
        auc: middle(aucs),
    }
}

/// Resampling cannot invent a mistake that never happened, and would call "0 of 20" certain. The rule of three gives the upper
/// bound that belongs to it: with `n` independent trials and no event, 3/n.
fn open_up(interval: Interval, events: u64, trials: usize) -> Interval {
    if events > 0 {
        return interval;
    }
    Interval { high: (3000.0 / trials.max(1) as f64).min(1000.0), ..interval }
}

/// The bounds of the middle 95 % of `values`.
fn middle(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_unstable_by(f64::total_cmp);
    let cut = (values.len() as f64 * 0.025).floor() as usize;
    Some(Interval { low: *values.get(cut)?, high: values[values.len() - 1 - cut] })
}

/// Rows as the resampling needs them, weakest evidence first.
struct Sample {
    rows: Vec<Row>,
    groups: usize,
}

struct Row {
    group: usize,
    label: Label,
    held: bool,
    called_spam: bool,
    /// The next row has more evidence, not the same.
    ends_tie: bool,
}

/// What one resample holds.
#[derive(Default)]
struct Drawn {
    ham: u64,
    spam: u64,
    ham_held: u64,
    spam_approved: u64,
    at_even_odds: Confusion,
    /// Pairs of a spam and a ham row in which the spam row has more evidence, times two, ties once.
    twice_pairs_won: u64,
}

impl Sample {
    fn new(rows: &[Judged], group_of_row: &[usize]) -> Self {
        let scored = |row: usize| Scored { evidence: rows[row].verdict.evidence, label: rows[row].label };
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| by_evidence(&scored(a), &scored(b)));
        let ends_tie =
            |at: usize| order.get(at + 1).is_none_or(|&next| by_evidence(&scored(order[at]), &scored(next)).is_ne());
        let row = |(at, &row): (usize, &usize)| Row {
            group: group_of_row[row],
            label: rows[row].label,
            held: rows[row].verdict.decision == Decision::Hold,
            called_spam: rows[row].verdict.evidence.0 > 0.0,
            ends_tie: ends_tie(at),
        };
        Sample {
            rows: order.iter().enumerate().map(row).collect(),
            groups: group_of_row.iter().max().map_or(0, |most| most + 1),
        }
    }

    fn groups_with(&self, label: Label) -> usize {
        let mut groups: Vec<usize> = self.rows.iter().filter(|row| row.label == label).map(|row| row.group).collect();
        groups.sort_unstable();
        groups.dedup();
        groups.len()
    }

    fn draw(&self, weights: &[u64]) -> Drawn {
        let mut drawn = Drawn::default();
        let (mut tied_ham, mut tied_spam) = (0, 0);
        for row in &self.rows {
            let weight = weights[row.group];
            drawn.at_even_odds.add(row.label, row.called_spam, weight);
            match row.label {
                Label::Ham => {
                    tied_ham += weight;
                    drawn.ham_held += weight * u64::from(row.held);
                }
                Label::Spam => {
                    tied_spam += weight;
                    drawn.spam_approved += weight * u64::from(!row.held);
                }
            }
            if row.ends_tie {
                drawn.twice_pairs_won += tied_spam * (2 * drawn.ham + tied_ham);
                drawn.ham += tied_ham;
                drawn.spam += tied_spam;
                (tied_ham, tied_spam) = (0, 0);
            }
        }
        drawn
    }
}

impl Drawn {
    fn auc(&self) -> Option<f64> {
        let pairs = self.ham * self.spam;
        (pairs > 0).then(|| self.twice_pairs_won as f64 / 2.0 / pairs as f64)
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. Ten lines, and the same numbers
/// in every release, which no library promises.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, all equally likely to within `end` in 2^64.
    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;
    use crate::verdict::{LogOdds, Thresholds, Verdict};

    fn rows(table: &[(Label, f64)]) -> Vec<Judged> {
        let thresholds = Thresholds::new(LogOdds(1.0), LogOdds(3.0)).unwrap();
        table
            .iter()
            .map(|&(label, evidence)| Judged { verdict: Verdict::new(LogOdds(evidence), thresholds), label })
            .collect()
    }

    /// 200 rows of each label, with mistakes and ties.
    fn mixed() -> Vec<Judged> {
        let ham = (0..200).map(|n| (Label::Ham, f64::from(n % 37) / 4.0 - 7.5));
        let spam = (0..200).map(|n| (Label::Spam, f64::from(n % 41) / 4.0 - 2.0));
        rows(&ham.chain(spam).collect::<Vec<_>>())
    }

    fn alone(rows: &[Judged]) -> Vec<usize> {
        (0..rows.len()).collect()
    }

    #[test]
    fn the_whole_sample_has_the_figures_of_the_table() {
        let rows = mixed();
        let (drawn, figures) = (Sample::new(&rows, &alone(&rows)).draw(&[1; 400]), Figures::of_judged(&rows));
        assert_eq!((drawn.ham_held, drawn.spam_approved), (figures.ham_held, figures.spam_approved));
        assert_eq!((drawn.at_even_odds.mcc(), drawn.auc()), (figures.mcc, figures.auc));
    }

    #[test]
    fn intervals_enclose_the_figure_and_have_the_width_theory_gives() {
        let rows = mixed();
        let (found, figures) = (intervals(&rows, &alone(&rows)), Figures::of_judged(&rows));
        let encloses = |interval: Option<Interval>, value: Option<f64>| {
            let (interval, value) = (interval.unwrap(), value.unwrap());
            assert!(interval.low < value && value < interval.high, "{value} in {interval:?}");
        };
        encloses(found.ham_held_per_1000, figures.ham_held_per_1000());
        encloses(found.spam_approved_per_1000, figures.spam_approved_per_1000());
        encloses(found.mcc, figures.mcc);
        encloses(found.auc, figures.auc);
        // A share p of n rows has the standard error sqrt(p (1 - p) / n), and the interval is 3.92 of them wide.
        let share = figures.spam_approved_per_1000().unwrap() / 1000.0;
        let expected = 3.92 * (share * (1.0 - share) / 200.0).sqrt() * 1000.0;
        let Interval { low, high } = found.spam_approved_per_1000.unwrap();
        assert!(((high - low) / expected - 1.0).abs() < 0.1, "{} wide, expected {expected}", high - low);
    }

    #[test]
    fn copies_do_not_narrow_an_interval() {
        let once = mixed();
        let often: Vec<Judged> = once.iter().cycle().take(4 * once.len()).cloned().collect();
        let groups: Vec<usize> = (0..often.len()).map(|row| row % once.len()).collect();
        assert_eq!(intervals(&often, &groups).ham_held_per_1000, intervals(&once, &alone(&once)).ham_held_per_1000);
    }

    #[test]
    fn no_mistake_in_few_rows_is_no_certainty() {
        let rows = rows(&[(Label::Ham, -1.0); 20]);
        let found = intervals(&rows, &alone(&rows));
        assert_eq!(found.ham_held_per_1000, Some(Interval { low: 0.0, high: 150.0 }));
        assert_eq!((found.spam_approved_per_1000, found.mcc, found.auc), (None, None, None));
    }
}
