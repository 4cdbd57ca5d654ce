//! What a blog saw of the visitor's behaviour while the comment was typed, as far as we trust it.
//!
//! One thing is used: a trap field (honeypot) that people cannot see and that is filled in all the same. Such a comment is
//! held, whatever it says, for a person to look at; it is not called spam for that alone, because a browser's own
//! filling of forms falls into the trap too.
//!
//! Understood and not used, because none of it has been measured on comments with labels:
//!
//! * `POST_ak_js`, the visitor's clock, or a small random number where JavaScript did not run. Holding those would hold
//!   everyone who blocks scripts, and every comment from a page that a cache kept.
//! * `POST_ak_bib`, `ak_bfs`, `ak_bkp`, `ak_bmc` and their kin: when typing began and ended, how many keys and clicks.
//!   Dictation, password managers and screen readers type like robots.
//! * `akismet_comment_nonce`: `failed` for a robot that never saw the form, and for each reader of a cached page.
//!
//! None of them is kept, nor what stood in a trap.

use crate::http::akismet::form::Form;

/// The trap that WordPress, Jetpack and Contact Form 7 share.
const WORDPRESS_TRAP: &str = "POST_ak_hp_textarea";

/// What the behaviour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signals {
    /// A field was filled in that people cannot see.
    pub trapped: bool,
}

impl Signals {
    /// Reads the signals of a form. `honeypot_field_name` may name a trap of the blog's own; its value comes under that
    /// name, or under that name behind `POST_`.
    pub fn read(form: &Form) -> Self {
        let own = form
            .get("honeypot_field_name")
            .is_some_and(|name| form.get(&name).is_some() || form.get(&format!("POST_{name}")).is_some());
        Signals { trapped: own || form.get(WORDPRESS_TRAP).is_some() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trap_that_holds_something_is_a_signal() {
        let table = [
            ("", false),
            ("POST_ak_hp_textarea", false),
            ("POST_ak_hp_textarea=+", false),
            ("POST_ak_hp_textarea=buy", true),
            ("honeypot_field_name=url2&url2=", false),
            ("honeypot_field_name=url2&url2=http%3A%2F%2Fx.example", true),
            ("honeypot_field_name=url2&POST_url2=x", true),
            ("honeypot_field_name&url2=x", false),
            ("POST_ak_js=17&akismet_comment_nonce=failed&POST_ak_bkpc=0", false),
        ];
        for (form, expected) in table {
            assert_eq!(Signals::read(&Form::parse(form.as_bytes(), "")).trapped, expected, "{form}");
        }
    }
}
