//! How good is a model, or a way of training one, on labelled rows?
//!
//! [`evaluate`] judges every row of a corpus by one model. [`cross_validate`] trains a model for each fold on the rows
//! outside it and judges the rows inside, with near-duplicates kept in one fold. [`leave_one_source_out`] does the same with
//! sources for folds: how will a model fare on a blog it has never met? All give an [`Outcome`]: a [`Report`] of figures with
//! intervals, by source, language and topic, because a mean over sources hides the one blog whose readers are held; every
//! row's verdict; and the worst mistakes. [`compare`](compare()) sets two reports side by side. [`learning_curve`] tells how a new blog fares
//! with the first comments of its own.
//!
//! Rows are streamed; what stays of each is its verdict and a fingerprint for finding near-duplicates (about 1 KB), and of
//! the worst mistakes the text. How a model learns and judges is the caller's business, so nothing here depends on a learner.

mod bootstrap;
mod compare;
mod curves;
mod guard;
mod learning;
mod mistakes;
mod rows;
mod summary;
mod turns;

use std::error::Error;

use crate::comment::{Comment, Label};
use crate::corpus::{Corpus, CorpusError, Position};
use crate::figures::Judged;
use crate::reasons::Reason;
use crate::verdict::{LogOdds, Thresholds, Verdict};

pub use bootstrap::{CalibrationBin, Interval, Intervals};
pub use compare::{CompareError, Compared, Comparison, Figure, Measurement, Standing, Tally, compare};
pub use curves::{Bar, Curve, Step, histogram};
pub use guard::{Allowed, Flips, Objection, objections};
pub use learning::{LearningCurve, NewBlog, Point, Spread, Way, learning_curve};
pub use mistakes::{Mistake, Mistakes};
pub use rows::JudgedRow;
pub use summary::{Across, AcrossSources, HamHeld, LeftOut, Measured, Part, Report, Website};
pub use turns::{LeaveOut, TrainingRows, cross_validate, leave_one_source_out};

use rows::{KnownRow, KnownRows};

/// What judges comments: a model, or a stand-in for one.
pub trait Judge: Sync {
    /// The evidence for spam in a comment.
    fn evidence(&self, comment: &Comment) -> LogOdds;

    /// From which evidence on comments are held.
    fn thresholds(&self) -> Thresholds;

    /// Why it judges a comment as it does, strongest reason first.
    fn reasons(&self, comment: &Comment) -> Vec<Reason>;

    /// The verdict, and by how much the evidence exceeds the threshold for holding.
    fn judge(&self, comment: &Comment) -> (Verdict, f64) {
        let (evidence, thresholds) = (self.evidence(comment), self.thresholds());
        (Verdict::new(evidence, thresholds), evidence.0 - thresholds.hold().0)
    }
}

/// Everything an evaluation found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// In figures.
    pub report: Report,
    /// Every row that was judged, in the order of the files.
    pub rows: Vec<JudgedRow>,
    /// The worst mistakes, with texts and reasons.
    pub mistakes: Mistakes,
    /// What was left out in each turn, by name; empty if one model judged all rows.
    pub turns: Vec<String>,
    /// Rows that a turn neither judged nor learned from, because they say nearly the same as one that it judged.
    pub kept_out: Vec<(Position, usize)>,
    /// Sources that were never left out, with their numbers of rows.
    pub not_left_out: Vec<(String, u64)>,
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
    /// Every source is too small to be judged alone.
    #[error("no source has at least {fewest_rows} rows; lower --fewest-rows, or name sources with --leave-out")]
    NothingToLeaveOut {
        /// Rows a source needs to be left out.
        fewest_rows: u64,
    },
    /// A source to be left out is not there.
    #[error(
        "no row has a source `{name}` that --leave-out names; the field `source` of the rows tells which there are"
    )]
    NoSuchSource {
        /// The name, or beginning of names, asked for.
        name: String,
    },
    /// A source would be judged by two models.
    #[error("source `{name}` is named by two --leave-out; a row is judged once, so name it in one of them")]
    LeftOutTwice {
        /// The source.
        name: String,
    },
    /// A model could not be trained.
    #[error("cannot train without {left_out}")]
    Train {
        /// What was to be left out.
        left_out: String,
        /// Why.
        source: E,
    },
    /// A source of the blog is not there.
    #[error(
        "no row has a source `{name}` that --own-source names; the field `source` of the rows tells which there are"
    )]
    NoSuchOwnSource {
        /// The name, or beginning of names, asked for.
        name: String,
    },
    /// The blog has too few comments to draw so many from.
    #[error(
        "{size} own comments would be {wanted} {label}, and the half of the blog's comments that they are drawn from has {pool}; \
         name smaller numbers with --learning-curve, another --own-ham-share, or more sources with --own-source"
    )]
    TooFewOwn {
        /// Own comments asked for.
        size: u64,
        /// How many of them of one label.
        wanted: u64,
        /// Which label.
        label: Label,
        /// How many of it there are.
        pool: u64,
    },
    /// Own comments could not be learned.
    #[error("cannot learn {size} own comments by the way \"{way}\"")]
    Learn {
        /// The way.
        way: String,
        /// How many own comments there were.
        size: u64,
        /// Why.
        source: E,
    },
}

/// Judges every row of `corpus` by `judge`.
///
/// # Errors
/// When the corpus cannot be read or holds no chosen row.
pub fn evaluate(corpus: &Corpus, judge: &impl Judge) -> Result<Outcome, EvaluateError<std::convert::Infallible>> {
    let (mut known, mut rows, mut mistakes) = (KnownRows::default(), Vec::new(), Mistakes::default());
    corpus.read(
        |position, row| {
            let (verdict, margin) = judge.judge(&row.comment);
            let mistake = Mistakes::look(row, &verdict, margin);
            let judged = Judged { verdict, label: row.label };
            let judged = JudgedRow { position, source: row.source.clone(), judged, margin, turn: 0, number: 0 };
            (KnownRow::of(position, row), judged, mistake)
        },
        |(row, judged, mistake)| {
            let number = rows.len();
            if let Some(mistake) = mistake {
                mistakes.add(Mistake { number, ..*mistake });
            }
            rows.push(JudgedRow { number, ..judged });
            known.add(row);
        },
    )?;
    if rows.is_empty() {
        return Err(EvaluateError::NoRows);
    }
    let groups = known.groups();
    mistakes.explain(judge);
    Ok(Outcome {
        report: Report::of(&rows, &known, &groups, corpus.skipped().rows),
        rows,
        mistakes: mistakes.without_copies(&groups.of_rows()),
        turns: Vec::new(),
        kept_out: Vec::new(),
        not_left_out: Vec::new(),
    })
}

#[cfg(test)]
mod testing {
    //! Corpora of few rows, and judges that need no training.

    use std::collections::HashSet;
    use std::io::Write;
    use std::sync::Mutex;

    use super::*;
    use crate::corpus::CorpusOptions;
    use crate::model::Rows;

    pub fn corpus(rows: &[(&str, &str, &str)]) -> (tempfile::NamedTempFile, Corpus) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (label, source, content) in rows {
            let row = serde_json::json!({"content": content, "label": label, "source": source, "lang": "en"});
            writeln!(file, "{row}").unwrap();
        }
        let corpus = Corpus::open(&[file.path().to_owned()], CorpusOptions::default()).unwrap();
        (file, corpus)
    }

    /// Judges by a function from text to evidence, and holds what has any.
    pub struct By<F>(pub F);

    impl<F: Fn(&str) -> f64 + Sync> Judge for By<F> {
        fn evidence(&self, comment: &Comment) -> LogOdds {
            LogOdds((self.0)(&comment.content))
        }

        fn thresholds(&self) -> Thresholds {
            Thresholds::new(LogOdds(0.0), LogOdds(4.0)).unwrap()
        }

        fn reasons(&self, comment: &Comment) -> Vec<Reason> {
            let evidence = self.evidence(comment);
            vec![Reason { text: "so it is".into(), speaks_for: crate::comment::Label::Spam, log_odds: evidence }]
        }
    }

    /// Calls everything spam that says "buy".
    pub fn simple() -> impl Judge {
        By(|text: &str| if text.contains("buy") { 3.0 } else { -3.0 })
    }

    /// Remembers the first letters of what it was trained on, and holds what it knows.
    pub fn memory(training: &TrainingRows<'_>) -> impl Judge + use<> {
        const LETTERS: usize = 9;
        let seen = Mutex::new(HashSet::new());
        training.for_each(&|row| seen.lock().unwrap().extend([row.comment.content[..LETTERS].to_lowercase()])).unwrap();
        let seen = seen.into_inner().unwrap();
        By(move |text: &str| if seen.contains(&text[..LETTERS].to_lowercase()) { 5.0 } else { -5.0 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    use super::testing::{corpus, memory, simple};
    use super::*;

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
        let report = evaluate(&corpus, &simple()).unwrap().report;
        let all = &report.overall.figures;
        assert_eq!((all.ham, all.ham_held, all.spam, all.spam_approved), (3, 1, 3, 1));
        let rows = |parts: BTreeMap<&String, &Measured>| -> Vec<(String, u64)> {
            parts.iter().map(|(name, part)| ((*name).clone(), part.figures.rows())).collect()
        };
        let by_source = report.by_source.iter().map(|(name, part)| (name, &part.measured)).collect();
        assert_eq!(rows(by_source), [("blog".into(), 2), ("pool".into(), 2), ("shop".into(), 2)]);
        assert_eq!(rows(report.by_lang.iter().collect()), [("en".into(), 6)]);
        assert_eq!(report.by_source["blog"].measured.ham_held_per_1000, Some(500.0));
        assert_eq!(report.by_source["blog"].measured.spam_approved_per_1000, None);
    }

    #[test]
    fn mistakes_are_told_with_their_reasons_and_copies_only_once() {
        let mut rows = ROWS.to_vec();
        rows.extend([("spam", "shop", "Nice post, visit my page!!"), ("spam", "shop", "nice post visit my page now")]);
        let (_file, corpus) = corpus(&rows);
        let mistakes = evaluate(&corpus, &simple()).unwrap().mistakes;
        let told = |mistakes: &[Mistake]| -> Vec<(String, usize, usize)> {
            mistakes.iter().map(|m| (m.comment.content.clone(), m.copies, m.reasons.len())).collect()
        };
        assert_eq!(told(&mistakes.ham_held), [("where did you buy that lamp?".into(), 1, 1)]);
        assert_eq!(told(&mistakes.spam_approved), [("nice post visit my page".into(), 3, 1)]);
    }

    #[test]
    fn no_row_is_judged_by_a_model_that_saw_it_or_its_near_duplicate() {
        let mut rows = ROWS.to_vec();
        rows.extend([("spam", "pool", "Buy cheap pills here!!!"), ("ham", "blog", "thank you for this :-)")]);
        let (_file, corpus) = corpus(&rows);
        let report = cross_validate(&corpus, 3, |training, _| Ok::<_, Infallible>(memory(training))).unwrap().report;
        assert_eq!(report.overall.figures.rows(), 8);
        assert_eq!((report.overall.figures.ham_held, report.overall.figures.spam_approved), (0, 4));
        assert_eq!((report.near_duplicate_groups, report.by_fold.len()), (6, 3));
    }

    #[test]
    fn nothing_to_judge_and_too_many_folds_are_errors() {
        let (_file, empty) = corpus(&[]);
        assert!(matches!(evaluate(&empty, &simple()), Err(EvaluateError::NoRows)));
        let (_file, few) = corpus(&ROWS[..2]);
        let error = cross_validate(&few, 3, |_, _| Ok::<_, Infallible>(simple())).unwrap_err();
        assert!(matches!(error, EvaluateError::TooFewGroups { groups: 2, folds: 3 }), "{error}");
    }

    #[test]
    fn a_fold_that_cannot_be_trained_is_named() {
        let (_file, corpus) = corpus(&ROWS);
        let error = cross_validate(&corpus, 2, |_, fold| match fold {
            1 => Ok(simple()),
            _ => Err(CorpusError::Changed),
        })
        .unwrap_err();
        assert_eq!(error.to_string(), "cannot train without fold 2 of 2");
    }
}
