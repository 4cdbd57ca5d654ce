//! JSON Lines in the schema of [`Comment`], with a `label` or a `status`, as `hamgate export` writes them.

use std::collections::VecDeque;

use serde_json::Value;

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
    let row: Value = match serde_json::from_slice(json) {
        Ok(row) => row,
        Err(_) => return Err(Fault::Json(comment.err().unwrap_or(CommentError::NotAnObject))),
    };
    if row.get("label").is_some_and(Value::is_number) {
        return Err(Fault::LabelIsNumber);
    }
    let beside = |name: &str| row.get(name).and_then(Value::as_str);
    let comment = match comment {
        Ok(comment) => comment,
        Err(error) => {
            let is_blank =
                |content: &Value| content.is_null() || content.as_str().is_some_and(|text| text.trim().is_empty());
            return if error.field_name() == Some("content") && row.get("content").is_none_or(is_blank) {
                Ok(left_out(Why::Empty, beside("id").map(str::to_owned), Some(line)))
            } else {
                Err(Fault::Json(error))
            };
        }
    };
    if row.get("test").and_then(Value::as_bool) == Some(true) {
        return Ok(left_out(Why::OtherKind, comment.id, Some(line)));
    }
    let at = row.get("at").and_then(Value::as_i64);
    let draft = Draft {
        at: at.or_else(|| seconds(beside("at").or(comment.date.as_deref())?)),
        comment,
        status: match beside("label") {
            Some(label) => Status::of_label(label)?,
            None => beside("status").and_then(Status::of),
        },
        comment_type: beside("comment_type").map(str::to_owned),
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
