//! What the service tells its operator: log lines on stderr.
//!
//! Nothing that a stranger typed reaches a log, at any level: no comment, name, address, user agent, path, query or
//! header. Two rules keep that true. Our own lines carry only values from closed sets (a method, a route, a status, a
//! verdict, a model id) or numbers. And only our own lines are written: the libraries below us log paths and queries at
//! their lower levels, so their targets are switched off altogether.
//!
//! A panic is reported by its place alone, because its message may quote the text that caused it.

use std::io::IsTerminal as _;

use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// Least severe line that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what needs a person.
    Error,
    /// And what may need one.
    Warn,
    /// And start, stop and changes of state.
    Info,
    /// And a line per request.
    Debug,
    /// And every connection.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

/// Where log lines go; tests hand in a buffer.
pub trait Writer: for<'a> MakeWriter<'a> + Send + Sync + 'static {}

impl<W: for<'a> MakeWriter<'a> + Send + Sync + 'static> Writer for W {}

/// Writes log lines to stderr from here on, and panics by their place alone.
///
/// # Errors
/// When the process has a subscriber already.
pub fn init(format: LogFormat, level: LogLevel) -> Result<(), TryInitError> {
    subscriber(format, level, std::io::stderr).try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(place, "A task panicked; please report this");
    }));
    Ok(())
}

/// The subscriber behind [`init`], for any writer.
pub fn subscriber(
    format: LogFormat,
    level: LogLevel,
    writer: impl Writer,
) -> Box<dyn tracing::Subscriber + Send + Sync> {
    let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::from(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry().with(ours);
    match format {
        LogFormat::Text => Box::new(registry.with(lines)),
        LogFormat::Json => Box::new(registry.with(lines.json().flatten_event(true))),
    }
}
