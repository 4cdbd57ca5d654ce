//! What can go wrong with a store, and what to do about it.

/// Why a store cannot be opened, or did not do what it was asked. Never repeats what a stranger typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The folder of the file is not there and cannot be made.
    #[error("its folder cannot be made: {0}")]
    NoFolder(String),
    /// The file cannot be opened or made, or the disk fails.
    #[error("the file cannot be read or written: {0}")]
    Unreadable(String),
    /// The file is something else, or damaged.
    #[error("the file is no SQLite database, or a damaged one")]
    NotADatabase,
    /// The file is a SQLite database of some other program.
    #[error("the file is a SQLite database of another program")]
    Foreign,
    /// A newer Hamgate wrote it.
    #[error("the store has schema version {found}, and this program knows versions up to {known}")]
    NewerSchema {
        /// The version in the file.
        found: i64,
        /// The newest version this program knows.
        known: i64,
    },
    /// Somebody else has it locked for longer than we wait.
    #[error("another process keeps the store locked")]
    Locked,
    /// The file, or the folder it lies in, may not be written to.
    #[error("the file or its folder is read-only for this user")]
    ReadOnly,
    /// There is no room left.
    #[error("the disk is full, or a quota on it is used up")]
    Full,
    /// The file was moved or deleted while it was open.
    #[error("the file is no longer where it was opened")]
    Gone,
    /// No answer in time; it may or may not have been stored.
    #[error("the store did not answer within {waited_ms} ms")]
    Busy {
        /// How long was waited, in milliseconds.
        waited_ms: u64,
    },
    /// No decision has this id.
    #[error("there is no decision with this id")]
    UnknownDecision,
    /// No key has this id.
    #[error("there is no key with this id")]
    UnknownKey,
    /// It was closed before.
    #[error("the store is closed")]
    Closed,
    /// Anything else the database says.
    #[error("the database failed: {0}")]
    Failed(String),
}

/// A [`StoreError`] as a word of a closed set, for metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// [`StoreError::NoFolder`] or [`StoreError::Unreadable`]
    Unreadable,
    /// [`StoreError::NotADatabase`] or [`StoreError::Foreign`]
    NotADatabase,
    /// [`StoreError::NewerSchema`]
    NewerSchema,
    /// [`StoreError::Locked`]
    Locked,
    /// [`StoreError::ReadOnly`]
    ReadOnly,
    /// [`StoreError::Full`]
    Full,
    /// [`StoreError::Gone`]
    Gone,
    /// [`StoreError::Busy`] or [`StoreError::Closed`]
    Busy,
    /// [`StoreError::Failed`]
    Failed,
}

impl ErrorKind {
    /// All kinds; the position is the `usize` of the variant.
    pub const ALL: [ErrorKind; 9] = [
        ErrorKind::Unreadable,
        ErrorKind::NotADatabase,
        ErrorKind::NewerSchema,
        ErrorKind::Locked,
        ErrorKind::ReadOnly,
        ErrorKind::Full,
        ErrorKind::Gone,
        ErrorKind::Busy,
        ErrorKind::Failed,
    ];

    /// The word used in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::Unreadable => "unreadable",
            ErrorKind::NotADatabase => "not_a_database",
            ErrorKind::NewerSchema => "newer_schema",
            ErrorKind::Locked => "locked",
            ErrorKind::ReadOnly => "read_only",
            ErrorKind::Full => "full",
            ErrorKind::Gone => "gone",
            ErrorKind::Busy => "busy",
            ErrorKind::Failed => "failed",
        }
    }
}

impl StoreError {
    /// The kind, unless the caller is to blame: an id that nobody knows is no fault of the store.
    pub fn kind(&self) -> Option<ErrorKind> {
        Some(match self {
            StoreError::NoFolder(_) | StoreError::Unreadable(_) => ErrorKind::Unreadable,
            StoreError::NotADatabase | StoreError::Foreign => ErrorKind::NotADatabase,
            StoreError::NewerSchema { .. } => ErrorKind::NewerSchema,
            StoreError::Locked => ErrorKind::Locked,
            StoreError::ReadOnly => ErrorKind::ReadOnly,
            StoreError::Full => ErrorKind::Full,
            StoreError::Gone => ErrorKind::Gone,
            StoreError::Busy { .. } | StoreError::Closed => ErrorKind::Busy,
            StoreError::Failed(_) => ErrorKind::Failed,
            StoreError::UnknownDecision | StoreError::UnknownKey => return None,
        })
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            StoreError::NoFolder(_) => "give a path in a folder you may write to with `--store`, or `--store none`",
            StoreError::Unreadable(_) => "check the path given by `--store` or HAMGATE_STORE, and who may write there",
            StoreError::NotADatabase => {
                "give another path with `--store`; if this was the store, put its backup in place (docs/store.md)"
            }
            StoreError::Foreign => "give a path of its own to Hamgate with `--store`",
            StoreError::NewerSchema { .. } => "start the newer Hamgate again, or give another path with `--store`",
            StoreError::Locked => {
                "end the other program that has the file open, such as a backup or a `sqlite3` in a transaction"
            }
            StoreError::ReadOnly => {
                "let the user that runs Hamgate write the file and its folder, or give another path with `--store`"
            }
            StoreError::Full => {
                "make room on the disk; `--store-limit-mib` bounds what comments that nobody corrected take"
            }
            StoreError::Gone => "put the file back and start Hamgate again",
            StoreError::Busy { .. } => "try again; if it lasts, the disk is slow or another program holds the store",
            StoreError::UnknownDecision => "send the id that came with the decision, or the comment itself",
            StoreError::UnknownKey => "`hamgate key list` shows the ids",
            StoreError::Closed => "the service is shutting down; try again when it is back",
            StoreError::Failed(_) => "run `sqlite3 FILE 'PRAGMA integrity_check'`; if it finds faults, use the backup",
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let Some(code) = code.and_then(|code| code.parse::<i32>().ok()) else {
            return match error {
                sqlx::Error::Io(error) => StoreError::Unreadable(error.to_string()),
                error => StoreError::Failed(error.to_string()),
            };
        };
        // https://www.sqlite.org/rescode.html: the low byte of an extended code is the primary one.
        match code & 0xff {
            5 | 6 => StoreError::Locked,
            8 => StoreError::ReadOnly,
            13 => StoreError::Full,
            11 | 26 => StoreError::NotADatabase,
            3 | 10 | 14 | 23 => StoreError::Unreadable(error.to_string()),
            _ => StoreError::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_place_and_its_own_name() {
        let mut names = std::collections::HashSet::new();
        for (position, kind) in ErrorKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position);
            assert!(names.insert(kind.name()));
        }
    }
}
