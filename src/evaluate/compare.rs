//! Two evaluations side by side: on how many sources is the second better, on how many worse?
//!
//! Compared are reports and not models: what is tried out is most often a change of the program, and a model of the changed
//! program cannot be read by this one. Cross-validation and leaving sources out give no single model at all. A report, written by
//! `hamgate evaluate --json`, has for every source the figures, their intervals, and a checksum of the rows.
//!
//! A mean over sources would let one large gain pay for many losses. So sources are counted, and of one source no more is said than
//! "won", "lost", or that the difference could be chance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bootstrap::{Interval, differ};
use super::summary::Part;

/// What is compared of a report.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Measurement {
    /// The model that judged, if one did.
    #[serde(default)]
    pub model: Option<String>,
    /// The number of folds, if it was a cross-validation.
    #[serde(default)]
    pub folds: Option<u16>,
    /// Present if sources were left out of training in turn.
    #[serde(default)]
    left_out: Vec<serde::de::IgnoredAny>,
    /// The sources.
    by_source: BTreeMap<String, Part>,
}

/// Why two evaluations cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A file is not a report.
    #[error("not a report that `hamgate evaluate --json` of this version wrote: {0}")]
    NotAReport(#[from] serde_json::Error),
    /// The reports have no source of the same rows.
    #[error(
        "the two reports have no source in common with the same rows in it; evaluate both on the same corpus and split"
    )]
    NothingInCommon,
}

impl Measurement {
    /// Reads a report.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_json(json: &[u8]) -> Result<Self, CompareError> {
        Ok(serde_json::from_slice(json)?)
    }

    /// What judged, in words.
    pub fn description(&self) -> String {
        match (&self.model, self.folds, self.left_out.len()) {
            (Some(model), ..) => format!("model {model}"),
            (None, Some(folds), _) => format!("cross-validation in {folds} folds"),
            (None, None, 0) => "an evaluation".to_owned(),
            (None, None, turns) => format!("sources left out in {turns} turns"),
        }
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Honest comments held, of 1,000.
    HamHeldPer1000,
    /// Spam comments approved, of 1,000.
    SpamApprovedPer1000,
    /// Matthews correlation at probability 0.5.
    Mcc,
    /// Area under the ROC curve.
    Auc,
}

impl Figure {
    /// All of them, those an owner feels first.
    pub const ALL: [Figure; 4] = [Figure::HamHeldPer1000, Figure::SpamApprovedPer1000, Figure::Mcc, Figure::Auc];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Figure::HamHeldPer1000 => "ham held per 1,000",
            Figure::SpamApprovedPer1000 => "spam approved per 1,000",
            Figure::Mcc => "MCC at probability 0.5",
            Figure::Auc => "AUC",
        }
    }

    fn of(self, part: &Part) -> Option<(f64, Interval)> {
        let Part { measured, intervals, .. } = part;
        match self {
            Figure::HamHeldPer1000 => measured.ham_held_per_1000.zip(intervals.ham_held_per_1000),
            Figure::SpamApprovedPer1000 => measured.spam_approved_per_1000.zip(intervals.spam_approved_per_1000),
            Figure::Mcc => measured.figures.mcc.zip(intervals.mcc),
            Figure::Auc => measured.figures.auc.zip(intervals.auc),
        }
    }

    fn better(self, value: f64, than: f64) -> bool {
        match self {
            Figure::HamHeldPer1000 | Figure::SpamApprovedPer1000 => value < than,
            Figure::Mcc | Figure::Auc => value > than,
        }
    }
}

/// How the second evaluation stands against the first on one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The second is better.
    Won,
    /// The difference could be chance: at least one figure lies within the interval of the other.
    Tied,
    /// The second is worse.
    Lost,
}

/// One figure of one source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The source.
    pub source: String,
    /// The first evaluation's value.
    pub a: f64,
    /// The second's.
    pub b: f64,
    /// The interval of the first.
    pub a_interval: Interval,
    /// The interval of the second.
    pub b_interval: Interval,
    /// How the second stands.
    pub standing: Standing,
}

/// One figure over all sources that have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally {
    /// What is compared.
    pub figure: Figure,
    /// Sources on which the second evaluation is better.
    pub won: usize,
    /// Sources on which the difference could be chance.
    pub tied: usize,
    /// Sources on which it is worse.
    pub lost: usize,
    /// Mean of the first over these sources.
    pub mean_a: Option<f64>,
    /// Mean of the second.
    pub mean_b: Option<f64>,
    /// Source by source.
    pub sources: Vec<Compared>,
}

/// Two evaluations side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// One per figure.
    pub tallies: Vec<Tally>,
    /// How many sources were compared.
    pub sources: usize,
    /// Sources that stand in one report only.
    pub only_in_one: Vec<String>,
    /// Sources that have other rows in one report than in the other.
    pub other_rows: Vec<String>,
}

/// Compares the second evaluation with the first, source by source.
///
/// # Errors
/// When they have no source of the same rows.
pub fn compare(a: &Measurement, b: &Measurement) -> Result<Comparison, CompareError> {
    let (mut common, mut other_rows) = (Vec::new(), Vec::new());
    for (source, in_a) in &a.by_source {
        match b.by_source.get(source) {
            Some(in_b) if in_a.rows_checksum == in_b.rows_checksum => common.push((source, in_a, in_b)),
            Some(_) => other_rows.push(source.clone()),
            None => {}
        }
    }
    if common.is_empty() {
        return Err(CompareError::NothingInCommon);
    }
    let missing = |from: &Measurement, other: &Measurement| -> Vec<String> {
        from.by_source.keys().filter(|source| !other.by_source.contains_key(*source)).cloned().collect()
    };
    let mut only_in_one = [missing(a, b), missing(b, a)].concat();
    only_in_one.sort();
    Ok(Comparison {
        tallies: Figure::ALL.iter().map(|&figure| tally(figure, &common)).collect(),
        sources: common.len(),
        only_in_one,
        other_rows,
    })
}

fn tally(figure: Figure, common: &[(&String, &Part, &Part)]) -> Tally {
    let compared = |&(source, a, b): &(&String, &Part, &Part)| {
        let (a, b) = (figure.of(a)?, figure.of(b)?);
        let standing = match differ(a, b) {
            false => Standing::Tied,
            true if figure.better(b.0, a.0) => Standing::Won,
            true => Standing::Lost,
        };
        Some(Compared { source: source.clone(), a: a.0, b: b.0, a_interval: a.1, b_interval: b.1, standing })
    };
    let sources: Vec<Compared> = common.iter().filter_map(compared).collect();
    let count = |standing| sources.iter().filter(|source| source.standing == standing).count();
    let mean = |value: fn(&Compared) -> f64| {
        (!sources.is_empty()).then(|| sources.iter().map(value).sum::<f64>() / sources.len() as f64)
    };
    Tally {
        figure,
        won: count(Standing::Won),
        tied: count(Standing::Tied),
        lost: count(Standing::Lost),
        mean_a: mean(|source| source.a),
        mean_b: mean(|source| source.b),
        sources,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluate::testing::{By, corpus};
    use crate::evaluate::{Judge, evaluate};

    /// What `hamgate evaluate --json` would give of 240 rows of four sources.
    fn measured(judge: &impl Judge) -> Measurement {
        // Words of their own, so that no two rows are near-duplicates.
        let rows: Vec<(&str, String, String)> = (0..240_u32)
            .map(|n| {
                let label = if n % 2 == 0 { "ham" } else { "spam" };
                (label, format!("source-{}", n % 8 / 2), format!("{label} a{n} b{n} c{n} d{n}"))
            })
            .collect();
        let rows: Vec<_> = rows.iter().map(|(l, s, c)| (*l, s.as_str(), c.as_str())).collect();
        let (_file, corpus) = corpus(&rows);
        let report = evaluate(&corpus, judge).unwrap().report;
        Measurement::from_json(&serde_json::to_vec(&report).unwrap()).unwrap()
    }

    /// Is wrong about `wrong` rows of a hundred, by chance, and wrong about half of one source if told so.
    fn judge(wrong: u64, bad_source: Option<u64>) -> impl Judge {
        By(move |text: &str| {
            let number: u64 = text.split(" a").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            let share = if Some(number % 8 / 2) == bad_source { 50 } else { wrong };
            // A number of a hundred, the same for the same row and otherwise by chance.
            let drawn = ((number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) * 100) >> 32;
            let mistaken = drawn < share;
            if text.starts_with("spam") == mistaken { -2.0 } else { 2.0 }
        })
    }

    fn standings(comparison: &Comparison) -> Vec<(usize, usize, usize)> {
        comparison.tallies.iter().map(|tally| (tally.won, tally.tied, tally.lost)).collect()
    }

    #[test]
    fn a_source_that_gets_much_worse_is_lost_and_the_others_are_tied() {
        let comparison = compare(&measured(&judge(10, None)), &measured(&judge(10, Some(2)))).unwrap();
        assert_eq!(comparison.sources, 4);
        assert_eq!(standings(&comparison), [(0, 3, 1); 4]);
        let lost: Vec<&str> = (comparison.tallies.iter().flat_map(|tally| &tally.sources))
            .filter(|source| source.standing == Standing::Lost)
            .map(|source| source.source.as_str())
            .collect();
        assert_eq!(lost, ["source-2"; 4]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn an_evaluation_ties_with_itself_and_what_one_wins_the_other_loses(a in 0..60_u64, b in 0..60_u64) {
            let (a, b) = (measured(&judge(a, None)), measured(&judge(b, Some(1))));
            prop_assert_eq!(standings(&compare(&a, &a).unwrap()), [(0, 4, 0); 4]);
            let mirrored: Vec<_> = standings(&compare(&b, &a).unwrap()).into_iter().map(|(w, t, l)| (l, t, w)).collect();
            prop_assert_eq!(standings(&compare(&a, &b).unwrap()), mirrored);
        }
    }

    #[test]
    fn other_rows_are_not_compared() {
        let a = measured(&judge(10, None));
        let mut b = a.clone();
        b.by_source.get_mut("source-0").unwrap().rows_checksum = "0".into();
        let renamed = b.by_source.remove("source-1").unwrap();
        b.by_source.insert("new".into(), renamed);
        let comparison = compare(&a, &b).unwrap();
        assert_eq!(
            (comparison.sources, comparison.other_rows, comparison.only_in_one),
            (2, vec!["source-0".to_owned()], vec!["new".to_owned(), "source-1".to_owned()])
        );
        b.by_source.retain(|source, _| source == "new");
        assert!(matches!(compare(&a, &b), Err(CompareError::NothingInCommon)));
        assert!(matches!(Measurement::from_json(b"{}"), Err(CompareError::NotAReport(_))));
    }
}
