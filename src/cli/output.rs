//! Results to standard output, where the reader may leave at any time: `hamgate … | head` is no error.

use std::io::{self, Write};

use anyhow::Context;

/// Writes a result. A reader that has gone is no error.
///
/// # Errors
/// When standard output cannot take it, for instance because a disk is full.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    ignore_broken_pipe(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())).map(drop)
}

/// Writes a result as indented JSON.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(value).context("cannot write the result as JSON")?;
    print(&(json + "\n"))
}

/// Whether the reader is still there; other failures of writing remain errors.
///
/// # Errors
/// Whatever else went wrong.
pub fn ignore_broken_pipe(written: io::Result<()>) -> anyhow::Result<bool> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true).context("cannot write to standard output"),
    }
}
