//! How far figures could be off: intervals by resampling.
//!
//! A thousand times, as many groups of near-duplicates are drawn as there are, with replacement, and the figures taken
//! of their rows; the interval holds the middle 95 % of what came out (Efron's percentile bootstrap). Groups are drawn and not
//! rows, because the second copy of a comment tells nothing that the first did not: with rows, repeated comments would make intervals
//! look narrower than they are. The seed is fixed, so a report can be compared byte for byte.

use serde::{Deserialize, Serialize};

use crate::comment::Label;
use crate::figures::{CALIBRATION_BINS, Confusion, Judged, Scored, by_evidence, calibration_bin, per_1000};
use crate::verdict::Decision;

/// Times the rows are resampled. Bounds move in the third digit with another seed, which is as fine as they are read.
const REPLICATES: usize = 1000;

/// Any number would do, as long as it stays.
const SEED: u64 = 0x68_61_6D;

/// Bounds that hold a figure in 95 of 100 draws; serialises to `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "[f64; 2]", from = "[f64; 2]")]
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

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Interval { low, high }
    }
}

impl Interval {
    /// Whether a value lies between the bounds, or on one of them.
    pub fn holds(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Whether two figures differ by more than chance explains: each lies outside the interval of the other. The rule by which sources
/// are won and lost, and commenters with a website told from those without.
///
/// With intervals of one width it asks for 1.96 standard errors of one figure. Of two designs on the same rows, whose errors
/// correlate by a half, that is a test at 95 %, and a stricter one if they correlate more. Of different rows it is a test at 83 %: it
/// finds a website held against its owner sooner than a test at 95 % would, which is the side to err on.
pub(super) fn differ(a: (f64, Interval), b: (f64, Interval)) -> bool {
    !a.1.holds(b.0) && !b.1.holds(a.0)
}

/// 95 % intervals of the main figures. Absent where the figure is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// One bin of probability: what it promises and what came, at even base rates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// Where the bin begins, 0 to 1.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Ham rows in it.
    pub ham: u64,
    /// Spam rows in it.
    pub spam: u64,
    /// Mean probability of its rows.
    pub promised: Option<f64>,
    /// Share of spam among its rows.
    pub came: Option<f64>,
    /// 95 % interval of that share.
    pub interval: Option<Interval>,
}

/// Resamples `rows` by the group that `group_of_row` gives each.
pub(super) fn intervals(rows: &[Judged], group_of_row: &[usize]) -> Intervals {
    let sample = Sample::new(rows, group_of_row);
    let (mut held, mut approved, mut mccs, mut aucs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    resample(sample.groups, |weights| {
        let drawn = sample.draw(weights);
        held.extend(per_1000(drawn.ham_held, drawn.ham));
        approved.extend(per_1000(drawn.spam_approved, drawn.spam));
        mccs.extend(drawn.at_even_odds.mcc());
        aucs.extend(drawn.auc());
    });
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

/// Bins of probability with the share of spam that came, at even base rates, resampled as the figures are. Empty where a label
/// has no row, because then no rates can be even.
pub(super) fn calibration(rows: &[Judged], group_of_row: &[usize]) -> Vec<CalibrationBin> {
    let (group_of_row, groups) = dense(group_of_row);
    let bin_of_row: Vec<usize> = rows.iter().map(|row| calibration_bin(row.verdict.spam_probability.value())).collect();
    let count = |weights: &[u64]| {
        let mut counts = [[0_u64; 2]; CALIBRATION_BINS];
        for ((row, &bin), &group) in rows.iter().zip(&bin_of_row).zip(&group_of_row) {
            counts[bin][row.label.index()] += weights[group];
        }
        counts
    };
    // Shares of each label's rows, not numbers: that makes the rates even.
    let shares = |counts: &[[u64; 2]; CALIBRATION_BINS]| {
        let total = |label: usize| counts.iter().map(|bin| bin[label]).sum::<u64>() as f64;
        let totals = [total(0), total(1)];
        counts.map(|bin| [0, 1].map(|label| bin[label] as f64 / totals[label]))
    };
    let spam_share = |[ham, spam]: [f64; 2]| (ham + spam > 0.0).then(|| spam / (ham + spam));
    let whole = count(&vec![1; groups]);
    if Label::ALL.iter().any(|label| whole.iter().all(|bin| bin[label.index()] == 0)) {
        return Vec::new();
    }

    let mut drawn = vec![Vec::new(); CALIBRATION_BINS];
    resample(groups, |weights| {
        for (values, bin) in drawn.iter_mut().zip(shares(&count(weights))) {
            values.extend(spam_share(bin).filter(|share| share.is_finite()));
        }
    });
    let totals = [Label::Ham, Label::Spam].map(|label| rows.iter().filter(|row| row.label == label).count() as f64);
    let mut promised = [0.0; CALIBRATION_BINS];
    for (row, &bin) in rows.iter().zip(&bin_of_row) {
        promised[bin] += row.verdict.spam_probability.value() / totals[row.label.index()];
    }
    let bins = whole.iter().zip(shares(&whole)).zip(drawn).enumerate();
    bins.map(|(at, ((&[ham, spam], shares), drawn))| CalibrationBin {
        from: at as f64 / CALIBRATION_BINS as f64,
        to: (at + 1) as f64 / CALIBRATION_BINS as f64,
        ham,
        spam,
        promised: spam_share(shares).map(|_| promised[at] / (shares[0] + shares[1])),
        came: spam_share(shares),
        interval: spam_share(shares).and(middle(drawn)),
    })
    .collect()
}

/// Draws groups with replacement, as many as there are, and hands over how often each was drawn; again and again.
fn resample(groups: usize, mut take: impl FnMut(&[u64])) {
    let mut random = SplitMix64(SEED);
    let mut weights = vec![0; groups];
    for _ in 0..REPLICATES {
        weights.fill(0);
        for _ in 0..groups {
            weights[random.below(groups)] += 1;
        }
        take(&weights);
    }
}

/// The groups, numbered from 0 without gaps in their order, which does not depend on that of the rows; and how many there are.
fn dense(group_of_row: &[usize]) -> (Vec<usize>, usize) {
    let mut groups = group_of_row.to_vec();
    groups.sort_unstable();
    groups.dedup();
    let number = |group: &usize| groups.binary_search(group).expect("every group was listed above");
    (group_of_row.iter().map(number).collect(), groups.len())
}

/// How many different groups there are.
pub(super) fn distinct(group_of_row: &[usize]) -> usize {
    dense(group_of_row).1
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
        let (group_of_row, groups) = dense(group_of_row);
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
        Sample { rows: order.iter().enumerate().map(row).collect(), groups }
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
    fn calibration_at_even_rates_does_not_depend_on_the_mix_of_rows() {
        // Log-odds of 0.25 and 0.75, and as much spam in each as promised if there were as much ham as spam.
        let odds = 3.0_f64.ln();
        let spam = [vec![(Label::Spam, -odds); 25], vec![(Label::Spam, odds); 75]].concat();
        let ham = |n: usize| [vec![(Label::Ham, -odds); 75 * n], vec![(Label::Ham, odds); 25 * n]].concat();
        for copies in [1, 8] {
            let rows = rows(&[ham(copies), spam.clone()].concat());
            let bins = calibration(&rows, &alone(&rows));
            assert_eq!(bins.len(), CALIBRATION_BINS);
            for (bin, share) in [(2, 0.25), (7, 0.75)] {
                let (promised, came) = (bins[bin].promised.unwrap(), bins[bin].came.unwrap());
                assert!((promised - share).abs() < 1e-12 && (came - share).abs() < 1e-12, "{:?}", bins[bin]);
                assert!(bins[bin].interval.unwrap().holds(share));
            }
            assert_eq!((bins[0].ham, bins[0].came, bins[0].interval), (0, None, None));
        }
        assert_eq!(calibration(&rows(&ham(1)), &alone(&rows(&ham(1)))), []);
    }

    #[test]
    fn figures_differ_when_each_lies_outside_the_interval_of_the_other() {
        let figure = |value: f64, low: f64, high: f64| (value, Interval { low, high });
        assert!(differ(figure(1.0, 0.5, 1.5), figure(2.0, 1.6, 2.4)));
        assert!(!differ(figure(1.0, 0.5, 1.5), figure(2.0, 0.9, 2.4)));
        assert!(!differ(figure(1.0, 1.0, 1.0), figure(1.0, 1.0, 1.0)));
    }

    #[test]
    fn no_mistake_in_few_rows_is_no_certainty() {
        let rows = rows(&[(Label::Ham, -1.0); 20]);
        let found = intervals(&rows, &alone(&rows));
        assert_eq!(found.ham_held_per_1000, Some(Interval { low: 0.0, high: 150.0 }));
        assert_eq!((found.spam_approved_per_1000, found.mcc, found.auc), (None, None, None));
    }
}
