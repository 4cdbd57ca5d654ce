//! Every refusal, in one form: `application/problem+json` (RFC 9457).
//!
//! A [`Problem`] says what is wrong, where (`field`, where one is to blame), and how to mend it. It never repeats what
//! was sent: an answer is shown in places where its sender is not the one who reads it, and logs are among them.
//!
//! Status, title and type follow from the [`Kind`] alone; this file is the only place that knows them.

use std::borrow::Cow;

use serde::Serialize;
use warp::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use warp::http::{Method, StatusCode};
use warp::reply::Response;

use crate::comment::CommentError;
use crate::http::endpoint::Endpoint;

/// What is wrong, as a word of a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The query or a header cannot be understood.
    BadRequest,
    /// The body is not JSON.
    NotJson,
    /// The body is not UTF-8.
    NotUtf8,
    /// The body broke off.
    Incomplete,
    /// Both `Content-Length` and `Transfer-Encoding`.
    AmbiguousLength,
    /// No key, or none that is valid.
    Unauthorized,
    /// A web page of another site asks, where no key is needed.
    OtherPage,
    /// JSON, but not a comment.
    NotAComment,
    /// JSON, but not what a person says of a comment.
    NotFeedback,
    /// No such path.
    NotFound,
    /// No such decision, or none of the caller's site.
    UnknownDecision,
    /// No correction is left to take back.
    NothingToUndo,
    /// The model that was to be read cannot be used.
    NotReplaced,
    /// Not that method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    Timeout,
    /// The body, a line or a batch is too long.
    TooLarge,
    /// Not that media type.
    UnsupportedMediaType,
    /// More requests with one key than it may send.
    TooManyRequests,
    /// More corrections with one key than it may send.
    TooManyCorrections,
    /// More batches at once with one key than it may send.
    TooManyBatches,
    /// Too many or too long headers.
    HeadersTooLarge,
    /// Ours: a fault in the program.
    Internal,
    /// The service keeps nothing.
    NoStore,
    /// Ours: too many connections or bytes, or no time left.
    Busy,
}

impl Kind {
    /// All kinds; the position is the `usize` of the variant.
    pub const ALL: [Kind; 24] = [
        Kind::BadRequest,
        Kind::NotJson,
        Kind::NotUtf8,
        Kind::Incomplete,
        Kind::AmbiguousLength,
        Kind::Unauthorized,
        Kind::OtherPage,
        Kind::NotAComment,
        Kind::NotFeedback,
        Kind::NotFound,
        Kind::UnknownDecision,
        Kind::NothingToUndo,
        Kind::NotReplaced,
        Kind::MethodNotAllowed,
        Kind::Timeout,
        Kind::TooLarge,
        Kind::UnsupportedMediaType,
        Kind::TooManyRequests,
        Kind::TooManyCorrections,
        Kind::TooManyBatches,
        Kind::HeadersTooLarge,
        Kind::Internal,
        Kind::NoStore,
        Kind::Busy,
    ];

    /// The word in `type` and in metrics.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// The status it is answered with.
    pub fn status(self) -> StatusCode {
        self.facts().1
    }

    /// The same sentence for every problem of this kind.
    pub fn title(self) -> &'static str {
        self.facts().2
    }

    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Kind::BadRequest => ("bad-request", StatusCode::BAD_REQUEST, "The request cannot be understood"),
            Kind::NotJson => ("not-json", StatusCode::BAD_REQUEST, "The body is not valid JSON"),
            Kind::NotUtf8 => ("not-utf8", StatusCode::BAD_REQUEST, "The body is not valid UTF-8"),
            Kind::Incomplete => ("incomplete", StatusCode::BAD_REQUEST, "The body is incomplete"),
            Kind::AmbiguousLength => {
                ("ambiguous-length", StatusCode::BAD_REQUEST, "The length of the body is given twice")
            }
            Kind::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "A key is needed"),
            Kind::OtherPage => ("other-page", StatusCode::FORBIDDEN, "A web page of another site may not ask"),
            Kind::NotAComment => ("not-a-comment", StatusCode::UNPROCESSABLE_ENTITY, "The body is not a comment"),
            Kind::NotFeedback => ("not-feedback", StatusCode::UNPROCESSABLE_ENTITY, "The body is not feedback"),
            Kind::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is nothing at this path"),
            Kind::UnknownDecision => ("unknown-decision", StatusCode::NOT_FOUND, "There is no such decision"),
            Kind::NothingToUndo => ("nothing-to-undo", StatusCode::CONFLICT, "There is nothing to take back"),
            Kind::NotReplaced => ("not-replaced", StatusCode::CONFLICT, "The model was not replaced"),
            Kind::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "This path does not take this method")
            }
            Kind::Timeout => ("timeout", StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time"),
            Kind::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too long"),
            Kind::UnsupportedMediaType => {
                ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "This media type is not understood")
            }
            Kind::TooManyRequests => ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Kind::TooManyCorrections => ("too-many-corrections", StatusCode::TOO_MANY_REQUESTS, "Too many corrections"),
            Kind::TooManyBatches => ("too-many-batches", StatusCode::TOO_MANY_REQUESTS, "Too many batches at once"),
            Kind::HeadersTooLarge => {
                ("headers-too-large", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large")
            }
            Kind::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The service made a mistake"),
            Kind::NoStore => ("no-store", StatusCode::SERVICE_UNAVAILABLE, "The service keeps nothing"),
            Kind::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE, "The service is busy"),
        }
    }
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    field: Option<String>,
    allow: Option<&'static str>,
    retry_after_seconds: Option<u64>,
}

/// The JSON of a [`Problem`].
#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    /// A problem with its explanation: what, where, and how to mend it.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        let retry_after_seconds = (kind == Kind::Busy).then_some(RETRY_AFTER_SECONDS);
        Problem { kind, detail: detail.into(), field: None, allow: None, retry_after_seconds }
    }

    /// What remains when no route took a request: there is no such path, or not that method, or the query or a header
    /// could not be read.
    pub fn unmatched(endpoint: Endpoint, method: &Method) -> Self {
        let Some(allow) = endpoint.allow() else {
            return Problem::new(Kind::NotFound, "there is no such path; GET /openapi.json lists those there are");
        };
        if !endpoint.takes(method) {
            let problem = Problem::new(Kind::MethodNotAllowed, format!("{} takes only {allow}", endpoint.name()));
            return Problem { allow: Some(allow), ..problem };
        }
        Problem::new(
            Kind::BadRequest,
            "the query or a header cannot be read; give each query parameter once, and only visible ASCII in headers",
        )
    }

    /// The same problem with the field at fault.
    #[must_use]
    pub fn with_field(self, field: impl Into<String>) -> Self {
        Problem { field: Some(field.into()), ..self }
    }

    /// The same problem with when to come back.
    #[must_use]
    pub fn with_retry_after(self, seconds: u64) -> Self {
        Problem { retry_after_seconds: Some(seconds), ..self }
    }

    /// A body longer than `limit` bytes.
    pub fn too_large(what: &str, limit: usize) -> Self {
        Problem::new(Kind::TooLarge, format!("{what} is longer than the limit of {limit} bytes; send less"))
    }

    /// A fault of our own. The cause is for the log, not for the caller.
    pub fn internal() -> Self {
        Problem::new(Kind::Internal, "the service failed on this request; the operator's log says where")
    }

    /// What kind of problem it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// As a JSON value, for an answer of its own or a line of a batch.
    pub fn to_json(&self) -> impl Serialize + '_ {
        Wire {
            r#type: format!("urn:hamgate:problem:{}", self.kind.name()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
        }
    }

    fn body(&self) -> Vec<u8> {
        // Strings and a number: there is nothing in it that could fail to become JSON.
        serde_json::to_vec(&self.to_json()).unwrap_or_default()
    }

    /// As a response.
    pub fn into_response(self) -> Response {
        let mut response = Response::new(self.body().into());
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"hamgate\""));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    /// As the bytes of a whole HTTP answer, for a connection that is refused before it becomes one. `more_headers` are
    /// whole lines.
    pub fn into_bytes(self, more_headers: &str) -> Vec<u8> {
        let body = self.body();
        let status = self.kind.status();
        let head = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {}\r\n\
             retry-after: {RETRY_AFTER_SECONDS}\r\n{more_headers}connection: close\r\n\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            body.len()
        );
        [head.into_bytes(), body].concat()
    }
}

const MEDIA_TYPE: &str = "application/problem+json";
/// Who meets a busy service may come back so soon.
const RETRY_AFTER_SECONDS: u64 = 1;

impl From<CommentError> for Problem {
    fn from(error: CommentError) -> Self {
        let kind = match &error {
            CommentError::NotUtf8 { .. } => Kind::NotUtf8,
            CommentError::NotJson { .. } => Kind::NotJson,
            CommentError::NotAnObject | CommentError::Field { .. } => Kind::NotAComment,
        };
        let problem = Problem::new(kind, error.to_string());
        match error.field_name() {
            Some(field) => problem.with_field(field),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_place_its_own_name_and_an_error_status() {
        let mut names = std::collections::HashSet::new();
        for (position, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position);
            assert!(names.insert(kind.name()));
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }

    #[test]
    fn a_comment_error_keeps_its_field_and_its_remedy() {
        let problem = Problem::from(crate::comment::Comment::from_json(br#"{"content":7}"#).unwrap_err());
        let json = serde_json::to_value(problem.to_json()).unwrap();
        assert_eq!(json["status"], 422);
        assert_eq!(json["field"], "content");
        assert_eq!(json["type"], "urn:hamgate:problem:not-a-comment");
        assert!(json["detail"].as_str().unwrap().contains("must be a string"));
    }

    #[test]
    fn a_refused_connection_gets_a_whole_answer() {
        let bytes = Problem::new(Kind::Busy, "come back").into_bytes("x-more: yes\r\n");
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(head.contains("\r\nx-more: yes\r\n"));
    }
}
