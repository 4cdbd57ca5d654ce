//! PHP's slashes, undone: once, here, and only where WordPress put them.
//!
//! WordPress keeps everything a visitor typed with a backslash before each `'`, `"`, `\` and NUL until it is stored,
//! and its Akismet plug-in sends comment-check from before that moment. Submits and rechecks are read from the store and
//! come without. Were the slashes kept, every apostrophe would make a new word, and no submit would ever match its check.
//!
//! Two marks together say that there are slashes. [`Request`](super::request::Request) asks for both:
//!
//! * The field `akismet_comment_nonce` is there and `recheck_reason` is not. Only the plug-in's function for new comments
//!   sends that field, and it always does; nothing else that speaks this protocol has it.
//! * The texts can have been made by adding slashes: not one quote stands without. WordPress's REST API calls that same
//!   function with texts that have no slashes, and their writer may mean `\"` as it stands.

/// Whether adding slashes can have made `text`.
pub fn may_be_slashed(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\'' | b'"' | 0 => return false,
            b'\\' if !matches!(bytes.next(), Some(b'\'' | b'"' | b'\\' | b'0')) => return false,
            _ => {}
        }
    }
    true
}

/// Takes one layer of slashes away.
pub fn unslash(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => plain.extend(chars.next().map(|escaped| if escaped == '0' { '\0' } else { escaped })),
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What PHP's `addslashes` does.
    fn slash(text: &str) -> String {
        text.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\"").replace('\0', "\\0")
    }

    #[test]
    fn slashes_are_told_from_backslashes() {
        let table = [
            (r"no quotes", true),
            (r"it\'s", true),
            (r#"it\'s \"quoted\""#, true),
            (r"C:\\temp\\new", true),
            (r"it's", false),
            (r#"say \"a\" and "b""#, false),
            (r"C:\temp", false),
            (r"ends with \", false),
            (r"\\'", false),
        ];
        for (text, expected) in table {
            assert_eq!(may_be_slashed(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn unslash_undoes_slash(text in ".*") {
            prop_assert!(may_be_slashed(&slash(&text)));
            prop_assert_eq!(unslash(&slash(&text)), text);
        }

        #[test]
        fn unslash_undoes_slash_among_many_quotes(text in "[a'\"\\\\\0ü0]{0,30}") {
            prop_assert!(may_be_slashed(&slash(&text)));
            prop_assert_eq!(unslash(&slash(&text)), text);
        }

        #[test]
        fn a_text_with_a_quote_of_its_own_is_left_alone(text in ".*", quote in "['\"]") {
            let slashed = format!("{}{quote}", slash(&text));
            prop_assert!(!may_be_slashed(&slashed));
        }
    }
}
