//! Isso's database, as Isso would have made it.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

/// Makes one with seven comments, of which two are of use.
pub fn make(path: &Path) {
    let rows = [
        "INSERT INTO threads VALUES (1, '/schrauben/', 'Wo die Schrauben liegen')",
        "INSERT INTO comments VALUES (1, 1, NULL, 1790000000.5, NULL, 1, '192.0.2.0', 'In der Dose neben dem Tee', 'Tove', \
         'tove.k@Mail.example', 'https://tove.example', 2, 0, X'00', 0)",
        "INSERT INTO comments VALUES (1, 2, 1, 1790000100.0, NULL, 2, '192.0.2.0', 'Earn money from home', NULL, NULL, NULL, 0, 0, X'00', 0)",
        "INSERT INTO comments VALUES (1, 3, 1, 1790000200.0, NULL, 4, '192.0.2.0', '', NULL, NULL, NULL, 0, 0, X'00', 0)",
        "INSERT INTO comments VALUES (1, 4, 1, 1790000300.0, NULL, 1, '192.0.2.0', hex(zeroblob(50000)), 'Long', NULL, NULL, 0, 0, X'00', 0)",
        "INSERT INTO comments VALUES (1, 5, 1, 1790000400.0, NULL, 1, '192.0.2.0', X'C3C3C3', 'Bytes', NULL, NULL, 0, 0, X'00', 0)",
        "INSERT INTO comments VALUES (9, 6, 1, 1790000500.0, NULL, 1, '192.0.2.0', 'a thread that is gone', 'Anon', NULL, NULL, 0, 0, X'00', 0)",
        "INSERT INTO comments VALUES (1, 7, 1, 1790000600.0, NULL, NULL, '192.0.2.0', 'of no mode', 'Anon', NULL, NULL, 0, 0, X'00', 0)",
    ];
    let tables = [
        "CREATE TABLE threads (id INTEGER PRIMARY KEY, uri VARCHAR(256) UNIQUE, title VARCHAR(256))",
        "CREATE TABLE comments (tid REFERENCES threads (id), id INTEGER PRIMARY KEY, parent INTEGER, created FLOAT NOT NULL, \
         modified FLOAT, mode INTEGER, remote_addr VARCHAR, text VARCHAR, author VARCHAR, email VARCHAR, website VARCHAR, \
         likes INTEGER DEFAULT 0, dislikes INTEGER DEFAULT 0, voters BLOB NOT NULL, notification INTEGER DEFAULT 0)",
    ];
    run(path, &tables.into_iter().chain(rows).collect::<Vec<_>>());
}

/// Does this in a database, which is made when it is not there.
pub fn run(path: &Path, statements: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(false);
        let mut connection = options.connect().await.unwrap();
        for &statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}
