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
            headers) and 503 (too many connections, bytes or long comments; see `Retry-After`), and any unknown path answers 404.",
    ),
    paths(
        check, batch, feedback, undo, reload, comment_check, submit_spam, submit_ham, verify_key, deactivate, get_subscription, get_stats, token, test,
        usage_limit, usage_limit_by_form, key_sites, key_sites_by_form, compatible_plugins, model, healthz, readyz, metrics, openapi,
    ),
    components(schemas(BatchLine)),
    modifiers(&Keys),
    tags(
        (name = "verdicts", description = "May this comment appear?"),
        (name = "learning", description = "What people say of a comment."),
        (name = "akismet", description = "Akismet's protocol, for software that speaks it; docs/akismet.md has the details. \
            The key may also be the field `key`, the first label of the host, or a segment before the path. Errors of the \
            protocol have status 200, another text than documented here, and the header `X-akismet-debug-help`."),
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
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The token of `--admin-token-file`."));
        components.add_security_scheme("admin", SecurityScheme::Http(scheme.build()));
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
    /// The name by which the decision can be corrected, 32 hexadecimal digits; only when it is remembered.
    #[schema(nullable = false, pattern = "^[0-9a-f]{32}$")]
    decision: Option<String>,
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

/// What a person says of a comment: exactly one of `decision` and `comment`, and `label`.
#[derive(ToSchema)]
struct Feedback {
    /// The name of the decision on it, as `/v1/check` and `X-akismet-guid` give it.
    #[schema(pattern = "^[0-9a-fA-F]{32}$")]
    decision: Option<String>,
    /// The comment, as it was checked. One that was never checked is stored.
    comment: Option<Comment>,
    /// What it is.
    label: Label,
}

/// What is taken back: the last correction of a comment that still stands.
#[derive(ToSchema)]
struct Undo {
    /// The name of the decision on it.
    #[schema(pattern = "^[0-9a-fA-F]{32}$")]
    decision: String,
}

/// What came of it. It is safe on the disk.
#[derive(ToSchema)]
struct Learned {
    /// The decision that was corrected; `null` for a comment that was never checked, or no longer is remembered.
    #[schema(required = true, pattern = "^[0-9a-f]{32}$")]
    decision: Option<String>,
    /// What changed.
    change: Change,
    /// What the comment is said to be now; `null` when nobody says anything any more.
    #[schema(required = true)]
    label: Option<Label>,
    /// What it was said to be before.
    #[schema(required = true)]
    previous: Option<Label>,
    /// How many comments of the site people have labelled, without trials; `null` when they cannot be counted now.
    #[schema(required = true)]
    own: Option<Own>,
    /// What is missing until thresholds of the site's own are fitted; `null` when nothing is.
    #[schema(required = true)]
    missing: Option<Missing>,
    /// All that in words, in the language asked for by `Accept-Language`.
    message: String,
}

/// `new`: there was no label. `already_known`: it was this one. `relabelled`: it was the other. `undone`: a correction was
/// taken back.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum Change {
    New,
    AlreadyKnown,
    Relabelled,
    Undone,
}

/// Labelled comments of a site.
#[derive(ToSchema)]
struct Own {
    ham: u64,
    spam: u64,
}

/// Labelled comments that are missing.
#[derive(ToSchema)]
struct Missing {
    #[schema(minimum = 1)]
    ham: u64,
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
    /// Not JSON, not UTF-8, broken off, or a query parameter that cannot be used.
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
    /// No key is needed, and a web page of another site asks (`Origin`, `Sec-Fetch-Site`).
    #[response(status = 403, content_type = "application/problem+json")]
    OtherPage(Problem),
    /// The path does not take this method; `Allow` lists those it takes.
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(Problem),
    /// The body is longer than the limit (65536 bytes a comment unless configured otherwise).
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The media type is not understood.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Problem),
    /// More requests, corrections or batches at once with one key than the operator allows; where no key is needed, from one
    /// address.
    #[response(
        status = 429,
        content_type = "application/problem+json",
        headers(("Retry-After" = String, description = "Seconds.")),
        example = json!({
            "type": "urn:hamgate:problem:too-many-requests",
            "title": "Too many requests",
            "status": 429,
            "detail": "more requests came with one key, or from one address where no key is needed, than the limit of 600/m \
                (`--max-requests-per-key`); come back in 3 s"
        })
    )]
    TooMany(Problem),
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
enum FeedbackRefusals {
    /// No such decision is remembered, or it is another site's.
    #[response(
        status = 404,
        content_type = "application/problem+json",
        example = json!({
            "type": "urn:hamgate:problem:unknown-decision",
            "title": "There is no such decision",
            "status": 404,
            "detail": "no decision of this name is remembered; where the comment is at hand, send it as `comment` instead"
        })
    )]
    UnknownDecision(Problem),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(Problem),
    /// JSON, but no feedback: not exactly one of `decision` and `comment`, or a field that is not what it must be.
    #[response(
        status = 422,
        content_type = "application/problem+json",
        example = json!({
            "type": "urn:hamgate:problem:not-feedback",
            "title": "The body is not feedback",
            "status": 422,
            "detail": "field `label` must be \"ham\" or \"spam\"",
            "field": "label"
        })
    )]
    NotFeedback(Problem),
    /// The service keeps nothing, or the store cannot be written now: then with `Retry-After`.
    #[response(
        status = 503,
        content_type = "application/problem+json",
        headers(("Retry-After" = String, description = "Seconds; only if trying again may help."))
    )]
    NotStored(Problem),
}

#[derive(IntoResponses)]
enum FormRefusals {
    /// The path does not take this method; `Allow` lists those it takes.
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(Problem),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    Timeout(Problem),
    /// The body is longer than eight times the limit of a comment.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is no form.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(Problem),
    /// More requests or corrections with one key than the operator allows; nothing was decided or stored.
    #[response(
        status = 429,
        content_type = "text/plain; charset=utf-8",
        headers(("Retry-After" = String, description = "Seconds.")),
        example = json!("Refused: too many requests; try again later")
    )]
    TooMany(String),
}

/// Of questions for figures, which are of one site, or of all where no key is needed.
#[derive(IntoResponses)]
enum FigureRefusals {
    /// More requests with one key than the operator allows.
    #[response(
        status = 429,
        content_type = "text/plain; charset=utf-8",
        headers(("Retry-After" = String, description = "Seconds.")),
        example = json!("Refused: too many requests; try again later")
    )]
    TooMany(String),
}

#[derive(IntoResponses)]
enum GetRefusals {
    /// The path does not take this method; `Allow` lists those it takes.
    #[response(status = 405, content_type = "application/problem+json")]
    MethodNotAllowed(Problem),
}

/// Judge one comment
///
/// A body without `Content-Type` is taken for JSON. If the service has a store, the decision is remembered and named, so
/// that it can be corrected at `/v1/feedback`; the verdict does not wait for that.
#[utoipa::path(
    post, path = "/v1/check", tag = "verdicts",
    security((), ("key" = [])),
    params(
        ("explain" = Option<bool>, Query, description = "Whether to add `summary` and `reasons`; `1` and `0` will do."),
        ("remember" = Option<bool>, Query, description = "Whether to remember the decision, if there is a store; `true` unless given."),
        ("test" = Option<bool>, Query, description = "Whether this is a trial: it is remembered, but neither counted nor learned from."),
        ("site" = Option<String>, Query,
            description = "Address of the blog, where no key is sent: a key has a site of its own. `localhost` unless given."),
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
                "id": "4711", "verdict": "approve", "queue": null, "spam_probability": 0.0123, "model": "0123456789ab",
                "decision": "0123456789abcdef0123456789abcdef"
            })),
        Refusals, CommentRefusals,
    )
)]
fn check() {}

/// Judge many comments
///
/// JSON Lines in, JSON Lines out, in the same order, streamed both ways: read while you send. A bad line gets an error
/// object in its place and the rest goes on. What ends the whole batch (its limits on bytes, comments and time, or a
/// broken body) is an error object on the last line. Nothing is remembered.
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
        content = Option<String>, content_type = "application/x-ndjson", description = "One comment a line.",
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

/// Say what a comment is
///
/// The answer comes when it is safe on the disk. Saying the same again changes nothing. A key corrects only comments of its
/// own site.
#[utoipa::path(
    post, path = "/v1/feedback", tag = "learning",
    security((), ("key" = [])),
    params(
        ("site" = Option<String>, Query,
            description = "Address of the blog of a `comment`, where no key is sent. `localhost` unless given."),
        ("Accept-Language" = Option<String>, Header,
            description = "Language of `message`: German (`de`) or English (`en`, the default)."),
    ),
    request_body(
        content = Feedback, content_type = "application/json",
        examples(
            ("decision" = (summary = "By the name of the decision", value = json!({
                "decision": "0123456789abcdef0123456789abcdef", "label": "ham"
            }))),
            ("comment" = (summary = "By the comment itself", value = json!({
                "comment": {"content": "Best casino bonus, buy cheap pills now http://pills.example", "author": "Cheap Pills"},
                "label": "spam"
            }))),
        )
    ),
    responses(
        (status = 200, description = "What changed", body = Learned,
            headers(("Content-Language" = String, description = "Language of the message.")),
            example = json!({
                "decision": "0123456789abcdef0123456789abcdef", "change": "new", "label": "ham", "previous": null,
                "own": {"ham": 38, "spam": 104}, "missing": {"ham": 12},
                "message": "Noted as ham. 12 more ham until a training can fit your own threshold."
            })),
        Refusals, FeedbackRefusals,
    )
)]
fn feedback() {}

/// Take the last correction back
///
/// Of the corrections of a comment, each can be taken back once, the last one first. Not safe to repeat.
#[utoipa::path(
    post, path = "/v1/feedback/undo", tag = "learning",
    security((), ("key" = [])),
    params(
        ("Accept-Language" = Option<String>, Header,
            description = "Language of `message`: German (`de`) or English (`en`, the default)."),
    ),
    request_body(
        content = Undo, content_type = "application/json",
        examples(("decision" = (summary = "By the name of the decision", value = json!({
            "decision": "0123456789abcdef0123456789abcdef"
        }))))
    ),
    responses(
        (status = 200, description = "What changed", body = Learned,
            headers(("Content-Language" = String, description = "Language of the message.")),
            example = json!({
                "decision": "0123456789abcdef0123456789abcdef", "change": "undone", "label": null, "previous": "ham",
                "own": {"ham": 37, "spam": 104}, "missing": {"ham": 13},
                "message": "Taken back: nobody says what it is any more. 13 more ham until a training can fit your own threshold."
            })),
        (status = 409, description = "No correction of it is left to take back", body = Problem,
            content_type = "application/problem+json"),
        Refusals, FeedbackRefusals,
    )
)]
fn undo() {}

/// Read the generic model again
///
/// The file of `--model` is read, checked and tested on known texts, and swapped in; no request waits. On any error the model before serves
/// on. SIGHUP does the same, and so does replacing the file. Models of sites come out of the store by themselves.
#[utoipa::path(
    post, path = "/v1/admin/reload", tag = "operation",
    security(("admin" = [])),
    responses(
        (status = 200, description = "The model in service now", body = Reloaded, example = json!({"model": "0123456789ab"})),
        (status = 401, description = "Not the token of `--admin-token-file`, or the service has none", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The file is no model that can be used; the one before serves on", body = Problem,
            content_type = "application/problem+json"),
    )
)]
fn reload() {}

/// What a reload came to.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `admin` sends")]
struct Reloaded {
    /// The id of the generic model in service now.
    model: String,
}

/// May this comment appear?
///
/// `true`: into the spam folder. `false`: it may appear, unless there is the header `X-akismet-error`, at which WordPress and
/// Discourse keep it for moderation. Anything else: nothing was decided.
#[utoipa::path(
    post, path = "/1.1/comment-check", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded",
        description = "`api_key`, `blog` and `user_ip` are required; `comment_content`, `comment_author`, \
            `comment_author_url`, `comment_author_email`, `comment_type`, `permalink`, `blog_lang`, `user_role`, `is_test`, \
            `recheck_reason` and `honeypot_field_name` are understood, all others ignored.",
        examples(("comment" = (summary = "A comment", value = json!(
            "api_key=0123456789ab&blog=https%3A%2F%2Fblog.example&user_ip=192.0.2.7&comment_author=Jutta&comment_content=Danke+f%C3%BCr+den+Artikel"
        ))))
    ),
    responses(
        (status = 200, description = "The word", body = String, content_type = "text/plain; charset=utf-8",
            headers(
                ("X-akismet-guid" = String, description = "The name of this answer, 32 hexadecimal digits; always there."),
                ("X-akismet-error" = String, description = "`hold` or `undecided`: keep the comment for moderation."),
            ),
            example = "false"),
        FormRefusals,
    )
)]
fn comment_check() {}

/// This comment is spam
#[utoipa::path(
    post, path = "/1.1/submit-spam", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded", description = "As in comment-check.",
        examples(("comment" = (summary = "A comment", value = json!(
            "api_key=0123456789ab&blog=https%3A%2F%2Fblog.example&comment_author=Cheap+Pills&comment_content=Best+casino+bonus"
        ))))
    ),
    responses(
        (status = 200, description = "`Thanks for making the web a better place.`, once it is safe on the disk", body = String,
            content_type = "text/plain; charset=utf-8",
            headers(("X-hamgate-decision" = String, description = "The guid of the decision it corrects, or `unknown`."))),
        (status = 503, description = "It was not stored.", body = String, content_type = "text/plain; charset=utf-8"),
        FormRefusals,
    )
)]
fn submit_spam() {}

/// This comment is no spam
#[utoipa::path(
    post, path = "/1.1/submit-ham", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded", description = "As in comment-check.",
        examples(("comment" = (summary = "A comment", value = json!(
            "api_key=0123456789ab&blog=https%3A%2F%2Fblog.example&comment_author=Jutta&comment_content=Danke+f%C3%BCr+den+Artikel"
        ))))
    ),
    responses(
        (status = 200, description = "`Thanks for making the web a better place.`, once it is safe on the disk", body = String,
            content_type = "text/plain; charset=utf-8",
            headers(("X-hamgate-decision" = String, description = "The guid of the decision it corrects, or `unknown`."))),
        (status = 503, description = "It was not stored.", body = String, content_type = "text/plain; charset=utf-8"),
        FormRefusals,
    )
)]
fn submit_ham() {}

/// Is this key valid?
#[utoipa::path(
    post, path = "/1.1/verify-key", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded",
        examples(("key" = (summary = "A key", value = json!("key=0123456789ab&blog=https%3A%2F%2Fblog.example"))))
    ),
    responses(
        (status = 200, description = "`valid` or `invalid`", body = String, content_type = "text/plain; charset=utf-8"),
        FormRefusals,
    )
)]
fn verify_key() {}

/// A blog says good-bye; the key goes on being valid
#[utoipa::path(
    post, path = "/1.1/deactivate", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded",
        examples(("key" = (summary = "A key", value = json!("key=0123456789ab&blog=https%3A%2F%2Fblog.example"))))
    ),
    responses(
        (status = 200, description = "`deactivated`", body = String, content_type = "text/plain; charset=utf-8"),
        FormRefusals,
    )
)]
fn deactivate() {}

/// An account that works and costs nothing
#[utoipa::path(
    post, path = "/1.1/get-subscription", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded",
        examples(("key" = (summary = "A key", value = json!("key=0123456789ab&blog=https%3A%2F%2Fblog.example"))))
    ),
    responses(
        (status = 200, description = "The account", content((Object = "application/json"), (String = "text/plain; charset=utf-8"))),
        FormRefusals,
    )
)]
fn get_subscription() {}

/// The figures of a site, in all and by day or month
#[utoipa::path(
    post, path = "/1.1/get-stats", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded",
        examples(("key" = (summary = "A key", value = json!("key=0123456789ab&blog=https%3A%2F%2Fblog.example&from=6-months"))))
    ),
    responses(
        (status = 200, description = "The figures", content((Object = "application/json"), (String = "text/plain; charset=utf-8"))),
        FormRefusals,
    )
)]
fn get_stats() {}

/// A word that opens nothing
#[utoipa::path(
    post, path = "/1.1/token", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded",
        examples(("key" = (summary = "A key", value = json!("api_key=0123456789ab"))))
    ),
    responses(
        (status = 200, description = "The word", body = String, content_type = "text/plain; charset=utf-8"),
        FormRefusals,
    )
)]
fn token() {}

/// Can it be reached?
#[utoipa::path(
    get, path = "/1.1/test", tag = "akismet",
    responses(
        (status = 200, description = "`connected`", body = String, content_type = "text/plain; charset=utf-8"),
        GetRefusals,
    )
)]
fn test() {}

/// How much was asked this month
#[utoipa::path(
    get, path = "/1.2/usage-limit", tag = "akismet",
    params(("api_key" = Option<String>, Query, description = "A key."), ("extended" = Option<String>, Query, description = "`1` adds `notice_level` and `upgrade`.")),
    responses(
        (status = 200, description = "The figures", content((Object = "application/json"), (String = "text/plain; charset=utf-8"))),
        GetRefusals, FigureRefusals,
    )
)]
fn usage_limit() {}

/// How much was asked this month, for clients that post
#[utoipa::path(
    post, path = "/1.2/usage-limit", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded", description = "The same fields as in the query.",
        examples(("key" = (summary = "A key", value = json!("api_key=0123456789ab"))))
    ),
    responses(
        (status = 200, description = "As by GET", content((Object = "application/json"), (String = "text/plain; charset=utf-8"))),
        FormRefusals,
    )
)]
fn usage_limit_by_form() {}

/// What each site asked in a month
#[utoipa::path(
    get, path = "/1.2/key-sites", tag = "akismet",
    params(
        ("api_key" = Option<String>, Query, description = "A key."),
        ("month" = Option<String>, Query, description = "`YYYY-MM`; this month unless given."),
        ("format" = Option<String>, Query, description = "`json` or `csv`."),
        ("filter" = Option<String>, Query, description = "Only sites with this in their address."),
        ("order" = Option<String>, Query, description = "`total`, `spam`, `ham`, `missed_spam` or `false_positives`; largest first."),
        ("limit" = Option<u64>, Query, format = "uint64", description = "So many sites; 500 unless given."),
        ("offset" = Option<u64>, Query, format = "uint64", description = "After so many others."),
    ),
    responses(
        (status = 200, description = "The sites; with `format=csv` a table", content((Object = "application/json"), (String = "text/plain; charset=utf-8"))),
        GetRefusals, FigureRefusals,
    )
)]
fn key_sites() {}

/// What each site asked in a month, for clients that post
#[utoipa::path(
    post, path = "/1.2/key-sites", tag = "akismet",
    request_body(
        content = Option<String>, content_type = "application/x-www-form-urlencoded", description = "The same fields as in the query.",
        examples(("key" = (summary = "A key", value = json!("api_key=0123456789ab"))))
    ),
    responses(
        (status = 200, description = "As by GET", content((Object = "application/json"), (String = "text/plain; charset=utf-8"))),
        FormRefusals,
    )
)]
fn key_sites_by_form() {}

/// An empty list
#[utoipa::path(
    get, path = "/1.2/compatible-plugins", tag = "akismet",
    responses(
        (status = 200, description = "The list", body = Vec<String>),
        GetRefusals,
    )
)]
fn compatible_plugins() {}

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
