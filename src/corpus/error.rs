//! Why a corpus cannot be read: always with the file, and for a row with its line and field. Never with its text.

use std::io;
use std::path::PathBuf;

use crate::comment::CommentError;

use super::lines::LineTooLong;

/// Why a corpus cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A path the user named is not there.
    #[error(
        "cannot find corpus `{}`; name a file of JSON Lines (.jsonl or .jsonl.gz) or a folder that holds some",
        path.display()
    )]
    Missing {
        /// The path, as named.
        path: PathBuf,
    },
    /// A folder holds nothing to read.
    #[error("no file in folder `{}` ends in .jsonl or .jsonl.gz; name a folder that holds some, or the files themselves", path.display())]
    NothingInFolder {
        /// The folder, as named.
        path: PathBuf,
    },
    /// A path is neither a file nor a folder, but a pipe or a device.
    #[error("corpus `{}` is a pipe or device, and a corpus is read more than once; put the rows into a file", path.display())]
    NotAFile {
        /// The path, as named.
        path: PathBuf,
    },
    /// The system, or gzip, refused to read on.
    #[error("cannot read corpus `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Rows that stood in a file at the first pass are gone.
    #[error("a file of the corpus changed while it was read; run again when nothing writes to it")]
    Changed,
    /// A line is not a labelled comment.
    #[error(transparent)]
    BadRow(Box<BadRow>),
}

impl CorpusError {
    /// What to do about it, where the message does not say so already.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            CorpusError::BadRow(_) => Some("mend the row, or leave out whatever cannot be read with --skip-bad"),
            CorpusError::Unreadable { .. } => Some("check that the file may be read and, if it is gzip, is complete"),
            _ => None,
        }
    }
}

/// A line that is not a labelled comment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {error}", path.display())]
pub struct BadRow {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub error: LineError,
}

/// What is wrong with one line of JSON Lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is longer than the bound.
    #[error(transparent)]
    TooLong(#[from] LineTooLong),
    /// It is not JSON. Told apart from the rest because there "line 1" would mean the line within the object.
    #[error("not valid JSON at column {column}: {why}; put one JSON object on a line")]
    NotJson {
        /// Column, counted from 1.
        column: usize,
        /// The parser's reason, without any of the text.
        why: &'static str,
    },
    /// It is JSON, but not a comment.
    #[error(transparent)]
    Comment(CommentError),
}

impl From<CommentError> for LineError {
    fn from(error: CommentError) -> Self {
        match error {
            CommentError::NotJson { column, why, .. } => LineError::NotJson { column, why },
            other => LineError::Comment(other),
        }
    }
}
