//! What operators and their tools ask: is it alive, which model judges, what has it counted, how is it called?

use std::sync::{Arc, LazyLock};

use serde::Serialize;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::comment::Comment;
use crate::http::metrics::Taken;
use crate::http::problem::{Kind, Problem};
use crate::http::{App, content, json, metrics, openapi, with};
use crate::model::ModelCard;
use crate::store::StoreState;
use crate::verdict::ModelId;

/// The routes. They are boxed, which costs nothing worth measuring where nobody is in a hurry.
pub fn routes(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let model = get(app, warp::path!("v1" / "model"), model);
    let health = get(app, warp::path!("healthz"), health);
    let ready = get(app, warp::path!("readyz"), ready);
    let metrics = get(app, warp::path!("metrics"), counted);
    let document = get(app, warp::path!("openapi.json"), document);
    model.or(health).unify().or(ready).unify().or(metrics).unify().or(document).unify().boxed()
}

/// A route for GET and HEAD; of the answer to HEAD, hyper sends the head alone.
fn get(
    app: &Arc<App>,
    path: impl Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static,
    handler: fn(&App) -> Result<Response, Problem>,
) -> warp::filters::BoxedFilter<(Response,)> {
    path.and(warp::get().or(warp::head()).unify())
        .and(with(app))
        .map(move |app: Arc<App>| handler(&app).unwrap_or_else(|problem| app.refuse(problem)))
        .boxed()
}

/// The answer of `GET /v1/model`.
#[derive(Serialize)]
struct InService<'a> {
    model: &'a ModelId,
    card: &'a ModelCard,
}

fn model(app: &App) -> Result<Response, Problem> {
    let classifier = app.moderator.generic();
    json(&InService { model: classifier.id(), card: classifier.card() })
}

/// The answer of the two probes.
#[derive(Serialize)]
struct Status<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a ModelId>,
}

fn health(_app: &App) -> Result<Response, Problem> {
    json(&Status { status: "ok", model: None })
}

/// Ready is who can give a verdict, so one is given, and who can remember what people say of it.
fn ready(app: &App) -> Result<Response, Problem> {
    let classifier = app.moderator.generic();
    let verdict = classifier.judge(&Comment { content: "Thank you for this post!".into(), ..Comment::default() });
    if !verdict.spam_probability.value().is_finite() {
        return Err(Problem::new(Kind::Busy, "the model in service gives no verdicts"));
    }
    if let Some(StoreState::Failing(kind)) = app.store.as_ref().map(|store| store.health().state) {
        let detail = format!("verdicts are given, but the store cannot be written ({})", kind.name());
        return Err(Problem::new(Kind::Busy, detail));
    }
    json(&Status { status: "ready", model: Some(classifier.id()) })
}

fn counted(app: &App) -> Result<Response, Problem> {
    let taken = Taken { body_bytes: app.bodies.held(), batches: app.batches.count() };
    let text = app.metrics.render(&app.moderator, app.store.as_ref(), taken).map_err(|_| Problem::internal())?;
    Ok(content(metrics::MEDIA_TYPE, text.into_bytes()))
}

fn document(_app: &App) -> Result<Response, Problem> {
    static DOCUMENT: LazyLock<Option<String>> = LazyLock::new(|| openapi::document().ok());
    let document = DOCUMENT.as_ref().ok_or_else(Problem::internal)?;
    Ok(content("application/json", document.clone().into_bytes()))
}
