//! What is logged, caught before it reaches stderr.

use std::io;
use std::sync::{Arc, Mutex};

use hamgate::telemetry::{LogFormat, LogLevel, subscriber};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// Catches every line that this thread logs, at every level, from its making on.
pub struct Log {
    lines: Kept,
    _guard: DefaultGuard,
    // With one subscriber alone, `tracing` takes a place that another thread comes by first, where there is none, for one
    // that nobody wants to hear of.
    _second: Dispatch,
}

impl Log {
    pub fn catch(format: LogFormat) -> Self {
        let second = Dispatch::new(subscriber(format, LogLevel::Trace, io::sink));
        let lines = Kept::default();
        let guard = tracing::subscriber::set_default(subscriber(format, LogLevel::Trace, lines.clone()));
        Log { lines, _guard: guard, _second: second }
    }

    pub fn lines(self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}

/// Log lines, kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Kept;

    fn make_writer(&self) -> Kept {
        self.clone()
    }
}
