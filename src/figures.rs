//! How good were the verdicts? Counts and measures over rows whose labels are known.
//!
//! The two numbers an owner feels come first: of 1,000 honest comments, how many were held, and of 1,000 spam
//! comments, how many appeared. Accuracy is left out on purpose: at one spam comment in ten, approving everything
//! scores 90 %.
//!
//! A number that a table cannot give (the share of ham held, where there is no ham) is `None`, never NaN and never
//! a 0 or 1 that looks earned.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::comment::Label;
use crate::verdict::{Decision, LogOdds, Queue, Thresholds, Verdict};

/// One row: what the machine measured and what a person said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The evidence of the verdict.
    pub evidence: LogOdds,
    /// What a person said.
    pub label: Label,
}

/// One row with its verdict drawn, for rows that were not all judged by the same thresholds (the folds of a
/// cross-validation have a model each).
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What the machine said.
    pub verdict: Verdict,
    /// What a person said.
    pub label: Label,
}

/// Quality of verdicts over a set of labelled rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Rows a person called ham.
    pub ham: u64,
    /// Rows a person called spam.
    pub spam: u64,
    /// Ham that was held (both queues): honest readers made to wait.
    pub ham_held: u64,
    /// Ham that went to the spam queue, where nobody hurries: the worst mistake.
    pub ham_in_spam_queue: u64,
    /// Spam that was approved: what readers see.
    pub spam_approved: u64,
    /// Spam that went to the spam queue: what the owner need not look at.
    pub spam_in_spam_queue: u64,
    /// Matthews correlation of "probability above 0.5" with the label. The field reports it at 0.5, so that it
    /// compares classifiers and not the care with which a hold threshold was chosen; ours is stricter.
    pub mcc: Option<f64>,
    /// Chance that a spam row has more evidence than a ham row, ties counted half. Needs no threshold.
    pub auc: Option<f64>,
    /// Share of spam above the threshold that would hold 0.5 % of this table's ham.
    pub spam_caught_at_half_percent_held: Option<f64>,
    /// Share of spam above the threshold that would hold 1 % of this table's ham.
    pub spam_caught_at_one_percent_held: Option<f64>,
    /// Mean negative natural log-likelihood of the labels, probabilities clipped to 1e-6..=1-1e-6, at even base rates:
    /// ham and spam weigh a half each, however many rows of each there are.
    pub log_loss: Option<f64>,
    /// Expected calibration error over ten equal bins of probability: how far "80 % spam" is from eight in ten. At even base
    /// rates, because that is what a model's probability promises; at the mix of a corpus, which is an accident of collecting, a
    /// perfect model would look wrong.
    pub calibration_error: Option<f64>,
}

impl Figures {
    /// Measures rows that were all judged by the same thresholds. The order of rows does not matter.
    pub fn of(rows: &[Scored], thresholds: Thresholds) -> Self {
        let judged = |row: &Scored| Judged { verdict: Verdict::new(row.evidence, thresholds), label: row.label };
        Self::of_judged(&rows.iter().map(judged).collect::<Vec<_>>())
    }

    /// Measures rows whose verdicts are drawn already. The order of rows does not matter.
    pub fn of_judged(rows: &[Judged]) -> Self {
        let mut figures = Figures::default();
        let mut at_half = Confusion::default();
        for row in rows {
            figures.count(row);
            at_half.add(row.label, row.verdict.evidence.0 > 0.0, 1);
        }
        let mut ranked: Vec<Scored> =
            rows.iter().map(|row| Scored { evidence: row.verdict.evidence, label: row.label }).collect();
        // Ties in a fixed order too, because sums of floating-point numbers depend on theirs.
        ranked.sort_unstable_by(|a, b| by_evidence(a, b).then(a.label.cmp(&b.label)));
        figures.mcc = at_half.mcc();
        figures.auc = auc(&ranked);
        figures.spam_caught_at_half_percent_held = spam_caught(&ranked, 0.005);
        figures.spam_caught_at_one_percent_held = spam_caught(&ranked, 0.01);
        figures.log_loss = log_loss(&ranked);
        figures.calibration_error = calibration_error(&ranked);
        figures
    }

    /// Honest comments held, of 1,000.
    pub fn ham_held_per_1000(&self) -> Option<f64> {
        per_1000(self.ham_held, self.ham)
    }

    /// Spam comments approved, of 1,000.
    pub fn spam_approved_per_1000(&self) -> Option<f64> {
        per_1000(self.spam_approved, self.spam)
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.ham + self.spam
    }

    fn count(&mut self, row: &Judged) {
        let held = u64::from(row.verdict.decision == Decision::Hold);
        let in_spam_queue = u64::from(row.verdict.queue == Some(Queue::Spam));
        match row.label {
            Label::Ham => {
                self.ham += 1;
                self.ham_held += held;
                self.ham_in_spam_queue += in_spam_queue;
            }
            Label::Spam => {
                self.spam += 1;
                self.spam_approved += 1 - held;
                self.spam_in_spam_queue += in_spam_queue;
            }
        }
    }
}

/// A share of a thousand; `None` of nothing.
pub fn per_1000(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 1000.0 / whole as f64)
}

/// Weakest evidence first. Equal evidence compares equal, also 0 and -0, which `total_cmp` would tell apart.
pub fn by_evidence(a: &Scored, b: &Scored) -> Ordering {
    a.evidence.0.partial_cmp(&b.evidence.0).unwrap_or_else(|| a.evidence.0.total_cmp(&b.evidence.0))
}

/// Two answers against two labels; rows may weigh more than one, as in a bootstrap replicate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Confusion {
    counts: [[u64; 2]; 2],
}

impl Confusion {
    /// Counts `weight` rows of `label` that were, or were not, called spam.
    pub fn add(&mut self, label: Label, called_spam: bool, weight: u64) {
        self.counts[label.index()][usize::from(called_spam)] += weight;
    }

    /// Matthews correlation coefficient. `None` where only one label occurs; 0 where every row got the same answer,
    /// as scikit-learn has it, because such an answer carries no information.
    pub fn mcc(&self) -> Option<f64> {
        let [[true_ham, false_spam], [false_ham, true_spam]] = self.counts.map(|row| row.map(|n| n as f64));
        let ham = true_ham + false_spam;
        let spam = false_ham + true_spam;
        if ham == 0.0 || spam == 0.0 {
            return None;
        }
        // Two roots instead of one: the product of four counts leaves the whole numbers of an f64.
        let scale = (ham * spam).sqrt() * ((true_ham + false_ham) * (false_spam + true_spam)).sqrt();
        // Rounding may leave the range by the last digit: six ham rows and one spam row, all wrong, gave -1.0000000000000002.
        Some(if scale == 0.0 {
            0.0
        } else {
            ((true_ham * true_spam - false_spam * false_ham) / scale).clamp(-1.0, 1.0)
        })
    }
}

/// Area under the ROC curve by ranks, from rows sorted by evidence.
fn auc(ranked: &[Scored]) -> Option<f64> {
    let (mut ham_below, mut spam_above_ham) = (0.0, 0.0);
    for tied in ranked.chunk_by(|a, b| by_evidence(a, b) == Ordering::Equal) {
        let spam = count(tied, Label::Spam) as f64;
        let ham = tied.len() as f64 - spam;
        spam_above_ham += spam * (ham_below + ham / 2.0);
        ham_below += ham;
    }
    let pairs = ham_below * (ranked.len() as f64 - ham_below);
    (pairs > 0.0).then(|| spam_above_ham / pairs)
}

/// Share of spam strictly above the ham row that leaves at most `held` of the ham above it.
fn spam_caught(ranked: &[Scored], held: f64) -> Option<f64> {
    let spam = count(ranked, Label::Spam);
    let ham = ranked.len() - spam;
    if ham == 0 || spam == 0 {
        return None;
    }
    // The small addition lets 0.005 * 200 be the one row it means.
    let may_be_held = (held * ham as f64 + 1e-9).floor() as usize;
    let mut from_the_top = ranked.iter().rev().filter(|row| row.label == Label::Ham);
    let caught = match from_the_top.nth(may_be_held) {
        Some(limit) => {
            let above = |row: &&Scored| row.label == Label::Spam && by_evidence(row, limit) == Ordering::Greater;
            ranked.iter().filter(above).count()
        }
        None => spam,
    };
    Some(caught as f64 / spam as f64)
}

fn log_loss(rows: &[Scored]) -> Option<f64> {
    let weights = even_weights(rows)?;
    let loss = |row: &Scored| {
        let spam = row.evidence.probability().value().clamp(1e-6, 1.0 - 1e-6);
        -weights[row.label.index()]
            * match row.label {
                Label::Spam => spam.ln(),
                Label::Ham => (1.0 - spam).ln(),
            }
    };
    Some(rows.iter().map(loss).sum())
}

/// Number of equal bins of probability in which calibration is measured.
pub const CALIBRATION_BINS: usize = 10;

/// The bin of a probability, 0 up to [`CALIBRATION_BINS`].
pub fn calibration_bin(probability: f64) -> usize {
    // Compared with the bounds and not multiplied, so that a bound falls where its decimal fraction says.
    (1..CALIBRATION_BINS).filter(|&bound| probability >= bound as f64 / CALIBRATION_BINS as f64).count()
}

/// Expected calibration error at even base rates (Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using
/// Bayesian binning", AAAI 2015): per bin, the distance between mean probability and share of spam, weighed by rows.
fn calibration_error(rows: &[Scored]) -> Option<f64> {
    let weights = even_weights(rows)?;
    let mut surplus = [0.0; CALIBRATION_BINS];
    for row in rows {
        let probability = row.evidence.probability().value();
        surplus[calibration_bin(probability)] += weights[row.label.index()] * (probability - row.label.index() as f64);
    }
    // Rounding may leave the range by the last digit.
    Some(surplus.iter().map(|sum: &f64| sum.abs()).sum::<f64>().min(1.0))
}

/// What a row of each label weighs if both labels weigh a half; `None` where one has no row, because then no weight could
/// make the rates even.
fn even_weights(rows: &[Scored]) -> Option<[f64; 2]> {
    let spam = count(rows, Label::Spam);
    let ham = rows.len() - spam;
    (ham > 0 && spam > 0).then(|| [ham, spam].map(|rows| 0.5 / rows as f64))
}

fn count(rows: &[Scored], label: Label) -> usize {
    rows.iter().filter(|row| row.label == label).count()
}

/// What chance explains as often as this is not held against a model.
const CHANCE: f64 = 0.05;

/// So many standard deviations above the mean lies what a normal distribution exceeds once in twenty times.
const ONE_IN_TWENTY: f64 = 1.645;

/// Whether `events` or more of `of` come about at least once in twenty times where a share of `share` is expected: the upper tail of a Poisson
/// distribution, because what is counted here is rare.
pub fn chance_explains(events: u64, of: u64, share: f64) -> bool {
    let expected = of as f64 * share;
    if expected > 500.0 {
        // Here the distribution is as good as normal, and its first term would be too small to be written.
        return (events as f64) < expected + ONE_IN_TWENTY * expected.sqrt();
    }
    let (mut term, mut below) = ((-expected).exp(), 0.0);
    for k in 0..events {
        below += term;
        term *= expected / (k + 1) as f64;
    }
    1.0 - below >= CHANCE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `h` for ham, `s` for spam, each with its evidence.
    fn table(rows: &[(char, f64)]) -> Vec<Scored> {
        let label = |name| if name == 's' { Label::Spam } else { Label::Ham };
        rows.iter().map(|&(name, evidence)| Scored { evidence: LogOdds(evidence), label: label(name) }).collect()
    }

    fn thresholds(hold: f64, spam: f64) -> Thresholds {
        Thresholds::new(LogOdds(hold), LogOdds(spam)).unwrap()
    }

    fn figures(rows: &[(char, f64)]) -> Figures {
        Figures::of(&table(rows), thresholds(0.0, 5.0))
    }

    fn near(a: Option<f64>, b: f64) {
        assert!(a.is_some_and(|a| (a - b).abs() < 1e-9), "{a:?} is not {b}");
    }

    #[test]
    fn held_ham_and_approved_spam_are_counted_at_the_hold_threshold() {
        let rows = [('h', -3.0), ('h', 2.0), ('h', 2.1), ('h', 9.0), ('s', 2.0), ('s', 3.0), ('s', 8.0)];
        let figures = Figures::of(&table(&rows), thresholds(2.0, 5.0));
        assert_eq!((figures.ham, figures.ham_held, figures.ham_in_spam_queue), (4, 2, 1));
        assert_eq!((figures.spam, figures.spam_approved, figures.spam_in_spam_queue), (3, 1, 1));
        near(figures.ham_held_per_1000(), 500.0);
        near(figures.spam_approved_per_1000(), 1000.0 / 3.0);
    }

    #[test]
    fn correlation_is_taken_at_even_odds_and_not_at_the_hold_threshold() {
        // 3 ham right, 1 wrong; 1 spam wrong, 2 right: (3*2 - 1*1) / sqrt(4*3*4*3).
        let rows = [('h', -1.0), ('h', -2.0), ('h', 0.0), ('h', 1.0), ('s', -1.0), ('s', 1.0), ('s', 4.0)];
        near(figures(&rows).mcc, 5.0 / 12.0);
        near(Figures::of(&table(&rows), thresholds(3.0, 3.0)).mcc, 5.0 / 12.0);
    }

    #[test]
    fn correlation_never_leaves_its_range_by_rounding() {
        let wrong: Vec<(char, f64)> = [vec![('h', 0.5); 6], vec![('s', 0.0)]].concat();
        assert_eq!(figures(&wrong).mcc, Some(-1.0));
    }

    #[test]
    fn one_answer_for_every_row_has_no_correlation_with_the_labels() {
        assert_eq!(figures(&[('h', 1.0), ('s', 1.0)]).mcc, Some(0.0));
    }

    #[test]
    fn auc_counts_pairs_and_halves_ties() {
        near(figures(&[('h', 1.0), ('s', 2.0)]).auc, 1.0);
        near(figures(&[('h', 2.0), ('s', 1.0)]).auc, 0.0);
        near(figures(&[('h', 1.0), ('s', 1.0)]).auc, 0.5);
        near(figures(&[('h', 0.0), ('s', -0.0)]).auc, 0.5);
        // Pairs: (s2 beats h1), (s2 ties h2), (s2 loses to h3), (s4 beats all three) = 4.5 of 6.
        near(figures(&[('h', 1.0), ('h', 2.0), ('h', 3.0), ('s', 2.0), ('s', 4.0)]).auc, 0.75);
    }

    #[test]
    fn spam_caught_lies_strictly_above_the_ham_that_may_not_be_held() {
        // 200 ham: 0.5 % is one row, the one at 199; the limit is the next, at 198.
        let mut rows: Vec<(char, f64)> = (0..200).map(|n| ('h', f64::from(n))).collect();
        rows.extend([('s', 197.0), ('s', 198.0), ('s', 198.5), ('s', 300.0)]);
        let figures = figures(&rows);
        near(figures.spam_caught_at_half_percent_held, 0.5);
        near(figures.spam_caught_at_one_percent_held, 0.75);
    }

    #[test]
    fn log_loss_is_clipped_so_that_one_sure_mistake_stays_finite() {
        near(figures(&[('h', 0.0), ('s', 0.0)]).log_loss, std::f64::consts::LN_2);
        near(figures(&[('h', 900.0), ('s', 900.0)]).log_loss, -f64::midpoint((1e-6_f64).ln(), (1.0 - 1e-6_f64).ln()));
    }

    #[test]
    fn calibration_error_is_the_distance_of_promise_and_share_in_each_tenth() {
        // Even odds for one ham and one spam: exactly right. Certainty of the wrong label for both: as wrong as can be.
        near(figures(&[('h', 0.0), ('s', 0.0)]).calibration_error, 0.0);
        near(figures(&[('h', 90.0), ('s', -90.0)]).calibration_error, 1.0);
        // Two bins with two of four rows each: |0.75 - 1/2| and |0.25 - 1/2|.
        let odds = 3.0_f64.ln();
        near(figures(&[('h', odds), ('s', odds), ('h', -odds), ('s', -odds)]).calibration_error, 0.25);
    }

    /// Rows as a perfectly calibrated model would find them at even base rates: of those that it calls spam with probability p, the
    /// share p is spam. `copies` of every ham row.
    fn perfectly_calibrated(copies: usize) -> Vec<(char, f64)> {
        let tenths = |tenths: usize| {
            let probability = tenths as f64 / 10.0;
            let evidence = (probability / (1.0 - probability)).ln();
            [vec![('s', evidence); tenths], vec![('h', evidence); (10 - tenths) * copies]].concat()
        };
        (1..10).flat_map(tenths).collect()
    }

    #[test]
    fn a_perfectly_calibrated_model_has_no_calibration_error_whatever_the_mix_of_rows() {
        let even = figures(&perfectly_calibrated(1));
        near(even.calibration_error, 0.0);
        for copies in [3, 20] {
            let uneven = figures(&perfectly_calibrated(copies));
            near(uneven.calibration_error, 0.0);
            near(uneven.log_loss, even.log_loss.unwrap());
        }
    }

    #[test]
    fn a_figure_the_rows_cannot_give_is_absent() {
        let nothing = figures(&[]);
        assert_eq!(nothing, Figures::default());
        let ham_only = figures(&[('h', 1.0), ('h', -1.0)]);
        assert_eq!((ham_only.mcc, ham_only.auc, ham_only.spam_approved_per_1000()), (None, None, None));
        assert_eq!((ham_only.log_loss, ham_only.calibration_error), (None, None));
        assert_eq!((ham_only.spam_caught_at_half_percent_held, ham_only.ham_held_per_1000()), (None, Some(500.0)));
        let spam_only = figures(&[('s', 1.0)]);
        assert_eq!((spam_only.mcc, spam_only.auc, spam_only.ham_held_per_1000()), (None, None, None));
        assert_eq!((spam_only.spam_caught_at_one_percent_held, spam_only.spam_approved), (None, 0));
    }

    #[test]
    fn figures_survive_a_model_card() {
        let before = figures(&[('h', 0.1), ('s', 0.3), ('s', -0.7), ('h', -2.0), ('h', 6.0)]);
        let json = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<Figures>(&json).unwrap(), before);
    }

    fn any_rows() -> impl Strategy<Value = Vec<Scored>> {
        // Few distinct values, so that ties are common.
        let row = (any::<bool>(), -12..12_i32).prop_map(|(spam, step)| Scored {
            evidence: LogOdds(f64::from(step) / 2.0),
            label: if spam { Label::Spam } else { Label::Ham },
        });
        proptest::collection::vec(row, 0..60)
    }

    proptest! {
        #[test]
        fn reversing_the_evidence_mirrors_the_auc(rows in any_rows()) {
            let reversed: Vec<Scored> =
                rows.iter().map(|row| Scored { evidence: LogOdds(-row.evidence.0), ..*row }).collect();
            let (a, b) = (Figures::of(&rows, thresholds(0.0, 0.0)).auc, Figures::of(&reversed, thresholds(0.0, 0.0)).auc);
            prop_assert_eq!(a.is_some(), b.is_some());
            if let (Some(a), Some(b)) = (a, b) {
                prop_assert!((a + b - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn auc_is_the_share_of_pairs_in_order(rows in any_rows()) {
            let of = |label| rows.iter().filter(move |row| row.label == label).map(|row| row.evidence.0);
            let mut won = 0.0;
            for spam in of(Label::Spam) {
                for ham in of(Label::Ham) {
                    won += match spam.total_cmp(&ham) {
                        Ordering::Less => 0.0,
                        Ordering::Equal => 0.5,
                        Ordering::Greater => 1.0,
                    };
                }
            }
            let pairs = (of(Label::Spam).count() * of(Label::Ham).count()) as f64;
            let expected = (pairs > 0.0).then(|| won / pairs);
            prop_assert_eq!(Figures::of(&rows, thresholds(0.0, 0.0)).auc, expected);
        }

        #[test]
        fn every_figure_is_finite_in_its_range_and_independent_of_row_order(rows in any_rows(), turn in 0..60_usize) {
            let figures = Figures::of(&rows, thresholds(0.5, 2.0));
            let mut turned = rows.clone();
            turned.rotate_left(turn.min(rows.len()));
            prop_assert_eq!(&Figures::of(&turned, thresholds(0.5, 2.0)), &figures);
            let shares = [
                figures.auc,
                figures.spam_caught_at_half_percent_held,
                figures.spam_caught_at_one_percent_held,
                figures.calibration_error,
                figures.mcc.map(|mcc| f64::midpoint(mcc, 1.0)),
            ];
            prop_assert!(shares.iter().flatten().all(|share| (0.0..=1.0).contains(share)));
            prop_assert!(figures.log_loss.is_none_or(|loss| loss.is_finite() && loss >= 0.0));
            prop_assert!(figures.spam_caught_at_half_percent_held <= figures.spam_caught_at_one_percent_held);
        }

        #[test]
        fn a_stricter_threshold_holds_no_more_ham_and_approves_no_less_spam(rows in any_rows(), lower in -6.0..6.0_f64, by in 0.0..6.0_f64) {
            let lax = Figures::of(&rows, thresholds(lower, 20.0));
            let strict = Figures::of(&rows, thresholds(lower + by, 20.0));
            prop_assert!(strict.ham_held <= lax.ham_held && strict.spam_approved >= lax.spam_approved);
        }
    }
}
