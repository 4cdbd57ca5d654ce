//! `POST /v1/feedback`: what a person says of a comment, and `POST /v1/feedback/undo`: that it is taken back.
//!
//! [`wire`] reads the body, [`message`] finds the words of the answer. An answer is given when the store has it on the disk,
//! and never before.
//!
//! Taking back is a POST and no DELETE, because it may be repeated with another effect each time: corrections of a comment
//! are a stack, and the last one that stands goes first.

mod message;
mod wire;

use std::sync::Arc;

use futures_util::Stream;
use serde::Serialize;
use warp::reply::Response;
use warp::{Buf, Filter, Rejection};

use crate::clock::now;
use crate::comment::Label;
use crate::http::access::Caller;
use crate::http::body::{Whole, read_whole};
use crate::http::check::{Asked, asked, speak};
use crate::http::feedback::message::Learning;
use crate::http::feedback::wire::{Feedback, Subject};
use crate::http::problem::{Kind, Problem};
use crate::http::{App, json, with};
use crate::model::OWN_HAM_FOR_THRESHOLD;
use crate::reasons::Language;
use crate::site::Site;
use crate::store::{Correction, ErrorKind, Origin, OwnRows, Store, StoreError, Target};
use crate::verdict::DecisionId;

/// So much may stand around a comment of the longest kind, so that whatever was checked can be corrected.
const FRAME_BYTES: usize = 1024;

/// The routes.
pub fn routes(app: &Arc<App>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let learn = warp::path!("v1" / "feedback")
        .and(warp::post())
        .and(asked())
        .and(warp::body::stream())
        .and(with(app))
        .then(async |asked, body, app: Arc<App>| answered(learn(&asked, body, &app).await, &app));
    let undo = warp::path!("v1" / "feedback" / "undo")
        .and(warp::post())
        .and(asked())
        .and(warp::body::stream())
        .and(with(app))
        .then(async |asked, body, app: Arc<App>| answered(undo(&asked, body, &app).await, &app));
    learn.or(undo).unify().boxed()
}

fn answered(answer: Result<Response, Problem>, app: &App) -> Response {
    answer.unwrap_or_else(|problem| app.refuse(problem))
}

/// The answer to both.
#[derive(Serialize)]
struct Answer {
    decision: Option<DecisionId>,
    change: &'static str,
    label: Option<Label>,
    previous: Option<Label>,
    /// Labelled comments of the site, as far as they can be counted now.
    own: Option<Own>,
    missing: Option<Missing>,
    message: String,
}

#[derive(Serialize)]
struct Own {
    ham: u64,
    spam: u64,
}

/// What is missing for thresholds of the site's own.
#[derive(Serialize)]
struct Missing {
    ham: u64,
}

async fn learn(
    asked: &Asked,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    app: &App,
) -> Result<Response, Problem> {
    let (caller, store, body) = receive(asked, body, app).await?;
    let Feedback { subject, label } = Feedback::from_json(&body)?;
    let target = match (subject, caller) {
        (Subject::Decision(id), Caller { site: Some(site), .. }) => Target::DecisionOf(site, id),
        (Subject::Decision(id), Caller { site: None, .. }) => Target::Decision(id),
        (Subject::Comment(comment), caller) => Target::Comment { site: asked.site(caller)?, comment },
    };
    let correction = Correction { target, label, origin: Origin::Api, at: now() };
    let corrected = store.correct(correction).await.map_err(|error| {
        let not_stored = "the correction may not be stored; send it again, which does no harm if it is";
        refused(&error, not_stored)
    })?;
    app.learned(corrected.number).await;
    let learning = Learning::Corrected { change: corrected.change, label, before: corrected.before };
    respond(store, asked.language, corrected.decision, learning, (&corrected.site, corrected.test)).await
}

async fn undo(
    asked: &Asked,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    app: &App,
) -> Result<Response, Problem> {
    let (caller, store, body) = receive(asked, body, app).await?;
    let decision = wire::undo_from_json(&body)?;
    let undone = match &caller.site {
        Some(site) => store.undo_of(site, decision, now()).await,
        None => store.undo(decision, now()).await,
    };
    let undone = undone.map_err(|error| {
        let not_undone = "the correction may not be taken back; say what the comment is at /v1/feedback, which does no harm \
                          in either case";
        refused(&error, not_undone)
    })?;
    app.learned(undone.number).await;
    let learning = Learning::Undone { before: undone.before, after: undone.after };
    respond(store, asked.language, Some(undone.decision), learning, (&undone.site, undone.test)).await
}

/// Lets in who may correct, where there is something to correct, and reads what they say.
async fn receive<'a>(
    asked: &Asked,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    app: &'a App,
) -> Result<(Caller, &'a Store, Whole), Problem> {
    let caller = asked.asker.caller(app)?;
    app.may_teach(&caller)?;
    asked.require_json()?;
    let store = app.store.as_ref().ok_or_else(|| {
        Problem::new(Kind::NoStore, "this service keeps nothing; start it with `--store`, or without `--store none`")
    })?;
    let limit = app.config.body_limit_bytes.get().saturating_add(FRAME_BYTES);
    let body = read_whole(body, asked.length, limit, app.config.body_timeout.duration(), &app.bodies).await?;
    Ok((caller, store, body))
}

/// Why the store did not do it; `unclear` says what to do when it may have done it all the same.
fn refused(error: &StoreError, unclear: &'static str) -> Problem {
    match error {
        // That of another site is as unknown as any.
        StoreError::UnknownDecision => Problem::new(
            Kind::UnknownDecision,
            "no decision of this name is remembered; where the comment is at hand, send it as `comment` instead",
        ),
        StoreError::NothingToUndo => {
            Problem::new(Kind::NothingToUndo, "no correction of this decision is left to take back")
        }
        error if error.kind().is_none_or(|kind| kind == ErrorKind::Busy) => Problem::new(Kind::Busy, unclear),
        error => {
            let why = error.kind().map_or("failed", ErrorKind::name);
            let detail = format!("the store cannot be written ({why}), so nothing changed; try again later");
            Problem::new(Kind::Busy, detail)
        }
    }
}

/// Says what came of it. It is on the disk already, so failing to count is no reason to call it failed.
async fn respond(
    store: &Store,
    language: Language,
    decision: Option<DecisionId>,
    learning: Learning,
    (site, test): (&Site, bool),
) -> Result<Response, Problem> {
    let own = store.own_rows(site).await.ok();
    let missing = own.as_ref().map_or(0, |own| OWN_HAM_FOR_THRESHOLD.saturating_sub(own.ham));
    let (label, previous) = learning.labels();
    let mut response = json(&Answer {
        decision,
        change: learning.name(),
        label,
        previous,
        own: own.map(|OwnRows { ham, spam }| Own { ham, spam }),
        missing: (missing > 0).then_some(Missing { ham: missing }),
        message: learning.message(test, missing, language),
    })?;
    speak(&mut response, language);
    Ok(response)
}
