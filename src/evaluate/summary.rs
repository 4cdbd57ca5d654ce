//! What an evaluation found, in figures: over all rows, by source, language and topic, and whether commenters with a website are
//! treated as those without.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::comment::Label;
use crate::corpus::near_duplicates::Groups;
use crate::figures::{Figures, Judged};

use super::bootstrap::{self, CalibrationBin, Interval, Intervals};
use super::rows::{JudgedRow, KnownRows, Names};

/// Everything an evaluation found; serialises to the JSON of `hamgate evaluate --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Figures over all rows.
    pub overall: Measured,
    /// How far the main figures could be off by the luck of the draw.
    pub intervals: Intervals,
    /// Number of groups of near-duplicates; fewer than rows where rows resemble each other.
    pub near_duplicate_groups: usize,
    /// Rows that were skipped because they could not be read.
    pub skipped_rows: u64,
    /// Mean and worst over the sources.
    pub across_sources: AcrossSources,
    /// Honest comments held among those whose author gave a website, and those who did not.
    pub website: Website,
    /// What probabilities promise and what came.
    pub calibration: Vec<CalibrationBin>,
    /// Figures by source.
    pub by_source: BTreeMap<String, Part>,
    /// Figures by language.
    pub by_lang: BTreeMap<String, Measured>,
    /// Figures by topic; without rows that have none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_topic: BTreeMap<String, Measured>,
    /// Figures by fold, each by its own model; empty without cross-validation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_fold: Vec<Measured>,
    /// What was left out of training in turn; empty unless sources were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// Figures with the two rates an owner feels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Honest comments held, of 1,000.
    pub ham_held_per_1000: Option<f64>,
    /// Spam comments approved, of 1,000.
    pub spam_approved_per_1000: Option<f64>,
    /// The counts and all other figures.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Measured {
    /// A language or topic of fewer rows is left out of tables for people; JSON has all.
    pub const TOLD_FROM_ROWS: u64 = 5;

    /// Takes the figures of rows.
    pub fn of<'a>(rows: impl Iterator<Item = &'a Judged>) -> Self {
        let figures = Figures::of_judged(&rows.cloned().collect::<Vec<_>>());
        Measured {
            ham_held_per_1000: figures.ham_held_per_1000(),
            spam_approved_per_1000: figures.spam_approved_per_1000(),
            figures,
        }
    }
}

/// Figures of one source, with what is needed to compare them with another evaluation's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// A checksum of the rows, whatever their order: figures of other rows cannot be compared.
    pub rows_checksum: String,
    /// The figures.
    #[serde(flatten)]
    pub measured: Measured,
    /// How far they could be off.
    pub intervals: Intervals,
    /// Honest comments held with and without a website.
    pub website: Website,
}

/// Honest comments held, by whether the author gave a website.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Website {
    /// Of authors with a website.
    pub with: HamHeld,
    /// Of authors without.
    pub without: HamHeld,
    /// Whether authors with a website are held more often, beyond what chance explains: each rate lies outside the other's
    /// interval. `None` where there is no honest comment of one kind.
    pub held_more_often: Option<bool>,
}

/// How many of some honest comments were held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HamHeld {
    /// Honest comments.
    pub ham: u64,
    /// Those held.
    pub ham_held: u64,
    /// Of 1,000.
    pub per_1000: Option<f64>,
    /// 95 % interval of the rate.
    pub interval: Option<Interval>,
}

impl Website {
    fn of(rows: &[&JudgedRow], known: &KnownRows, group_of_row: &[usize]) -> Self {
        let [with, without] = [true, false].map(|website| {
            let honest = |row: &&&JudgedRow| row.judged.label == Label::Ham && known.websites[row.number] == website;
            HamHeld::of(&rows.iter().filter(honest).copied().collect::<Vec<_>>(), group_of_row)
        });
        let held_more_often = match (with.rate(), without.rate()) {
            (Some(with), Some(without)) => Some(with.0 > without.0 && bootstrap::differ(with, without)),
            _ => None,
        };
        Website { with, without, held_more_often }
    }
}

impl HamHeld {
    fn of(rows: &[&JudgedRow], group_of_row: &[usize]) -> Self {
        let figures = Measured::of(rows.iter().map(|row| &row.judged));
        let (judged, groups) = with_groups(rows, group_of_row);
        HamHeld {
            ham: figures.figures.ham,
            ham_held: figures.figures.ham_held,
            per_1000: figures.ham_held_per_1000,
            interval: bootstrap::intervals(&judged, &groups).ham_held_per_1000,
        }
    }

    fn rate(&self) -> Option<(f64, Interval)> {
        self.per_1000.zip(self.interval)
    }
}

/// A figure over the sources that have it: every source counts the same, however many rows it has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Across {
    /// Mean over the sources.
    pub mean: f64,
    /// The worst source's.
    pub worst: f64,
    /// Which source that is.
    pub worst_source: String,
    /// How many sources have the figure.
    pub sources: usize,
}

/// Main figures over the sources. A source has a figure if it has at least [`AcrossSources::FEWEST`] rows of each label that the
/// figure is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AcrossSources {
    /// Honest comments held, of 1,000.
    pub ham_held_per_1000: Option<Across>,
    /// Spam comments approved, of 1,000.
    pub spam_approved_per_1000: Option<Across>,
    /// Matthews correlation.
    pub mcc: Option<Across>,
    /// Area under the ROC curve.
    pub auc: Option<Across>,
    /// Spam caught at 0.5 % of ham held.
    pub spam_caught_at_half_percent_held: Option<Across>,
    /// Calibration error.
    pub calibration_error: Option<Across>,
}

impl AcrossSources {
    /// With fewer rows of a label a figure says more of the luck of the draw than of the source.
    pub const FEWEST: u64 = 10;

    fn of(by_source: &BTreeMap<String, Part>) -> Self {
        let across = |labels: &[Label], lower_is_better: bool, figure: &dyn Fn(&Measured) -> Option<f64>| {
            let enough = |measured: &Measured| {
                labels.iter().all(|label| match label {
                    Label::Ham => measured.figures.ham >= Self::FEWEST,
                    Label::Spam => measured.figures.spam >= Self::FEWEST,
                })
            };
            let values: Vec<(&String, f64)> = by_source
                .iter()
                .filter(|(_, part)| enough(&part.measured))
                .filter_map(|(name, part)| Some((name, figure(&part.measured)?)))
                .collect();
            let order = |a: &&(&String, f64), b: &&(&String, f64)| {
                let order = a.1.total_cmp(&b.1);
                // Of equals, the first by name.
                if lower_is_better { order.reverse() } else { order }
            };
            let (source, worst) = values.iter().min_by(order)?;
            Some(Across {
                mean: values.iter().map(|(_, value)| value).sum::<f64>() / values.len() as f64,
                worst: *worst,
                worst_source: (*source).clone(),
                sources: values.len(),
            })
        };
        AcrossSources {
            ham_held_per_1000: across(&[Label::Ham], true, &|part| part.ham_held_per_1000),
            spam_approved_per_1000: across(&[Label::Spam], true, &|part| part.spam_approved_per_1000),
            mcc: across(&Label::ALL, false, &|part| part.figures.mcc),
            auc: across(&Label::ALL, false, &|part| part.figures.auc),
            spam_caught_at_half_percent_held: across(&Label::ALL, false, &|part| {
                part.figures.spam_caught_at_half_percent_held
            }),
            calibration_error: across(&Label::ALL, true, &|part| part.figures.calibration_error),
        }
    }
}

/// What one model was not trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The sources.
    pub sources: Vec<String>,
    /// Rows of these sources, which the model judged.
    pub rows: usize,
    /// Rows of other sources that say nearly the same as one of these, and were kept out of training too.
    pub near_duplicates: usize,
    /// Rows the model was trained on.
    pub trained_on: usize,
}

impl Report {
    /// Takes the figures of the rows that were judged.
    pub(super) fn of(judged: &[JudgedRow], known: &KnownRows, groups: &Groups, skipped_rows: u64) -> Self {
        let group_of_row = groups.of_rows();
        let all: Vec<&JudgedRow> = judged.iter().collect();
        let (verdicts, groups) = with_groups(&all, &group_of_row);
        let by_source: BTreeMap<String, Part> = parts(&all, &known.sources)
            .into_iter()
            .map(|(name, rows)| (name, Part::of(&rows, known, &group_of_row)))
            .collect();
        let mut by_topic = measure(&all, &known.topics);
        by_topic.remove("");
        Report {
            overall: Measured::of(verdicts.iter()),
            intervals: bootstrap::intervals(&verdicts, &groups),
            near_duplicate_groups: bootstrap::distinct(&groups),
            skipped_rows,
            across_sources: AcrossSources::of(&by_source),
            website: Website::of(&all, known, &group_of_row),
            calibration: bootstrap::calibration(&verdicts, &groups),
            by_source,
            by_lang: measure(&all, &known.langs),
            by_topic,
            by_fold: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

impl Part {
    fn of(rows: &[&JudgedRow], known: &KnownRows, group_of_row: &[usize]) -> Self {
        let (judged, groups) = with_groups(rows, group_of_row);
        let checksum = rows.iter().map(|row| known.fingerprints[row.number].key()).fold(0, u64::wrapping_add);
        Part {
            rows_checksum: format!("{checksum:016x}"),
            measured: Measured::of(judged.iter()),
            intervals: bootstrap::intervals(&judged, &groups),
            website: Website::of(rows, known, group_of_row),
        }
    }
}

fn with_groups(rows: &[&JudgedRow], group_of_row: &[usize]) -> (Vec<Judged>, Vec<usize>) {
    rows.iter().map(|row| (row.judged.clone(), group_of_row[row.number])).unzip()
}

fn parts<'a>(rows: &[&'a JudgedRow], names: &Names) -> BTreeMap<String, Vec<&'a JudgedRow>> {
    let mut parts: BTreeMap<&str, Vec<&JudgedRow>> = BTreeMap::new();
    for row in rows {
        parts.entry(names.of_row(row.number)).or_default().push(row);
    }
    parts.into_iter().map(|(name, rows)| (name.to_owned(), rows)).collect()
}

fn measure(rows: &[&JudgedRow], names: &Names) -> BTreeMap<String, Measured> {
    let measured = |(name, rows): (String, Vec<&JudgedRow>)| (name, Measured::of(rows.iter().map(|row| &row.judged)));
    parts(rows, names).into_iter().map(measured).collect()
}
