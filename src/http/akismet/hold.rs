//! A verdict becomes the word a client understands.
//!
//! Akismet knows two words, we have three answers. That a comment should wait for a person is said as `false` with the
//! header `X-akismet-error`: WordPress (5.0 and later) and Discourse keep such a comment for moderation. Every other client
//! we know looks at the word alone and would publish it, so to them it is said as `true`, unless the operator says with
//! `--akismet-hold pending` that all clients know the header.

use crate::config::AkismetHold;
use crate::http::akismet::answer::Word;
use crate::http::akismet::request::{Recheck, Request};
use crate::verdict::{Decision, Queue};

/// The word for a decision. `user_agent` is the header of that name.
pub fn word(
    (decision, queue): (Decision, Option<Queue>),
    hold: AkismetHold,
    request: &Request,
    user_agent: &str,
) -> Word {
    if decision == Decision::Approve {
        return Word::Ham;
    }
    let pending = match hold {
        AkismetHold::Queue => queue != Some(Queue::Spam),
        AkismetHold::Pending => true,
        AkismetHold::Spam => false,
    };
    match request.recheck {
        _ if !pending => Word::Spam,
        None if hold == AkismetHold::Pending || heeds_error_header(user_agent) => Word::Pending,
        // WordPress looks at no header when it asks again. What waits for moderation stays there at `false`; in every
        // other case `false` publishes.
        Some(Recheck::Queue) => Word::Pending,
        None | Some(Recheck::Other) => Word::Spam,
    }
}

/// Whether a client keeps a comment for moderation at `X-akismet-error`.
fn heeds_error_header(user_agent: &str) -> bool {
    ["WordPress/", "Discourse/"].into_iter().any(|name| user_agent.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::akismet::form::Form;

    const WORDPRESS: &str = "WordPress/6.8.7 | Akismet/5.5";
    const DISCOURSE: &str = "Discourse/3.5.0 | discourse-akismet/1.0.0";
    const NODE: &str = "Generic Node.js/1.0.0 | Akismet/3.1.7";

    #[test]
    fn a_hold_is_said_so_that_the_client_understands_it() {
        use AkismetHold::{Pending, Queue as ByQueue, Spam};
        let review = (Decision::Hold, Some(Queue::Review));
        let spam = (Decision::Hold, Some(Queue::Spam));
        let approve = (Decision::Approve, None);
        let table = [
            (approve, ByQueue, "", WORDPRESS, Word::Ham),
            (approve, Spam, "recheck_reason=retry", NODE, Word::Ham),
            (review, ByQueue, "", WORDPRESS, Word::Pending),
            (review, ByQueue, "", DISCOURSE, Word::Pending),
            (review, ByQueue, "", NODE, Word::Spam),
            (review, ByQueue, "", "", Word::Spam),
            (review, ByQueue, "recheck_reason=recheck_queue", WORDPRESS, Word::Pending),
            (review, ByQueue, "recheck_reason=retry", WORDPRESS, Word::Spam),
            (review, ByQueue, "recheck_reason=edit", WORDPRESS, Word::Spam),
            (spam, ByQueue, "", WORDPRESS, Word::Spam),
            (spam, ByQueue, "recheck_reason=recheck_queue", WORDPRESS, Word::Spam),
            (review, Pending, "", WORDPRESS, Word::Pending),
            (spam, Pending, "", WORDPRESS, Word::Pending),
            (spam, Pending, "", NODE, Word::Pending),
            (spam, Pending, "recheck_reason=retry", WORDPRESS, Word::Spam),
            (review, Spam, "", WORDPRESS, Word::Spam),
            (spam, Spam, "", DISCOURSE, Word::Spam),
        ];
        for (decision, hold, form, user_agent, expected) in table {
            let request = Request::read(&Form::parse(form.as_bytes(), ""));
            let said = word(decision, hold, &request, user_agent);
            assert_eq!(said, expected, "{decision:?} {hold:?} {form} {user_agent}");
        }
    }
}
