//! `hamgate evaluate --learning-curve`: how a blog fares with comments of its own.

use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use crate::comment::LabelledComment;
use crate::corpus::CorpusError;
use crate::evaluate::{LearningCurve, NewBlog, Spread, learning_curve};
use crate::model::{About, Classifier, OwnError, OwnOptions, TrainError, TrainOptions, Update, train, train_own};
use crate::report;

use super::corpus::WatchedCorpus;
use super::evaluate::{Model, write};
use super::output;
use super::tables::{self, Table};
use super::train::parse_weight;
use super::values::Share;

/// A blog that is yet to be met.
#[derive(Debug, Args)]
pub struct LearningArgs {
    /// How does a new blog fare whose people have judged so many of its comments? 0,10,30,100,300 if no numbers are given. Trains a generic
    /// model without the blog, and judges half of the blog by what becomes of that model with comments of the other half. Takes the
    /// rows `train` would: all but the split "test".
    #[arg(
        long, value_name = "N,N", group = "in_turn", num_args = 0..=1, value_delimiter = ',',
        default_missing_values = ["0", "10", "30", "100", "300"], requires = "own_sources",
        conflicts_with_all = ["model", "verdicts", "calibration", "hold_at"],
    )]
    learning_curve: Option<Vec<u64>>,

    /// With --learning-curve: a source the blog is made of, its ham or its spam; with a `*` at the end, all that begin so. May be given
    /// more than once.
    #[arg(long = "own-source", id = "own_sources", value_name = "SOURCE", requires = "learning_curve")]
    own_sources: Vec<String>,

    /// With --learning-curve: how much of what the blog's people judge is ham.
    #[arg(long, value_name = "SHARE", requires = "learning_curve", default_value = "50%")]
    own_ham_share: Share,

    /// With --learning-curve: also try these weights of own comments: how many times an ordinary row each counts.
    #[arg(
        long = "own-weight", id = "own_weights", value_name = "FACTOR,FACTOR", requires = "learning_curve",
        value_delimiter = ',', value_parser = parse_weight,
    )]
    own_weights: Vec<f64>,

    /// With --learning-curve: draw so many times, because it matters which comments come first.
    #[arg(
        long, value_name = "N", requires = "learning_curve", default_value_t = 5,
        value_parser = clap::value_parser!(u64).range(1..=1000),
    )]
    draws: u64,
}

/// What may become of own comments.
#[derive(Debug, Clone, Copy, PartialEq)]
enum WayOfLearning {
    /// Nothing.
    GenericOnly,
    /// A model that knows nothing else.
    OwnOnly,
    /// Counts move, as in a running service; thresholds stay. With another weight than the service's, if one is given.
    AtOnce(Option<f64>),
    /// As `hamgate train --store` trains: thresholds of its own from enough ham on.
    Trained(Option<f64>),
}

impl WayOfLearning {
    fn name(self) -> String {
        match self {
            WayOfLearning::GenericOnly => "generic only".to_owned(),
            WayOfLearning::OwnOnly => "own only".to_owned(),
            WayOfLearning::AtOnce(None) => "learned at once".to_owned(),
            WayOfLearning::AtOnce(Some(weight)) => format!("learned at once, weight {weight}"),
            WayOfLearning::Trained(None) => "trained".to_owned(),
            WayOfLearning::Trained(Some(weight)) => format!("trained, weight {weight}"),
        }
    }

    /// What then serves the blog, if anything can.
    fn learn(
        self,
        generic: &Classifier,
        own: &[LabelledComment],
        options: &TrainOptions,
    ) -> Result<Option<Model>, LearnError> {
        let trained = |weight: Option<f64>| -> Result<Classifier, LearnError> {
            if own.is_empty() {
                return Ok(generic.clone());
            }
            let options = OwnOptions { ham_held_at_most: options.ham_held_at_most, weight };
            Ok(train_own(generic, own, &options, About::default())?.classifier)
        };
        let classifier = match self {
            WayOfLearning::GenericOnly => generic.clone(),
            WayOfLearning::OwnOnly => {
                let options = TrainOptions { source_weights: [].into(), ..options.clone() };
                match train(own, &options, About::default()) {
                    Ok(classifier) => classifier,
                    Err(TrainError::TooFew { .. } | TrainError::TooAlike { .. }) => return Ok(None),
                    Err(error) => return Err(LearnError::OwnOnly(error)),
                }
            }
            WayOfLearning::AtOnce(None) => {
                let said = own.iter().map(|row| Update { comment: &row.comment, before: None, after: Some(row.label) });
                generic.updated(generic.id().clone(), said)
            }
            // The same tables: a property of `model::own` says so.
            WayOfLearning::AtOnce(weight) | WayOfLearning::Trained(weight) => trained(weight)?,
        };
        let thresholds = match self {
            WayOfLearning::AtOnce(_) => generic.thresholds(),
            _ => classifier.thresholds(),
        };
        Ok(Some(Model { classifier, fields: options.fields, thresholds }))
    }
}

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
enum LearnError {
    #[error(transparent)]
    Generic(TrainError<CorpusError>),
    #[error(transparent)]
    OwnOnly(TrainError<Infallible>),
    #[error(transparent)]
    Own(#[from] OwnError<Infallible>),
}

impl LearningArgs {
    /// The numbers of own comments, if a curve is asked for.
    pub fn sizes(&self) -> Option<&[u64]> {
        self.learning_curve.as_deref()
    }

    /// Measures and prints the curve.
    ///
    /// # Errors
    /// When a row cannot be read, the blog has too few comments, or a result cannot be written.
    pub fn run(
        &self,
        sizes: &[u64],
        watched: &WatchedCorpus,
        options: &TrainOptions,
        picture: Option<&Path>,
        json: bool,
    ) -> anyhow::Result<ExitCode> {
        let blog = NewBlog {
            sources: self.own_sources.clone(),
            sizes: sizes.to_vec(),
            draws: self.draws,
            ham_share: self.own_ham_share.0,
        };
        let mut ways = vec![WayOfLearning::GenericOnly, WayOfLearning::OwnOnly];
        for weight in [None].into_iter().chain(self.own_weights.iter().copied().map(Some)) {
            ways.extend([WayOfLearning::AtOnce(weight), WayOfLearning::Trained(weight)]);
        }
        let names: Vec<String> = ways.iter().map(|way| way.name()).collect();
        let curve = learning_curve(
            &watched.corpus,
            &blog,
            &names,
            |rows| {
                watched.begin(&format!("without {}", rows.left_out()));
                train(rows, options, About::default()).map_err(LearnError::Generic)
            },
            |generic, way, own| ways[way].learn(generic, own, options),
        );
        let curve = watched.end(curve)?;
        if let Some(path) = picture {
            let svg = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg"));
            let content = if svg { report::learning_svg(&curve) } else { report::learning_html(&curve) };
            write(if svg { "picture" } else { "report" }, path, content.as_bytes())?;
        }
        if json {
            output::print_json(&curve)?;
        } else {
            output::print(&render(&curve))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The curve as a table for a terminal.
fn render(curve: &LearningCurve) -> String {
    let LearningCurve { pool, judged, .. } = curve;
    let mut table = Table::new([
        "way",
        "own",
        "ham",
        "ham held/1,000",
        "spam approved/1,000",
        "AUC",
        "caught at 1 % held",
        "MCC at 0.5",
    ]);
    for way in &curve.ways {
        for point in &way.points {
            table.row([
                way.name.clone(),
                point.own.total().to_string(),
                point.own.ham.to_string(),
                spread(point.ham_held_per_1000, |value| tables::rate(Some(value))),
                spread(point.spam_approved_per_1000, |value| tables::rate(Some(value))),
                spread(point.auc, |value| tables::coefficient(Some(value))),
                spread(point.spam_caught_at_one_percent_held, |value| tables::percent(Some(value))),
                spread(point.mcc, |value| tables::coefficient(Some(value))),
            ]);
        }
    }
    let skipped = match curve.skipped_rows {
        0 => String::new(),
        rows => format!("; {rows} unreadable rows skipped"),
    };
    let few = curve.ways.iter().flat_map(|way| &way.points).any(|point| point.draws == 0);
    let few = if few { format!("{}: too few to learn from\n", tables::NONE) } else { String::new() };
    format!(
        "a new blog: source {}\n\
         judged: {} ham and {} spam; own comments are drawn from {} ham and {} spam, {} times\n\
         generic: {} rows, without {} near-duplicates of the blog's{skipped}\n\n\
         {}mean (lowest to highest draw)\n{few}",
        curve.own_sources.join(" + "),
        judged.ham,
        judged.spam,
        pool.ham,
        pool.spam,
        curve.draws,
        curve.generic,
        curve.near_duplicates,
        table.render(),
    )
}

fn spread(spread: Option<Spread>, write: impl Fn(f64) -> String) -> String {
    let Some(Spread { mean, low, high }) = spread else { return tables::NONE.to_owned() };
    let [mean, low, high] = [mean, low, high].map(write);
    if low == high { mean } else { format!("{mean} ({low} to {high})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::{Comment, Label};
    use crate::evaluate::{Judge, Point, Way};
    use crate::model::LabelCounts;

    #[test]
    fn the_table_has_a_line_for_every_way_and_number() {
        let spread = |mean, low, high| Some(Spread { mean, low, high });
        let nothing = Point {
            own: LabelCounts { ham: 5, spam: 5 },
            draws: 0,
            ham_held_per_1000: None,
            spam_approved_per_1000: None,
            auc: None,
            spam_caught_at_one_percent_held: None,
            mcc: None,
        };
        let something = Point {
            draws: 2,
            ham_held_per_1000: spread(2.5, 0.0, 5.0),
            spam_approved_per_1000: spread(100.0, 100.0, 100.0),
            auc: spread(0.99, 0.98, 1.0),
            spam_caught_at_one_percent_held: spread(0.9, 0.85, 0.95),
            mcc: spread(0.8, 0.75, 0.85),
            ..nothing.clone()
        };
        let way = |name: &str, point: &Point| Way { name: name.to_owned(), points: vec![point.clone()] };
        let curve = LearningCurve {
            own_sources: vec!["blog".to_owned(), "pool".to_owned()],
            pool: LabelCounts { ham: 20, spam: 30 },
            judged: LabelCounts { ham: 21, spam: 31 },
            generic: 900,
            near_duplicates: 3,
            skipped_rows: 1,
            draws: 2,
            ways: vec![way("own only", &nothing), way("trained", &something)],
        };
        insta::assert_snapshot!(render(&curve));
    }

    fn evidence(way: WayOfLearning, own: &[LabelledComment]) -> Option<f64> {
        let learned = way.learn(&Classifier::embedded(), own, &TrainOptions::default()).unwrap();
        Some(learned?.evidence(&Comment::from_text("casino bonus, visit my page").unwrap()).0)
    }

    #[test]
    fn from_no_comments_nothing_is_learned() {
        let generic = evidence(WayOfLearning::GenericOnly, &[]);
        assert_eq!(evidence(WayOfLearning::AtOnce(None), &[]), generic);
        assert_eq!(evidence(WayOfLearning::Trained(Some(5.0)), &[]), generic);
        assert_eq!(evidence(WayOfLearning::OwnOnly, &[]), None);
    }

    #[test]
    fn own_comments_are_learned_alike_at_once_and_by_training_and_heavy_ones_move_more() {
        let own = [LabelledComment {
            comment: Comment::from_text("the casino scene on this page").unwrap(),
            label: Label::Ham,
            source: "blog".to_owned(),
            family: None,
            split: None,
            topic: None,
        }];
        let [generic, at_once, trained, light] = [
            WayOfLearning::GenericOnly,
            WayOfLearning::AtOnce(None),
            WayOfLearning::Trained(None),
            WayOfLearning::Trained(Some(5.0)),
        ]
        .map(|way| evidence(way, &own).unwrap());
        assert!((at_once - trained).abs() < 1e-6, "{at_once} {trained}");
        assert!(trained < light && light < generic, "{trained} {light} {generic}");
    }
}
