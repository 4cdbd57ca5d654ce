//! What can go wrong with a store, and what to do about it.

use std::time::Duration;

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
    /// The database holds tables of some other program where ours would be.
    #[error("the database belongs to another program")]
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
    /// The file, the folder it lies in, or the database may not be written to.
    #[error("the file, its folder or the database is read-only for this user")]
    ReadOnly,
    /// There is no room left.
    #[error("the disk is full, or a quota on it is used up")]
    Full,
    /// The server does not answer, or ended the connection.
    #[error("the database server cannot be reached: {0}")]
    Unreachable(String),
    /// The server does not let this user in, does not know the database, or does not let this user do what must be done.
    #[error("the database server refuses: {0}")]
    Denied(String),
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
    /// Nobody corrected the comment, or all of it was taken back.
    #[error("nobody corrected this comment, or every correction was taken back already")]
    NothingToUndo,
    /// The site is judged by the shipped model.
    #[error("the site has no model of its own in service")]
    NothingToRollBack,
    /// No model has this number, or it was let go.
    #[error("there is no such model")]
    UnknownModel,
    /// No key has this id.
    #[error("there is no key with this id")]
    UnknownKey,
    /// It was closed before.
    #[error("the store is closed")]
    Closed,
    /// The database does not take what was to be stored, and never will; anything else it does.
    #[error("the database does not take what was to be stored: {0}")]
    Rejected(String),
    /// The database keeps texts in another encoding, which does not have every character.
    #[error("the database keeps texts as {0}, which does not have every character; it must be UTF8")]
    NotUtf8(String),
    /// Anything else the database says.
    #[error("the database failed: {0}")]
    Failed(String),
}

/// A [`StoreError`] as a word of a closed set, for metrics and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// [`StoreError::NoFolder`] or [`StoreError::Unreadable`]
    Unreadable,
    /// [`StoreError::NotADatabase`], [`StoreError::Foreign`] or [`StoreError::NotUtf8`]
    NotADatabase,
    /// [`StoreError::NewerSchema`]
    NewerSchema,
    /// [`StoreError::Locked`]
    Locked,
    /// [`StoreError::ReadOnly`]
    ReadOnly,
    /// [`StoreError::Full`]
    Full,
    /// [`StoreError::Unreachable`]
    Unreachable,
    /// [`StoreError::Denied`]
    Denied,
    /// [`StoreError::Gone`]
    Gone,
    /// [`StoreError::Busy`] or [`StoreError::Closed`]
    Busy,
    /// [`StoreError::Failed`] or [`StoreError::Rejected`]
    Failed,
}

impl ErrorKind {
    /// All kinds; the position is the `usize` of the variant.
    pub const ALL: [ErrorKind; 11] = [
        ErrorKind::Unreadable,
        ErrorKind::NotADatabase,
        ErrorKind::NewerSchema,
        ErrorKind::Locked,
        ErrorKind::ReadOnly,
        ErrorKind::Full,
        ErrorKind::Unreachable,
        ErrorKind::Denied,
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
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::Denied => "denied",
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
            StoreError::NotADatabase | StoreError::Foreign | StoreError::NotUtf8(_) => ErrorKind::NotADatabase,
            StoreError::NewerSchema { .. } => ErrorKind::NewerSchema,
            StoreError::Locked => ErrorKind::Locked,
            StoreError::ReadOnly => ErrorKind::ReadOnly,
            StoreError::Full => ErrorKind::Full,
            StoreError::Unreachable(_) => ErrorKind::Unreachable,
            StoreError::Denied(_) => ErrorKind::Denied,
            StoreError::Gone => ErrorKind::Gone,
            StoreError::Busy { .. } | StoreError::Closed => ErrorKind::Busy,
            StoreError::Failed(_) | StoreError::Rejected(_) => ErrorKind::Failed,
            StoreError::UnknownDecision
            | StoreError::NothingToUndo
            | StoreError::NothingToRollBack
            | StoreError::UnknownModel
            | StoreError::UnknownKey => return None,
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
            StoreError::Foreign => {
                "give a path of its own to Hamgate with `--store`, or on PostgreSQL a database or schema of its own"
            }
            StoreError::NewerSchema { .. } => "start the newer Hamgate again, or give another path with `--store`",
            StoreError::Locked => {
                "end the other program that has the file open, such as a backup or a `sqlite3` in a transaction"
            }
            StoreError::ReadOnly => {
                "let the user that runs Hamgate write the file and its folder, or the database; a standby server takes no \
                 writes; or give another place with `--store`"
            }
            StoreError::Full => {
                "make room on the disk; `--store-limit-mib` bounds what comments that nobody corrected take"
            }
            StoreError::Unreachable(_) => {
                "check that the server runs, and host, port and `password_file` in the address given by `--store`"
            }
            StoreError::Denied(_) => {
                "check user, password (PGPASSWORD, ~/.pgpass or `password_file`) and database in the address given by `--store`; the user \
                 must be allowed to create tables there"
            }
            StoreError::Gone => "put the file back and start Hamgate again",
            StoreError::Busy { .. } => "try again; if it lasts, the disk is slow or another program holds the store",
            StoreError::UnknownDecision => "send the id that came with the decision, or the comment itself",
            StoreError::NothingToUndo => "there is nothing left to do; correct the comment if its label is wrong",
            StoreError::NothingToRollBack => "there is nothing left to do; `hamgate train` makes a model for a site",
            StoreError::UnknownModel => "`hamgate store` shows the models that are kept",
            StoreError::UnknownKey => "`hamgate key list` shows the ids",
            StoreError::Rejected(_) => {
                "trying again does not help; if it is an ordinary comment, tell those who make Hamgate of it"
            }
            StoreError::NotUtf8(_) => {
                "make a database for Hamgate with `createdb --encoding=UTF8 --template=template0 NAME`, and name it by `--store`"
            }
            StoreError::Closed => "the service is shutting down; try again when it is back",
            StoreError::Failed(_) => {
                "on SQLite, run `sqlite3 FILE 'PRAGMA integrity_check'`, on PostgreSQL look into the server's log; if the \
                 database has faults, use the backup"
            }
        }
    }
}

impl StoreError {
    /// Somebody waited in vain for so long.
    pub(super) fn busy(waited: Duration) -> Self {
        StoreError::Busy { waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX) }
    }

    /// What SQLite says.
    pub(super) fn of_sqlite(error: sqlx::Error) -> Self {
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
            // Too big, a constraint, the wrong type.
            18..=20 => StoreError::Rejected(error.to_string()),
            _ => StoreError::Failed(error.to_string()),
        }
    }

    /// What PostgreSQL says, or the way to it.
    pub(super) fn of_postgres(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(said) = &error else {
            return match error {
                sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
                    StoreError::Unreachable(error.to_string())
                }
                error => StoreError::Failed(error.to_string()),
            };
        };
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        let code = said.code().unwrap_or_default();
        match &*code {
            "53100" => StoreError::Full,
            "25006" => StoreError::ReadOnly,
            "55P03" | "40P01" | "40001" => StoreError::Locked,
            // Too many connections, and a transaction that idled too long.
            "53300" | "25P03" => StoreError::Unreachable(said.message().to_owned()),
            "28000" | "28P01" | "3D000" | "3F000" | "42501" => StoreError::Denied(said.message().to_owned()),
            code if code.starts_with("08") || code.starts_with("57P") => {
                StoreError::Unreachable(said.message().to_owned())
            }
            // Data, constraints, limits of the program. The message may repeat some of the data.
            code if ["22", "23", "54"].iter().any(|class| code.starts_with(class)) => {
                StoreError::Rejected(format!("SQLSTATE {code}"))
            }
            _ => StoreError::Failed(said.message().to_owned()),
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
