//! Answers as Akismet's clients compare them: byte by byte, most of them without looking at the status.
//!
//! Never sent: `X-akismet-pro-tip: discard`, at which WordPress drops a comment without a trace, and the
//! `X-akismet-alert-*` headers, which WordPress shows its administrators as account trouble. `X-akismet-debug-help` goes
//! with errors only, because @cedx/akismet takes every answer that has it for one.

use serde::Serialize;
use warp::http::StatusCode;
use warp::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use warp::reply::Response;

use crate::http::access::Denied;
use crate::http::content;
use crate::http::problem::Kind;
use crate::http::rate::Over;
use crate::verdict::DecisionId;

/// Names an answer to comment-check. Without it WordPress throws the answer away and publishes.
pub const GUID: HeaderName = HeaderName::from_static("x-akismet-guid");
/// Makes WordPress and Discourse hold a comment, whatever the body says.
pub const ERROR: HeaderName = HeaderName::from_static("x-akismet-error");
const DEBUG_HELP: HeaderName = HeaderName::from_static("x-akismet-debug-help");

/// What both submits are thanked with, once what they said is safe on the disk.
pub const THANKS: &str = "Thanks for making the web a better place.";

/// A 200 with a line of text that has no line end.
pub fn text(body: &'static str) -> Response {
    content("text/plain; charset=utf-8", body.into())
}

/// A 200 with JSON.
pub fn json(value: &impl Serialize) -> Response {
    // Maps with text keys, text and numbers: there is nothing in them that could fail to become JSON.
    content("application/json", serde_json::to_vec(value).unwrap_or_default())
}

/// Names the answer to a comment-check that has no name yet because nothing was decided: no key, no room, no time.
/// WordPress holds such a comment and asks again in twenty minutes.
pub fn mark_undecided(headers: &mut HeaderMap) {
    if !headers.contains_key(GUID) {
        headers.insert(GUID, guid(&DecisionId::random()));
        headers.insert(ERROR, HeaderValue::from_static("undecided"));
    }
}

/// The same for an answer that is written without its request being read.
pub fn undecided_lines() -> String {
    format!("{GUID}: {}\r\n{ERROR}: undecided\r\n", DecisionId::random())
}

/// A decision's name as a header.
pub fn guid(id: &DecisionId) -> HeaderValue {
    HeaderValue::try_from(id.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// What is answered in place of a verdict or of thanks, in Akismet's words where it has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no key, or not this one.
    Key,
    /// No `blog`.
    NoBlog,
    /// A `blog` that is no address.
    BadBlog,
    /// No `user_ip`.
    NoUserIp,
    /// A submit without a text.
    NoContent,
    /// A web page of another site asks, where no key is needed.
    OtherPage,
    /// Too many requests or corrections.
    TooOften(Over),
    /// A submit to a service without a store.
    NoStore,
    /// The store does not answer, or says no.
    StoreFails,
    /// A question for figures to a service without a store.
    NoFigures,
    /// The store cannot be read.
    FiguresFail,
    /// A month that is none.
    BadMonth,
}

impl Refusal {
    /// What it is counted as.
    pub fn kind(self) -> Kind {
        match self {
            Refusal::Key => Kind::Unauthorized,
            Refusal::OtherPage => Kind::OtherPage,
            Refusal::TooOften(over) => over.kind,
            Refusal::NoStore | Refusal::NoFigures => Kind::NoStore,
            Refusal::StoreFails | Refusal::FiguresFail => Kind::Busy,
            _ => Kind::BadRequest,
        }
    }

    /// Status, body, and help for the person who looks into it.
    fn facts(self) -> (StatusCode, &'static str, &'static str) {
        let ok = StatusCode::OK;
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match self {
            Refusal::Key => (
                ok,
                "invalid",
                "The key is missing or not valid here; on the server, `hamgate key list` shows the keys",
            ),
            Refusal::NoBlog => (ok, "Missing required field: blog", "Empty \"blog\" value"),
            Refusal::BadBlog => (ok, "invalid", "We were unable to parse your blog URI"),
            Refusal::NoUserIp => (ok, "Missing required field: user_ip.", "Empty \"user_ip\" value"),
            Refusal::NoContent => {
                (ok, "Missing required field: comment_content.", "There is nothing to learn from an empty text")
            }
            Refusal::BadMonth => (ok, "invalid", "Write `month` as year and number, such as 2026-11"),
            Refusal::OtherPage => (
                StatusCode::FORBIDDEN,
                "Refused: a web page of another site may not ask without a key",
                "Ask from a server, or make a key with `hamgate key add SITE`",
            ),
            Refusal::TooOften(Over { kind: Kind::TooManyCorrections, .. }) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Not stored: too many corrections; try again later",
                "Retry-After says when; the limit is that of `--max-corrections-per-key`",
            ),
            Refusal::TooOften(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "Refused: too many requests; try again later",
                "Retry-After says when; the limit is that of `--max-requests-per-key`",
            ),
            Refusal::NoStore => {
                (unavailable, "Not stored: this service keeps nothing", "Start the service with `--store`")
            }
            Refusal::StoreFails => {
                (unavailable, "Not stored: try again later", "GET /readyz says what the store lacks")
            }
            Refusal::NoFigures => {
                (unavailable, "No figures: this service keeps nothing", "Start the service with `--store`")
            }
            Refusal::FiguresFail => {
                (unavailable, "No figures: try again later", "GET /readyz says what the store lacks")
            }
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoKey | Denied::WrongKey | Denied::NoKeys => Refusal::Key,
            Denied::OtherPage => Refusal::OtherPage,
            Denied::TooOften(over) => Refusal::TooOften(over),
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let (status, body, help) = refusal.facts();
        let mut response = text(body);
        *response.status_mut() = status;
        response.headers_mut().insert(DEBUG_HELP, HeaderValue::from_static(help));
        if let Refusal::TooOften(over) = refusal {
            response.headers_mut().insert(RETRY_AFTER, over.retry_after_seconds().into());
        }
        response
    }
}

/// Adds help to a refusal that is not of this protocol: a body too long, a method not taken, a fault of ours.
pub fn help(response: &mut Response) {
    let help = HeaderValue::from_static("The body of this answer says what is wrong");
    response.headers_mut().entry(DEBUG_HELP).or_insert(help);
}

/// What an answer to comment-check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// `false`: it may appear.
    Ham,
    /// `false` with the header that makes WordPress keep it for moderation.
    Pending,
    /// `true`: into the spam folder.
    Spam,
}

impl Word {
    /// As a response.
    pub fn into_response(self, id: &DecisionId) -> Response {
        let mut response = text(if self == Word::Spam { "true" } else { "false" });
        let headers = response.headers_mut();
        headers.insert(GUID, guid(id));
        if self == Word::Pending {
            headers.insert(ERROR, HeaderValue::from_static("hold"));
        }
        response
    }
}
