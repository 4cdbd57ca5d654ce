//! `hamgate inspect`: the card inside a model file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::model::ModelCard;
use crate::verdict::ModelId;

use super::{card, model, output};

/// Show what a model was made of and how good it is.
///
/// Prints the model card: date and program, rows by source and language, files with checksums, thresholds, figures on held-out
/// rows, and for each view the features that speak loudest for spam and for ham. Without MODEL, shows the one embedded in the program.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    /// The model file; the embedded model if not given.
    #[arg(value_name = "MODEL", env = model::ENVIRONMENT_VARIABLE)]
    model: Option<PathBuf>,

    /// Print the card as JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  hamgate inspect
  hamgate inspect my.hamgate
  hamgate inspect my.hamgate --json | jq .held_out

Exit codes: 0 done; 1 the model cannot be used, and standard error says why; 2 the options make no sense.";

#[derive(Serialize)]
struct Card<'a> {
    model: &'a ModelId,
    #[serde(flatten)]
    card: &'a ModelCard,
}

impl InspectArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// When the model cannot be used.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let classifier = model::read(self.model.as_deref())?;
        let (id, card) = (classifier.id(), classifier.card());
        if self.json {
            output::print_json(&Card { model: id, card })?;
        } else {
            output::print(&[card::summary(id, card), card::files(card), card::evidence(card)].concat())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
