//! Opening the file and bringing its schema up to date.

use std::borrow::Cow;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _, SqliteConnection};

use crate::store::error::StoreError;

/// Every migration there ever was, oldest first. One that was released is never changed.
const MIGRATIONS: &[(i64, &str, &str)] = &[(1, "comments", include_str!("../../migrations/0001_comments.sql"))];

/// A SQLite file that is open.
#[derive(Debug)]
pub(super) struct Database {
    pub connection: SqliteConnection,
    path: PathBuf,
    /// Device and number of the file that was opened.
    identity: (u64, u64),
}

impl Database {
    /// Opens the file, which is made when it is not there, and brings its schema up to date.
    pub async fn open(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        if !make(path)? {
            require_ours(path, patience).await.map_err(|error| diagnose(path, error))?;
        }
        let mut connection = options(path, patience).connect().await.map_err(|error| diagnose(path, error.into()))?;
        if let Err(error) = migrate(&mut connection).await {
            // Should this fail too, the first error is the one to tell.
            let _ = connection.close().await;
            return Err(diagnose(path, error));
        }
        let identity = identity(path).map_err(|error| StoreError::Unreadable(error.to_string()))?;
        Ok(Database { connection, path: path.to_owned(), identity })
    }

    /// Fails when the file was moved or deleted: SQLite would go on writing to what nobody will ever read.
    pub fn require_file(&self) -> Result<(), StoreError> {
        match identity(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            Ok(_) => Err(StoreError::Gone),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::Gone),
            Err(error) => Err(StoreError::Unreadable(error.to_string())),
        }
    }
}

/// How every connection is made.
///
/// With a write-ahead log, readers and the writer do not wait for each other. `FULL` makes a commit wait until the disk
/// has it: what was acknowledged survives a loss of power. Deleted text is overwritten, because people may ask for that.
pub(super) fn options(path: &Path, patience: Duration) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .pragma("secure_delete", "ON")
        .busy_timeout(patience)
        // Its lines would hold statements; telemetry drops them, and making them costs time.
        .disable_statement_logging()
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Makes the file and its folder, readable by their owner alone, and tells whether the file is new. SQLite gives the files
/// beside it the same rights.
fn make(path: &Path) -> Result<bool, StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|error| StoreError::NoFolder(error.to_string()))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            Err(StoreError::ReadOnly)
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            Err(StoreError::Full)
        }
        Err(error) => Err(StoreError::Unreadable(error.to_string())),
    }
}

/// Refuses the database of another program, before anything is changed in it.
async fn require_ours(path: &Path, patience: Duration) -> Result<(), StoreError> {
    let mut connection = SqliteConnectOptions::new().filename(path).busy_timeout(patience).connect().await?;
    // Other programs use sqlx, too.
    let sql = "SELECT COUNT(*), COALESCE(SUM(name IN ('_sqlx_migrations', 'comments', 'keys', 'probe')), 0) \
               FROM sqlite_master WHERE type = 'table'";
    let (tables, ours): (i64, i64) = sqlx::query_as(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    if tables > 0 && ours < 4 { Err(StoreError::Foreign) } else { Ok(()) }
}

/// Of a file that may not be written, SQLite says in several ways that it cannot be opened. This is asked only then: opening
/// a file beside SQLite takes away the locks that this process has on it.
fn diagnose(path: &Path, error: StoreError) -> StoreError {
    let writable = || OpenOptions::new().write(true).open(path);
    match error {
        StoreError::Unreadable(_) if writable().is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied) => {
            StoreError::ReadOnly
        }
        error => error,
    }
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    // All in one transaction: two processes that start at once must not both make the tables.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let migrations = MIGRATIONS.iter().map(|&(version, name, sql)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    migrator.run(&mut transaction).await.map_err(refused)?;
    transaction.commit().await?;
    Ok(())
}

fn refused(error: MigrateError) -> StoreError {
    let known = MIGRATIONS.last().map_or(0, |migration| migration.0);
    match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
            StoreError::NewerSchema { found, known }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
        error => StoreError::Failed(error.to_string()),
    }
}
