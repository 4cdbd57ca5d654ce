//! Form bodies, as blogs really send them.
//!
//! Taken: fields in any order, `key` as well as `key=`, `+` and `%20`, names percent-encoded like values
//! (`comment_context%5B0%5D`), any number of fields nobody knows, and text in another charset than UTF-8.
//!
//! A value is decoded when it is asked for, and never otherwise: what blogs send along of a visitor (the e-mail address
//! three times, the address of the machine twice, every header of the browser) stays an undecoded piece of the body and
//! goes when the body goes.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use percent_encoding::percent_decode;

/// A form, or a query.
#[derive(Debug, Clone)]
pub struct Form<'a> {
    /// Decoded names, values as they came.
    fields: Vec<(Cow<'a, [u8]>, &'a [u8])>,
    /// What the sender said the text is encoded in, if it is not UTF-8.
    charset: Option<&'static Encoding>,
    /// What the text may be encoded in if it is no UTF-8, whatever the sender said.
    other_charset: Option<&'static Encoding>,
}

impl<'a> Form<'a> {
    /// Reads a body. `content_type` is the header of that name, of which the charset is used.
    ///
    /// Not every sender tells the charset of its body there, and those that name one in the field `blog_charset` may
    /// mean that of their pages, so the field is believed only where the text is no valid UTF-8.
    pub fn parse(body: &'a [u8], content_type: &str) -> Self {
        let pieces = body.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
        let fields = pieces.map(|piece| {
            let equals = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
            (decode(&piece[..equals]), piece.get(equals + 1..).unwrap_or_default())
        });
        let mut form = Form { fields: fields.collect(), charset: charset_of(content_type), other_charset: None };
        form.other_charset = form.get("blog_charset").and_then(|label| other_than_utf8(label.as_bytes()));
        form
    }

    /// The value of a field, decoded, white space around it removed; `None` when it is absent or blank. Of a field that
    /// stands twice, the last one counts, as it does for PHP.
    pub fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.fields.iter().rfind(|(field, _)| field.as_ref() == name.as_bytes())?;
        let text = self.decode_text(value);
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// Whether there is a field of that name, blank or not.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field.as_ref() == name.as_bytes())
    }

    /// Whether a field says yes: `1`, `true`, `yes` or `on`, in whatever case. Some libraries always send `False`.
    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str()))
    }

    fn decode_text(&self, value: &[u8]) -> String {
        let bytes = decode(value);
        if let Some(charset) = self.charset {
            return charset.decode_without_bom_handling(&bytes).0.into_owned();
        }
        match (std::str::from_utf8(&bytes), self.other_charset) {
            (Ok(text), _) => text.to_owned(),
            (Err(_), charset) => charset.unwrap_or(UTF_8).decode_without_bom_handling(&bytes).0.into_owned(),
        }
    }
}

/// Undoes the two encodings of a form.
fn decode(piece: &[u8]) -> Cow<'_, [u8]> {
    if !piece.contains(&b'+') {
        return percent_decode(piece).into();
    }
    let spaced: Vec<u8> = piece.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

/// The charset that a `Content-Type` names, if it is known and not UTF-8.
fn charset_of(content_type: &str) -> Option<&'static Encoding> {
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let charset = parameters.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charset.and_then(|(_, label)| other_than_utf8(label.trim().trim_matches('"').as_bytes()))
}

/// The encoding of that name, where it makes sense in a form: not UTF-8, and ASCII is still ASCII in it.
fn other_than_utf8(label: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_label_no_replacement(label).filter(|charset| *charset != UTF_8 && charset.is_ascii_compatible())
}

/// Whether a `Content-Type` is that of a form. One that is absent is taken for it.
pub fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.is_empty() || essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(body: &str, name: &str, expected: Option<&str>) {
        assert_eq!(Form::parse(body.as_bytes(), "").get(name).as_deref(), expected, "{name} in {body}");
    }

    #[test]
    fn fields_are_found_in_every_spelling() {
        check("a=1&b=2", "b", Some("2"));
        check("a&b=2", "a", None);
        check("a&b=2", "b", Some("2"));
        check("a=&b=2", "a", None);
        check("a=%20+&b=2", "a", None);
        check("a=x+y%20z%2B", "a", Some("x y z+"));
        check("comment%5Fauthor=J%C3%B6rg", "comment_author", Some("Jörg"));
        check("a=1&a=2&&", "a", Some("2"));
        check("a=b=c", "a", Some("b=c"));
        check("a=100%&b=%zz", "a", Some("100%"));
        check("a=100%&b=%zz", "b", Some("%zz"));
        check("", "a", None);
        check("&&=&", "", None);
    }

    #[test]
    fn text_is_read_in_the_charset_it_was_written_in() {
        let table: [(&[u8], &str, &str); 9] = [
            (b"a=J%C3%B6rg", "application/x-www-form-urlencoded", "Jörg"),
            (b"a=J%C3%B6rg", "application/x-www-form-urlencoded;charset=UTF-8", "Jörg"),
            (b"a=J%F6rg", "application/x-www-form-urlencoded; charset=ISO-8859-1", "Jörg"),
            (b"a=J%F6rg", "application/x-www-form-urlencoded; Charset=\"latin1\"", "Jörg"),
            (b"a=%CF%F0%E8%E2%E5%F2", "application/x-www-form-urlencoded; charset=windows-1251", "Привет"),
            (b"a=J\xf6rg&blog_charset=ISO-8859-1", "application/x-www-form-urlencoded; charset=UTF-8", "Jörg"),
            (b"a=J%C3%B6rg&blog_charset=ISO-8859-1", "", "Jörg"),
            (b"a=J%F6rg", "; charset=utf-16", "J\u{fffd}rg"),
            (b"a=J%F6rg", "; charset=nonsense", "J\u{fffd}rg"),
        ];
        for (body, content_type, expected) in table {
            let form = Form::parse(body, content_type);
            assert_eq!(form.get("a").as_deref(), Some(expected), "{content_type}");
        }
    }

    #[test]
    fn a_flag_is_set_only_by_a_word_for_yes() {
        for (value, expected) in
            [("1", true), ("true", true), ("True", true), ("False", false), ("0", false), ("", false)]
        {
            assert_eq!(Form::parse(format!("is_test={value}").as_bytes(), "").flag("is_test"), expected, "{value}");
        }
        assert!(!Form::parse(b"", "").flag("is_test"));
    }

    #[test]
    fn only_forms_are_forms() {
        for good in ["", "application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded;charset=UTF-8"] {
            assert!(is_form(good), "{good}");
        }
        for bad in ["application/json", "multipart/form-data; boundary=application/x-www-form-urlencoded", "text/plain"]
        {
            assert!(!is_form(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_was_encoded_is_decoded(name in "[^\0]{1,20}", value in "\\PC{0,40}") {
            use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
            let body = format!("x=y&{}={}", utf8_percent_encode(&name, NON_ALPHANUMERIC),
                utf8_percent_encode(&value, NON_ALPHANUMERIC));
            let decoded = Form::parse(body.as_bytes(), "").get(&name).unwrap_or_default();
            prop_assume!(name != "x");
            prop_assert_eq!(decoded, value.trim());
        }

        #[test]
        fn any_bytes_are_a_form(body in proptest::collection::vec(any::<u8>(), 0..300), content_type in "\\PC{0,40}") {
            let form = Form::parse(&body, &content_type);
            form.get("comment_content");
            form.flag("is_test");
        }
    }
}
