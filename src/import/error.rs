//! Why an export cannot be read: always with the file, and where there is one with the place. Never with its text.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::stream::{MAX_PIECE_BYTES, Place};
use super::xml;
use crate::comment::CommentError;

/// Why an export cannot be read, or not to its end.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot import `{}`{}", path.display(), place.map(|place| format!(" beyond {place}")).unwrap_or_default())]
pub struct ImportError {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// Where in it; `None` where no place is to blame.
    pub place: Option<Place>,
    /// What is wrong.
    #[source]
    pub fault: Fault,
}

impl ImportError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        self.fault.hint()
    }
}

/// A fault and where it is, as long as nobody has said which file it is about.
#[derive(Debug)]
pub(super) struct Blame {
    pub place: Option<Place>,
    pub fault: Fault,
}

impl Blame {
    /// In this file.
    pub fn of(self, path: &Path) -> ImportError {
        ImportError { path: path.to_owned(), place: self.place, fault: self.fault }
    }
}

impl From<Fault> for Blame {
    fn from(fault: Fault) -> Self {
        Blame { place: None, fault }
    }
}

/// What is wrong with an export.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The system, or gzip, refused to read on.
    #[error("it cannot be read: {0}")]
    Unreadable(Arc<io::Error>),
    /// It is a folder, a pipe or a device.
    #[error("it is no file")]
    NotAFile,
    /// Nothing is in it.
    #[error("it is empty")]
    Empty,
    /// Bytes that are not in the encoding.
    #[error("these bytes are not {encoding}")]
    NotText {
        /// Name of the encoding.
        encoding: &'static str,
    },
    /// A byte that no text has.
    #[error("there is a NUL byte, which no text has")]
    Nul,
    /// The XML declaration names an encoding nobody knows.
    #[error("its XML declaration names an encoding that is not known")]
    UnknownEncoding,
    /// Something that would have to be held at once is too large.
    #[error("an element or record is larger than {} MiB, which no comment or post is", MAX_PIECE_BYTES >> 20)]
    TooLarge,
    /// It ends where something should follow.
    #[error("it ends too early")]
    EndsEarly,
    /// It breaks the rules of XML.
    #[error("this is not XML: {0}")]
    NotXml(&'static str),
    /// XML that brings its own entities, or could.
    #[error("it has a document type (DOCTYPE), which no export has; its entities are not expanded")]
    DocumentType,
    /// Elements within elements without end.
    #[error("its elements are nested deeper than {}, which no export does", xml::MAX_DEPTH)]
    TooDeep,
    /// A name of an element that is none.
    #[error("the name of an element is longer than {} bytes", xml::MAX_NAME_BYTES)]
    LongName,
    /// A line of JSON Lines that is no object of ours.
    #[error(transparent)]
    Json(CommentError),
    /// A record of CSV with more or fewer fields than the header.
    #[error("a record has {found} columns, and the header has {expected}")]
    Columns {
        /// Of the record.
        found: u64,
        /// Of the header.
        expected: u64,
    },
    /// A CSV without the texts.
    #[error("it has no column `comment_content` or `content`, so there are no texts in it")]
    NoContent,
    /// A CSV that does not say what the comments are.
    #[error("it has no column `comment_approved`, `status` or `label`, so nobody says what is spam")]
    NoStatus,
    /// A label that may mean either.
    #[error("the label is a number, which says not whether 1 is spam or ham")]
    LabelIsNumber,
    /// SQLite, but not of Isso.
    #[error(
        "it is a SQLite database, but not one of Isso: it has no tables `threads` and `comments` as Isso makes them"
    )]
    NotIsso,
    /// SQLite refused to read it.
    #[error("SQLite cannot read it: {0}")]
    Database(String),
    /// No format is like this.
    #[error("{0}")]
    NotRecognised(&'static str),
    /// The format is one that the content is not.
    #[error("it is no {0}")]
    OtherFormat(super::Format),
}

impl Fault {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Fault::Unreadable(_) => "check that the file is there, may be read and, if it is packed, is complete",
            Fault::NotAFile => "name a file; of a folder, name the files in it",
            Fault::Empty => "export again, and look whether the other program said something went wrong",
            Fault::NotText { .. } => {
                "if it is in another encoding, name that with --encoding, such as --encoding windows-1252; if it is damaged, \
                 `iconv -f UTF-8 -t UTF-8 -c FILE` leaves out what cannot be read"
            }
            Fault::Nul => "the file is damaged or no text; `tr -d '\\000' <FILE` leaves the NUL bytes out",
            Fault::UnknownEncoding => "name the encoding with --encoding, such as --encoding utf-8",
            Fault::TooLarge | Fault::DocumentType | Fault::TooDeep | Fault::LongName => {
                "export again; if it stays so, the file is not what it claims to be"
            }
            Fault::EndsEarly => {
                "copy or export it again; the comments before this place are read, and importing twice is safe"
            }
            Fault::NotXml(_) => {
                "export again, or mend that place; the comments before it are read, and importing twice is safe"
            }
            Fault::Json(_) => "mend the line; the comments before it are read, and importing twice is safe",
            Fault::Columns { .. } => {
                "mend the record, which may have a quotation mark too many or too few; the comments before it are read, and \
                 importing twice is safe"
            }
            Fault::NoContent | Fault::NoStatus => {
                "`wp comment list --status=any --format=csv --fields=comment_ID,comment_approved,comment_content,\
                 comment_author,comment_author_email,comment_author_url,comment_date_gmt,comment_type` writes the columns of use"
            }
            Fault::LabelIsNumber => {
                "write `ham` and `spam` into the labels; WordPress's own 1 and 0 (approved, waiting) belong into `comment_approved` or `status`"
            }
            Fault::NotIsso => "name the file that `dbpath` of Isso's configuration names",
            Fault::Database(_) => "run `sqlite3 FILE 'PRAGMA integrity_check'`, or import a copy made with `.backup`",
            Fault::NotRecognised(_) | Fault::OtherFormat(_) => {
                "an export of WordPress (WXR) or Disqus, a CSV of wp_comments, Isso's database, and JSON Lines are known; \
                 docs/import.md says how to get each"
            }
        }
    }
}
