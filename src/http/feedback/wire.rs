//! What a body says: which comment, and what it is.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::comment::{Comment, CommentError, Label};
use crate::http::problem::{Kind, Problem};
use crate::verdict::DecisionId;

/// What a person says of a comment.
#[derive(Debug, PartialEq, Eq)]
pub struct Feedback {
    /// Which comment.
    pub subject: Subject,
    /// What it is.
    pub label: Label,
}

/// Which comment is meant.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is made once and passed on once")]
pub enum Subject {
    /// The one of this decision.
    Decision(DecisionId),
    /// This one.
    Comment(Comment),
}

/// The fields, each as it was written; `null` is absent.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    decision: Option<&'a RawValue>,
    #[serde(borrow)]
    comment: Option<&'a RawValue>,
    #[serde(borrow)]
    label: Option<&'a RawValue>,
}

impl Feedback {
    /// Reads one JSON object. Unknown fields are ignored.
    ///
    /// # Errors
    /// Not UTF-8, not JSON, a `label` that is none, not exactly one of `decision` and `comment`, or one that is none.
    pub fn from_json(json: &[u8]) -> Result<Self, Problem> {
        let wire = Wire::parse(json)?;
        let label = wire.label.ok_or_else(|| wrong("label", "is missing; it must be \"ham\" or \"spam\""))?;
        let label = text(label).and_then(|text| text.parse().ok());
        let label = label.ok_or_else(|| wrong("label", "must be \"ham\" or \"spam\""))?;
        let subject = match (wire.decision, wire.comment) {
            (Some(decision), None) => Subject::Decision(decision_id(decision)?),
            (None, Some(comment)) => Subject::Comment(read_comment(comment)?),
            (Some(_), Some(_)) => {
                let detail = "send either `decision` or `comment`, not both";
                return Err(Problem::new(Kind::NotFeedback, detail));
            }
            (None, None) => {
                let detail =
                    "send `decision`, as the answer of /v1/check names it, or else `comment`, as it was checked";
                return Err(Problem::new(Kind::NotFeedback, detail));
            }
        };
        Ok(Feedback { subject, label })
    }
}

/// Reads the decision whose last correction is taken back.
///
/// # Errors
/// Not UTF-8, not JSON, or no `decision`.
pub fn undo_from_json(json: &[u8]) -> Result<DecisionId, Problem> {
    let wire = Wire::parse(json)?;
    let decision =
        wire.decision.ok_or_else(|| wrong("decision", "is missing; it names the decision, as /v1/check did"))?;
    decision_id(decision)
}

impl<'a> Wire<'a> {
    fn parse(json: &'a [u8]) -> Result<Self, Problem> {
        let json = std::str::from_utf8(json).map_err(|e| CommentError::NotUtf8 { offset: e.valid_up_to() })?;
        let error = match serde_json::from_str(json) {
            // serde would also take an array of the fields in their order.
            Ok(wire) if json.trim_start().starts_with('{') => return Ok(wire),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        Err(match error {
            Some(error) if error.is_data() && json.trim_start().starts_with('{') => {
                Problem::new(Kind::NotFeedback, "a field stands twice; send it once")
            }
            Some(error) if !error.is_data() => {
                let why = if error.is_eof() { "it ends too early" } else { "it breaks the rules of JSON" };
                CommentError::NotJson { line: error.line(), column: error.column(), why }.into()
            }
            _ => Problem::new(
                Kind::NotFeedback,
                "feedback must be a JSON object such as {\"decision\": \"…\", \"label\": \"ham\"}",
            ),
        })
    }
}

/// A JSON string, decoded.
fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn decision_id(raw: &RawValue) -> Result<DecisionId, Problem> {
    let id = text(raw).and_then(|text| text.parse().ok());
    id.ok_or_else(|| wrong("decision", "must be the 32 hexadecimal digits by which /v1/check named the decision"))
}

fn read_comment(raw: &RawValue) -> Result<Comment, Problem> {
    Comment::from_json(raw.get().as_bytes()).map_err(|error| {
        let field = error.field_name().map_or("comment".to_owned(), |field| format!("comment.{field}"));
        Problem::new(Kind::NotAComment, format!("`comment` is no comment: {error}")).with_field(field)
    })
}

fn wrong(field: &str, why: &str) -> Problem {
    Problem::new(Kind::NotFeedback, format!("field `{field}` {why}")).with_field(field)
}
