//! stand-in, merged with branch http's
use std::process::ExitCode;

use clap::Parser;
use hamgate::cli::Cli;
use hamgate::model::ArtifactError;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  caused by: {cause}");
            }
            if let Some(hint) =
                error.chain().find_map(|cause| cause.downcast_ref::<ArtifactError>()).map(ArtifactError::hint)
            {
                eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}
