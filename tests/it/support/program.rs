//! The real program, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::workshop::hamgate;

/// `hamgate serve` on a port of its own. Dropping it is `kill -9`, without a word of warning.
pub struct Program {
    process: Child,
    origin: String,
}

impl Program {
    /// Starts it on a store, and returns when it listens.
    pub fn start(store: &str) -> Self {
        let mut command = std::process::Command::new(hamgate().get_program());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HAMGATE_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--store", store]);
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let origin = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the program does not listen: {said}")).unwrap();
            if let Some((_, origin)) = line.split_once(" on http://") {
                break format!("http://{origin}");
            }
            said = said + &line + "\n";
        };
        // Somebody must read what it says, or it waits for that.
        std::thread::spawn(move || lines.for_each(drop));
        Program { process, origin }
    }

    /// Where it listens, such as `http://127.0.0.1:1234`.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
