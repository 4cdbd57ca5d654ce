//! stand-in, merged with branch http's

pub mod card;
pub mod corpus;
pub mod evaluate;
pub mod inspect;
pub mod model;
pub mod output;
pub mod score;
pub mod tables;
pub mod train;
pub mod values;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Decides whether a blog comment may appear.
#[derive(Debug, Parser)]
#[command(name = "hamgate", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(train::TrainArgs),
    Evaluate(evaluate::EvaluateArgs),
    Score(score::ScoreArgs),
    Inspect(inspect::InspectArgs),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// When it does not work.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Train(args) => args.run(),
            Command::Evaluate(args) => args.run(),
            Command::Score(args) => args.run(),
            Command::Inspect(args) => args.run(),
        }
    }
}
