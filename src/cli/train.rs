//! `hamgate train`: from labelled comments to a model file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;

use crate::corpus::SplitFilter;
use crate::model::{About, TrainOptions, train};

use super::corpus::CorpusArgs;
use super::values::{Day, FieldsArg, Share, SourceWeight, by_source};
use super::{card, output};

/// Learn a model from labelled comments.
///
/// Reads JSON Lines: one comment a line, with `content` and `label` ("spam" or "ham"), and if known `author`, `author_url`, `source`,
/// `lang`, `family` (rows that belong together) and `split` (rows of the split "test" are left out unless --split says otherwise).
/// Goes through the files several times; memory grows with what is learned, not with the number of rows. The same rows give the same
/// file, byte for byte.
///
/// Prints what was learned, with figures on held-out rows. Nothing is written if anything is wrong.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TrainArgs {
    #[command(flatten)]
    corpus: CorpusArgs,

    /// Where to write the model. An existing file is replaced at the very end, in one step.
    #[arg(long, value_name = "MODEL")]
    out: PathBuf,

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

Exit codes: 0 the model is written; 1 it is not, and standard error says why; 2 the options make no sense.";

impl TrainArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// When a row or file cannot be read, the rows are too few, or the model cannot be written.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        require_folder(&self.out)?;
        let watched = self.corpus.open(SplitFilter::not_test())?;
        let corpus = &watched.corpus;
        let about = About { date: self.date.map(|Day(day)| day), files: corpus.digests()? };
        let options = TrainOptions {
            fields: self.fields.into(),
            ham_held_at_most: self.ham_held_at_most.0,
            source_weights: by_source(&self.weights),
        };
        let classifier = watched.end(train(corpus, &options, about))?;
        classifier.save(&self.out).with_context(|| format!("cannot write model `{}`", self.out.display()))?;
        for source in options.source_weights.keys().filter(|source| !classifier.card().sources.contains_key(*source)) {
            eprintln!("note: --weigh names source `{source}`, which no row has");
        }
        eprintln!("wrote model `{}`", self.out.display());
        output::print(&card::summary(classifier.id(), classifier.card()))?;
        Ok(ExitCode::SUCCESS)
    }
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
