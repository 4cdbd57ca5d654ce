//! Undoing what hides a word: entities, invisible characters, compatibility forms, look-alike letters.
//!
//! `f&#114;ee`, `f​ree` (with a zero-width space), `ｆｒｅｅ` and `frее` (with Cyrillic е) all become `free`.

use std::sync::LazyLock;

use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};

static NFKC: LazyLock<ComposingNormalizerBorrowed<'static>> = LazyLock::new(ComposingNormalizer::new_nfkc);

/// Writes the normal form of `raw` into `out`, case kept: entities decoded once, invisible characters removed,
/// Unicode NFKC, and look-alike letters folded inside words that mix scripts. `buffer` is only there to be reused.
pub(super) fn normalize(raw: &str, buffer: &mut String, out: &mut String) {
    out.clear();
    let decoded = html_escape::decode_html_entities(raw);
    let decoded = if names_people(&decoded) { without_people(&decoded).into() } else { decoded };
    normalize_decoded(&decoded, buffer, out);
}

/// The same without looking at mentions.
pub(super) fn normalize_spelling(raw: &str, buffer: &mut String, out: &mut String) {
    out.clear();
    normalize_decoded(&html_escape::decode_html_entities(raw), buffer, out);
}

fn normalize_decoded(decoded: &str, buffer: &mut String, out: &mut String) {
    if is_latin(decoded) || decoded.chars().all(is_plain) {
        out.push_str(decoded);
    } else {
        normalize_unicode(decoded, buffer, out);
    }
}

/// The rest of [`normalize`] for texts that may need it.
fn normalize_unicode(text: &str, buffer: &mut String, out: &mut String) {
    buffer.clear();
    buffer.extend(text.chars().filter(|&c| !is_invisible(c)));
    // Writing to a String does not fail.
    let _ = NFKC.normalize_to(buffer, out);
    if out.chars().any(has_latin_look_alike) {
        std::mem::swap(buffer, out);
        out.clear();
        fold_mixed_scripts(buffer, out);
    }
}

/// Whether every character is ASCII or one from U+00C0 to U+00FF, whose first byte is C3. Counted, so that many bytes are looked
/// at at once.
fn is_latin(text: &str) -> bool {
    let others = |chunk: &[u8]| chunk.iter().filter(|byte| matches!(byte, 0xC0..=0xC2 | 0xC4..)).count();
    text.as_bytes().chunks(64).all(|chunk| others(chunk) == 0)
}

/// Characters that are their own normal form whatever stands beside them: ASCII and most of what else stands in German, French
/// or Spanish text.
fn is_plain(c: char) -> bool {
    c.is_ascii()
        || matches!(c, '\u{C0}'..='\u{FF}' | '–' | '—' | '‘'..='‟' | '€' | '§' | '©' | '«' | '»' | '®' | '°' | '·' | '¡' | '¿')
}

fn names_people(text: &str) -> bool {
    text.contains('@') || text.contains('[') && text.contains("[ip]")
}

/// Drops the sign of mentions, so that `@anna` is the word it would be without, and what the public corpora put in place of
/// people: `@user`, `[email]@` and `[ip]`. A model would learn these as the mark of their corpus.
fn without_people(text: &str) -> String {
    let text = text.replace("[email]@", "someone@").replace("[ip]", "");
    let mut kept = String::with_capacity(text.len());
    let mut last = ' ';
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '@' && !last.is_alphanumeric() && rest.starts_with(char::is_alphanumeric) {
            rest = without_placeholder(rest);
        } else {
            kept.push(c);
        }
        last = c;
    }
    kept
}

/// What follows `@`, without the placeholder for a name.
fn without_placeholder(mention: &str) -> &str {
    mention
        .strip_prefix("user")
        .filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        .unwrap_or(mention)
}

/// Writes `text` in lower case with white space folded to single spaces and none at the ends.
pub(super) fn fold(text: &str, out: &mut Vec<char>) {
    out.clear();
    out.reserve(text.len());
    let mut last = ' ';
    for c in text.chars() {
        let c = match c {
            // What most characters are goes first.
            '\0'..='\u{7F}' => ASCII_LOWER[c as usize],
            '\u{80}'.. if c.is_whitespace() => ' ',
            _ => {
                let mut lower = c.to_lowercase();
                let first = lower.next().unwrap_or(c);
                out.push(first);
                out.extend(lower);
                last = first;
                continue;
            }
        };
        if c != ' ' || last != ' ' {
            out.push(c);
        }
        last = c;
    }
    if out.last() == Some(&' ') {
        out.pop();
    }
}

/// ASCII in lower case, white space as a space.
const ASCII_LOWER: [char; 128] = {
    let mut lower = ['\0'; 128];
    let mut c = 0;
    while c < 128 {
        let byte = c as u8;
        // As `char::is_whitespace` has it, vertical tab included.
        lower[c] = if matches!(byte, b'\t'..=b'\r') { ' ' } else { byte.to_ascii_lowercase() as char };
        c += 1;
    }
    lower
};

/// Characters that take no space and can cut a word in two without a reader seeing it: zero-width and joining
/// characters, bidirectional controls, soft hyphen, variation selectors, byte order mark. U+FEFF ends nearly every row of
/// the YouTube corpora, an artefact of their export.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E01EF}')
}

/// Greek and Cyrillic letters that look like Latin ones, after the confusables of Unicode Technical Standard 39, cut down
/// to the letters spam was seen to use.
fn latin_look_alike(c: char) -> Option<char> {
    const TABLE: &[(char, char)] = &[
        ('а', 'a'),
        ('е', 'e'),
        ('о', 'o'),
        ('р', 'p'),
        ('с', 'c'),
        ('у', 'y'),
        ('х', 'x'),
        ('і', 'i'),
        ('ј', 'j'),
        ('ѕ', 's'),
        ('ԁ', 'd'),
        ('һ', 'h'),
        ('в', 'b'),
        ('н', 'h'),
        ('к', 'k'),
        ('м', 'm'),
        ('т', 't'),
        ('г', 'r'),
        ('п', 'n'),
        ('А', 'A'),
        ('В', 'B'),
        ('Е', 'E'),
        ('К', 'K'),
        ('М', 'M'),
        ('Н', 'H'),
        ('О', 'O'),
        ('Р', 'P'),
        ('С', 'C'),
        ('Т', 'T'),
        ('Х', 'X'),
        ('У', 'Y'),
        ('І', 'I'),
        ('Ј', 'J'),
        ('Ѕ', 'S'),
        ('α', 'a'),
        ('ο', 'o'),
        ('ρ', 'p'),
        ('ν', 'v'),
        ('ι', 'i'),
        ('τ', 't'),
        ('κ', 'k'),
        ('η', 'n'),
        ('Α', 'A'),
        ('Β', 'B'),
        ('Ε', 'E'),
        ('Ζ', 'Z'),
        ('Η', 'H'),
        ('Ι', 'I'),
        ('Κ', 'K'),
        ('Μ', 'M'),
        ('Ν', 'N'),
        ('Ο', 'O'),
        ('Ρ', 'P'),
        ('Τ', 'T'),
        ('Υ', 'Y'),
        ('Χ', 'X'),
    ];
    TABLE.iter().find(|(from, _)| *from == c).map(|(_, to)| *to)
}

fn has_latin_look_alike(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{52F}')
}

/// Folds look-alikes only in words that also hold a Latin letter: a Russian or Greek word stays what it is.
fn fold_mixed_scripts(text: &str, out: &mut String) {
    for word in text.split_inclusive(char::is_whitespace) {
        if word.chars().any(|c| c.is_ascii_alphabetic()) {
            out.extend(word.chars().map(|c| latin_look_alike(c).unwrap_or(c)));
        } else {
            out.push_str(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(raw: &str) -> String {
        let mut out = String::new();
        normalize(raw, &mut String::from("left over"), &mut out);
        out
    }

    #[test]
    fn disguises_of_one_word_become_that_word() {
        for disguise in
            ["free", "f&#114;ee", "f\u{200b}ree", "ｆｒｅｅ", "fr\u{435}\u{435}", "fr\u{ad}ee", "\u{feff}free"]
        {
            assert_eq!(normal(disguise), "free", "{disguise:?}");
        }
    }

    #[test]
    fn signs_of_mentions_and_placeholders_go_and_words_and_addresses_stay() {
        for (raw, expected) in [
            ("@user danke, @Anna_K! (@x) @users @user", " danke, Anna_K! (x) users "),
            ("@Casino @Bonus", "Casino Bonus"),
            ("write to joe@bags.example", "write to joe@bags.example"),
            ("[email]@bags.example from [ip]", "someone@bags.example from "),
            ("5 @ 3 €, @", "5 @ 3 €, @"),
        ] {
            assert_eq!(normal(raw), expected, "{raw}");
        }
    }

    #[test]
    fn honest_scripts_stay_as_they_are() {
        for text in ["привет", "καλημέρα", "größer", "日本語", "Straße, Tür"] {
            assert_eq!(normal(text), text);
        }
    }

    #[test]
    fn entities_are_decoded_once() {
        assert_eq!(normal("&amp;lt;b&amp;gt;"), "&lt;b&gt;");
    }

    #[test]
    fn folding_lowers_and_joins_white_space() {
        let mut out = vec!['x'];
        fold("  Ein\n\tGROSSES\u{a0}İ  ", &mut out);
        assert_eq!(out.into_iter().collect::<String>(), "ein grosses i\u{307}");
    }

    #[test]
    fn plain_characters_are_their_own_normal_form_beside_each_other() {
        let plain: Vec<char> = ('\0'..='\u{2FFF}').filter(|&c| is_plain(c)).collect();
        let pairs: String = plain.iter().flat_map(|&a| plain.iter().flat_map(move |&b| [a, b])).collect();
        let mut out = String::new();
        normalize_unicode(&pairs, &mut String::new(), &mut out);
        assert_eq!(out, pairs);
    }

    proptest! {
        #[test]
        fn latin_is_ascii_and_the_letters_after_it(text in "[a-zÀ-ÿ ]{0,200}[\u{80}-\u{24f}€А]{0,2}") {
            let each = text.chars().all(|c| c.is_ascii() || ('\u{C0}'..='\u{FF}').contains(&c));
            prop_assert_eq!(is_latin(&text), each);
        }
    }
}
