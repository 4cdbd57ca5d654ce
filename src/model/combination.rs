//! From eight naive Bayes sums to one calibrated probability.
//!
//! Each view's sum of log-odds is summarised in a few numbers that do not grow with the length of a comment
//! ([`SUMMARIES`]); a logistic regression on held-out summaries weighs the views against each other. Its output *is* the
//! calibrated log-odds of spam at even base rates (spam and ham rows weigh the same in all): naive Bayes alone counts every
//! repetition of the same evidence in another view as news and is far too sure of itself.

use serde::{Deserialize, Serialize};

use crate::comment::Label;
use crate::text::View;
use crate::verdict::LogOdds;

use super::steps::STEP;

/// How a view's evidence is summarised. `n` is the number of the comment's features in the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Summary {
    /// Sum of log-odds over √(n+1): evidence of n independent features grows like √n, not like n.
    Sum,
    /// Sum of log-odds over n+1.
    Mean,
    /// Sum of the positive log-odds over √(n+1): ham words do not pay for spam words.
    Positive,
    /// Share of features that training never met.
    Unfamiliar,
    /// ln(1+n).
    Length,
}

use Summary::{Length, Mean, Positive, Sum, Unfamiliar};

/// The inputs of the combination. Views of text have all five; the others have one, because anything that tells *whether* there is a
/// link or a name told the models of the experiments which site a row came from (`docs/tried.md`).
pub(super) const SUMMARIES: [(View, Summary); 20] = [
    (View::Words, Sum),
    (View::Words, Mean),
    (View::Words, Positive),
    (View::Words, Unfamiliar),
    (View::Words, Length),
    (View::WordPairs, Sum),
    (View::WordPairs, Mean),
    (View::WordPairs, Positive),
    (View::WordPairs, Unfamiliar),
    (View::WordPairs, Length),
    (View::Fragments, Sum),
    (View::Fragments, Mean),
    (View::Fragments, Positive),
    (View::Fragments, Unfamiliar),
    (View::Fragments, Length),
    (View::Structure, Sum),
    (View::Links, Sum),
    (View::Author, Sum),
    (View::AuthorLink, Sum),
    (View::Topic, Sum),
];

/// One value per entry of [`SUMMARIES`].
pub(super) type Inputs = [f64; SUMMARIES.len()];

/// Standardised inputs are cut here: no single view decides alone, however extreme.
const CLIP: f64 = 4.0;

/// Evidence beyond this is no evidence but a broken or hostile file; below it, nothing that is computed of it overflows.
const MOST_EVIDENCE: f64 = 1e6;

/// What one pass over a comment's features adds up, per view; see [`super::steps`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ViewSums {
    /// Number of features.
    pub(super) n: u64,
    /// Sum of log-odds, in steps.
    pub(super) sum: i64,
    /// Sum of those above 0, in steps.
    pub(super) positive: i64,
    /// Number of features that training never met.
    pub(super) unfamiliar: u64,
}

impl ViewSums {
    /// What one unit of this summary's numerator is worth.
    pub(super) fn scale(&self, summary: Summary) -> f64 {
        let n = self.n as f64 + 1.0;
        match summary {
            Sum | Positive => 1.0 / n.sqrt(),
            Mean | Unfamiliar => 1.0 / n,
            Length => 1.0,
        }
    }

    fn value(&self, summary: Summary) -> f64 {
        self.scale(summary)
            * match summary {
                Sum | Mean => self.sum as f64 * STEP,
                Positive => self.positive as f64 * STEP,
                Unfamiliar => self.unfamiliar as f64,
                Length => (self.n as f64).ln_1p(),
            }
    }
}

/// The combination's inputs from the sums of every view.
pub(super) fn inputs(sums: &[ViewSums; View::COUNT]) -> Inputs {
    SUMMARIES.map(|(view, summary)| sums[view.index()].value(summary))
}

/// A fitted combination: standardise, clip, weigh, add.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Combination {
    mean: Vec<f64>,
    deviation: Vec<f64>,
    weight: Vec<f64>,
    bias: f64,
}

/// One held-out row for fitting.
#[derive(Debug, Clone)]
pub(super) struct Example {
    pub(super) inputs: Inputs,
    pub(super) label: Label,
    /// How much the row counts.
    pub(super) weight: f64,
}

impl Combination {
    /// Total evidence.
    pub(super) fn evidence(&self, inputs: &Inputs) -> LogOdds {
        LogOdds(
            self.bias
                + (0..SUMMARIES.len())
                    .map(|input| self.weight[input] * self.standardised(input, inputs[input]))
                    .sum::<f64>(),
        )
    }

    fn standardised(&self, input: usize, value: f64) -> f64 {
        ((value - self.mean[input]) / self.deviation[input]).clamp(-CLIP, CLIP)
    }

    /// The evidence that an input contributes beyond what it would contribute at its [`reference`](Self::reference), and that a unit
    /// of a sum is worth here. After clipping a unit is worth less; so the parts of a clipped sum still add up to what it really contributed.
    pub(super) fn contribution(&self, input: usize, value: f64) -> (LogOdds, f64) {
        let beyond =
            self.weight[input] * (self.standardised(input, value) - self.standardised(input, self.reference(input)));
        (LogOdds(beyond), if value == 0.0 { 0.0 } else { beyond / value })
    }

    /// What an input is compared with in an explanation: no evidence for sums, the training corpus' mean for length and
    /// unfamiliarity, because a text is not short or strange beside nothing, but beside others.
    fn reference(&self, input: usize) -> f64 {
        match SUMMARIES[input].1 {
            Sum | Mean | Positive => 0.0,
            Unfamiliar | Length => self.mean[input],
        }
    }

    /// Evidence of a comment in which every input is at its reference.
    pub(super) fn base(&self) -> LogOdds {
        self.evidence(&std::array::from_fn(|input| self.reference(input)))
    }

    /// Whether every number fits and is finite, and so is whatever they may add up to.
    pub(super) fn is_sound(&self) -> bool {
        let sound = |list: &[f64]| list.len() == SUMMARIES.len() && list.iter().all(|n| n.is_finite());
        sound(&self.mean)
            && sound(&self.weight)
            && sound(&self.deviation)
            && self.deviation.iter().all(|d| *d > 0.0)
            && self.bias.abs() + self.weight.iter().map(|weight| weight.abs() * CLIP).sum::<f64>() <= MOST_EVIDENCE
    }

    /// Fits by L2-regularised logistic regression (Newton's method; the intercept is not regularised). Both labels together weigh the
    /// same, so evidence 0 means even odds on a site with as much spam as ham.
    pub(super) fn fit<'a>(examples: impl Iterator<Item = &'a Example> + Clone) -> Self {
        let mut class_weight = [0.0; 2];
        for example in examples.clone() {
            class_weight[example.label.index()] += example.weight;
        }
        let total: f64 = class_weight.iter().sum();
        let weight = |example: &Example| example.weight * total / (2.0 * class_weight[example.label.index()]);

        let mut combination =
            Self::standardisation(examples.clone().map(|example| (&example.inputs, weight(example))), total);
        for _ in 0..MOST_STEPS {
            let step = combination.newton_step(examples.clone().map(|example| (example, weight(example))));
            combination.bias -= step[SUMMARIES.len()];
            for (weight, change) in combination.weight.iter_mut().zip(&step) {
                *weight -= change;
            }
            if step.iter().all(|change| change.abs() < CONVERGED) {
                break;
            }
        }
        combination
    }

    /// Means and deviations; all weights 0.
    fn standardisation<'a>(rows: impl Iterator<Item = (&'a Inputs, f64)> + Clone, total: f64) -> Self {
        let average = |value: &dyn Fn(&Inputs) -> f64| {
            rows.clone().map(|(inputs, weight)| weight * value(inputs)).sum::<f64>() / total
        };
        let mean: Vec<f64> = (0..SUMMARIES.len()).map(|i| average(&|inputs| inputs[i])).collect();
        let deviation =
            (0..SUMMARIES.len()).map(|i| average(&|inputs| (inputs[i] - mean[i]).powi(2)).sqrt() + 1e-9).collect();
        Combination { mean, deviation, weight: vec![0.0; SUMMARIES.len()], bias: 0.0 }
    }

    /// Inverse Hessian times gradient of the regularised log loss; the bias comes last.
    fn newton_step<'a>(&self, rows: impl Iterator<Item = (&'a Example, f64)>) -> [f64; SIZE] {
        let mut gradient = [0.0; SIZE];
        let mut hessian = [[0.0; SIZE]; SIZE];
        for (example, weight) in rows {
            let mut x = [1.0; SIZE];
            for (input, &value) in example.inputs.iter().enumerate() {
                x[input] = self.standardised(input, value);
            }
            let p = self.evidence(&example.inputs).probability().value();
            let error = weight * (p - example.label.index() as f64);
            let curvature = weight * (p * (1.0 - p)).max(1e-9);
            for i in 0..SIZE {
                gradient[i] += error * x[i];
                for j in 0..=i {
                    hessian[i][j] += curvature * x[i] * x[j];
                }
            }
        }
        for input in 0..SUMMARIES.len() {
            gradient[input] += RIDGE * self.weight[input];
            hessian[input][input] += RIDGE;
        }
        solve(hessian, gradient)
    }
}

/// Number of unknowns: one weight per input and the bias.
const SIZE: usize = SUMMARIES.len() + 1;
/// Strength of the L2 regularisation (1/C); flat between .3 and 3 in the experiments.
const RIDGE: f64 = 1.0;
const MOST_STEPS: usize = 50;
const CONVERGED: f64 = 1e-9;

/// Solves `matrix · x = right` by Cholesky decomposition; only the lower triangle of the symmetric, positive definite matrix is read.
fn solve(mut matrix: [[f64; SIZE]; SIZE], mut right: [f64; SIZE]) -> [f64; SIZE] {
    for column in 0..SIZE {
        for row in column..SIZE {
            let dot: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let value = matrix[row][column] - dot;
            matrix[row][column] = if row == column { value.max(1e-12).sqrt() } else { value / matrix[column][column] };
        }
    }
    for row in 0..SIZE {
        let dot: f64 = (0..row).map(|k| matrix[row][k] * right[k]).sum();
        right[row] = (right[row] - dot) / matrix[row][row];
    }
    for row in (0..SIZE).rev() {
        let dot: f64 = (row + 1..SIZE).map(|k| matrix[k][row] * right[k]).sum();
        right[row] = (right[row] - dot) / matrix[row][row];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(first: f64, label: Label) -> Example {
        let mut inputs = [0.0; SUMMARIES.len()];
        inputs[0] = first;
        Example { inputs, label, weight: 1.0 }
    }

    #[test]
    fn the_combination_learns_which_input_speaks_for_spam() {
        let rows: Vec<Example> = (0..200)
            .map(|n| {
                let label = if n % 2 == 0 { Label::Spam } else { Label::Ham };
                let centre = if label == Label::Spam { 1.0 } else { -1.0 };
                example(centre + f64::from(n % 7) - 3.0, label)
            })
            .collect();
        let fitted = Combination::fit(rows.iter());
        assert!(fitted.weight[0] > 0.5 && fitted.is_sound());
        assert!(fitted.evidence(&rows[0].inputs).0.is_finite());
        let mut spammy = [0.0; SUMMARIES.len()];
        spammy[0] = 3.0;
        assert!(fitted.evidence(&spammy).0 > 0.0);
    }

    #[test]
    fn rare_spam_does_not_shift_the_meaning_of_even_odds() {
        // The same two clouds, once even, once with ten times more ham: evidence 0 stays in the middle.
        let cloud =
            |n: i32, label, centre: f64| (0..n).map(move |i| example(centre + f64::from(i % 10) / 5.0 - 0.9, label));
        let even: Vec<Example> = cloud(100, Label::Spam, 1.0).chain(cloud(100, Label::Ham, -1.0)).collect();
        let skewed: Vec<Example> = cloud(100, Label::Spam, 1.0).chain(cloud(1000, Label::Ham, -1.0)).collect();
        for rows in [&even, &skewed] {
            assert!(Combination::fit(rows.iter()).base().0.abs() < 0.05);
        }
    }

    #[test]
    fn newton_ends_where_the_gradient_is_nothing() {
        let rows: Vec<Example> =
            (0..50).map(|n| example(f64::from(n % 5), if n % 3 == 0 { Label::Spam } else { Label::Ham })).collect();
        let fitted = Combination::fit(rows.iter());
        let step = fitted.newton_step(
            rows.iter().map(|row| (row, if row.label == Label::Spam { 50.0 / 34.0 } else { 50.0 / 66.0 })),
        );
        assert!(step.iter().all(|change| change.abs() < 1e-6), "{step:?}");
    }
}
