//! `hamgate train`: from labelled comments to a model file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, ensure};
use clap::Args;

use crate::config::StoreParser;
use crate::corpus::SplitFilter;
use crate::model::{About, TrainOptions, train};
use crate::site::Site;
use crate::store::StoreChoice;

use super::Failure;
use super::corpus::CorpusArgs;
use super::retrain::Retraining;
use super::values::{Day, FieldsArg, Share, SourceWeight, by_source};
use super::{card, output};

/// Learn a model from labelled comments, or from what people said of a blog's own.
///
/// With --corpus: a model file for every blog. Reads JSON Lines: one comment a line, with `content` and `label` ("spam" or "ham"), and if known `author`, `author_url`, `source`,
/// `lang`, `family` (rows that belong together) and `split` (rows of the split "test" are left out unless --split says otherwise).
/// Goes through the files several times; memory grows with what is learned, not with the number of rows. The same rows give the same
/// file, byte for byte.
///
/// Prints what was learned, with figures on held-out rows. Nothing is written if anything is wrong.
///
/// With --store: a model for each site of a store. Its own comments join the generic ones, each counted many times, and from 50 honest ones on
/// they have a say in its threshold. Before the model is put in service, a report compares it with the one before: on own comments that neither had
/// learned, and on the decisions of the last days. It is refused when it would hold more honest comments than you allow, or turn too many
/// approvals into holds; --force insists, `hamgate rollback` goes back.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("paths", |paths| paths.required(false).required_unless_present("store")))]
pub struct TrainArgs {
    #[command(flatten)]
    corpus: CorpusArgs,

    /// Where to write the model. An existing file is replaced at the very end, in one step.
    #[arg(long, value_name = "MODEL", required_unless_present = "store")]
    out: Option<PathBuf>,

    /// Learn from the comments of this store instead of a corpus: a path or URL, as for `serve`; without a value, the store `serve` uses.
    #[arg(long, value_name = "STORE", value_parser = StoreParser, num_args = 0..=1, conflicts_with_all = ["paths", "out", "date", "fields", "weights", "split"])]
    #[expect(clippy::option_option, reason = "not given, given without a value, given with one")]
    store: Option<Option<StoreChoice>>,

    /// With --store: only the model of this site.
    #[arg(long, value_name = "SITE", requires = "store", conflicts_with = "paths")]
    site: Option<Site>,

    /// With --store: the generic model to start from; the embedded one if not given.
    #[arg(long, value_name = "MODEL", env = "HAMGATE_MODEL", hide_env_values = true)]
    model: Option<PathBuf>,

    /// With --store: how many times an ordinary row each own comment counts; 20 if not given, as when learned at once.
    #[arg(long, value_name = "FACTOR", requires = "store", conflicts_with = "paths", value_parser = parse_weight)]
    own_weight: Option<f64>,

    /// With --store: judge the decisions of so many days again.
    #[arg(long, value_name = "DAYS", requires = "store", conflicts_with = "paths", default_value_t = 30)]
    days: u32,

    /// With --store: show the texts of decisions that would change.
    #[arg(long, requires = "store", conflicts_with = "paths")]
    show_flips: bool,

    /// With --store: of comments that were approved and that nobody corrected, how many may turn into holds.
    #[arg(long, value_name = "SHARE", requires = "store", conflicts_with = "paths", default_value = "20/1000")]
    flips_at_most: Share,

    /// With --store: put the model in service although it holds more than you allow.
    #[arg(long, requires = "store", conflicts_with = "paths")]
    force: bool,

    /// With --store: report, and put nothing in service.
    #[arg(long, requires = "store", conflicts_with = "paths")]
    dry_run: bool,

    /// Day of the training, for the model card. The clock is not read, so that tomorrow's training gives the same bytes.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<Day>,

    /// Which fields of a comment to learn from.
    #[arg(long, value_enum, default_value = "all")]
    fields: FieldsArg,

    /// Of honest comments, how many may be held: 5/1000, 0.5% or 0.005. Fewer held means more spam approved.
    #[arg(long, value_name = "SHARE", default_value = "5/1000")]
    ham_held_at_most: Share,

    /// Let rows of a source count so many times more, for instance those of your own blog; may be given more than once.
    #[arg(long = "weigh", value_name = "SOURCE=FACTOR")]
    weights: Vec<SourceWeight>,
}

const EXAMPLES: &str = "\
Examples:
  hamgate train --corpus data/comments --out my.hamgate --date 2026-11-23
  hamgate train --corpus export.jsonl.gz old/ --out my.hamgate --skip-bad
  hamgate train --corpus all.jsonl --without-source newsletter --ham-held-at-most 2/1000 --out careful.hamgate
  hamgate train --corpus data/comments mine.jsonl --weigh my-blog=3 --out mine.hamgate
  hamgate train --store --ham-held-at-most 1/1000
  hamgate train --store /var/lib/hamgate/hamgate.sqlite --site example.org --dry-run --show-flips

Exit codes: 0 the model is written or in service; 1 it is not, and standard error says why; 2 the options make no sense.";

impl TrainArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// When a row or file cannot be read, the rows are too few, or the model cannot be written.
    pub fn run(self) -> Result<ExitCode, Failure> {
        match (&self.store, &self.out) {
            (Some(store), _) => {
                self.retraining().run(store.clone().or(from_environment()?)).map(|()| ExitCode::SUCCESS)
            }
            (None, Some(out)) => Ok(self.train(out)?),
            (None, None) => Err(anyhow!("name the model file with --out").into()),
        }
    }

    fn retraining(&self) -> Retraining {
        Retraining {
            site: self.site.clone(),
            model: self.model.clone(),
            ham_held_at_most: self.ham_held_at_most,
            flips_at_most: self.flips_at_most,
            own_weight: self.own_weight,
            days: self.days,
            show_flips: self.show_flips,
            force: self.force,
            dry_run: self.dry_run,
        }
    }

    fn train(&self, out: &Path) -> anyhow::Result<ExitCode> {
        require_folder(out)?;
        let watched = self.corpus.open(SplitFilter::not_test())?;
        let corpus = &watched.corpus;
        let about = About { date: self.date.as_ref().map(|Day(day)| day.clone()), files: corpus.digests()? };
        let options = TrainOptions {
            fields: self.fields.into(),
            ham_held_at_most: self.ham_held_at_most.0,
            source_weights: by_source(&self.weights),
        };
        let classifier = watched.end(train(corpus, &options, about))?;
        classifier.save(out).with_context(|| format!("cannot write model `{}`", out.display()))?;
        for source in options.source_weights.keys().filter(|source| !classifier.card().sources.contains_key(*source)) {
            eprintln!("note: --weigh names source `{source}`, which no row has");
        }
        eprintln!("wrote model `{}`", out.display());
        output::print(&card::summary(classifier.id(), classifier.card()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The store that `serve` would use. Read by hand: to clap a variable that is set is an option that was given, and --corpus would
/// contradict it.
fn from_environment() -> anyhow::Result<Option<StoreChoice>> {
    match std::env::var("HAMGATE_STORE") {
        Ok(store) if !store.is_empty() => {
            store.parse().map(Some).context("cannot use the store named by HAMGATE_STORE")
        }
        _ => Ok(None),
    }
}

/// How many times an ordinary row one counts.
pub(super) fn parse_weight(text: &str) -> Result<f64, String> {
    let weight = text.trim().parse::<f64>().ok().filter(|weight| (0.5..=256.0).contains(weight));
    weight.ok_or_else(|| "must be a number between 0.5 and 256".to_owned())
}

/// Better told now than after the training.
fn require_folder(out: &Path) -> anyhow::Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(
        folder.is_dir(),
        "cannot write model `{}`: there is no folder `{}`; make it first, or choose another --out",
        out.display(),
        folder.display()
    );
    ensure!(!out.is_dir(), "cannot write model `{}`: it is a folder; name a file in it with --out", out.display());
    Ok(())
}
