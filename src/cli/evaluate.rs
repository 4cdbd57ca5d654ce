//! `hamgate evaluate`: how good a model, or a way of training one, is on labelled comments.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use crate::comment::{Comment, Label};
use crate::corpus::{CorpusError, Position, SplitFilter};
use crate::evaluate::{self, Judge, LeaveOut, Measurement, Outcome, Report, TrainingRows, compare};
use crate::model::{About, Classifier, TrainError, TrainOptions, train};
use crate::reasons::{self, Language, Reason};
use crate::report::{self, Page};
use crate::text::Fields;
use crate::verdict::{Decision, LogOdds, ModelId, Thresholds};

use super::corpus::{CorpusArgs, WatchedCorpus};
use super::learning::LearningArgs;
use super::values::{Chance, FieldsArg, Share, SourceWeight, by_source};
use super::{comparison, evaluation, model, output};

/// Measure a model on labelled comments.
///
/// Judges every row and compares the verdicts with the labels: honest comments held of 1,000 and spam approved of 1,000, with 95 %
/// intervals, the figures of the field (MCC, AUC, spam caught at a fixed share of held ham, log loss, calibration error), and tables by
/// source and by language. Rows the model was trained on flatter it: use rows it has not seen (--split test), or train in turn:
///
/// --cv K trains K models, each without one K-th of the rows, and lets each judge the rows it has not seen. --leave-one-source-out trains
/// one model per source, without it, and lets it judge that source: how would Hamgate fare on a blog it has never met? Near-duplicates
/// and rows of one `family` are kept on one side. Neither needs a model, and both take the rows that `train` would take.
///
/// Log loss and calibration are measured at even base rates, as if there were as much spam as ham, because that is what a
/// model's probability means.
///
/// --compare A B sets two reports written by --json side by side.
///
/// --learning-curve judges a blog whose people have judged 0, 10, 30, … of their own comments.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    mut_arg("paths", |paths| paths.required(false).required_unless_present("reports")),
    group(clap::ArgGroup::new("in_turn")),
)]
pub struct EvaluateArgs {
    /// The model file; the model embedded in the program if not given. [env: HAMGATE_MODEL]
    // Read by hand: to clap a variable that is set is an option that was given, and --cv would contradict it.
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,

    #[command(flatten)]
    corpus: CorpusArgs,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,

    /// Also write a page with pictures: one HTML file that needs nothing else. It shows comments: those judged worst. With --learning-curve no
    /// comments, and a name that ends in .svg gets the picture alone.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Also print what probabilities promise and what came.
    #[arg(long, conflicts_with = "json")]
    calibration: bool,

    /// Also write every row's verdict, as JSON Lines: `file`, `line`, `source`, `label`, `evidence`, `verdict`, and if models were
    /// trained in turn `left_out` (what its judge was not trained on) or `kept_out` (which models were not trained on it because it says
    /// nearly the same as a row they judge).
    #[arg(long, value_name = "FILE")]
    verdicts: Option<PathBuf>,

    /// Compare two reports written by --json, source by source: where is the second better, where worse?
    #[arg(
        long = "compare", id = "reports", value_names = ["A", "B"], num_args = 2,
        conflicts_with_all = ["paths", "model", "in_turn", "report", "verdicts", "calibration", "split", "fields", "hold_at"],
    )]
    compare: Vec<PathBuf>,

    /// Train and judge in K folds instead of judging by a model. Takes the rows `train` would: all but the split "test".
    #[arg(
        long = "cv", value_name = "K", group = "in_turn", conflicts_with = "model",
        value_parser = clap::value_parser!(u16).range(2..=100),
    )]
    folds: Option<u16>,

    /// Train on all sources but one and judge that one, for each source. Takes the rows `train` would: all but the split "test".
    #[arg(long, group = "in_turn", conflicts_with = "model")]
    leave_one_source_out: bool,

    /// With --leave-one-source-out: leave out only sources with so many rows; smaller ones are always trained on.
    #[arg(long, value_name = "N", requires = "leave_one_source_out", default_value_t = 50)]
    fewest_rows: u64,

    /// With --leave-one-source-out: leave out only this source; with a `*` at the end, all that begin so together. May be given more
    /// than once.
    #[arg(long, value_name = "SOURCE", requires = "leave_one_source_out")]
    leave_out: Vec<String>,

    /// Which fields of a comment to look at; those the model was trained on if not given.
    #[arg(long, value_enum)]
    fields: Option<FieldsArg>,

    /// Hold from this probability on, instead of the model's own threshold.
    #[arg(long, value_name = "PROBABILITY")]
    hold_at: Option<Chance>,

    /// When training in turn: of honest comments, how many may be held, as for `train`.
    #[arg(long, value_name = "SHARE", requires = "in_turn", default_value = "5/1000")]
    ham_held_at_most: Share,

    /// When training in turn: let rows of a source count so many times more, as for `train`; may be given more than once.
    #[arg(long = "weigh", value_name = "SOURCE=FACTOR", requires = "in_turn")]
    weights: Vec<SourceWeight>,

    #[command(flatten)]
    learning: LearningArgs,
}

const EXAMPLES: &str = "\
Examples:
  hamgate evaluate --corpus data/comments --split test
  hamgate evaluate --model my.hamgate --corpus held-out.jsonl.gz --fields content --json
  hamgate evaluate --corpus mine.jsonl --report mine.html
  hamgate evaluate --corpus mine.jsonl --hold-at 90%    what if I held from 0.9 on?
  hamgate evaluate --cv 10 --corpus data/comments
  hamgate evaluate --leave-one-source-out --corpus data/comments CORPORA --json > after.json
  hamgate evaluate --leave-one-source-out --leave-out 'tubespam-*' --corpus CORPORA
  hamgate evaluate --compare before.json after.json
  hamgate evaluate --learning-curve --own-source my-blog --own-source my-spam --corpus CORPORA --report curve.svg

Exit codes: 0 measured, whatever the figures; 1 not measured, and standard error says why; 2 the options make no sense.";

/// The whole answer: what was judged by what, and the report.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// The model, if one judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    /// The number of folds, if it was a cross-validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<u16>,
    /// Thresholds of the model; models that were trained in turn have their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
    /// Files that the model was also trained on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trained_on: Vec<String>,
    /// Sources that were too few rows to be left out, with their rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_left_out: Vec<(String, u64)>,
    /// The figures.
    #[serde(flatten)]
    pub report: Report,
}

/// A model as a judge of comments.
pub(super) struct Model {
    pub(super) classifier: Classifier,
    pub(super) fields: Fields,
    pub(super) thresholds: Thresholds,
}

impl Judge for Model {
    fn evidence(&self, comment: &Comment) -> LogOdds {
        self.classifier.judge_with(comment, self.fields).evidence
    }

    fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    fn reasons(&self, comment: &Comment) -> Vec<Reason> {
        let (_, explanation) = self.classifier.explain_with(comment, self.fields);
        reasons::from_explanation(&explanation, Language::English)
    }
}

impl EvaluateArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// When the model or a row cannot be read, no row was chosen, or a result cannot be written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        if let [a, b] = &self.compare[..] {
            return self.compare_reports(a, b);
        }
        for path in [&self.report, &self.verdicts].into_iter().flatten() {
            output::require_folder(path)?;
        }
        if let Some(sizes) = self.learning.sizes() {
            let watched = self.corpus.open(SplitFilter::not_test())?;
            return self.learning.run(sizes, &watched, &self.train_options(), self.report.as_deref(), self.json);
        }
        let watched = self.corpus.open(if self.trains() { SplitFilter::not_test() } else { SplitFilter::All })?;
        let (evaluation, outcome) = if self.trains() { self.train_in_turn(&watched)? } else { self.judge(&watched)? };
        if !evaluation.trained_on.is_empty() {
            eprintln!("{}", note(&evaluation.trained_on));
        }
        if let Some(path) = &self.report {
            let files = watched.corpus.paths().map(name_of).collect();
            let judged_by = evaluation::judged_by(&evaluation);
            let page = Page { judged_by, files, thresholds: evaluation.thresholds, outcome: &outcome };
            write("report", path, report::html(&page).as_bytes())?;
        }
        if let Some(path) = &self.verdicts {
            write("verdicts", path, &verdicts(&watched, &outcome)?)?;
        }
        if self.json {
            output::print_json(&evaluation)?;
        } else {
            output::print(&evaluation::render(&evaluation, self.calibration))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn trains(&self) -> bool {
        self.folds.is_some() || self.leave_one_source_out
    }

    fn compare_reports(&self, a: &Path, b: &Path) -> anyhow::Result<ExitCode> {
        let read = |path: &Path| -> anyhow::Result<Measurement> {
            let json = fs::read(path).with_context(|| format!("cannot read report `{}`", path.display()))?;
            Measurement::from_json(&json).with_context(|| format!("cannot compare `{}`", path.display()))
        };
        let (measured_a, measured_b) = (read(a)?, read(b)?);
        let compared = compare(&measured_a, &measured_b)?;
        if self.json {
            output::print_json(&compared)?;
        } else {
            let title =
                |path: &Path, measured: &Measurement| format!("{} ({})", path.display(), measured.description());
            output::print(&comparison::render(&compared, &title(a, &measured_a), &title(b, &measured_b)))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn judge(&self, watched: &WatchedCorpus) -> anyhow::Result<(Evaluation, Outcome)> {
        let from_environment = || std::env::var_os(model::ENVIRONMENT_VARIABLE).filter(|path| !path.is_empty());
        let path = self.model.clone().or_else(|| from_environment().map(PathBuf::from));
        let classifier = model::read(path.as_deref())?;
        let fields = self.fields.map_or(classifier.card().fields, Fields::from);
        let thresholds = hold_at(self.hold_at, classifier.thresholds());
        let model = Model { classifier, fields, thresholds };
        let outcome = watched.end(evaluate::evaluate(&watched.corpus, &model))?;
        let evaluation = Evaluation {
            model: Some(model.classifier.id().clone()),
            folds: None,
            thresholds: Some(thresholds),
            trained_on: trained_on(&model.classifier, watched)?,
            not_left_out: Vec::new(),
            report: outcome.report.clone(),
        };
        Ok((evaluation, outcome))
    }

    fn train_options(&self) -> TrainOptions {
        TrainOptions {
            fields: self.fields.map_or(Fields::All, Fields::from),
            ham_held_at_most: self.ham_held_at_most.0,
            source_weights: by_source(&self.weights),
        }
    }

    fn train_in_turn(&self, watched: &WatchedCorpus) -> anyhow::Result<(Evaluation, Outcome)> {
        let options = self.train_options();
        let train_without = |rows: &TrainingRows<'_>, _: usize| -> Result<Model, TrainError<CorpusError>> {
            watched.begin(&format!("without {}", rows.left_out()));
            let classifier = train(rows, &options, About::default())?;
            let thresholds = hold_at(self.hold_at, classifier.thresholds());
            Ok(Model { classifier, fields: options.fields, thresholds })
        };
        let outcome = if let Some(folds) = self.folds {
            evaluate::cross_validate(&watched.corpus, folds.into(), train_without)
        } else {
            let leave_out = LeaveOut { fewest_rows: self.fewest_rows, only: self.leave_out.clone() };
            evaluate::leave_one_source_out(&watched.corpus, &leave_out, train_without)
        };
        let outcome = watched.end(outcome)?;
        let evaluation = Evaluation {
            model: None,
            folds: self.folds,
            thresholds: None,
            trained_on: Vec::new(),
            not_left_out: outcome.not_left_out.clone(),
            report: outcome.report.clone(),
        };
        Ok((evaluation, outcome))
    }
}

pub(super) fn write(what: &str, path: &Path, content: &[u8]) -> anyhow::Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {what} `{}`", path.display()))?;
    eprintln!("wrote {what} `{}`", path.display());
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// One line of `--verdicts`.
#[derive(Default, Serialize)]
struct VerdictLine<'a> {
    file: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_out: Option<&'a str>,
}

fn verdicts(watched: &WatchedCorpus, outcome: &Outcome) -> serde_json::Result<Vec<u8>> {
    let files: Vec<String> = watched.corpus.paths().map(|path| path.display().to_string()).collect();
    let turn = |turn: usize| outcome.turns.get(turn).map(String::as_str);
    let line_at =
        |position: Position| VerdictLine { file: &files[position.file], line: position.line, ..VerdictLine::default() };
    let judged = outcome.rows.iter().map(|row| VerdictLine {
        source: Some(&row.source),
        label: Some(row.judged.label),
        evidence: Some(row.judged.verdict.evidence.0),
        verdict: Some(row.judged.verdict.decision),
        left_out: turn(row.turn),
        ..line_at(row.position)
    });
    let kept_out = outcome
        .kept_out
        .iter()
        .map(|(position, of_turn)| VerdictLine { kept_out: turn(*of_turn), ..line_at(*position) });
    let mut lines = Vec::new();
    for line in judged.chain(kept_out) {
        serde_json::to_writer(&mut lines, &line)?;
        lines.push(b'\n');
    }
    Ok(lines)
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

#[cfg(test)]
mod tests {
    use super::*;

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
