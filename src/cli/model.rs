//! Which model a command uses.

use std::path::Path;

use anyhow::Context;

use crate::model::Classifier;

/// Names a model for every command, so that what `serve` and `score` use is also what `evaluate` and `inspect` look at.
pub const ENVIRONMENT_VARIABLE: &str = "HAMGATE_MODEL";

/// Reads the model at `path`, or takes the one embedded in the program.
///
/// # Errors
/// When the file is missing, unreadable or not a model of this program; the error names it.
pub fn read(path: Option<&Path>) -> anyhow::Result<Classifier> {
    match path {
        Some(path) => Classifier::read_file(path).with_context(|| format!("cannot use model `{}`", path.display())),
        None => Ok(Classifier::embedded()),
    }
}
