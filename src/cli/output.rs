//! Results to standard output, where the reader may leave at any time: `hamgate … | head` is no error.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, ensure};

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

/// A file that cannot be written is better told of before the work than after it.
///
/// # Errors
/// When the folder is missing, or the path is a folder itself.
pub fn require_folder(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure!(
        folder.is_dir(),
        "cannot write `{}`: there is no folder `{}`; make it first, or name another",
        path.display(),
        folder.display()
    );
    ensure!(!path.is_dir(), "cannot write `{}`: it is a folder; name a file in it", path.display());
    Ok(())
}
