//! The `hamgate` program: reads the command line, does what it says, and tells what went wrong.

use std::process::ExitCode;

use clap::Parser as _;
use hamgate::cli::{self, Cli};

fn main() -> ExitCode {
    match cli::run(Cli::parse()) {
        Ok(code) => code,
        Err(failure) => {
            if !failure.is_broken_pipe() {
                eprintln!("{failure}");
            }
            failure.exit_code()
        }
    }
}
