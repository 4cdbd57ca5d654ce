//! Labelled rows from files: JSON Lines, plain or gzip, named one by one or by folder.
//!
//! A [`Corpus`] is a list of files and a choice of rows, not the rows: every pass reads the files again, with all
//! processors, in memory that does not grow with them. What is wrong with a row is told by file, line and field, and
//! which row that is never depends on the number of threads.

mod error;
mod files;
mod lines;
pub mod near_duplicates;
mod pipeline;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::comment::LabelledComment;
use crate::model::{FileDigest, Rows};

pub use error::{BadRow, CorpusError, LineError};
pub use files::decompressed;
pub use lines::{Batch, LineReader, LineTooLong, MAX_LINE_BYTES};
pub use pipeline::{available_threads, in_order};

use files::CorpusFile;

/// Which rows take part, by the `split` their publisher gave them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SplitFilter {
    /// Every row.
    #[default]
    All,
    /// Rows of this split.
    Only(String),
    /// Rows of any other split, and rows of none.
    AllBut(String),
}

impl SplitFilter {
    /// Everything but the rows published as `test`: what training may see.
    pub fn not_test() -> Self {
        SplitFilter::AllBut("test".to_owned())
    }

    fn keeps(&self, split: Option<&str>) -> bool {
        match self {
            SplitFilter::All => true,
            SplitFilter::Only(name) => split == Some(name),
            SplitFilter::AllBut(name) => split != Some(name),
        }
    }
}

impl FromStr for SplitFilter {
    type Err = Infallible;

    /// `all`, a name, or `not-` and a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("not-") {
            Some(name) => SplitFilter::AllBut(name.to_owned()),
            None if text == "all" => SplitFilter::All,
            None => SplitFilter::Only(text.to_owned()),
        })
    }
}

/// Which rows of the files make up the corpus, and how they are read.
#[derive(Debug, Clone, Default)]
pub struct CorpusOptions {
    /// Choice by split.
    pub split: SplitFilter,
    /// If not empty, rows of these sources only.
    pub only_sources: Vec<String>,
    /// Rows of these sources are left out.
    pub without_sources: Vec<String>,
    /// Pass over rows that cannot be read, and count them, instead of ending with an error.
    pub skip_bad: bool,
    /// Number of parsing threads; all processors when absent.
    pub threads: Option<NonZeroUsize>,
}

impl CorpusOptions {
    fn keeps(&self, row: &LabelledComment) -> bool {
        self.split.keeps(row.split.as_deref())
            && (self.only_sources.is_empty() || self.only_sources.contains(&row.source))
            && !self.without_sources.contains(&row.source)
    }
}

/// Where a row stands: the number of its file and of its line. Ordered as the files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Number of the file in [`Corpus::paths`].
    pub file: usize,
    /// Line, counted from 1.
    pub line: u64,
}

/// How far a pass over the files is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Number of the pass, counted from 1; training makes several.
    pub pass: u64,
    /// Bytes read in this pass.
    pub bytes: u64,
    /// Bytes of all files.
    pub of: u64,
}

/// What a pass left out because it could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Number of rows.
    pub rows: u64,
    /// The first few, in order of the files.
    pub examples: Vec<BadRow>,
}

impl Skipped {
    /// More examples than this help nobody.
    const MOST_EXAMPLES: usize = 5;

    fn add(&mut self, bad: BadRow) {
        self.rows += 1;
        if self.examples.len() < Self::MOST_EXAMPLES {
            self.examples.push(bad);
        }
    }
}

type OnProgress = Box<dyn Fn(Progress) + Send + Sync>;

/// Labelled rows in files.
pub struct Corpus {
    files: Vec<CorpusFile>,
    options: CorpusOptions,
    on_progress: OnProgress,
    passes: AtomicU64,
    skipped: Mutex<Skipped>,
    splits: Mutex<Splits>,
}

/// Rows by split, chosen or not; `None` for rows of no split.
pub type Splits = BTreeMap<Option<String>, u64>;

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Corpus").field("files", &self.files).field("options", &self.options).finish_non_exhaustive()
    }
}

impl Corpus {
    /// Finds the files that `paths` mean: files, and folders with `*.jsonl` or `*.jsonl.gz` at any depth.
    ///
    /// # Errors
    /// When a path is missing or cannot be read, or a folder holds no such file.
    pub fn open(paths: &[PathBuf], options: CorpusOptions) -> Result<Self, CorpusError> {
        let files = files::list(paths)?;
        let on_progress: OnProgress = Box::new(|_| ());
        Ok(Corpus {
            files,
            options,
            on_progress,
            passes: AtomicU64::new(0),
            skipped: Mutex::default(),
            splits: Mutex::default(),
        })
    }

    /// Calls `on_progress` from the reading thread, many times a pass.
    #[must_use]
    pub fn on_progress(mut self, on_progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.on_progress = Box::new(on_progress);
        self
    }

    /// The files, in the order they are read.
    pub fn paths(&self) -> impl Iterator<Item = &std::path::Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Name and checksum of every file, sorted; never a folder's name, which would tell of the machine.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn digests(&self) -> Result<Vec<FileDigest>, CorpusError> {
        let digest = |file: &CorpusFile| {
            let sha256 = files::sha256(&file.path)
                .map_err(|source| CorpusError::Unreadable { path: file.path.clone(), source })?;
            let name = file.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(FileDigest { name, sha256 })
        };
        let mut digests: Vec<FileDigest> = self.files.iter().map(digest).collect::<Result<_, _>>()?;
        digests.sort();
        Ok(digests)
    }

    /// What the last complete pass skipped.
    pub fn skipped(&self) -> Skipped {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many rows of each split the last complete pass met, whether they were chosen or not.
    pub fn splits(&self) -> Splits {
        self.splits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes through all rows: `work` runs on many threads, `take` gets its answers in the order of the rows.
    ///
    /// # Errors
    /// The first row, in that order, that cannot be read (unless such rows are skipped), or a file that cannot.
    pub fn read<T: Send>(
        &self,
        work: impl Fn(Position, &LabelledComment) -> T + Sync,
        mut take: impl FnMut(T),
    ) -> Result<(), CorpusError> {
        let threads = self.options.threads.unwrap_or_else(available_threads);
        let mut reader = PassReader::new(self);
        let (mut skipped, mut splits) = (Skipped::default(), Splits::new());
        let end = in_order(
            threads,
            |batch| reader.fill(batch),
            |batch| self.parse(batch, &work),
            |batch: &FileBatch, parsed| {
                parsed.kept.into_iter().for_each(&mut take);
                for (split, rows) in parsed.splits {
                    *splits.entry(split).or_default() += rows;
                }
                for bad in parsed.bad {
                    if !self.options.skip_bad {
                        return ControlFlow::Break(CorpusError::BadRow(Box::new(bad)));
                    }
                    skipped.add(bad);
                }
                match batch.lines.failure() {
                    Some(failure) => ControlFlow::Break(self.unreadable(batch, failure)),
                    None => ControlFlow::Continue(()),
                }
            },
        );
        match end {
            ControlFlow::Break(error) => Err(error),
            ControlFlow::Continue(()) => {
                *self.skipped.lock().unwrap_or_else(PoisonError::into_inner) = skipped;
                *self.splits.lock().unwrap_or_else(PoisonError::into_inner) = splits;
                Ok(())
            }
        }
    }

    fn parse<T>(&self, batch: &FileBatch, work: &impl Fn(Position, &LabelledComment) -> T) -> Parsed<T> {
        let mut parsed = Parsed { kept: Vec::new(), bad: Vec::new(), splits: Splits::new() };
        for (line, text) in batch.lines.lines() {
            let row = text.map_err(LineError::from).and_then(|json| Ok(LabelledComment::from_json(json)?));
            if let Ok(row) = &row {
                match parsed.splits.get_mut(&row.split) {
                    Some(rows) => *rows += 1,
                    None => drop(parsed.splits.insert(row.split.clone(), 1)),
                }
            }
            match row {
                Ok(row) if self.options.keeps(&row) => {
                    parsed.kept.push(work(Position { file: batch.file, line }, &row));
                }
                Ok(_) => {}
                Err(error) => {
                    parsed.bad.push(BadRow { path: self.files[batch.file].path.clone(), line, error });
                    if !self.options.skip_bad {
                        break;
                    }
                }
            }
        }
        parsed
    }

    fn unreadable(&self, batch: &FileBatch, failure: &std::io::Error) -> CorpusError {
        // The failure stays in its buffer, so its words are copied.
        let source = std::io::Error::new(failure.kind(), failure.to_string());
        CorpusError::Unreadable { path: self.files[batch.file].path.clone(), source }
    }
}

struct Parsed<T> {
    kept: Vec<T>,
    bad: Vec<BadRow>,
    splits: Splits,
}

impl Rows for Corpus {
    type Error = CorpusError;

    fn for_each(&self, visit: &(dyn Fn(&LabelledComment) + Sync)) -> Result<(), CorpusError> {
        self.read(|_, row| visit(row), |()| ())
    }
}

/// Some lines of one file.
#[derive(Debug, Default)]
struct FileBatch {
    file: usize,
    lines: Batch,
}

/// Reads the files of one pass, one after the other.
struct PassReader<'a> {
    corpus: &'a Corpus,
    next: usize,
    current: Option<LineReader<Box<dyn std::io::Read + Send>>>,
    bytes: Arc<AtomicU64>,
    progress: Progress,
}

impl<'a> PassReader<'a> {
    fn new(corpus: &'a Corpus) -> Self {
        let pass = corpus.passes.fetch_add(1, Ordering::Relaxed) + 1;
        let of = corpus.files.iter().map(|file| file.bytes).sum();
        let progress = Progress { pass, bytes: 0, of };
        PassReader { corpus, next: 0, current: None, bytes: Arc::default(), progress }
    }

    fn fill(&mut self, batch: &mut FileBatch) -> bool {
        loop {
            if let Some(current) = &mut self.current {
                batch.file = self.next - 1;
                if current.fill(&mut batch.lines) {
                    self.report();
                    return true;
                }
                self.current = None;
            }
            let Some(file) = self.corpus.files.get(self.next) else {
                self.report();
                return false;
            };
            self.next += 1;
            self.current = Some(match files::open(&file.path, Arc::clone(&self.bytes)) {
                Ok(text) => LineReader::new(text),
                Err(error) => LineReader::new(Box::new(Failing(Some(error)))),
            });
        }
    }

    fn report(&mut self) {
        self.progress.bytes = self.bytes.load(Ordering::Relaxed);
        (self.corpus.on_progress)(self.progress);
    }
}

/// A file that could not be opened: its error arrives in its turn, as one of reading does.
struct Failing(Option<std::io::Error>);

impl std::io::Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
