//! The service's description for programs: OpenAPI 3.1, served at `/openapi.json` and printed by `hamgate openapi`.
//!
//! The types here exist to be described and are never built. What they say is held against what the service does by
//! `tests/it/service_api.rs`: every path is called with every example, and every answer must have the described shape.
#![allow(dead_code, reason = "descriptions, see above")]

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

/// The document as JSON.
///
/// # Errors
/// Never in practice: the document is made of constants.
pub fn document() -> serde_json::Result<String> {
    Document::openapi().to_pretty_json()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hamgate",
        description = "Decides whether a blog comment may appear: `approve` or `hold`. A comment is never dropped.\n\n\
            Every refusal is `application/problem+json` (RFC 9457). Any path may also answer 431 (too many or too long \
            headers) and 503 (too many connections; see `Retry-After`), and any unknown path answers 404.",
    ),
    paths(check, batch, model, healthz, readyz, metrics, openapi),
    components(schemas(BatchLine)),
    modifiers(&Keys),
    tags(
        (name = "verdicts", description = "May this comment appear?"),
        (name = "operation", description = "For the people and tools that run the service."),
    )
)]
struct Document;

/// Describes how a key is sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A key that `hamgate key add SITE` made: 12 hexadecimal digits. Needed as soon as the service has keys, unless \
             it was started with `--open`.",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme.build()));
    }
}

/// A comment, as a blog knows it. Unknown fields are ignored; `null` and an empty text mean "not known".
#[derive(ToSchema)]
struct Comment {
    /// The text, as typed; may hold HTML, BBCode, any Unicode.
    #[schema(min_length = 1)]
    content: String,
    /// The caller's own name for the comment; comes back with the verdict.
    id: Option<String>,
    /// Display name of the commenter.
    author: Option<String>,
    /// Address of the commenter; only the part behind the `@` is kept.
    author_email: Option<String>,
    /// The same part alone, for callers who would rather not send addresses.
    email_domain: Option<String>,
    /// The website the commenter gave.
    author_url: Option<String>,
    /// Title of the post commented on.
    post_title: Option<String>,
    /// Beginning of the post commented on.
    post_excerpt: Option<String>,
    /// Address of the post commented on.
    post_url: Option<String>,
    /// Language of the comment or blog (`de`, `en-GB`).
    lang: Option<String>,
    /// When it was written.
    date: Option<String>,
    /// Accepted and not kept.
    ip: Option<String>,
    /// Accepted and not kept.
    user_agent: Option<String>,
}

/// The verdict on a comment.
#[derive(ToSchema)]
struct Answer {
    /// The caller's own name for the comment.
    #[schema(required = true)]
    id: Option<String>,
    /// Whether it may appear.
    verdict: Decision,
    /// For a hold: where it waits. `null` for an approval.
    #[schema(required = true)]
    queue: Option<Queue>,
    /// Calibrated probability of spam.
    #[schema(minimum = 0.0, maximum = 1.0)]
    spam_probability: f64,
    /// The model that said so.
    model: String,
    /// The verdict and its strongest reasons in one sentence; only with `explain=true`.
    #[schema(nullable = false)]
    summary: Option<String>,
    /// Why, strongest first; only with `explain=true`.
    #[schema(nullable = false)]
    reasons: Option<Vec<Reason>>,
}

/// `approve`: it may appear at once. `hold`: it waits for a person.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Decision {
    Approve,
    Hold,
}

/// `review`: a person should look at it. `spam`: certain enough that nobody need hurry.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Queue {
    Review,
    Spam,
}

/// One reason, in the language asked for by `Accept-Language`.
#[derive(ToSchema)]
struct Reason {
    /// In words.
    text: String,
    /// What it speaks for.
    speaks_for: Label,
    /// Its part of the evidence, as natural log-odds; positive speaks for spam.
    log_odds: f64,
}

/// What a comment can be.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
enum Label {
    Ham,
    Spam,
}

/// A line of the answer to a batch: a verdict, or an error in the place of one.
#[derive(ToSchema)]
#[serde(untagged)]
enum BatchLine {
    Answer(Answer),
    BadLine(BadLine),
}

/// An error in the place of an answer.
#[derive(ToSchema)]
struct BadLine {
    /// Number of the line in the batch, counted from 1. Empty lines count but get no answer.
    #[schema(minimum = 1)]
    line: u64,
    /// What is wrong with it.
    error: Problem,
}

/// Why a request was refused (RFC 9457).
#[derive(ToSchema)]
struct Problem {
    /// Which kind of problem, `urn:hamgate:problem:...`.
    #[schema(pattern = "^urn:hamgate:problem:[a-z0-9-]+$")]
    r#type: String,
    /// The same sentence for every problem of this kind.
    title: String,
    /// The status of the answer, or the one the line would have had.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, where, and how to mend it. Never repeats what was sent.
    detail: String,
    /// The field at fault, where one is.
    #[schema(nullable = false)]
    field: Option<String>,
}

/// The model in service.
#[derive(ToSchema)]
struct Model {
    /// Its id, as in every verdict.
    model: String,
    /// What it was made of and how well it does.
    #[schema(value_type = Object)]
    card: serde_json::Value,
}

/// The state of the service.
#[derive(ToSchema)]
struct Status {
    /// `ok` or `ready`.
    status: String,
    /// The model in service; only for `/readyz`.
    #[schema(nullable = false)]
    model: Option<String>,
}

#[derive(IntoResponses)]
enum Refusals {
    /// Not JSON, not UTF-8, broken off, or `explain` neither true nor false.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// The service has keys, and none that is valid was sent.
    #[response(
        status = 401,
        content_type = "application/problem+json",
        headers(("WWW-Authenticate" = String, description = "`Bearer`")),
        example = json!({
            "type": "urn:hamgate:problem:unauthorized",
            "title": "A key is needed",
            "status": 401,
            "detail": "send a key as `Authorization: Bearer KEY`; `hamgate key add SITE` makes one"
        })
    )]
    Unauthorized(Problem),
    /// The path does not take this method; `Allow` lists those it takes.
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(Problem),
    /// The body is longer than the limit (65536 bytes a comment unless configured otherwise).
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The media type is not understood.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Problem),
    /// The service made a mistake.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
}

#[derive(IntoResponses)]
enum CommentRefusals {
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(Problem),
    /// JSON, but not a comment: a missing or empty `content`, or a field of the wrong type.
    #[response(
        status = 422,
        content_type = "application/problem+json",
        example = json!({
            "type": "urn:hamgate:problem:not-a-comment",
            "title": "The body is not a comment",
            "status": 422,
            "detail": "field `content` is empty; it must hold the comment's text",
            "field": "content"
        })
    )]
    NotAComment(Problem),
}

#[derive(IntoResponses)]
enum GetRefusals {
    /// The path does not take this method; `Allow` lists those it takes.
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(Problem),
}

/// Judge one comment
///
/// A body without `Content-Type` is taken for JSON.
#[utoipa::path(
    post, path = "/v1/check", tag = "verdicts",
    security((), ("key" = [])),
    params(
        ("explain" = Option<bool>, Query, description = "Whether to add `summary` and `reasons`; `1` and `0` will do."),
        ("Accept-Language" = Option<String>, Header,
            description = "Language of `summary` and `reasons`: German (`de`) or English (`en`, the default)."),
    ),
    request_body(
        content = Comment, content_type = "application/json",
        examples(
            ("minimal" = (summary = "Nothing but a text", value = json!({"content": "Thank you, this helped me a lot!"}))),
            ("full" = (summary = "With all a blog knows", value = json!({
                "id": "4711",
                "content": "Vielen Dank für den Artikel. Funktioniert das auch mit älteren Geräten?",
                "author": "Jutta",
                "author_email": "jutta@example.org",
                "author_url": "https://example.org/jutta",
                "post_title": "Router einrichten",
                "post_url": "https://blog.example/router",
                "lang": "de",
                "date": "2026-11-23T10:00:00Z"
            }))),
            ("spam" = (summary = "An advertisement", value = json!({
                "content": "Best casino bonus, buy cheap pills now http://pills.example http://casino.example",
                "author": "Cheap Pills"
            }))),
        )
    ),
    responses(
        (status = 200, description = "The verdict", body = Answer,
            headers(("Content-Language" = String, description = "Language of the reasons, when there are any.")),
            example = json!({
                "id": "4711", "verdict": "approve", "queue": null, "spam_probability": 0.0123, "model": "0123456789ab"
            })),
        Refusals, CommentRefusals,
    )
)]
fn check() {}

/// Judge many comments
///
/// JSON Lines in, JSON Lines out, in the same order, streamed both ways: read while you send. A bad line gets an error
/// object in its place and the rest goes on. What ends the whole batch (its limits on bytes, comments and time, or a
/// broken body) is an error object on the last line.
///
/// Taken as JSON Lines: `application/x-ndjson`, `application/ndjson`, `application/jsonl`, `application/x-jsonlines`,
/// `application/json-lines`, `text/plain`, and no `Content-Type` at all.
#[utoipa::path(
    post, path = "/v1/check/batch", tag = "verdicts",
    security((), ("key" = [])),
    params(
        ("explain" = Option<bool>, Query, description = "Whether to add `summary` and `reasons`; `1` and `0` will do."),
        ("Accept-Language" = Option<String>, Header,
            description = "Language of `summary` and `reasons`: German (`de`) or English (`en`, the default)."),
    ),
    request_body(
        content = String, content_type = "application/x-ndjson", description = "One comment a line.",
        examples(
            ("two" = (summary = "Two comments", value = json!("{\"id\":\"1\",\"content\":\"Nice photo!\"}\n{\"id\":\"2\",\"content\":\"Win money now\"}\n"))),
            ("bad line" = (summary = "A bad line among good ones", value = json!("{\"content\":\"Nice photo!\"}\n{\"content\":7}\n{\"content\":\"See you there\"}\n"))),
        )
    ),
    responses(
        (status = 200, description = "One `BatchLine` for each comment, in order", body = String, content_type = "application/x-ndjson",
            example = "{\"id\":\"1\",\"verdict\":\"approve\",\"queue\":null,\"spam_probability\":0.01,\"model\":\"0123456789ab\"}\n"),
        Refusals,
    )
)]
fn batch() {}

/// The card of the model in service
#[utoipa::path(
    get, path = "/v1/model", tag = "operation",
    responses((status = 200, description = "The card", body = Model), GetRefusals)
)]
fn model() {}

/// Is the process alive?
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "It is", body = Status, example = json!({"status": "ok"})), GetRefusals)
)]
fn healthz() {}

/// Can it judge, and remember?
#[utoipa::path(
    get, path = "/readyz", tag = "operation",
    responses(
        (status = 200, description = "It can", body = Status, example = json!({"status": "ready", "model": "0123456789ab"})),
        (status = 503, description = "It cannot; verdicts may still be given while the store cannot be written", body = Problem, content_type = "application/problem+json"),
        GetRefusals,
    )
)]
fn readyz() {}

/// What it has counted
#[utoipa::path(
    get, path = "/metrics", tag = "operation",
    responses(
        (status = 200, description = "OpenMetrics text, for Prometheus", body = String,
            content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        GetRefusals,
    )
)]
fn metrics() {}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", tag = "operation",
    responses((status = 200, description = "OpenAPI 3.1", body = Object), GetRefusals)
)]
fn openapi() {}
