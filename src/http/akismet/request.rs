//! A form becomes a comment: the names of Akismet's fields, and what WordPress means by them.

use crate::comment::{Comment, email_domain};
use crate::http::akismet::form::Form;
use crate::http::akismet::signals::Signals;
use crate::http::akismet::slashes::{may_be_slashed, unslash};

/// What a comment-check or a submit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The comment.
    pub comment: Comment,
    /// What kind of text it is: `comment`, `trackback`, `contact-form` or another short word of the blog's.
    pub comment_type: Option<String>,
    /// Why it is asked about again, if it is.
    pub recheck: Option<Recheck>,
    /// Asked about for a test: answered like any other, and never remembered.
    pub test: bool,
    /// What Akismet's documents promise to be answered, whatever the text says.
    pub promised: Option<Promised>,
    /// Asked about before there is a text: somebody announced a pingback.
    pub pre_check: bool,
    /// How the visitor behaved.
    pub signals: Signals,
}

/// Why a comment is asked about again. WordPress then looks at the body of the answer alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recheck {
    /// An administrator has everything that waits for moderation checked: `false` leaves it waiting.
    Queue,
    /// The first check failed, or the comment was edited: `false` may publish.
    Other,
}

/// An answer that follows from who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promised {
    /// An administrator of the blog: `false`.
    Ham,
    /// One of the names for people who try their set-up: `true`.
    Spam,
}

impl Request {
    /// Reads a form.
    pub fn read(form: &Form) -> Self {
        let recheck = form.get("recheck_reason").map(|reason| match reason.as_str() {
            "recheck_queue" => Recheck::Queue,
            _ => Recheck::Other,
        });
        let typed = Typed::read(form, recheck);
        let address = form.get("comment_author_email").unwrap_or_default();
        let roles = form.get("user_role").unwrap_or_default();
        Request {
            comment_type: form.get("comment_type").or_else(|| form.get("content_type")).and_then(word),
            recheck,
            test: form.flag("is_test"),
            promised: if roles.split(',').any(|role| role.trim() == "administrator") {
                Some(Promised::Ham)
            } else {
                is_guaranteed_spam(typed.author.as_deref(), &address).then_some(Promised::Spam)
            },
            pre_check: form.flag("akismet_pre_check"),
            signals: Signals::read(form),
            comment: Comment {
                content: typed.content.unwrap_or_default(),
                author: typed.author,
                author_url: typed.author_url,
                email_domain: email_domain(&address),
                post_url: form.get("permalink"),
                lang: form.get("blog_lang").and_then(language),
                ..Comment::default()
            },
        }
    }
}

/// What the visitor typed, without slashes.
struct Typed {
    author: Option<String>,
    author_url: Option<String>,
    content: Option<String>,
}

impl Typed {
    /// See [`slashes`](super::slashes) on when there are any.
    fn read(form: &Form, recheck: Option<Recheck>) -> Self {
        let texts = ["comment_author", "comment_author_url", "comment_content"].map(|name| form.get(name));
        let of_wordpress = form.has("akismet_comment_nonce") && recheck.is_none();
        let slashed = of_wordpress && texts.iter().flatten().all(|text| may_be_slashed(text));
        let [author, author_url, content] =
            if slashed { texts.map(|text| text.map(|text| unslash(&text))) } else { texts };
        Typed { author, author_url, content }
    }
}

/// Whether this is one of the names that every Akismet server calls spam.
fn is_guaranteed_spam(author: Option<&str>, email: &str) -> bool {
    author.is_some_and(|author| ["akismet-guaranteed-spam", "viagra-test-123"].contains(&author))
        || email.eq_ignore_ascii_case("akismet-guaranteed-spam@example.com")
}

/// A kind of text is a short word. Anything else in its place is none.
fn word(text: String) -> Option<String> {
    let fits = text.len() <= 40 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| text.to_ascii_lowercase())
}

/// The first of a list of languages such as `de_DE` or `en, fr_ca`, as a language tag.
fn language(list: String) -> Option<String> {
    let first = list.split(',').next()?.trim().replace('_', "-");
    let fits = first.len() <= 35 && first.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (fits && !first.is_empty()).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Request {
        Request::read(&Form::parse(form.as_bytes(), ""))
    }

    #[test]
    fn the_fields_of_akismet_become_those_of_a_comment() {
        let request = read(
            "blog=https%3A%2F%2Fblog.example&user_ip=192.0.2.7&comment_type=Reply&comment_author=J%C3%B6rg\
             &comment_author_email=Joerg%40Example.org&comment_author_url=https%3A%2F%2Fjoerg.example\
             &comment_content=Danke+f%C3%BCr+den+Beitrag&permalink=https%3A%2F%2Fblog.example%2Frouter\
             &blog_lang=de_DE&comment_date_gmt=2026-11-23+00%3A15%3A50&comment_context%5B0%5D=Netz",
        );
        let expected = Comment {
            content: "Danke für den Beitrag".into(),
            author: Some("Jörg".into()),
            email_domain: Some("example.org".into()),
            author_url: Some("https://joerg.example".into()),
            post_url: Some("https://blog.example/router".into()),
            lang: Some("de-DE".into()),
            // No date: nobody asks for it, and a stranger could make it as long as the body.
            ..Comment::default()
        };
        assert_eq!(request.comment, expected);
        assert_eq!(request.comment_type.as_deref(), Some("reply"));
        assert!(!format!("{request:?}").contains("192.0.2.7"));
        assert!(!format!("{request:?}").contains("Joerg@"));
    }

    #[test]
    fn slashes_are_undone_where_wordpress_puts_them_and_nowhere_else() {
        let slashed = r#"comment_author=O\'Neil&comment_content=it\'s \"quoted\""#;
        let plain = r#"comment_author=O'Neil&comment_content=it's "quoted""#;
        let table = [
            (format!("{slashed}&akismet_comment_nonce=passed"), "O'Neil", r#"it's "quoted""#),
            (format!("{slashed}&akismet_comment_nonce"), "O'Neil", r#"it's "quoted""#),
            // A check again, and a client that is not WordPress.
            (format!("{slashed}&akismet_comment_nonce=passed&recheck_reason=retry"), r"O\'Neil", r#"it\'s \"quoted\""#),
            (slashed.to_owned(), r"O\'Neil", r#"it\'s \"quoted\""#),
            // WordPress's REST API.
            (format!("{plain}&akismet_comment_nonce=inactive"), "O'Neil", r#"it's "quoted""#),
            (
                r"comment_author=O'Neil&comment_content=echo \'x\'&akismet_comment_nonce=inactive".to_owned(),
                "O'Neil",
                r"echo \'x\'",
            ),
        ];
        for (form, author, content) in table {
            let comment = read(&form).comment;
            assert_eq!((comment.author.as_deref(), comment.content.as_str()), (Some(author), content), "{form}");
        }
    }

    #[test]
    fn documented_values_are_recognised_and_their_likes_are_not() {
        let table = [
            ("comment_author=viagra-test-123", Some(Promised::Spam)),
            ("comment_author=akismet-guaranteed-spam", Some(Promised::Spam)),
            ("comment_author_email=akismet-guaranteed-spam%40example.com", Some(Promised::Spam)),
            ("comment_author=viagra-test-1234", None),
            ("comment_content=viagra-test-123", None),
            ("user_role=administrator", Some(Promised::Ham)),
            ("user_role=editor,administrator&comment_author=viagra-test-123", Some(Promised::Ham)),
            ("user_role=administrators", None),
            ("user_role=", None),
        ];
        for (form, expected) in table {
            assert_eq!(read(form).promised, expected, "{form}");
        }
    }

    #[test]
    fn kinds_and_languages_are_short_words_or_nothing() {
        let table = [
            ("comment_type=trackback", Some("trackback"), None),
            ("content_type=forum-post&blog_lang=en%2C+fr_ca", Some("forum-post"), Some("en")),
            ("comment_type=%3Cscript%3E&blog_lang=%3Cb%3E", None, None),
            ("comment_type=mary%40example.org", None, None),
            ("comment_type&blog_lang=zh_Hant_TW", None, Some("zh-Hant-TW")),
        ];
        for (form, kind, lang) in table {
            let request = read(form);
            assert_eq!((request.comment_type.as_deref(), request.comment.lang.as_deref()), (kind, lang), "{form}");
        }
    }

    #[test]
    fn only_what_waits_for_moderation_may_be_left_waiting() {
        for (form, expected) in [
            ("recheck_reason=recheck_queue", Some(Recheck::Queue)),
            ("recheck_reason=retry", Some(Recheck::Other)),
            ("recheck_reason=edit", Some(Recheck::Other)),
            ("recheck_reason", None),
        ] {
            assert_eq!(read(form).recheck, expected, "{form}");
        }
    }
}
