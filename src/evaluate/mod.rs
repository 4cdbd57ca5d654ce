//! How good is a model, or a way of training one, on labelled rows?
//!
//! [`evaluate`] judges every row of a corpus by one model. [`cross_validate`] trains a model for each fold on the rows
//! outside it and judges the rows inside, with near-duplicates kept in one fold, and pools the verdicts.
//! Both give a [`Report`]: figures over all rows with intervals, and by source and language, because a mean over sources hides
//! the one blog whose readers are held.
//!
//! Rows are streamed; what stays of each is its verdict and a fingerprint for finding near-duplicates (about 1 KB). How a model
//! learns and judges is the caller's business, so nothing here depends on a learner.

mod bootstrap;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use serde::Serialize;

use crate::comment::{Comment, Label, LabelledComment};
use crate::corpus::near_duplicates::{Fingerprint, Groups};
use crate::corpus::{Corpus, CorpusError, Position};
use crate::figures::{Figures, Judged};
use crate::model::Rows;
use crate::verdict::Verdict;

pub use bootstrap::{Interval, Intervals};

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
    /// Figures by source.
    pub by_source: BTreeMap<String, Measured>,
    /// Figures by language.
    pub by_lang: BTreeMap<String, Measured>,
    /// Figures by fold, each by its own model; empty without cross-validation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_fold: Vec<Measured>,
}

/// Figures with the two rates an owner feels.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    fn of<'a>(rows: impl Iterator<Item = &'a Judged>) -> Self {
        let figures = Figures::of_judged(&rows.cloned().collect::<Vec<_>>());
        Measured {
            ham_held_per_1000: figures.ham_held_per_1000(),
            spam_approved_per_1000: figures.spam_approved_per_1000(),
            figures,
        }
    }
}

/// Why there is no report. `E` is why training a fold failed.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError<E: Error + 'static> {
    /// The corpus cannot be read.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// No row passed the choice of split and source.
    #[error("no row of the corpus was chosen; check --split, --only-source and --without-source")]
    NoRows,
    /// There are not enough rows for so many folds.
    #[error(
        "{folds} folds need at least {folds} different rows, and the corpus has {groups} (near-duplicates count once); \
         give more rows or a smaller --cv"
    )]
    TooFewGroups {
        /// Groups of near-duplicates in the corpus.
        groups: usize,
        /// Folds asked for.
        folds: usize,
    },
    /// A fold's model could not be trained.
    #[error("cannot train without fold {fold} of {folds}")]
    Train {
        /// The fold, counted from 1.
        fold: usize,
        /// Folds asked for.
        folds: usize,
        /// Why.
        source: E,
    },
}

/// Judges every row of `corpus` by `judge`.
///
/// # Errors
/// When the corpus cannot be read or holds no chosen row.
pub fn evaluate(
    corpus: &Corpus,
    judge: impl Fn(&Comment) -> Verdict + Sync,
) -> Result<Report, EvaluateError<std::convert::Infallible>> {
    let (mut rows, mut judged) = (KnownRows::default(), Vec::new());
    corpus.read(
        |position, row| (KnownRow::of(position, row), judge(&row.comment)),
        |(row, verdict)| {
            judged.push(Judged { verdict, label: row.label });
            rows.add(row);
        },
    )?;
    if judged.is_empty() {
        return Err(EvaluateError::NoRows);
    }
    let groups = Groups::among(&rows.fingerprints);
    Ok(rows.report(&judged, &groups, corpus.skipped().rows))
}

/// Trains by `train` on all folds but one, judges that one, and pools the verdicts of all folds. Every fold is judged at the
/// thresholds of its own model.
///
/// `train` gets the rows to learn from, and the fold (counted from 1) that is left out.
///
/// # Errors
/// When the corpus cannot be read or has fewer groups of near-duplicates than folds, or when `train` fails.
pub fn cross_validate<J, E>(
    corpus: &Corpus,
    folds: usize,
    mut train: impl FnMut(&TrainingRows<'_>, usize) -> Result<J, E>,
) -> Result<Report, EvaluateError<E>>
where
    J: Fn(&Comment) -> Verdict + Sync,
    E: Error + 'static,
{
    let mut rows = KnownRows::default();
    corpus.read(KnownRow::of, |row| rows.add(row))?;
    let groups = Groups::among(&rows.fingerprints);
    if groups.is_empty() {
        return Err(EvaluateError::NoRows);
    }
    if groups.len() < folds {
        return Err(EvaluateError::TooFewGroups { groups: groups.len(), folds });
    }
    let fold_of_row = groups.folds(folds);
    let numbers: HashMap<Position, usize> =
        rows.positions.iter().enumerate().map(|(number, position)| (*position, number)).collect();
    let fold_at = |position| numbers.get(&position).map(|&number| fold_of_row[number]);

    let mut verdicts: Vec<Option<Verdict>> = vec![None; rows.labels.len()];
    for held_out in 0..folds {
        let training = TrainingRows { corpus, fold_at: &fold_at, held_out };
        let judge = train(&training, held_out + 1).map_err(|source| EvaluateError::Train {
            fold: held_out + 1,
            folds,
            source,
        })?;
        let judge_if_held_out = |position, row: &LabelledComment| {
            (fold_at(position) == Some(held_out)).then(|| (numbers[&position], judge(&row.comment)))
        };
        corpus.read(judge_if_held_out, |judged| {
            if let Some((number, verdict)) = judged {
                verdicts[number] = Some(verdict);
            }
        })?;
    }
    // Every row is in exactly one fold; one that is missing has left its file since the first pass.
    let judged: Vec<Judged> = verdicts
        .into_iter()
        .zip(&rows.labels)
        .map(|(verdict, &label)| Some(Judged { verdict: verdict?, label }))
        .collect::<Option<_>>()
        .ok_or(CorpusError::Changed)?;
    let mut report = rows.report(&judged, &groups, corpus.skipped().rows);
    report.by_fold = measure_by(&judged, &fold_of_row).into_values().collect();
    Ok(report)
}

/// The rows of all folds but one.
pub struct TrainingRows<'a> {
    corpus: &'a Corpus,
    fold_at: &'a (dyn Fn(Position) -> Option<usize> + Sync),
    held_out: usize,
}

impl std::fmt::Debug for TrainingRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainingRows").field("held_out", &self.held_out).finish_non_exhaustive()
    }
}

impl Rows for TrainingRows<'_> {
    type Error = CorpusError;

    fn for_each(&self, visit: &(dyn Fn(&LabelledComment) + Sync)) -> Result<(), CorpusError> {
        let visit_if_not_held_out = |position, row: &LabelledComment| {
            if (self.fold_at)(position).is_some_and(|fold| fold != self.held_out) {
                visit(row);
            }
        };
        self.corpus.read(visit_if_not_held_out, |()| ())
    }
}

/// What an evaluation keeps of a row besides its verdict.
struct KnownRow {
    position: Position,
    label: Label,
    source: String,
    lang: String,
    fingerprint: Fingerprint,
}

impl KnownRow {
    fn of(position: Position, row: &LabelledComment) -> Self {
        KnownRow {
            position,
            label: row.label,
            source: row.source.clone(),
            lang: row.lang().to_owned(),
            fingerprint: Fingerprint::of(row),
        }
    }
}

#[derive(Default)]
struct KnownRows {
    positions: Vec<Position>,
    labels: Vec<Label>,
    sources: Names,
    langs: Names,
    fingerprints: Vec<Fingerprint>,
}

impl KnownRows {
    fn add(&mut self, row: KnownRow) {
        self.positions.push(row.position);
        self.labels.push(row.label);
        self.sources.add(row.source);
        self.langs.add(row.lang);
        self.fingerprints.push(row.fingerprint);
    }

    fn report(&self, judged: &[Judged], groups: &Groups, skipped_rows: u64) -> Report {
        Report {
            overall: Measured::of(judged.iter()),
            intervals: bootstrap::intervals(judged, &groups.of_rows()),
            near_duplicate_groups: groups.len(),
            skipped_rows,
            by_source: self.sources.name(measure_by(judged, &self.sources.of_rows)),
            by_lang: self.langs.name(measure_by(judged, &self.langs.of_rows)),
            by_fold: Vec::new(),
        }
    }
}

/// One name for every row, of which there are few different ones.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, usize>,
    of_rows: Vec<usize>,
}

impl Names {
    fn add(&mut self, name: String) {
        let next = self.numbers.len();
        self.of_rows.push(*self.numbers.entry(name).or_insert(next));
    }

    fn name(&self, mut measured: BTreeMap<usize, Measured>) -> BTreeMap<String, Measured> {
        self.numbers.iter().filter_map(|(name, number)| Some((name.clone(), measured.remove(number)?))).collect()
    }
}

/// Figures of every part, `part_of_row` naming each row's.
fn measure_by(judged: &[Judged], part_of_row: &[usize]) -> BTreeMap<usize, Measured> {
    let mut parts: BTreeMap<usize, Vec<&Judged>> = BTreeMap::new();
    for (row, &part) in judged.iter().zip(part_of_row) {
        parts.entry(part).or_default().push(row);
    }
    parts.into_iter().map(|(part, rows)| (part, Measured::of(rows.into_iter()))).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::Write;
    use std::sync::Mutex;

    use super::*;
    use crate::corpus::CorpusOptions;
    use crate::verdict::{LogOdds, Thresholds};

    fn corpus(rows: &[(&str, &str, &str)]) -> (tempfile::NamedTempFile, Corpus) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (label, source, content) in rows {
            let row = serde_json::json!({"content": content, "label": label, "source": source, "lang": "en"});
            writeln!(file, "{row}").unwrap();
        }
        let corpus = Corpus::open(&[file.path().to_owned()], CorpusOptions::default()).unwrap();
        (file, corpus)
    }

    fn verdict(evidence: f64) -> Verdict {
        Verdict::new(LogOdds(evidence), Thresholds::new(LogOdds(0.0), LogOdds(4.0)).unwrap())
    }

    /// Calls everything spam that says "buy".
    fn simple(comment: &Comment) -> Verdict {
        verdict(if comment.content.contains("buy") { 3.0 } else { -3.0 })
    }

    const ROWS: [(&str, &str, &str); 6] = [
        ("ham", "blog", "thank you for this"),
        ("ham", "blog", "where did you buy that lamp?"),
        ("ham", "shop", "does it come in blue"),
        ("spam", "pool", "buy cheap pills here"),
        ("spam", "pool", "buy my followers today"),
        ("spam", "shop", "nice post visit my page"),
    ];

    #[test]
    fn every_row_counts_overall_and_once_in_its_source_and_language() {
        let (_file, corpus) = corpus(&ROWS);
        let report = evaluate(&corpus, simple).unwrap();
        let all = &report.overall.figures;
        assert_eq!((all.ham, all.ham_held, all.spam, all.spam_approved), (3, 1, 3, 1));
        let rows = |parts: &BTreeMap<String, Measured>| -> Vec<(String, u64)> {
            parts.iter().map(|(name, part)| (name.clone(), part.figures.rows())).collect()
        };
        assert_eq!(rows(&report.by_source), [("blog".into(), 2), ("pool".into(), 2), ("shop".into(), 2)]);
        assert_eq!(rows(&report.by_lang), [("en".into(), 6)]);
        assert_eq!(report.by_source["blog"].ham_held_per_1000, Some(500.0));
        assert_eq!(report.by_source["blog"].spam_approved_per_1000, None);
    }

    #[test]
    fn no_row_is_judged_by_a_model_that_saw_it_or_its_near_duplicate() {
        let mut rows = ROWS.to_vec();
        rows.extend([("spam", "pool", "Buy cheap pills here!!!"), ("ham", "blog", "thank you for this :-)")]);
        let (_file, corpus) = corpus(&rows);
        // A model that remembers the words of what it was trained on, and finds any row it knows.
        let report = cross_validate(&corpus, 3, |training, _| {
            let seen = Mutex::new(Vec::new());
            training.for_each(&|row| seen.lock().unwrap().push(row.comment.content[..9].to_lowercase())).unwrap();
            let seen = seen.into_inner().unwrap();
            Ok::<_, Infallible>(move |comment: &Comment| {
                verdict(if seen.contains(&comment.content[..9].to_lowercase()) { 5.0 } else { -5.0 })
            })
        })
        .unwrap();
        assert_eq!(report.overall.figures.rows(), 8);
        assert_eq!((report.overall.figures.ham_held, report.overall.figures.spam_approved), (0, 4));
        assert_eq!((report.near_duplicate_groups, report.by_fold.len()), (6, 3));
    }

    #[test]
    fn nothing_to_judge_and_too_many_folds_are_errors() {
        let (_file, empty) = corpus(&[]);
        assert!(matches!(evaluate(&empty, simple), Err(EvaluateError::NoRows)));
        let (_file, few) = corpus(&ROWS[..2]);
        let error = cross_validate(&few, 3, |_, _| Ok::<_, Infallible>(simple)).unwrap_err();
        assert!(matches!(error, EvaluateError::TooFewGroups { groups: 2, folds: 3 }), "{error}");
    }

    #[test]
    fn a_fold_that_cannot_be_trained_is_named() {
        let (_file, corpus) = corpus(&ROWS);
        let error = cross_validate(&corpus, 2, |_, fold| match fold {
            1 => Ok(simple),
            _ => Err(CorpusError::Changed),
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "cannot train without fold 2 of 2");
    }
}
