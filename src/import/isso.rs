//! Isso's database: the tables `threads` and `comments` of a SQLite file, which is opened for reading only.
//!
//! Beside the store this is the only module that names sqlx: the database is not ours, and nothing of it is kept open.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tokio::runtime::Runtime;

use super::error::Blame;
use super::{Draft, Entry, Fault, MAX_COMMENT_BYTES, Progress, Reader, Status, Why, left_out, present};
use crate::comment::email_domain;

/// What a SQLite file begins with.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// So many comments are read at a time.
const PAGE: i64 = 100;

/// Whether a file is a SQLite database.
pub fn is_database(file: &File) -> bool {
    let mut head = [0; MAGIC.len()];
    file.read_exact_at(&mut head, 0).is_ok() && &head == MAGIC
}

/// Isso's comments, in the order of their ids.
pub struct Isso {
    runtime: Runtime,
    connection: Option<SqliteConnection>,
    after: i64,
    page: VecDeque<Entry>,
    progress: Progress,
}

impl Isso {
    /// Opens the file and makes sure that it is Isso's.
    pub fn open(path: &Path, progress: Progress) -> Result<Self, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Fault::Unreadable(std::sync::Arc::new(error)))?;
        let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
        let connection = runtime.block_on(async {
            let mut connection = options.connect().await?;
            // Views and virtual tables may hold anything, without end; and without integer keys each page, and each thread,
            // would be sought through the whole table.
            let sql = "SELECT (SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND rootpage > 0 \
                       AND name IN ('threads', 'comments')), \
                       (SELECT COUNT(*) FROM pragma_table_info('threads') WHERE name = 'id' AND pk = 1 AND upper(type) = 'INTEGER') \
                       + (SELECT COUNT(*) FROM pragma_table_info('comments') WHERE name = 'id' AND pk = 1 AND upper(type) = 'INTEGER'), \
                       (SELECT COUNT(*) FROM pragma_encoding WHERE encoding = 'UTF-8')";
            let tables: (i64, i64, i64) = sqlx::query_as(sql).fetch_one(&mut connection).await?;
            if tables != (2, 2, 1) {
                return Ok(None);
            }
            let sql = "SELECT (SELECT COUNT(*) FROM pragma_table_info('threads') WHERE name IN ('id', 'uri', 'title')), \
                       (SELECT COUNT(*) FROM pragma_table_info('comments') \
                       WHERE name IN ('tid', 'id', 'created', 'mode', 'text', 'author', 'email', 'website'))";
            let columns: (i64, i64) = sqlx::query_as(sql).fetch_one(&mut connection).await?;
            if columns != (3, 8) {
                return Ok(None);
            }
            let comments: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM comments").fetch_one(&mut connection).await?;
            progress.of.store(comments.unsigned_abs(), std::sync::atomic::Ordering::Relaxed);
            Ok(Some(connection))
        });
        let connection = connection.map_err(fault)?.ok_or(Fault::NotIsso)?;
        Ok(Isso { runtime, connection: Some(connection), after: i64::MIN, page: VecDeque::new(), progress })
    }

    fn read_page(&mut self) -> Result<(), Fault> {
        // SQLite keeps anything in any column: what is of another type, or too long, is told apart by the head of its row,
        // and its cells are not read. (OCTET_LENGTH and TYPEOF of a column do not read it; LENGTH and CAST would.)
        let sql = "WITH rows AS MATERIALIZED (SELECT c.id, \
                   CASE WHEN TYPEOF(c.mode) = 'integer' THEN c.mode END AS mode, \
                   CASE WHEN TYPEOF(c.created) IN ('integer', 'real') THEN c.created END AS created, \
                   CASE WHEN TYPEOF(c.tid) = 'integer' THEN c.tid END AS tid, \
                   COALESCE(OCTET_LENGTH(c.text), 0) + COALESCE(OCTET_LENGTH(c.author), 0) \
                   + COALESCE(OCTET_LENGTH(c.email), 0) + COALESCE(OCTET_LENGTH(c.website), 0) AS bytes \
                   FROM comments c WHERE c.id > $1 ORDER BY c.id LIMIT $2), \
                   sized AS (SELECT r.id, r.mode, r.created, t.id AS tid, r.bytes \
                   + COALESCE(OCTET_LENGTH(t.uri), 0) + COALESCE(OCTET_LENGTH(t.title), 0) AS bytes \
                   FROM rows r LEFT JOIN threads t ON t.id = r.tid) \
                   SELECT s.id, s.mode, CAST(s.created AS INTEGER), s.bytes, \
                   CAST(c.text AS BLOB), CAST(c.author AS BLOB), CAST(c.email AS BLOB), CAST(c.website AS BLOB), \
                   CAST(t.uri AS BLOB), CAST(t.title AS BLOB) FROM sized s \
                   LEFT JOIN comments c ON c.id = s.id AND s.bytes < $3 \
                   LEFT JOIN threads t ON t.id = s.tid AND s.bytes < $3 ORDER BY s.id";
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let longest = i64::try_from(MAX_COMMENT_BYTES + 1).unwrap_or(i64::MAX);
        let query = sqlx::query(sql).bind(self.after).bind(PAGE).bind(longest);
        let rows = self.runtime.block_on(query.fetch_all(connection)).map_err(fault)?;
        for row in rows {
            let id: i64 = row.try_get(0).map_err(fault)?;
            // In a damaged tree the keys may go in circles.
            if id <= self.after {
                return Err(Fault::Database("its rows are not in order".to_owned()));
            }
            self.after = id;
            self.page.push_back(entry(&row).map_err(fault)?);
            self.progress.done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let id = row.try_get::<i64, _>(0)?.to_string();
    if row.try_get::<Option<i64>, _>(3)?.unwrap_or(0).unsigned_abs() > MAX_COMMENT_BYTES as u64 {
        return Ok(left_out(Why::TooLong, Some(id), None));
    }
    let mut texts = Vec::new();
    for column in 4..10 {
        let bytes: Option<Vec<u8>> = row.try_get(column)?;
        match String::from_utf8(bytes.unwrap_or_default()) {
            Ok(text) => texts.push(text),
            Err(_) => return Ok(left_out(Why::NotText, Some(id), None)),
        }
    }
    let mut draft = Draft {
        status: match row.try_get::<Option<i64>, _>(1)? {
            Some(1) => Some(Status::Approved),
            Some(2) => Some(Status::Pending),
            Some(4) => Some(Status::Bin),
            _ => None,
        },
        at: row.try_get::<Option<i64>, _>(2)?.filter(|&at| at > 0),
        ..Draft::default()
    };
    let comment = &mut draft.comment;
    comment.id = Some(id);
    comment.author = present(&texts[1]);
    comment.email_domain = email_domain(&texts[2]);
    comment.author_url = present(&texts[3]);
    comment.post_url = present(&texts[4]);
    comment.post_title = present(&texts[5]);
    comment.content = texts.swap_remove(0);
    Ok(draft.finish())
}

fn fault(error: sqlx::Error) -> Fault {
    Fault::Database(error.to_string())
}

impl Reader for Isso {
    fn next(&mut self) -> Result<Option<Entry>, Blame> {
        if self.page.is_empty() {
            self.read_page()?;
        }
        Ok(self.page.pop_front())
    }
}

impl Drop for Isso {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // It was only read from: nothing is lost if this fails.
            let _ = self.runtime.block_on(connection.close());
        }
    }
}
