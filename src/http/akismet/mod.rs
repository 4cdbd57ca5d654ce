//! Akismet's protocol, so that a blog gets Hamgate by changing one host name.
//!
//! `docs/akismet.md` says what is answered to what; here is where it is made. A request walks these files in this order:
//! [`form`] decodes the body, [`key`] finds the key, [`request`] makes a comment of it (with [`slashes`] and [`signals`]),
//! [`check`] and [`feedback`] do what was asked, [`hold`] finds the word for a verdict, [`answer`] says it. [`account`]
//! answers what settings pages ask.
//!
//! Three promises that blogs depend on:
//!
//! * Every answer to comment-check has an `X-akismet-guid` of its own, be it a verdict, an error, or a fault of ours:
//!   WordPress publishes what was answered without.
//! * A comment is never dropped, and a submit is never thanked for before what it says is safe on the disk.
//! * No comment-check waits for the store.

mod account;
mod answer;
mod check;
mod feedback;
mod form;
mod hold;
mod key;
mod request;
mod signals;
mod slashes;

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use futures_util::Stream;
use warp::host::Authority;
use warp::http::Method;
use warp::http::header::{AsHeaderName, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, USER_AGENT};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Buf, Filter, Rejection};

use crate::http::access::{Caller, Peer};
use crate::http::akismet::answer::Refusal;
use crate::http::akismet::form::{Form, is_form};
use crate::http::akismet::key::Places;
use crate::http::body::read_whole;
use crate::http::endpoint::{Endpoint, split_key};
use crate::http::page::FromElsewhere;
use crate::http::problem::{Kind, Problem};
use crate::http::{App, with};
use crate::site::{Site, SiteError};

pub use answer::undecided_lines;

/// A form may be so many times as long as a comment: each byte of a text may take three in a form, and WordPress sends
/// the text twice.
const FORM_FACTOR: usize = 8;

/// Most fields in a form. WordPress sends some dozens, and all that stood in the visitor's form, where PHP takes a thousand.
/// Each costs more memory than the two bytes it may be written in.
const MOST_FIELDS: usize = 4096;

/// The routes.
pub fn route(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    endpoint()
        .and(warp::path::full())
        .and(query())
        .and(host())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<Peer>())
        .map(|endpoint, path, query, host, headers, peer| Call { endpoint, path, query, host, headers, peer })
        .and(warp::body::stream())
        .and(with(app))
        .then(answer)
        .boxed()
}

/// The endpoint, if it is one of Akismet's and takes the method.
fn endpoint() -> impl Filter<Extract = (Endpoint,), Error = Rejection> + Copy {
    warp::path::full().and(warp::method()).and_then(|path: FullPath, method: Method| {
        let endpoint = Endpoint::at(path.as_str());
        let ours = endpoint.is_of_akismet() && endpoint.takes(&method);
        ready(if ours { Ok(endpoint) } else { Err(warp::reject::not_found()) })
    })
}

fn query() -> impl Filter<Extract = (String,), Error = Infallible> + Copy {
    warp::query::raw().or(warp::any().map(String::new)).unify()
}

/// The host of the request's URL if it has one, and else of its header.
fn host() -> impl Filter<Extract = (Option<Authority>,), Error = Infallible> + Copy {
    warp::host::optional().or(warp::any().map(|| None)).unify()
}

/// The head of a request. It may hold a key in four places, so nothing prints it.
struct Call {
    endpoint: Endpoint,
    path: FullPath,
    query: String,
    host: Option<Authority>,
    headers: HeaderMap,
    peer: Option<Peer>,
}

impl Call {
    fn header(&self, name: impl AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn user_agent(&self) -> &str {
        self.header(USER_AGENT)
    }

    fn sender(&self) -> FromElsewhere {
        let header = |name: &str| self.headers.get(name).map(|_| self.header(name));
        FromElsewhere::read(header("sec-fetch-site"), header("origin"), self.host.as_ref().map(Authority::as_str))
    }
}

async fn answer(call: Call, body: impl Stream<Item = Result<impl Buf, warp::Error>>, app: Arc<App>) -> Response {
    serve(&call, body, &app).await.unwrap_or_else(|problem| app.refuse(problem))
}

async fn serve(
    call: &Call,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    app: &App,
) -> Result<Response, Problem> {
    match call.endpoint {
        Endpoint::Test => return Ok(answer::text("connected")),
        Endpoint::CompatiblePlugins => return Ok(answer::json(&[(); 0])),
        _ => {}
    }
    let content_type = call.header(CONTENT_TYPE);
    if !is_form(content_type) {
        let detail = "send a form with `Content-Type: application/x-www-form-urlencoded`";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let limit = app.config.body_limit_bytes.get().saturating_mul(FORM_FACTOR);
    let announced = call.header(CONTENT_LENGTH).parse().ok();
    let body = read_whole(body, announced, limit, app.config.body_timeout.duration(), &app.bodies).await?;
    if body.split(|byte| *byte == b'&').count() > MOST_FIELDS {
        return Err(Problem::new(Kind::TooLarge, format!("a form may have at most {MOST_FIELDS} fields; send fewer")));
    }
    let _turn = match call.endpoint {
        Endpoint::CommentCheck => app.turns.wait(body.len()).await?,
        _ => None,
    };
    let form = Form::parse(&body, content_type);
    Ok(dispatch(call, &form, app).await.unwrap_or_else(|refusal| {
        app.metrics.rejected(refusal.kind());
        refusal.into()
    }))
}

async fn dispatch(call: &Call, form: &Form<'_>, app: &App) -> Result<Response, Refusal> {
    let query = Form::parse(call.query.as_bytes(), "");
    let places = Places {
        body: form,
        query: &query,
        host: call.host.as_ref().map_or("", Authority::as_str),
        path: split_key(call.path.as_str()).0,
    };
    let key = places.key(call.endpoint == Endpoint::VerifyKey);
    let caller = app.caller(key.as_deref(), call.sender(), call.peer)?;
    match call.endpoint {
        Endpoint::CommentCheck => check::answer(app, &caller, form, call.user_agent()),
        Endpoint::SubmitSpam => feedback::answer(app, &caller, form, feedback::SPAM).await,
        Endpoint::SubmitHam => feedback::answer(app, &caller, form, feedback::HAM).await,
        Endpoint::VerifyKey => Ok(answer::text("valid")),
        // The key goes on being valid: a blog that is taken out of service cannot lock out its successor.
        Endpoint::Deactivate => Ok(answer::text("deactivated")),
        Endpoint::GetSubscription => Ok(account::subscription()),
        // It opens nothing here, and WordPress sends it to Akismet.
        Endpoint::Token => Ok(answer::text("hamgate")),
        Endpoint::GetStats => account::statistics(app, &caller, form).await,
        Endpoint::UsageLimit => account::usage(app, &caller, [form, &query]).await,
        _ => account::key_sites(app, &caller, [form, &query]).await,
    }
}

impl Caller {
    /// The site that a call is about. A key is for one site, whatever `blog` says, so that blogs behind one key share
    /// their figures and no key can correct what another site was told.
    fn site_of(&self, form: &Form) -> Result<Site, Refusal> {
        let blog = form.get("blog").ok_or(Refusal::NoBlog)?;
        let blog: Site = blog.parse().map_err(|_: SiteError| Refusal::BadBlog)?;
        Ok(self.site.clone().unwrap_or(blog))
    }
}

/// Adds to an answer what Akismet's clients need, whoever made it: routes, limits, or a handler that failed.
pub fn complete(endpoint: Endpoint, response: &mut Response) {
    if !endpoint.is_of_akismet() {
        return;
    }
    if endpoint == Endpoint::CommentCheck {
        answer::mark_undecided(response.headers_mut());
    }
    if !response.status().is_success() {
        answer::help(response);
    }
}
