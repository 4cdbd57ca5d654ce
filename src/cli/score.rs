//! `hamgate score`: comments in, answers out, in the same order, as they come.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;
use serde::Serialize;

use crate::answer::Answer;
use crate::comment::Comment;
use crate::corpus::{Batch, LineError, LineReader, available_threads, decompressed, in_order};
use crate::model::Classifier;

use super::values::LanguageArg;
use super::{model, output};

/// Judge comments: JSON Lines in, one answer a line out.
///
/// Reads comments from files or standard input, one JSON object a line (only `content` is required), and prints for each, in the
/// same order, a JSON object with `id`, `verdict` ("approve" or "hold"), `queue` (of a hold: "review" or "spam"), `spam_probability`
/// and `model`; with --explain also `summary` and `reasons`. Answers appear as comments arrive; blank lines are passed over.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ScoreArgs {
    /// The model file; the model embedded in the program if not given.
    #[arg(long, value_name = "MODEL", env = model::ENVIRONMENT_VARIABLE)]
    model: Option<PathBuf>,

    /// Say why, in words.
    #[arg(long)]
    explain: bool,

    /// Language of the reasons.
    #[arg(long, value_enum, default_value_t, requires = "explain")]
    language: LanguageArg,

    /// Judge this text, and read nothing.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["files", "skip_bad"])]
    text: Option<String>,

    /// Answer a line that cannot be read by {"error": …, "line": …} and go on, instead of stopping there.
    #[arg(long)]
    skip_bad: bool,

    /// Files of JSON Lines, plain or gzip; standard input if none is given.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  hamgate score --explain --text 'Best online casino bonus, buy cheap viagra: http://win.example'
  hamgate score comments.jsonl > answers.jsonl
  zcat export.jsonl.gz | hamgate score --skip-bad --model my.hamgate | jq -r 'select(.verdict == \"hold\") | .id'

Exit codes: 0 everything is answered, or the reader of the answers has gone; 1 a line, file or model cannot be read, and
standard error says which; 2 the options make no sense.";

/// What stands in place of the answer to a line that cannot be read.
#[derive(Debug, Serialize)]
struct Refusal {
    error: String,
    line: u64,
}

/// Answers of one batch of lines, with what went wrong.
struct Answers {
    json_lines: Vec<u8>,
    bad: Vec<(u64, LineError)>,
}

impl ScoreArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// When the model or a file cannot be read, or a line is not a comment and bad lines are not skipped.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let classifier = model::read(self.model.as_deref())?;
        if let Some(text) = &self.text {
            let comment = Comment::from_text(text).context("cannot judge the text given by --text")?;
            let mut line = Vec::new();
            write_line(&mut line, &self.answer(&classifier, &comment));
            output::ignore_broken_pipe(io::stdout().write_all(&line))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut skipped = 0;
        for (name, stream) in self.streams()? {
            let end = self.answer_all(&classifier, &name, decompressed_or_named(stream, &name)?, &mut skipped);
            match end {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(Ok(())) => break,
                ControlFlow::Break(Err(error)) => return Err(error),
            }
        }
        if skipped > 0 {
            eprintln!("answered {skipped} unreadable {} by an error", if skipped == 1 { "line" } else { "lines" });
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What to read, with its name for messages. All files are opened before the first is answered, so that a wrong name does
    /// not cut a long run in half.
    fn streams(&self) -> anyhow::Result<Vec<(String, Box<dyn Read + Send>)>> {
        if self.files.is_empty() {
            if io::stdin().is_terminal() {
                eprintln!("reading comments, one JSON object a line; Ctrl-D ends");
            }
            return Ok(vec![("standard input".to_owned(), Box::new(io::stdin()))]);
        }
        self.files.iter().map(|path| Ok((path.display().to_string(), open(path)?))).collect()
    }

    fn answer(&self, classifier: &Classifier, comment: &Comment) -> Answer {
        if self.explain {
            Answer::explained(classifier, comment, self.language.into())
        } else {
            Answer::verdict(classifier, comment)
        }
    }

    /// Breaks with `Ok` when the reader of the answers has gone.
    fn answer_all(
        &self,
        classifier: &Classifier,
        name: &str,
        stream: Box<dyn Read + Send>,
        skipped: &mut u64,
    ) -> ControlFlow<anyhow::Result<()>> {
        let mut lines = LineReader::new(stream);
        let mut stdout = io::stdout().lock();
        in_order(
            available_threads(),
            |batch: &mut Batch| lines.fill(batch),
            |batch| self.answer_batch(classifier, batch),
            |batch, answers| {
                let written = stdout.write_all(&answers.json_lines).and_then(|()| stdout.flush());
                match output::ignore_broken_pipe(written) {
                    Ok(true) => {}
                    Ok(false) => return ControlFlow::Break(Ok(())),
                    Err(error) => return ControlFlow::Break(Err(error)),
                }
                for (line, error) in answers.bad {
                    let message = format!("{name}:{line}: {error}");
                    if !self.skip_bad {
                        return ControlFlow::Break(Err(anyhow!(message)));
                    }
                    *skipped += 1;
                    eprintln!("{message}");
                }
                match batch.failure() {
                    Some(failure) => {
                        ControlFlow::Break(Err(anyhow!("{failure}").context(format!("cannot read {name}"))))
                    }
                    None => ControlFlow::Continue(()),
                }
            },
        )
    }

    fn answer_batch(&self, classifier: &Classifier, batch: &Batch) -> Answers {
        let mut answers = Answers { json_lines: Vec::new(), bad: Vec::new() };
        for (line, text) in batch.lines() {
            match text.map_err(LineError::from).and_then(|json| Ok(Comment::from_json(json)?)) {
                Ok(comment) => write_line(&mut answers.json_lines, &self.answer(classifier, &comment)),
                Err(error) => {
                    if self.skip_bad {
                        write_line(&mut answers.json_lines, &Refusal { error: error.to_string(), line });
                    }
                    answers.bad.push((line, error));
                    if !self.skip_bad {
                        break;
                    }
                }
            }
        }
        answers
    }
}

fn open(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    let file = File::open(path).with_context(|| {
        format!(
            "cannot read comments from `{}`; name a file of JSON Lines, or none to read standard input",
            path.display()
        )
    })?;
    Ok(Box::new(file))
}

fn decompressed_or_named(stream: Box<dyn Read + Send>, name: &str) -> anyhow::Result<Box<dyn Read + Send>> {
    decompressed(stream).with_context(|| format!("cannot read {name}"))
}

fn write_line(json_lines: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(&mut *json_lines, value)
        .expect("numbers and texts always have a JSON form, and memory takes them");
    json_lines.push(b'\n');
}
