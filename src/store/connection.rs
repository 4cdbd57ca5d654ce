//! One connection, to SQLite or to PostgreSQL, and statements that mean the same on both.
//!
//! sqlx's own `Any` driver would do this, too; but it opens a database by URL alone, so that a path would have to become a
//! URL and be read back out of it, and what SQLite promises us would be set only after the file is open. Here each
//! database is opened in its own way, and only what is asked of it is common.

use std::borrow::Cow;
use std::fmt::Write as _;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Connection as _, Decode, Postgres, Row as _, SqlSafeStr as _, SqlStr, Sqlite, Type};

use crate::site::{Site, SiteError};
use crate::store::error::StoreError;

/// A connection that is open.
#[derive(Debug)]
pub(super) enum Connection {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To a server.
    Postgres(PgConnection),
}

/// A statement with its values. `$1` is the first.
#[must_use = "a statement does nothing until it is executed"]
pub(super) struct Query<'v> {
    sql: SqlStr,
    values: Vec<Value<'v>>,
}

/// What stands for a `$1`.
pub(super) enum Value<'v> {
    Integer(Option<i64>),
    Real(Option<f64>),
    Text(Option<Cow<'v, str>>),
    Bytes(Option<&'v [u8]>),
}

/// A row of an answer.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What can stand in a column.
pub(super) trait Column<'r>: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres> {}

impl<'r, T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>> Column<'r> for T {}

/// A statement without values so far.
pub(super) fn query<'v>(sql: &'static str) -> Query<'v> {
    Query { sql: SqlStr::from_static(sql), values: Vec::new() }
}

/// A statement about so many rows at once, without values so far: between `before` and `after` stands
/// `($1, $2), ($3, $4)` and so on.
///
/// For a file, the way to the thread that does a statement takes longer than the statement; for a server, the journey.
pub(super) fn query_of_rows<'v>(before: &'static str, columns: usize, rows: usize, after: &'static str) -> Query<'v> {
    let mut sql = before.to_owned();
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            // Writing to a text cannot fail.
            let _ = write!(sql, "{comma}${}", row * columns + column);
        }
        sql.push(')');
    }
    sql.push_str(after);
    // Nothing but numbers was put into it.
    Query { sql: AssertSqlSafe(sql).into_sql_str(), values: Vec::with_capacity(rows * columns) }
}

/// Rows in such portions that a few statements, which stay prepared, do for any number of them. SQLite looks for the name of each value among
/// those before it, so that much longer statements would cost more than they save.
pub(super) fn portions<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let most = *[32, 8, 1].iter().find(|&&most| most <= rows.len())?;
        let (portion, rest) = rows.split_at(most);
        rows = rest;
        Some(portion)
    })
}

/// The statement as sqlx knows it.
macro_rules! bound {
    ($query:expr) => {{
        let Query { sql, values } = $query;
        values.into_iter().fold(sqlx::query(sql), |query, value| match value {
            Value::Integer(value) => query.bind(value),
            Value::Real(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::Bytes(value) => query.bind(value),
        })
    }};
}

impl<'v> Query<'v> {
    /// Adds the next value.
    pub fn bind(mut self, value: impl Into<Value<'v>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Does it and tells how many rows it changed.
    pub async fn execute(self, connection: &mut Connection) -> Result<u64, StoreError> {
        match connection {
            Connection::Sqlite(connection) => {
                Ok(bound!(self).execute(connection).await.map_err(StoreError::of_sqlite)?.rows_affected())
            }
            Connection::Postgres(connection) => Ok(bound!(self.without_nul())
                .execute(connection)
                .await
                .map_err(StoreError::of_postgres)?
                .rows_affected()),
        }
    }

    /// All rows of the answer.
    pub async fn fetch_all(self, connection: &mut Connection) -> Result<Vec<Row>, StoreError> {
        match connection {
            Connection::Sqlite(connection) => {
                let rows = bound!(self).fetch_all(connection).await.map_err(StoreError::of_sqlite)?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            Connection::Postgres(connection) => {
                let rows = bound!(self.without_nul()).fetch_all(connection).await.map_err(StoreError::of_postgres)?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    /// The first row of the answer, if it has any.
    pub async fn fetch_optional(self, connection: &mut Connection) -> Result<Option<Row>, StoreError> {
        match connection {
            Connection::Sqlite(connection) => {
                let row = bound!(self).fetch_optional(connection).await.map_err(StoreError::of_sqlite)?;
                Ok(row.map(Row::Sqlite))
            }
            Connection::Postgres(connection) => {
                let row =
                    bound!(self.without_nul()).fetch_optional(connection).await.map_err(StoreError::of_postgres)?;
                Ok(row.map(Row::Postgres))
            }
        }
    }

    /// The one row of the answer.
    pub async fn fetch_one(self, connection: &mut Connection) -> Result<Row, StoreError> {
        let row = self.fetch_optional(connection).await?;
        row.ok_or_else(|| StoreError::Failed("a row that is always there is missing".to_owned()))
    }

    /// PostgreSQL has no U+0000 in texts; what stands there in its place is what Unicode has for it.
    fn without_nul(mut self) -> Self {
        for value in &mut self.values {
            if let Value::Text(Some(text)) = value
                && text.contains('\0')
            {
                *text = Cow::Owned(text.replace('\0', "\u{fffd}"));
            }
        }
        self
    }
}

impl Connection {
    /// Ends it in order.
    pub async fn close(self) -> Result<(), StoreError> {
        match self {
            Connection::Sqlite(connection) => connection.close().await.map_err(StoreError::of_sqlite),
            Connection::Postgres(connection) => connection.close().await.map_err(StoreError::of_postgres),
        }
    }

    /// Whether the other end is still there.
    pub async fn is_alive(&mut self) -> bool {
        match self {
            Connection::Sqlite(_) => true,
            Connection::Postgres(connection) => connection.ping().await.is_ok(),
        }
    }

    /// Whether it is one to PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self, Connection::Postgres(_))
    }
}

impl Row {
    /// What stands in a column, counted from 0.
    pub fn get<'r, T: Column<'r>>(&'r self, column: usize) -> Result<T, StoreError> {
        match self {
            Row::Sqlite(row) => row.try_get(column).map_err(StoreError::of_sqlite),
            Row::Postgres(row) => row.try_get(column).map_err(StoreError::of_postgres),
        }
    }

    /// The site in a column.
    pub fn site(&self, column: usize) -> Result<Site, StoreError> {
        let text: &str = self.get(column)?;
        text.parse().map_err(|error: SiteError| StoreError::Failed(error.to_string()))
    }

    /// A count in a column.
    pub fn count(&self, column: usize) -> Result<u64, StoreError> {
        Ok(self.get::<i64>(column)?.max(0).cast_unsigned())
    }

    /// A word of a closed set in a column that may be empty.
    pub fn word<T>(&self, column: usize, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        Ok(self.get::<Option<&str>>(column)?.and_then(read))
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Integer(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Value::Integer(value)
    }
}

impl From<Option<f64>> for Value<'_> {
    fn from(value: Option<f64>) -> Self {
        Value::Real(value)
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(value: &'v str) -> Self {
        Value::Text(Some(Cow::Borrowed(value)))
    }
}

impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(value: Option<&'v str>) -> Self {
        Value::Text(value.map(Cow::Borrowed))
    }
}

impl<'v> From<&'v [u8]> for Value<'v> {
    fn from(value: &'v [u8]) -> Self {
        Value::Bytes(Some(value))
    }
}

impl<'v> From<Option<&'v [u8]>> for Value<'v> {
    fn from(value: Option<&'v [u8]>) -> Self {
        Value::Bytes(value)
    }
}
