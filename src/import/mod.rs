//! Comments that other programs keep, with what their moderators made of them.
//!
//! An [`Import`] reads one file, recognised by its content, and yields an [`Entry`] for each comment in it, in memory that
//! does not depend on the file. What is wrong with the file as a whole ends it with an [`ImportError`] that names the place;
//! a comment nothing can be learned from is an entry too, with the reason, so that nobody has to guess where it went.
//!
//! What the statuses are worth, and where the comments go, is for others to say. Of an e-mail address only the domain
//! is passed on, and of an IP address nothing: see [`crate::comment`].

mod disqus;
mod error;
mod format;
mod isso;
mod json_lines;
mod quotes;
mod stream;
mod table;
mod wxr;
mod xml;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::Encoding;

use crate::comment::{Comment, email_domain};
use crate::site::Site;

pub use error::{Fault, ImportError};
pub use format::Format;
pub use stream::{MAX_PIECE_BYTES, Place};

use error::Blame;
use stream::Stream;

/// The longest comment that is taken, in bytes of all its fields: as long as one the service takes, unless told otherwise.
pub const MAX_COMMENT_BYTES: usize = 64 * 1024;

/// What a program's moderators made of a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// It stands on the page.
    Approved,
    /// It was called spam.
    Spam,
    /// It waits for somebody to look.
    Pending,
    /// It was thrown away, which may mean anything.
    Bin,
}

impl Status {
    /// The status that a label means. A number is refused: in half of the data sets there are 1 is spam, in the other ham, and
    /// in WordPress approved.
    fn of_label(word: &str) -> Result<Option<Self>, Fault> {
        match word.trim().to_ascii_lowercase().as_str() {
            "ham" => Ok(Some(Status::Approved)),
            "spam" => Ok(Some(Status::Spam)),
            number if number.parse::<f64>().is_ok() => Err(Fault::LabelIsNumber),
            _ => Ok(None),
        }
    }

    /// The status that a word of WordPress, of wp-cli, or of our own means.
    fn of(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "1" | "approve" | "approved" | "ham" => Status::Approved,
            "spam" => Status::Spam,
            "0" | "hold" | "pending" | "unapproved" => Status::Pending,
            "trash" | "post-trashed" | "bin" | "deleted" => Status::Bin,
            _ => return None,
        })
    }
}

/// A comment of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The comment; its `id` is the one it had there.
    pub comment: Comment,
    /// What its moderators made of it.
    pub status: Status,
    /// When it was written, in seconds since 1970, if the file says so.
    pub at: Option<i64>,
    /// What kind of entry it is (`comment`, `pingback`), if the file says so.
    pub comment_type: Option<String>,
    /// Where it was written, if the file says so.
    pub site: Option<Site>,
}

/// A comment that nothing can be learned from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Why.
    pub why: Why,
    /// The id it had in the other program, if that is one.
    pub id: Option<String>,
    /// The line it ends on, in files that have lines.
    pub line: Option<u64>,
}

/// Why nothing can be learned from a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Why {
    /// There is no text.
    Empty,
    /// It is longer than [`MAX_COMMENT_BYTES`].
    TooLong,
    /// A program wrote it and not a visitor (`order_note` and its like), or an operator to try something.
    OtherKind,
    /// Nothing says what it is, or a word nobody knows.
    NoStatus,
    /// It holds bytes that are no text.
    NotText,
}

impl Why {
    /// All of them, in the order in which they are told.
    pub const ALL: [Why; 5] = [Why::Empty, Why::TooLong, Why::OtherKind, Why::NoStatus, Why::NotText];
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Empty => f.write_str("without a text"),
            Why::TooLong => write!(f, "longer than {} KiB", MAX_COMMENT_BYTES >> 10),
            Why::OtherKind => f.write_str("not from a visitor, but a note or a trial"),
            Why::NoStatus => f.write_str("without a label or a known status"),
            Why::NotText => f.write_str("with bytes that are no text"),
        }
    }
}

impl fmt::Display for LeftOut {
    /// How its owner finds it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.id, self.line) {
            (Some(id), Some(line)) => write!(f, "{id} (line {line})"),
            (Some(id), None) => f.write_str(id),
            (None, Some(line)) => write!(f, "line {line}"),
            (None, None) => f.write_str("?"),
        }
    }
}

/// What stands in a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are comments")]
pub enum Entry {
    /// A comment.
    Comment(Imported),
    /// A comment that nothing can be learned from.
    LeftOut(LeftOut),
}

/// How a file is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions {
    /// Its format; recognised by its content when absent.
    pub format: Option<Format>,
    /// Its encoding; when absent, the one it declares, or else UTF-8.
    pub encoding: Option<&'static Encoding>,
}

/// How far reading is, in bytes of the file or, of a database, in comments. Cheap to clone; every clone tells the same.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    done: Arc<AtomicU64>,
    of: Arc<AtomicU64>,
}

impl Progress {
    /// What is read.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// What there is to read.
    pub fn of(&self) -> u64 {
        self.of.load(Ordering::Relaxed)
    }
}

/// What a format reads its comments by.
trait Reader: Send {
    /// The next comment; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<Entry>, Blame>;
}

/// One file, read once. After an error there is nothing more.
pub struct Import {
    path: PathBuf,
    format: Format,
    reader: Option<Box<dyn Reader>>,
    progress: Progress,
}

impl Import {
    /// Opens a file and finds out what it is.
    ///
    /// # Errors
    /// When it cannot be read, or is nothing known or not of the format that was asked for.
    pub fn open(path: &Path, options: ImportOptions) -> Result<Self, ImportError> {
        let blame = |fault| Blame::from(fault).of(path);
        let unreadable = |error| blame(Fault::Unreadable(Arc::new(error)));
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(blame(Fault::NotAFile));
        }
        let progress = Progress::default();
        let file = File::open(path).map_err(unreadable)?;
        if isso::is_database(&file) {
            if options.format.is_some_and(|format| format != Format::Isso) {
                return Err(blame(Fault::OtherFormat(options.format.unwrap_or(Format::Isso))));
            }
            let reader = isso::Isso::open(path, progress.clone()).map_err(blame)?;
            return Ok(Import {
                path: path.to_owned(),
                format: Format::Isso,
                reader: Some(Box::new(reader)),
                progress,
            });
        }
        progress.of.store(metadata.len(), Ordering::Relaxed);
        Self::read(path, Counted { file, done: Arc::clone(&progress.done) }, options, progress)
    }

    /// Reads a stream that is no database. `path` is only what it is called.
    ///
    /// # Errors
    /// As [`Import::open`].
    pub fn of(path: &Path, input: impl Read + Send + 'static, options: ImportOptions) -> Result<Self, ImportError> {
        Self::read(path, input, options, Progress::default())
    }

    fn read(
        path: &Path,
        input: impl Read + Send + 'static,
        options: ImportOptions,
        progress: Progress,
    ) -> Result<Self, ImportError> {
        let mut stream = Stream::new(input, options.encoding).map_err(|blame| blame.of(path))?;
        if stream.head().starts_with(isso::MAGIC) {
            return Err(Blame::from(Fault::NotRecognised("it is a packed database; unpack it first")).of(path));
        }
        let format = format::recognise(&mut stream, options.format).map_err(|blame| blame.of(path))?;
        let reader: Box<dyn Reader> = match format {
            Format::Wxr => Box::new(wxr::Wxr::new(stream)),
            Format::Disqus => Box::new(disqus::Disqus::new(stream)),
            Format::Csv => Box::new(table::Table::new(stream).map_err(|blame| blame.of(path))?),
            Format::JsonLines => Box::new(json_lines::JsonLines::new(stream)),
            Format::Isso => return Err(Blame::from(Fault::OtherFormat(format)).of(path)),
        };
        Ok(Import { path: path.to_owned(), format, reader: Some(reader), progress })
    }

    /// What the file is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How far it is read, also while somebody else reads it.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Iterator for Import {
    type Item = Result<Entry, ImportError>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        match reader.next() {
            Ok(Some(entry)) => Some(Ok(entry)),
            Ok(None) => {
                self.reader = None;
                None
            }
            Err(blame) => {
                self.reader = None;
                Some(Err(blame.of(&self.path)))
            }
        }
    }
}

impl fmt::Debug for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import").field("path", &self.path).field("format", &self.format).finish_non_exhaustive()
    }
}

/// A comment on its way from the fields of a file to an [`Entry`]. Fields that are blank are none.
#[derive(Debug, Clone, Default)]
struct Draft {
    comment: Comment,
    status: Option<Status>,
    at: Option<i64>,
    comment_type: Option<String>,
    site: Option<Site>,
    line: Option<u64>,
    /// Whether programs' own entries are taken, too: in a file that keeps none.
    any_kind: bool,
}

impl Draft {
    /// Keeps the domain.
    fn email(&mut self, address: &str) {
        self.comment.email_domain = email_domain(address);
    }

    /// Judges whether something can be learned from it.
    fn finish(self) -> Entry {
        let why = if self.is_of_a_program() {
            Why::OtherKind
        } else if self.comment.content.trim().is_empty() {
            Why::Empty
        } else if self.bytes() > MAX_COMMENT_BYTES {
            Why::TooLong
        } else if let Some(status) = self.status {
            let Draft { comment, at, comment_type, site, .. } = self;
            return Entry::Comment(Imported { comment, status, at, comment_type, site });
        } else {
            Why::NoStatus
        };
        left_out(why, self.comment.id, self.line)
    }

    /// What visitors send is a comment, a pingback, a trackback or a review. Plug-ins and the editor keep notes of their
    /// own in the same place, and nobody ever judged those.
    fn is_of_a_program(&self) -> bool {
        const VISITORS: [&str; 5] = ["", "comment", "pingback", "trackback", "review"];
        !self.any_kind && self.comment_type.as_deref().is_some_and(|kind| !VISITORS.contains(&kind))
    }

    /// What all that is kept takes.
    fn bytes(&self) -> usize {
        let comment = &self.comment;
        let fields = [
            &comment.id,
            &comment.author,
            &comment.email_domain,
            &comment.author_url,
            &comment.post_title,
            &comment.post_excerpt,
            &comment.post_url,
            &comment.lang,
            &comment.date,
        ];
        comment.content.len() + fields.into_iter().flatten().map(String::len).sum::<usize>()
    }
}

/// An id is repeated to the user only if it is one: nothing a stranger typed.
fn left_out(why: Why, id: Option<String>, line: Option<u64>) -> Entry {
    let is_id = |id: &String| {
        !id.is_empty() && id.len() <= 40 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    Entry::LeftOut(LeftOut { why, id: id.filter(is_id), line })
}

/// A field that holds more than white space.
fn present(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| bounded(text))
}

/// A field, as long as it is not longer than any comment may be. Of such a one the beginning is enough to leave it out as
/// [`Why::TooLong`].
fn bounded(text: &str) -> String {
    let longer = text.char_indices().map(|(start, _)| start).find(|&start| start > MAX_COMMENT_BYTES);
    text[..longer.unwrap_or(text.len())].to_owned()
}

/// Seconds since 1970 of a moment as exports write it: `2026-11-23 00:15:50`, in UTC if it does not say otherwise.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let moment: Option<jiff::Timestamp> = text.parse().ok();
    let moment = moment.or_else(|| {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    });
    // WordPress writes a year 0 for a date it does not have.
    moment.map(jiff::Timestamp::as_second).filter(|&at| at > 0)
}

/// Counts the bytes read from disk.
struct Counted {
    file: File,
    done: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
