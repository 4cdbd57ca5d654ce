//! `hamgate label`: what a person says of a comment, from the terminal.

use clap::Args;

use crate::cli::store_args::{StoreArgs, refused};
use crate::cli::{Failure, output};
use crate::clock::now;
use crate::comment::Label;
use crate::model::OWN_HAM_FOR_THRESHOLD;
use crate::site::Site;
use crate::store::{Change, Correction, Origin, Store, Target};
use crate::verdict::DecisionId;

/// Say what a comment is, by the id of its decision, or take that back
///
/// A running service learns from it within two seconds. Undoing takes back what was said last of the comment; done again,
/// what was said before that.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct LabelArgs {
    /// The id that came with the decision: 32 hexadecimal digits
    #[arg(value_name = "DECISION-ID")]
    decision: DecisionId,

    /// ham or spam
    #[arg(required_unless_present = "undo")]
    label: Option<Label>,

    /// Take back what was said last
    #[arg(long, conflicts_with = "label")]
    undo: bool,

    #[command(flatten)]
    store: StoreArgs,
}

const EXAMPLES: &str = "\
Examples:
  hamgate label 0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e spam
  hamgate label --undo 0f3a5c7e9b1d2f4a6c8e0b2d4f6a8c0e";

impl LabelArgs {
    /// Does it and says what changed.
    ///
    /// # Errors
    /// When nobody knows the decision, there is nothing to undo, or the store cannot be written.
    pub fn run(self) -> Result<(), Failure> {
        let said = self.store.work(async |store| match self.label {
            Some(label) => correct(store, self.decision, label).await,
            None => undo(store, self.decision).await,
        })?;
        Ok(output::print(&said)?)
    }
}

async fn correct(store: &Store, decision: DecisionId, label: Label) -> Result<String, Failure> {
    let correction = Correction { target: Target::Decision(decision), label, origin: Origin::Cli, at: now() };
    let corrected = store.correct(correction).await.map_err(|error| refused(error, "cannot label the comment"))?;
    let said = match (corrected.change, corrected.before) {
        (Change::AlreadyKnown, _) => format!("Already known: {label}."),
        (_, Some(before)) => format!("Relabelled: {label}, was {before}."),
        (_, None) => format!("New: {label}."),
    };
    with_own_rows(store, said, &corrected.site, corrected.test).await
}

async fn undo(store: &Store, decision: DecisionId) -> Result<String, Failure> {
    let undone = store.undo(decision, now()).await.map_err(|error| refused(error, "cannot undo it"))?;
    let word = |label: Option<Label>| label.map_or("without a label", Label::name);
    let said = format!("Taken back: {}, was {}.", word(undone.after), word(undone.before));
    with_own_rows(store, said, &undone.site, undone.test).await
}

async fn with_own_rows(store: &Store, said: String, site: &Site, test: bool) -> Result<String, Failure> {
    let own = store.own_rows(site).await.map_err(|error| refused(error, "it is stored; cannot count what there is"))?;
    let trial = if test { " This one is a trial and does not count." } else { "" };
    let missing = match OWN_HAM_FOR_THRESHOLD.saturating_sub(own.ham) {
        0 => String::new(),
        missing => format!(" {missing} more ham until a training can fit a threshold of its own."),
    };
    Ok(format!("{said} {site} has {} ham and {} spam of its own.{missing}{trial}\n", own.ham, own.spam))
}
