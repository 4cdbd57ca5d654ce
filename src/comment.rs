//! What a comment is: one schema for JSON Lines files, HTTP bodies and the command line.
//!
//! A comment is what a reader typed into a form, with what the blog knows about the post.
//! Parsing either yields a [`Comment`] or a [`CommentError`] that names the field and what to do;
//! unknown fields are ignored, so a blog may send its whole record.
//!
//! Two fields are accepted and never kept: of `author_email` only the domain survives
//! parsing, and `ip` and `user_agent` are checked for their type and dropped. What was never kept
//! cannot leak into a log, a model or a store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A blog comment, as sent by a blog or read from a corpus.
///
/// `content` is never empty; every other field is absent when the sender left it out, sent
/// `null` or sent an empty string, because blogs do not agree on which of the three means "none".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comment {
    /// The text, as typed: may hold HTML, BBCode, any Unicode.
    pub content: String,
    /// The caller's own name for the comment; returned with the verdict, never a feature.
    pub id: Option<String>,
    /// Display name of the commenter.
    pub author: Option<String>,
    /// The part of the commenter's address behind the `@`, lower-cased.
    pub email_domain: Option<String>,
    /// The website the commenter gave.
    pub author_url: Option<String>,
    /// Title of the post commented on.
    pub post_title: Option<String>,
    /// Beginning of the post commented on.
    pub post_excerpt: Option<String>,
    /// Address of the post commented on.
    pub post_url: Option<String>,
    /// Language of the comment or blog as the caller believes it to be (`de`, `en-GB`).
    pub lang: Option<String>,
    /// When it was written, as the caller writes dates. Never a feature.
    pub date: Option<String>,
}

/// What a person said a comment is. What the machine says is a [`crate::verdict::Verdict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// A real reader's comment, however rude or short.
    Ham,
    /// Unwanted promotion, fraud or noise.
    Spam,
}

impl Label {
    /// Both labels, ham first.
    pub const ALL: [Label; 2] = [Label::Ham, Label::Spam];

    /// The word used in JSON, files, metrics and the store.
    pub fn name(self) -> &'static str {
        match self {
            Label::Ham => "ham",
            Label::Spam => "spam",
        }
    }

    /// 0 for ham, 1 for spam: the row of a two-class table.
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Label {
    type Err = CommentError;

    fn from_str(text: &str) -> Result<Self, CommentError> {
        match text {
            "ham" => Ok(Label::Ham),
            "spam" => Ok(Label::Spam),
            _ => Err(CommentError::field("label", "must be \"spam\" or \"ham\"")),
        }
    }
}

/// A comment with what a person said of it, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledComment {
    /// The comment itself.
    pub comment: Comment,
    /// Spam or ham, as a person said.
    pub label: Label,
    /// Name of the collection the row belongs to; figures are reported per source. `unknown` when absent.
    pub source: String,
    /// Rows of one family (a campaign, a template, a thread) must never stand on both sides of a
    /// split. Bookkeeping, never a feature.
    pub family: Option<String>,
    /// The part the row's publisher gave it: `test` rows are never trained on.
    pub split: Option<String>,
    /// What the row is about or what kind it is (`topic`, or else `kind`), for tables. Bookkeeping, never a feature.
    pub topic: Option<String>,
}

/// Why a text is not a comment. `Display` is a whole sentence for the person who sent it and
/// never repeats what they sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommentError {
    /// The bytes are not UTF-8.
    #[error("the text is not valid UTF-8 (first bad byte at offset {offset}); send UTF-8")]
    NotUtf8 {
        /// Offset in bytes of the first invalid byte.
        offset: usize,
    },
    /// The text is not JSON at all.
    #[error("not valid JSON at line {line}, column {column}: {why}; send one JSON object")]
    NotJson {
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        column: usize,
        /// The parser's reason, without any of the text.
        why: &'static str,
    },
    /// JSON, but not an object.
    #[error("a comment must be a JSON object such as {{\"content\": \"…\"}}")]
    NotAnObject,
    /// A field is missing, empty, repeated or has the wrong type.
    #[error("field `{field}` {why}")]
    Field {
        /// Name of the field.
        field: String,
        /// What is wrong with it and how to mend it.
        why: String,
    },
}

impl CommentError {
    fn field(field: &str, why: &str) -> Self {
        CommentError::Field { field: field.to_owned(), why: why.to_owned() }
    }

    /// The field at fault, when there is one.
    pub fn field_name(&self) -> Option<&str> {
        match self {
            CommentError::Field { field, .. } => Some(field),
            _ => None,
        }
    }
}

/// The wire form: every name of the schema in one place.
#[derive(Deserialize)]
struct Wire {
    content: Option<String>,
    id: Option<String>,
    author: Option<String>,
    author_email: Option<String>,
    email_domain: Option<String>,
    author_url: Option<String>,
    post_title: Option<String>,
    post_excerpt: Option<String>,
    post_url: Option<String>,
    lang: Option<String>,
    date: Option<String>,
    // Checked for their type, never kept.
    #[serde(rename = "ip")]
    _ip: Option<String>,
    #[serde(rename = "user_agent")]
    _user_agent: Option<String>,
    // Labelled rows only.
    label: Option<String>,
    source: Option<String>,
    family: Option<String>,
    split: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    topic: Option<String>,
    #[serde(default, deserialize_with = "text_or_nothing")]
    kind: Option<String>,
}

/// A blog may send fields of these names that mean something else to it, so what is no text is no mistake.
fn text_or_nothing<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    // Looked at as it stands: to read a number may fail, and so may to go down into lists of lists.
    let field = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(field.get()).unwrap_or_default())
}

impl Comment {
    /// Makes a comment of nothing but a text.
    ///
    /// # Errors
    /// When `content` is empty or only white space.
    pub fn from_text(content: impl Into<String>) -> Result<Self, CommentError> {
        let comment = Comment { content: content.into(), ..Comment::default() };
        comment.require_content()?;
        Ok(comment)
    }

    /// Reads one JSON object.
    ///
    /// # Errors
    /// Not UTF-8, not JSON, a field of the wrong type, or a missing or empty `content`.
    pub fn from_json(json: &[u8]) -> Result<Self, CommentError> {
        Wire::parse(json)?.into_comment()
    }

    fn require_content(&self) -> Result<(), CommentError> {
        if self.content.trim().is_empty() {
            return Err(CommentError::field("content", "is empty; it must hold the comment's text"));
        }
        Ok(())
    }
}

impl LabelledComment {
    /// Reads one row of a corpus: a comment with `label`, and perhaps `source`, `family`, `split`, `topic` or `kind`.
    ///
    /// # Errors
    /// As [`Comment::from_json`], or a `label` that is neither `spam` nor `ham`.
    pub fn from_json(json: &[u8]) -> Result<Self, CommentError> {
        let mut wire = Wire::parse(json)?;
        let label = wire
            .label
            .take()
            .ok_or_else(|| CommentError::field("label", "is missing; a row to learn from says \"spam\" or \"ham\""))?
            .parse()?;
        let source = present(wire.source.take()).unwrap_or_else(|| "unknown".to_owned());
        let family = present(wire.family.take());
        let split = present(wire.split.take());
        let topic = present(wire.topic.take()).or(present(wire.kind.take()));
        Ok(LabelledComment { comment: wire.into_comment()?, label, source, family, split, topic })
    }

    /// The comment's language for tables: the given tag without region, or `und`.
    pub fn lang(&self) -> &str {
        let tag = self.comment.lang.as_deref().unwrap_or("und");
        tag.split(['-', '_']).next().unwrap_or(tag)
    }
}

impl Wire {
    fn parse(json: &[u8]) -> Result<Self, CommentError> {
        let text = std::str::from_utf8(json).map_err(|e| CommentError::NotUtf8 { offset: e.valid_up_to() })?;
        // serde would also take an array of the fields in their order.
        if !text.trim_start().starts_with('{') {
            return Err(Self::diagnose(text));
        }
        serde_json::from_str(text).map_err(|_| Self::diagnose(text))
    }

    /// Parses again, slowly, to learn which field was at fault. Only failing input pays for it.
    #[cold]
    fn diagnose(text: &str) -> CommentError {
        let not_json = |error: &serde_json::Error| {
            let why = if error.is_eof() { "it ends too early" } else { "it breaks the rules of JSON" };
            CommentError::NotJson { line: error.line(), column: error.column(), why }
        };
        if !text.trim_start().starts_with('{') {
            let read = serde_json::from_str::<serde::de::IgnoredAny>(text);
            return read.map_or_else(|error| not_json(&error), |_| CommentError::NotAnObject);
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        let tracked: Result<Wire, _> = serde_path_to_error::deserialize(&mut parser);
        let Err(tracked) = tracked else {
            // The object itself is fine, so something follows it.
            let at = parser.end().err();
            return CommentError::NotJson {
                line: at.as_ref().map_or(1, serde_json::Error::line),
                column: at.as_ref().map_or(1, serde_json::Error::column),
                why: "something follows the object",
            };
        };
        let (path, error) = (tracked.path().to_string(), tracked.into_inner());
        if !error.is_data() {
            return not_json(&error);
        }
        if path == "." {
            let duplicate = error.to_string().strip_prefix("duplicate field `").and_then(|rest| {
                rest.split('`').next().map(|field| CommentError::field(field, "stands twice; send it once"))
            });
            return duplicate.unwrap_or(CommentError::NotAnObject);
        }
        CommentError::field(&path, "must be a string or null")
    }

    fn into_comment(self) -> Result<Comment, CommentError> {
        let content = self
            .content
            .ok_or_else(|| CommentError::field("content", "is missing; it must hold the comment's text"))?;
        let given = present(self.email_domain).map(|domain| domain_of(&domain));
        let email_domain = given.or_else(|| email_domain(&self.author_email?));
        let comment = Comment {
            content,
            id: self.id,
            author: present(self.author),
            email_domain: email_domain.filter(|domain| !domain.is_empty()),
            author_url: present(self.author_url),
            post_title: present(self.post_title),
            post_excerpt: present(self.post_excerpt),
            post_url: present(self.post_url),
            lang: present(self.lang),
            date: present(self.date),
        };
        comment.require_content()?;
        Ok(comment)
    }
}

/// `None` for a field that holds nothing but white space.
fn present(field: Option<String>) -> Option<String> {
    field.filter(|text| !text.trim().is_empty())
}

/// Of an e-mail address the part that is kept: what stands behind its last `@`, lower-cased.
///
/// Without an `@`, a text in the place of an address may be the very part that must not be kept, and nothing is.
pub fn email_domain(address: &str) -> Option<String> {
    address.contains('@').then(|| domain_of(address)).filter(|domain| !domain.is_empty())
}

/// What stands behind the last `@`, lower-cased; the whole text when there is none. For fields that hold a domain, and into which somebody may
/// have put an address.
pub fn domain_of(address: &str) -> String {
    address.rsplit('@').next().unwrap_or_default().trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_domain_of_an_email_address_is_kept() {
        let comment =
            Comment::from_json(br#"{"content":"hi","author_email":"Jo.Doe@Example.ORG","ip":"192.0.2.1"}"#).unwrap();
        assert_eq!(comment.email_domain.as_deref(), Some("example.org"));
        assert!(!format!("{comment:?}").contains("Doe"));
        assert!(!format!("{comment:?}").contains("192.0.2.1"));
    }

    #[test]
    fn each_way_to_be_wrong_names_the_field_and_the_remedy() {
        let table: &[(&str, &str)] = &[
            ("{}", "field `content` is missing"),
            (r#"{"content":" \n"}"#, "field `content` is empty"),
            (r#"{"content":null}"#, "field `content` is missing"),
            (r#"{"content":7}"#, "field `content` must be a string"),
            (r#"{"content":"x","author":["y"]}"#, "field `author` must be a string or null"),
            (r#"{"content":"x","content":"y"}"#, "field `content` stands twice"),
            (r#""x""#, "must be a JSON object"),
            (
                r#"["x",null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null]"#,
                "must be a JSON object",
            ),
            (r#"{"content":"x""#, "ends too early"),
            (r#"{"content":"x"} y"#, "something follows"),
            ("hello", "not valid JSON at line 1"),
            (r#"["x",8ull]"#, "breaks the rules of JSON"),
        ];
        for (json, expected) in table {
            let message = Comment::from_json(json.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(expected), "{json} gave: {message}");
        }
        assert_eq!(Comment::from_json(b"{\"content\":\"\xff\"}"), Err(CommentError::NotUtf8 { offset: 12 }));
    }

    #[test]
    fn unknown_fields_are_ignored_and_null_means_absent() {
        let comment = Comment::from_json(br#"{"content":"x","author":null,"wp_nonce":[1,{}]}"#).unwrap();
        assert_eq!(comment, Comment::from_text("x").unwrap());
    }

    #[test]
    fn the_topic_of_a_row_is_its_topic_or_its_kind_and_never_a_reason_to_refuse_it() {
        let table: &[(&str, Option<&str>)] = &[
            (r#""topic":"garden","kind":"comment""#, Some("garden")),
            (r#""topic":null,"kind":"comment""#, Some("comment")),
            (r#""topic":7,"kind":{"a":[1]}"#, None),
            (r#""topic":1e999,"kind":"\ud800""#, None),
            (&format!(r#""topic":{}{}"#, "[".repeat(200), "]".repeat(200)), None),
            (r#""id":"1""#, None),
        ];
        for (fields, topic) in table {
            let row = LabelledComment::from_json(format!(r#"{{"content":"x","label":"ham",{fields}}}"#).as_bytes());
            assert_eq!(row.unwrap().topic.as_deref(), *topic, "{fields}");
        }
    }

    #[test]
    fn a_row_needs_a_label_of_the_two() {
        let row = LabelledComment::from_json(br#"{"content":"x","label":"ham","lang":"de-AT","source":"s"}"#).unwrap();
        assert_eq!((row.label, row.lang(), row.source.as_str()), (Label::Ham, "de", "s"));
        for bad in [r#"{"content":"x"}"#, r#"{"content":"x","label":"Spam"}"#] {
            assert_eq!(LabelledComment::from_json(bad.as_bytes()).unwrap_err().field_name(), Some("label"));
        }
    }
}
