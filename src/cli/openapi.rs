//! `hamgate openapi`: the description of the HTTP interface.

use std::io::Write as _;

use anyhow::Context as _;

use crate::cli::Failure;
use crate::http::openapi;

/// Prints the document.
pub fn run() -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", openapi::document()?).and_then(|()| out.flush()).context("cannot write to stdout")?;
    Ok(())
}
