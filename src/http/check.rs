//! `POST /v1/check`: may this comment appear?

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use futures_util::Stream;
use serde::Deserialize;
use warp::http::header::{CONTENT_LANGUAGE, HeaderValue, VARY};
use warp::reply::Response;
use warp::{Buf, Filter, Rejection};

use crate::answer::Answer;
use crate::clock::now;
use crate::comment::Comment;
use crate::http::access::{Asker, Caller, asker};
use crate::http::body::read_whole;
use crate::http::language::Preferred;
use crate::http::problem::{Kind, Problem};
use crate::http::{App, json, with};
use crate::reasons::Language;
use crate::site::{Site, SiteError};
use crate::store::{Decided, Store};
use crate::verdict::{DecisionId, ModelId};

/// The route.
pub fn route(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("v1" / "check").and(warp::post()).and(asked()).and(warp::body::stream()).and(with(app)).then(answer)
}

async fn answer(asked: Asked, body: impl Stream<Item = Result<impl Buf, warp::Error>>, app: Arc<App>) -> Response {
    check(&asked, body, &app).await.unwrap_or_else(|problem| app.refuse(problem))
}

async fn check(
    asked: &Asked,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    app: &App,
) -> Result<Response, Problem> {
    let caller = asked.asker.caller(app)?;
    asked.require_json()?;
    let explain = asked.explain()?;
    let site = asked.site(caller)?;
    let remembered = asked.remembered()?;
    let limit = app.config.body_limit_bytes.get();
    let bytes = read_whole(body, asked.length, limit, app.config.body_timeout.duration(), &app.bodies).await?;
    let _turn = app.turns.wait(bytes.len()).await?;
    let comment = Comment::from_json(&bytes)?;
    let mut answer = judge(app, &site, &comment, explain);
    if let (Some(store), Some(test)) = (&app.store, remembered) {
        answer.decision = keep(store, site, comment, test, &answer);
    }
    let mut response = json(&answer)?;
    if let Some(language) = explain {
        speak(&mut response, language);
    }
    if tracing::enabled!(tracing::Level::DEBUG) {
        response.extensions_mut().insert(Judged::from(&answer));
    }
    Ok(response)
}

/// Judges and counts a comment.
pub fn judge(app: &App, site: &Site, comment: &Comment, explain: Option<Language>) -> Answer {
    let answer = match explain {
        None => app.moderator.check(Some(site), comment),
        Some(language) => app.moderator.explain(Some(site), comment, language),
    };
    app.metrics.judged(&answer);
    answer
}

/// Hands a decision to the store, without waiting for it, and names it. One that the store has no room for has no name,
/// because nobody could correct it.
fn keep(store: &Store, site: Site, comment: Comment, test: bool, answer: &Answer) -> Option<DecisionId> {
    let id = DecisionId::random();
    let taken = store.remember(Decided {
        id,
        at: now(),
        site,
        comment,
        comment_type: None,
        decision: answer.verdict,
        queue: answer.queue,
        spam_probability: answer.spam_probability,
        model: answer.model.clone(),
        test,
    });
    taken.then_some(id)
}

/// Says which language an answer is in and that it depends on the one asked for.
pub fn speak(response: &mut Response, language: Language) {
    let headers = response.headers_mut();
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(VARY, HeaderValue::from_static("accept-language"));
}

/// What the log may know of a verdict.
#[derive(Debug, Clone)]
pub struct Judged {
    /// `approve` or `hold`.
    pub decision: &'static str,
    /// The model that said so.
    pub model: ModelId,
}

impl From<&Answer> for Judged {
    fn from(answer: &Answer) -> Self {
        Judged { decision: answer.verdict.name(), model: answer.model.clone() }
    }
}

/// What query and headers of a check ask for.
#[derive(Debug)]
pub struct Asked {
    explain: Option<Flag>,
    remember: Option<Flag>,
    test: Option<Flag>,
    site: Option<String>,
    media_type: MediaType,
    /// The language that is wanted.
    pub language: Language,
    /// Who asks.
    pub asker: Asker,
    /// The announced length of the body.
    pub length: Option<u64>,
}

/// Reads [`Asked`] from a request.
pub fn asked() -> impl Filter<Extract = (Asked,), Error = Rejection> + Copy {
    warp::query::<Query>()
        .and(warp::header::optional::<MediaType>("content-type"))
        .and(warp::header::optional::<u64>("content-length"))
        .and(warp::header::optional::<Preferred>("accept-language"))
        .and(asker())
        .map(|query: Query, media_type: Option<MediaType>, length, language: Option<Preferred>, asker| Asked {
            explain: query.explain,
            remember: query.remember,
            test: query.test,
            site: query.site,
            media_type: media_type.unwrap_or(MediaType::Absent),
            language: language.map_or_else(Language::default, |preferred| preferred.0),
            asker,
            length,
        })
}

impl Asked {
    /// The language reasons are wanted in, if they are wanted.
    ///
    /// # Errors
    /// When `explain` is neither true nor false.
    pub fn explain(&self) -> Result<Option<Language>, Problem> {
        Ok(flag("explain", self.explain, false)?.then_some(self.language))
    }

    /// Whether the decision is to be remembered, and if so whether as a trial.
    fn remembered(&self) -> Result<Option<bool>, Problem> {
        let remember = flag("remember", self.remember, true)?;
        let test = flag("test", self.test, false)?;
        Ok(remember.then_some(test))
    }

    /// The site that a call is about: that of the key, whatever the query says, and where nobody needs a key the one that
    /// the query names.
    ///
    /// # Errors
    /// When `site` is no address.
    pub fn site(&self, caller: Caller) -> Result<Site, Problem> {
        let named = self.site.as_ref().map(|site| site.parse()).transpose().map_err(|error: SiteError| {
            let problem = Problem::new(Kind::BadRequest, format!("the query parameter `site` cannot be used: {error}"));
            problem.with_field("site")
        })?;
        Ok(caller.site.or(named).unwrap_or_else(|| DEFAULT_SITE.clone()))
    }

    /// Refuses a body that says it is something else than JSON.
    ///
    /// # Errors
    /// When the media type is another.
    pub fn require_json(&self) -> Result<(), Problem> {
        match self.media_type {
            MediaType::Absent | MediaType::Json => Ok(()),
            MediaType::JsonLines => Err(Problem::new(
                Kind::UnsupportedMediaType,
                "this path takes one JSON object; send `Content-Type: application/json`, or lines of comments to /v1/check/batch",
            )),
            MediaType::Text | MediaType::Other => Err(Problem::new(
                Kind::UnsupportedMediaType,
                "send one JSON object with `Content-Type: application/json`",
            )),
        }
    }

    /// Refuses a body that says it is something else than JSON Lines. Plain text is let through, because that is what
    /// many tools call a `.jsonl` file.
    ///
    /// # Errors
    /// When the media type is another.
    pub fn require_json_lines(&self) -> Result<(), Problem> {
        match self.media_type {
            MediaType::Absent | MediaType::JsonLines | MediaType::Text => Ok(()),
            MediaType::Json => Err(Problem::new(
                Kind::UnsupportedMediaType,
                "this path takes one JSON object a line; send `Content-Type: application/x-ndjson`, or a single comment \
                 to /v1/check",
            )),
            MediaType::Other => Err(Problem::new(
                Kind::UnsupportedMediaType,
                "send one JSON object a line with `Content-Type: application/x-ndjson`",
            )),
        }
    }
}

/// The site of comments whose blog nobody named.
static DEFAULT_SITE: LazyLock<Site> = LazyLock::new(|| "localhost".parse().expect("this is an address"));

#[derive(Debug, Deserialize)]
struct Query {
    explain: Option<Flag>,
    remember: Option<Flag>,
    test: Option<Flag>,
    site: Option<String>,
}

/// What a parameter that is true or false says, and else `default`.
fn flag(name: &str, value: Option<Flag>, default: bool) -> Result<bool, Problem> {
    match value {
        None => Ok(default),
        Some(Flag::Yes) => Ok(true),
        Some(Flag::No) => Ok(false),
        Some(Flag::Unclear) => {
            let detail = format!("the query parameter `{name}` must be `true` or `false`");
            Err(Problem::new(Kind::BadRequest, detail))
        }
    }
}

/// The values of `?explain=` and its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
enum Flag {
    Yes,
    No,
    Unclear,
}

impl From<String> for Flag {
    fn from(text: String) -> Self {
        match text.as_str() {
            "true" | "1" => Flag::Yes,
            "false" | "0" => Flag::No,
            _ => Flag::Unclear,
        }
    }
}

/// What the body says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MediaType {
    Absent,
    Json,
    JsonLines,
    Text,
    Other,
}

impl FromStr for MediaType {
    type Err = Infallible;

    fn from_str(header: &str) -> Result<Self, Infallible> {
        let essence = header.split(';').next().unwrap_or(header).trim();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        let json_lines = ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"];
        Ok(match () {
            () if is("application/json") => MediaType::Json,
            () if essence.is_empty() => MediaType::Absent,
            () if json_lines.into_iter().any(is) || is("application/json-lines") => MediaType::JsonLines,
            () if is("text/plain") => MediaType::Text,
            () if essence.len() > 5 && essence.to_ascii_lowercase().ends_with("+json") => MediaType::Json,
            () => MediaType::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognised_by_all_its_names() {
        let table = [
            ("application/json", MediaType::Json),
            ("Application/JSON; charset=utf-8", MediaType::Json),
            ("application/activity+json", MediaType::Json),
            ("application/x-ndjson", MediaType::JsonLines),
            ("application/json-lines", MediaType::JsonLines),
            ("text/plain;charset=UTF-8", MediaType::Text),
            ("", MediaType::Absent),
            ("application/x-www-form-urlencoded", MediaType::Other),
            ("multipart/form-data; boundary=application/json", MediaType::Other),
            ("json", MediaType::Other),
        ];
        for (header, expected) in table {
            assert_eq!(header.parse(), Ok(expected), "{header}");
        }
    }
}
