//! The outside world by terminal: arguments in, results to stdout, all else to stderr.
//!
//! This file is the shape of the command line and nothing else; each subcommand lives in a file of its own and fails
//! with a [`Failure`], which says what was tried, why it did not work, and what to do next.

mod card;
mod comparison;
mod corpus;
mod evaluate;
mod evaluation;
mod export;
mod forget;
mod healthcheck;
mod import;
mod inspect;
mod key;
mod label;
mod learning;
mod model;
mod openapi;
mod output;
mod retrain;
mod rollback;
mod score;
mod serve;
mod store;
mod store_args;
mod tables;
mod train;
mod values;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ServeOptions;
use crate::corpus::CorpusError;
use crate::evaluate::EvaluateError;
use crate::model::{ArtifactError, TrainError};

/// Decides whether a blog comment may appear: approve or hold
///
/// Hamgate is a small self-hosted service with a naive Bayes model in it. `hamgate serve` answers over HTTP, with the
/// model embedded in the program unless told otherwise.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  it worked
  1  it did not; stderr says why and what to do
  2  the command line is wrong";

#[derive(Debug, Subcommand)]
enum Command {
    Train(train::TrainArgs),
    Evaluate(evaluate::EvaluateArgs),
    Score(score::ScoreArgs),
    Inspect(inspect::InspectArgs),
    /// Answer over HTTP
    ///
    /// Every option is also an environment variable and a key in the file that --config names. A flag wins over the
    /// environment, the environment over the file, the file over the default.
    ///
    /// Ends on SIGTERM or SIGINT: requests in flight are finished, for as long as --shutdown-deadline allows.
    Serve(Box<ServeOptions>),
    Key(key::KeyArgs),
    Rollback(rollback::RollbackArgs),
    Import(import::ImportArgs),
    Label(label::LabelArgs),
    Export(export::ExportArgs),
    Forget(forget::ForgetArgs),
    Store(store::StoreCommand),
    /// Ask a running service whether it can judge
    Healthcheck(healthcheck::Options),
    /// Print the description of the HTTP interface, as OpenAPI 3.1
    Openapi,
}

/// Does what the command line says.
///
/// # Errors
/// When that does not work.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let worked = |()| ExitCode::SUCCESS;
    match cli.command {
        Command::Train(args) => args.run(),
        Command::Evaluate(args) => Ok(args.run()?),
        Command::Score(args) => Ok(args.run()?),
        Command::Inspect(args) => Ok(args.run()?),
        Command::Serve(options) => serve::run(&options).map(worked),
        Command::Key(args) => args.run().map(worked),
        Command::Rollback(args) => args.run().map(worked),
        Command::Import(args) => args.run().map(worked),
        Command::Label(args) => args.run().map(worked),
        Command::Export(args) => args.run().map(worked),
        Command::Forget(args) => args.run().map(worked),
        Command::Store(args) => args.run().map(worked),
        Command::Healthcheck(options) => healthcheck::run(&options).map(worked),
        Command::Openapi => openapi::run().map(worked),
    }
}

/// Why a command failed: a chain of causes, from what the user wanted to what the system said, and what to do next.
#[derive(Debug)]
pub struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let hint = error.chain().find_map(hint_of).map(str::to_owned);
        Failure { error, hint }
    }
}

/// What to do about a cause. Errors that pass another one on as their own hide it from the chain, so they are opened here.
fn hint_of(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let corpus = cause.downcast_ref::<CorpusError>();
    let corpus = corpus.or_else(|| match cause.downcast_ref::<TrainError<CorpusError>>()? {
        TrainError::Rows(error) => Some(error),
        _ => None,
    });
    let corpus = corpus.or_else(|| match cause.downcast_ref::<EvaluateError<Infallible>>()? {
        EvaluateError::Corpus(error) => Some(error),
        _ => None,
    });
    let corpus = corpus.or_else(|| match cause.downcast_ref::<EvaluateError<TrainError<CorpusError>>>()? {
        EvaluateError::Corpus(error) => Some(error),
        _ => None,
    });
    match corpus {
        Some(error) => error.hint(),
        None => cause.downcast_ref::<ArtifactError>().map(ArtifactError::hint),
    }
}

impl Failure {
    /// Adds what to do next.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// The exit code of `hamgate` after this failure.
    ///
    /// A reader that closes stdout early (`hamgate openapi | head`) has had what it wanted: that is success.
    pub fn exit_code(&self) -> ExitCode {
        if self.is_broken_pipe() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Whether whoever read our output left.
    pub fn is_broken_pipe(&self) -> bool {
        let io_errors = self.error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
        io_errors.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut causes = self.error.chain();
        if let Some(first) = causes.next() {
            write!(f, "error: {first}")?;
        }
        for cause in causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_failure_tells_the_whole_chain_and_the_remedy() {
        let error = anyhow::Error::new(io::Error::other("disk on fire")).context("cannot read `x`");
        let failure = Failure::from(error).with_hint("call the fire brigade");
        assert_eq!(
            failure.to_string(),
            "error: cannot read `x`\n  caused by: disk on fire\nhint: call the fire brigade"
        );
        assert!(!failure.is_broken_pipe());
    }

    #[test]
    fn a_reader_who_left_early_is_no_failure() {
        let failure =
            Failure::from(anyhow::Error::new(io::Error::from(io::ErrorKind::BrokenPipe)).context("cannot write"));
        assert!(failure.is_broken_pipe());
    }
}
