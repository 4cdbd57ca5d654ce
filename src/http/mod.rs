//! The service by HTTP: what it answers, and how it keeps strangers from tiring it.
//!
//! A request passes three rooms. [`server`] takes connections in and bounds them in number and time. The filters of
//! [`routes`] find the handler, a plain function that reads the body, asks the [`Moderator`] and returns a response.
//! `rate` bounds how often one client may ask. Whatever goes wrong on the way becomes a [`problem::Problem`], the one form of every refusal.
//!
//! No verdict blocks, waits for another service or for a file: it is tens of microseconds of arithmetic and is computed on
//! the request's own task. Long comments take `turns`. Feedback waits for the store, because its answer is a promise.
//!
//! | method and path | answer | in |
//! |---|---|---|
//! | `POST /v1/check` | the verdict on one comment | `check` |
//! | `POST /v1/check/batch` | a verdict a line, streamed | `batch` |
//! | `POST /v1/feedback`, `POST /v1/feedback/undo` | what a person's word changed | `feedback` |
//! | `POST /1.1/comment-check` and Akismet's other paths | as Akismet answers | `akismet` |
//! | `POST /v1/admin/reload` | the generic model, read again | `admin` |
//! | `GET /v1/model` | the card of the model in service | `service` |
//! | `GET /healthz`, `GET /readyz` | that the process lives; that it can judge | `service` |
//! | `GET /metrics` | OpenMetrics text | `service`, `metrics` |
//! | `GET /openapi.json` | this table, in full | `openapi` |

mod access;
mod admin;
mod akismet;
mod batch;
mod body;
mod check;
mod connection;
mod endpoint;
mod feedback;
mod gate;
mod language;
mod metrics;
pub mod openapi;
mod page;
pub mod problem;
mod rate;
pub mod server;
mod service;
mod socket;
mod turns;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::Method;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::path::FullPath;
use warp::reply::Response;

use crate::config::ServeConfig;
use crate::http::body::Room;
use crate::http::endpoint::Endpoint;
use crate::http::gate::{Client, Gate};
use crate::http::metrics::Metrics;
use crate::http::problem::Problem;
use crate::http::rate::Rates;
use crate::http::turns::Turns;
use crate::learner::LearnerHandle;
use crate::moderator::Moderator;
use crate::store::Store;

pub use admin::{AdminToken, AdminTokenError};
pub use server::Server;

/// Who corrects a comment waits at most so long for the correction to take effect; stored it is before.
const LEARNED_WITHIN: Duration = Duration::from_secs(1);

/// What a service is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The models in service.
    pub moderator: Arc<Moderator>,
    /// Where decisions and corrections are kept.
    pub store: Option<Store>,
    /// Who learns from them.
    pub learner: Option<LearnerHandle>,
    /// The token of whoever administers the service.
    pub admin: Option<AdminToken>,
}

impl Parts {
    /// A service that judges and does nothing else.
    pub fn new(moderator: impl Into<Arc<Moderator>>) -> Self {
        Parts { moderator: moderator.into(), store: None, learner: None, admin: None }
    }

    /// The same with a store.
    #[must_use]
    pub fn with_store(self, store: Store) -> Self {
        Parts { store: Some(store), ..self }
    }
}

/// What every handler works with.
#[derive(Debug)]
pub struct App {
    moderator: Arc<Moderator>,
    metrics: Arc<Metrics>,
    config: ServeConfig,
    store: Option<Store>,
    bodies: Arc<Room>,
    turns: Turns,
    batches: Arc<Gate<Client>>,
    rates: Rates,
    learner: Option<LearnerHandle>,
    admin: Option<AdminToken>,
}

impl App {
    /// Joins the parts of a service with the limits it is served under.
    pub fn new(config: &ServeConfig, Parts { moderator, store, learner, admin }: Parts) -> Arc<Self> {
        Arc::new(App {
            moderator,
            metrics: Arc::default(),
            config: config.clone(),
            store,
            bodies: Room::new(config.body_memory_bytes.get()),
            turns: Turns::new(config.threads, config.turn_timeout.duration()),
            batches: Gate::new(config.max_batches.get(), config.max_batches_per_key.get()),
            rates: Rates::new(config),
            learner,
            admin,
        })
    }

    /// Waits until a change of a label has taken effect here, for a moment: where it has not by then, it will.
    async fn learned(&self, number: i64) {
        if let Some(learner) = &self.learner {
            learner.learned(number, LEARNED_WITHIN).await;
        }
    }

    /// Counts a problem and makes it a response.
    fn refuse(&self, problem: Problem) -> Response {
        self.metrics.rejected(problem.kind());
        problem.into_response()
    }
}

/// Every route. The one that is asked for all day stands first: each filter that fails before a match costs something.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let judging = check::route(app).or(akismet::route(app)).unify().or(batch::route(app)).unify();
    judging
        .or(feedback::routes(app))
        .unify()
        .or(admin::route(app))
        .unify()
        .or(service::routes(app))
        .unify()
        .or(unmatched(app))
        .unify()
        .boxed()
}

/// Hands the application to a handler.
fn with(app: &Arc<App>) -> impl Filter<Extract = (Arc<App>,), Error = Infallible> + Clone + use<> {
    let app = Arc::clone(app);
    warp::any().map(move || Arc::clone(&app))
}

/// The last filter: takes whatever no route took, so that no rejection ever leaves [`routes`].
fn unmatched(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    warp::path::full().and(warp::method()).and(with(app)).map(|path: FullPath, method: Method, app: Arc<App>| {
        app.refuse(Problem::unmatched(Endpoint::at(path.as_str()), &method))
    })
}

/// A 200 with a JSON body.
fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let mut bytes = Vec::with_capacity(256);
    serde_json::to_writer(&mut bytes, value).map_err(|_| Problem::internal())?;
    Ok(content("application/json", bytes))
}

/// A 200 with a body.
fn content(media_type: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(bytes.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
