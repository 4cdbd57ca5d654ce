//! `hamgate evaluate`: how good a model, or a way of training one, is on labelled comments.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::comment::Comment;
use crate::corpus::SplitFilter;
use crate::evaluate::{self, Interval, Measured, Report};
use crate::model::{About, Classifier, TrainOptions, train};
use crate::text::Fields;
use crate::verdict::{LogOdds, ModelId, Thresholds, Verdict};

use super::corpus::{CorpusArgs, WatchedCorpus};
use super::tables::{self, Table};
use super::values::{Chance, FieldsArg, Share, SourceWeight, by_source};
use super::{model, output};

/// Measure a model on labelled comments.
///
/// Judges every row and compares the verdicts with the labels: honest comments held of 1,000 and spam approved of 1,000, with 95 %
/// intervals, the figures of the field (MCC, AUC, spam caught at a fixed share of held ham, log loss, calibration error), and a table by
/// source and by language. Rows the model was trained on flatter it: use rows it has not seen (--split test), or --cv.
///
/// With --cv K no model is needed: K models are trained, each without one K-th of the rows, and judge the rows they have not
/// seen. Near-duplicates and rows of one `family` are kept on one side.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EvaluateArgs {
    /// The model file; the model embedded in the program if not given.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,

    #[command(flatten)]
    corpus: CorpusArgs,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,

    /// Train and judge in K folds instead of judging by a model. Takes the rows `train` would: all but the split "test".
    #[arg(long = "cv", value_name = "K", conflicts_with = "model", value_parser = clap::value_parser!(u16).range(2..=100))]
    folds: Option<u16>,

    /// Which fields of a comment to look at; those the model was trained on if not given.
    #[arg(long, value_enum)]
    fields: Option<FieldsArg>,

    /// Hold from this probability on, instead of the model's own threshold.
    #[arg(long, value_name = "PROBABILITY")]
    hold_at: Option<Chance>,

    /// With --cv: of honest comments, how many may be held, as for `train`.
    #[arg(long, value_name = "SHARE", requires = "folds", default_value = "5/1000")]
    ham_held_at_most: Share,

    /// With --cv: let rows of a source count so many times more, for instance those of your own blog; may be given more than once.
    #[arg(long = "weigh", value_name = "SOURCE=FACTOR", requires = "folds")]
    weights: Vec<SourceWeight>,
}

const EXAMPLES: &str = "\
Examples:
  hamgate evaluate --corpus data/comments --split test
  hamgate evaluate --model my.hamgate --corpus held-out.jsonl.gz --fields content --json
  hamgate evaluate --cv 10 --corpus data/comments
  hamgate evaluate --corpus mine.jsonl --hold-at 90%    what if I held from 0.9 on?

Exit codes: 0 measured, whatever the figures; 1 not measured, and standard error says why; 2 the options make no sense.";

/// The whole answer: what was judged by what, and the report.
#[derive(Debug, Serialize)]
struct Evaluation {
    /// The model, if one judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelId>,
    /// The number of folds, if it was a cross-validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    folds: Option<u16>,
    /// Thresholds of the model; the folds of a cross-validation have their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    thresholds: Option<Thresholds>,
    /// Files that the model was also trained on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trained_on: Vec<String>,
    #[serde(flatten)]
    report: Report,
}

impl EvaluateArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// When the model or a row cannot be read, or no row was chosen.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let evaluation = match self.folds {
            Some(folds) => self.cross_validate(folds)?,
            None => self.judge()?,
        };
        if !evaluation.trained_on.is_empty() {
            eprintln!("{}", note(&evaluation.trained_on));
        }
        if self.json {
            output::print_json(&evaluation)?;
        } else {
            output::print(&render(&evaluation))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn judge(&self) -> anyhow::Result<Evaluation> {
        let classifier = model::read(self.model.as_deref())?;
        let watched = self.corpus.open(SplitFilter::All)?;
        let fields = self.fields.map_or(classifier.card().fields, Fields::from);
        let thresholds = hold_at(self.hold_at, classifier.thresholds());
        let judge = |comment: &Comment| Verdict::new(classifier.judge_with(comment, fields).evidence, thresholds);
        let report = evaluate::evaluate(&watched.corpus, judge);
        watched.finish();
        let report = report?;
        Ok(Evaluation {
            model: Some(classifier.id().clone()),
            folds: None,
            thresholds: Some(thresholds),
            trained_on: trained_on(&classifier, &watched)?,
            report,
        })
    }

    fn cross_validate(&self, folds: u16) -> anyhow::Result<Evaluation> {
        let watched = self.corpus.open(SplitFilter::not_test())?;
        let fields = self.fields.map_or(Fields::All, Fields::from);
        let options = TrainOptions {
            fields,
            ham_held_at_most: self.ham_held_at_most.0,
            source_weights: by_source(&self.weights),
        };
        let report = evaluate::cross_validate(&watched.corpus, folds.into(), |rows, _| {
            let classifier = train(rows, &options, About::default())?;
            let thresholds = hold_at(self.hold_at, classifier.thresholds());
            Ok::<_, crate::model::TrainError<_>>(move |comment: &Comment| {
                Verdict::new(classifier.judge(comment).evidence, thresholds)
            })
        });
        watched.finish();
        Ok(Evaluation { model: None, folds: Some(folds), thresholds: None, trained_on: Vec::new(), report: report? })
    }
}

/// The model's thresholds, unless the user wants to hold from another probability on.
fn hold_at(chance: Option<Chance>, own: Thresholds) -> Thresholds {
    let Some(Chance(chance)) = chance else { return own };
    let hold = (chance / (1.0 - chance)).ln();
    Thresholds::new(LogOdds(hold), LogOdds(own.spam().0.max(hold)))
        .expect("a chance between 0 and 1 has finite odds, and spam is at least hold")
}

/// The files of the corpus that the model was trained on, unless rows were chosen by a split, as one does to avoid that.
fn trained_on(classifier: &Classifier, watched: &WatchedCorpus) -> anyhow::Result<Vec<String>> {
    if matches!(watched.split, SplitFilter::Only(_)) {
        return Ok(Vec::new());
    }
    let known: HashSet<&str> = classifier.card().about.files.iter().map(|file| file.sha256.as_str()).collect();
    let digests = watched.corpus.digests()?;
    Ok(digests.into_iter().filter(|file| known.contains(file.sha256.as_str())).map(|file| file.name).collect())
}

fn note(trained_on: &[String]) -> String {
    const NAMED: usize = 3;
    let names = trained_on[..trained_on.len().min(NAMED)].join("`, `");
    let more = match trained_on.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "note: the model was trained on `{names}`{more}; rows it has seen flatter it (choose others with --split, or use --cv)"
    )
}

fn render(evaluation: &Evaluation) -> String {
    let report = &evaluation.report;
    let all = &report.overall.figures;
    let judge = match (&evaluation.model, evaluation.folds) {
        (Some(id), _) => format!("model {id}"),
        (None, folds) => format!("{} models, each judging the fold it was not trained on", folds.unwrap_or_default()),
    };
    let intervals = &report.intervals;
    let interval = |name: &str| match name {
        "ham held per 1,000" => intervals.ham_held_per_1000.map(|i| bounds(i, 1)),
        "spam approved per 1,000" => intervals.spam_approved_per_1000.map(|i| bounds(i, 1)),
        "MCC at probability 0.5" => intervals.mcc.map(|i| bounds(i, 4)),
        "AUC" => intervals.auc.map(|i| bounds(i, 4)),
        _ => None,
    };
    [
        format!(
            "{judge}\n{} ham and {} spam in {} groups of near-duplicates",
            all.ham, all.spam, report.near_duplicate_groups
        ),
        skipped(report.skipped_rows),
        "\n\n".to_owned(),
        tables::figures(all, interval),
        format!("intervals: {} resamples of the groups, fixed seed\n\n", intervals.replicates),
        parts("source", &report.by_source),
        "\n".to_owned(),
        parts("language", &report.by_lang),
        folds(&report.by_fold),
    ]
    .concat()
}

fn folds(by_fold: &[Measured]) -> String {
    if by_fold.is_empty() {
        return String::new();
    }
    let folds = by_fold.iter().enumerate().map(|(at, fold)| (format!("{:2}", at + 1), fold.clone())).collect();
    format!("\n{}", parts("fold", &folds))
}

fn skipped(rows: u64) -> String {
    if rows == 0 { String::new() } else { format!("; {rows} unreadable rows skipped") }
}

fn bounds(interval: Interval, digits: usize) -> String {
    format!("{:.digits$} to {:.digits$}", interval.low, interval.high)
}

fn parts(head: &str, parts: &BTreeMap<String, Measured>) -> String {
    let mut table = Table::new([head, "ham", "spam", "ham held/1,000", "spam approved/1,000", "MCC", "AUC"]);
    for (name, Measured { ham_held_per_1000, spam_approved_per_1000, figures }) in parts {
        table.row([
            name.clone(),
            figures.ham.to_string(),
            figures.spam.to_string(),
            tables::rate(*ham_held_per_1000),
            tables::rate(*spam_approved_per_1000),
            tables::coefficient(figures.mcc),
            tables::coefficient(figures.auc),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Label;
    use crate::evaluate::Intervals;
    use crate::figures::{Figures, Judged};

    fn measured(rows: &[(Label, f64)]) -> Measured {
        let thresholds = Thresholds::new(LogOdds(1.0), LogOdds(4.0)).unwrap();
        let judged =
            |&(label, evidence): &(Label, f64)| Judged { verdict: Verdict::new(LogOdds(evidence), thresholds), label };
        let figures = Figures::of_judged(&rows.iter().map(judged).collect::<Vec<_>>());
        Measured {
            ham_held_per_1000: figures.ham_held_per_1000(),
            spam_approved_per_1000: figures.spam_approved_per_1000(),
            figures,
        }
    }

    fn evaluation() -> Evaluation {
        use Label::{Ham, Spam};
        let blog = [(Ham, -2.0), (Ham, -1.0), (Ham, 2.0), (Ham, -3.0)];
        let pool = [(Spam, 5.0), (Spam, 0.5), (Spam, 3.0), (Spam, 6.0)];
        let interval = |low, high| Some(Interval { low, high });
        Evaluation {
            model: Some(ModelId::from_checksum("0123456789abcdef")),
            folds: None,
            thresholds: Some(Thresholds::new(LogOdds(1.0), LogOdds(4.0)).unwrap()),
            trained_on: Vec::new(),
            report: Report {
                overall: measured(&[blog, pool].concat()),
                intervals: Intervals {
                    replicates: 1000,
                    ham_held_per_1000: interval(0.0, 750.0),
                    spam_approved_per_1000: interval(0.0, 750.0),
                    mcc: interval(0.2582, 1.0),
                    auc: interval(0.6, 1.0),
                },
                near_duplicate_groups: 7,
                skipped_rows: 2,
                by_source: [("blog".to_owned(), measured(&blog)), ("pool".to_owned(), measured(&pool))].into(),
                by_lang: [("de".to_owned(), measured(&[blog, pool].concat()))].into(),
                by_fold: Vec::new(),
            },
        }
    }

    #[test]
    fn the_report_is_a_table_with_the_two_rates_first() {
        insta::assert_snapshot!(render(&evaluation()));
    }

    #[test]
    fn the_json_has_the_names_of_the_schema() {
        insta::assert_json_snapshot!(evaluation());
    }

    #[test]
    fn a_cross_validation_also_shows_its_folds() {
        let mut evaluation = evaluation();
        (evaluation.model, evaluation.folds) = (None, Some(2));
        evaluation.report.by_fold = vec![evaluation.report.overall.clone(); 2];
        let text = render(&evaluation);
        assert!(text.starts_with("2 models, each judging the fold it was not trained on\n"), "{text}");
        assert!(text.lines().any(|line| line.starts_with("fold")), "{text}");
    }

    #[test]
    fn files_the_model_knows_are_named_but_not_all_of_many() {
        let names = |n: usize| (1..=n).map(|n| format!("{n}.jsonl")).collect::<Vec<_>>();
        assert!(note(&names(2)).contains("`1.jsonl`, `2.jsonl`; rows"), "{}", note(&names(2)));
        assert!(note(&names(9)).contains("`3.jsonl` and 6 more; rows"), "{}", note(&names(9)));
    }

    #[test]
    fn holding_later_never_lets_the_spam_queue_begin_before() {
        let own = Thresholds::new(LogOdds(1.0), LogOdds(4.0)).unwrap();
        assert_eq!(hold_at(None, own), own);
        assert_eq!(hold_at(Some(Chance(0.5)), own), Thresholds::new(LogOdds(0.0), LogOdds(4.0)).unwrap());
        let late = hold_at(Some(Chance(0.999)), own);
        assert_eq!(late.spam(), late.hold());
    }
}
