//! `POST /1.1/comment-check`: may this comment appear?

use warp::reply::Response;

use crate::answer::Answer;
use crate::clock::now;
use crate::http::App;
use crate::http::access::Caller;
use crate::http::akismet::answer::{Refusal, Word};
use crate::http::akismet::form::Form;
use crate::http::akismet::hold;
use crate::http::akismet::request::{Promised, Request};
use crate::http::check::Judged;
use crate::site::Site;
use crate::store::Decided;
use crate::verdict::{Decision, DecisionId, Queue};

/// Judges a comment, remembers the decision, and says it.
pub fn answer(app: &App, caller: &Caller, form: &Form, user_agent: &str) -> Result<Response, Refusal> {
    let site = caller.site_of(form)?;
    let request = Request::read(form);
    // The address itself is not used; that it is there is part of the protocol. A check again comes from what the blog
    // has stored, and a blog that stores no addresses should not be punished for it.
    if request.recheck.is_none() && form.get("user_ip").is_none() {
        return Err(Refusal::NoUserIp);
    }
    let id = DecisionId::random();
    if request.pre_check {
        // `true` would drop the pingback, and all that came with it; its text is asked about next.
        return Ok(Word::Ham.into_response(&id));
    }
    let answer = judge(app, &site, &request);
    let word = hold::word((answer.verdict, answer.queue), app.config.akismet_hold, &request, user_agent);
    let mut response = word.into_response(&id);
    if tracing::enabled!(tracing::Level::DEBUG) {
        response.extensions_mut().insert(Judged::from(&answer));
    }
    if let (Some(store), false) = (&app.store, request.test) {
        store.remember(Decided {
            id,
            at: now(),
            site,
            comment: request.comment,
            comment_type: request.comment_type,
            decision: answer.verdict,
            queue: answer.queue,
            spam_probability: answer.spam_probability,
            model: answer.model,
            test: request.promised == Some(Promised::Spam),
        });
    }
    Ok(response)
}

/// The verdict on a comment, counted. What the protocol promises goes before what the model says, and a trap that was
/// walked into makes it no surer than that a person should look.
fn judge(app: &App, site: &Site, request: &Request) -> Answer {
    let mut answer = app.moderator.check(Some(site), &request.comment);
    (answer.verdict, answer.queue) = match (answer.verdict, answer.queue) {
        _ if request.promised == Some(Promised::Ham) => (Decision::Approve, None),
        _ if request.promised == Some(Promised::Spam) => (Decision::Hold, Some(Queue::Spam)),
        (Decision::Approve, _) if request.signals.trapped => (Decision::Hold, Some(Queue::Review)),
        model => model,
    };
    app.metrics.judged(&answer);
    answer
}
