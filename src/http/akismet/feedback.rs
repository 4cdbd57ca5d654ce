//! `POST /1.1/submit-spam` and `submit-ham`: what a person says of a comment.

use warp::http::header::{HeaderName, HeaderValue};
use warp::reply::Response;

use crate::clock::now;
use crate::comment::Label;
use crate::http::App;
use crate::http::access::Caller;
use crate::http::akismet::answer::{self, Refusal, THANKS};
use crate::http::akismet::form::Form;
use crate::http::akismet::request::Request;
use crate::store::{Correction, Origin, Target};

/// Which decision was corrected: its guid, or `unknown` for a comment that nobody asked about before. No client reads
/// it; a person who looks for a lost correction does.
const DECISION: HeaderName = HeaderName::from_static("x-hamgate-decision");

/// What submit-spam says.
pub const SPAM: (Label, Origin) = (Label::Spam, Origin::SubmitSpam);
/// What submit-ham says.
pub const HAM: (Label, Origin) = (Label::Ham, Origin::SubmitHam);

/// Stores a label, and thanks for it once it is on the disk. The endpoint says what the label is; a field `is_spam`, which
/// one library adds, is not looked at. Submits carry no guid, so the decision is found by its comment.
pub async fn answer(
    app: &App,
    caller: &Caller,
    form: &Form<'_>,
    (label, origin): (Label, Origin),
) -> Result<Response, Refusal> {
    app.may_teach(caller)?;
    let site = caller.site_of(form)?;
    let request = Request::read(form);
    if request.test {
        return Ok(answer::text(THANKS));
    }
    if request.comment.content.is_empty() {
        return Err(Refusal::NoContent);
    }
    let store = app.store.as_ref().ok_or(Refusal::NoStore)?;
    let target = Target::Comment { site, comment: request.comment };
    let correction = Correction { target, label, origin, at: now() };
    let corrected = store.correct(correction).await.map_err(|_| Refusal::StoreFails)?;
    app.learned(corrected.number).await;
    let decision = corrected.decision.map_or(HeaderValue::from_static("unknown"), |id| answer::guid(&id));
    let mut response = answer::text(THANKS);
    response.headers_mut().insert(DECISION, decision);
    Ok(response)
}
