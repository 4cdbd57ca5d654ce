//! The options that choose rows, shared by the commands that read a corpus; and the bar that shows how far reading is.

use std::io::{IsTerminal, stderr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use crate::corpus::{Corpus, CorpusOptions, Progress, SplitFilter};

/// Labelled rows and which of them to take.
#[derive(Debug, clap::Args)]
pub struct CorpusArgs {
    /// Labelled comments: files of JSON Lines, plain or gzip, or folders searched for *.jsonl and *.jsonl.gz.
    #[arg(long = "corpus", value_name = "PATH", required = true, num_args = 1..)]
    paths: Vec<PathBuf>,

    /// Take rows of this split only: `all`, a name such as `test`, or `not-` and a name.
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<String>,

    /// Take rows of this source only; may be given more than once.
    #[arg(long = "only-source", value_name = "SOURCE")]
    only_sources: Vec<String>,

    /// Leave rows of this source out; may be given more than once.
    #[arg(long = "without-source", value_name = "SOURCE")]
    without_sources: Vec<String>,

    /// Skip rows that cannot be read, and count them, instead of stopping at the first.
    #[arg(long)]
    skip_bad: bool,

    /// Threads to use; all processors if not given. The result does not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Show no progress bar.
    #[arg(long, short)]
    quiet: bool,
}

/// A corpus whose reading can be watched.
#[derive(Debug)]
pub struct WatchedCorpus {
    /// The rows.
    pub corpus: Corpus,
    /// Which split was chosen.
    pub split: SplitFilter,
    /// Whether the user chose it.
    split_was_chosen: bool,
    bar: ProgressBar,
}

impl CorpusArgs {
    /// Finds the files. `split` is what to take if the user has not said.
    ///
    /// # Errors
    /// When a path is missing or holds no corpus.
    pub fn open(&self, split: SplitFilter) -> anyhow::Result<WatchedCorpus> {
        let split = match &self.split {
            Some(chosen) => chosen.parse().unwrap_or_else(|never| match never {}),
            None => split,
        };
        let options = CorpusOptions {
            split: split.clone(),
            only_sources: self.only_sources.clone(),
            without_sources: self.without_sources.clone(),
            skip_bad: self.skip_bad,
            threads: self.threads,
        };
        let bar = if self.quiet || !stderr().is_terminal() { ProgressBar::hidden() } else { visible_bar() };
        let shown = bar.clone();
        let corpus = Corpus::open(&self.paths, options)?.on_progress(move |progress| show(&shown, progress));
        Ok(WatchedCorpus { corpus, split, split_was_chosen: self.split.is_some(), bar })
    }
}

impl WatchedCorpus {
    /// Says what the next passes are for.
    pub fn begin(&self, what: &str) {
        self.bar.set_prefix(format!("{what}, "));
    }

    /// Call it when the last pass is over, with how it went: removes the bar, says what was skipped, and puts "nothing was chosen" into
    /// words that help.
    ///
    /// # Errors
    /// When it did not go well, or no row has the split that the user chose.
    pub fn end<T, E: Into<anyhow::Error>>(&self, result: Result<T, E>) -> anyhow::Result<T> {
        self.finish();
        // A pass that failed has met no split, so it keeps its own error.
        if let Some(unknown) = self.unknown_split() {
            match &self.split {
                SplitFilter::Only(_) => bail!(unknown),
                _ => eprintln!("note: {unknown}, so --split left nothing out"),
            }
        }
        result.map_err(Into::into)
    }

    /// Says which splits there are, if the one that the user named is none of them.
    fn unknown_split(&self) -> Option<String> {
        let name = match &self.split {
            SplitFilter::Only(name) | SplitFilter::AllBut(name) if self.split_was_chosen => name,
            _ => return None,
        };
        let splits = self.corpus.splits();
        if splits.is_empty() || splits.contains_key(&Some(name.clone())) {
            return None;
        }
        let count = |(split, rows): (&Option<String>, &u64)| match split {
            Some(split) => format!("`{split}` ({rows} rows)"),
            None => format!("none ({rows} rows)"),
        };
        let there: Vec<String> = splits.iter().rev().map(count).collect();
        Some(format!("no row has the split `{name}`; there are {}", there.join(", ")))
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
        let skipped = self.corpus.skipped();
        if skipped.rows == 0 {
            return;
        }
        let rows = if skipped.rows == 1 { "row" } else { "rows" };
        eprintln!("skipped {} {rows} that cannot be read:", skipped.rows);
        for bad in &skipped.examples {
            eprintln!("  {bad}");
        }
        let more = skipped.rows - skipped.examples.len() as u64;
        if more > 0 {
            eprintln!("  and {more} more");
        }
    }
}

fn visible_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix}{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left");
    ProgressBar::new(0).with_style(style.expect("the template is well-formed"))
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_message(format!("pass {}", progress.pass));
    bar.set_length(progress.of);
    bar.set_position(progress.bytes);
}
