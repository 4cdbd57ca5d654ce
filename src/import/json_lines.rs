//! JSON Lines in the schema of [`Comment`], with a `label` or a `status`, as `hamgate export` writes them.

use std::collections::{HashMap, VecDeque};

use serde_json::value::RawValue;

use super::error::Blame;
use super::stream::{Place, Stream, blame_of};
use super::{Draft, Entry, Fault, Reader, Status, Why, left_out, seconds};
use crate::comment::{Comment, CommentError};
use crate::corpus::{Batch, LineReader};

/// A file of JSON Lines.
pub struct JsonLines {
    lines: LineReader<Stream>,
    batch: Batch,
    /// What the lines of the batch say.
    entries: VecDeque<Result<Entry, Blame>>,
}

impl JsonLines {
    /// Reads from the beginning.
    pub fn new(stream: Stream) -> Self {
        let lines = LineReader::new(stream.without_pieces());
        JsonLines { lines, batch: Batch::default(), entries: VecDeque::new() }
    }
}

fn entry(line: u64, json: &[u8]) -> Result<Entry, Fault> {
    let comment = Comment::from_json(json);
    // What the comment needs is text or nothing; what stands beside it may be anything, and then says nothing.
    let row: HashMap<String, &RawValue> = match serde_json::from_slice(json) {
        Ok(row) => row,
        Err(_) => return Err(Fault::Json(comment.err().unwrap_or(CommentError::NotAnObject))),
    };
    let raw = |name: &str| row.get(name).map(|value| value.get());
    if raw("label").is_some_and(|label| label.starts_with(|c: char| c == '-' || c.is_ascii_digit())) {
        return Err(Fault::LabelIsNumber);
    }
    let beside = |name: &str| raw(name).and_then(|value| serde_json::from_str::<String>(value).ok());
    let comment = match comment {
        Ok(comment) => comment,
        Err(error) => {
            let is_blank = raw("content").is_none_or(|content| content == "null")
                || beside("content").is_some_and(|text| text.trim().is_empty());
            return if error.field_name() == Some("content") && is_blank {
                Ok(left_out(Why::Empty, beside("id"), Some(line)))
            } else {
                Err(Fault::Json(error))
            };
        }
    };
    if raw("test") == Some("true") {
        return Ok(left_out(Why::OtherKind, comment.id, Some(line)));
    }
    let at = raw("at").and_then(|at| at.parse().ok());
    let draft = Draft {
        at: at.or_else(|| seconds(beside("at").as_ref().or(comment.date.as_ref())?)),
        comment,
        status: match beside("label") {
            Some(label) => Status::of_label(&label)?,
            None => beside("status").and_then(|status| Status::of(&status)),
        },
        comment_type: beside("comment_type"),
        site: beside("site").and_then(|site| site.parse().ok()),
        line: Some(line),
        any_kind: true,
    };
    Ok(draft.finish())
}

impl Reader for JsonLines {
    fn next(&mut self) -> Result<Option<Entry>, Blame> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return entry.map(Some);
            }
            if let Some(failure) = self.batch.failure() {
                return Err(blame_of(failure));
            }
            if !self.lines.fill(&mut self.batch) {
                return Ok(None);
            }
            let blame = |line, fault| Blame { place: Some(Place { line, byte: None }), fault };
            self.entries.extend(self.batch.lines().map(|(line, text)| match text {
                Ok(json) => entry(line, json).map_err(|fault| blame(line, fault)),
                Err(_) => Ok(left_out(Why::TooLong, None, Some(line))),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_a_comment_may_be_anything() {
        let nested = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for other in ["1e999", r#""half a smile \ud83d""#, &nested, "{}", "null"] {
            let json = format!(r#"{{"content":"x","label":"ham","rating":{other},"topic":{other}}}"#);
            assert!(matches!(entry(1, json.as_bytes()), Ok(Entry::Comment(_))), "{other}");
        }
    }
}
