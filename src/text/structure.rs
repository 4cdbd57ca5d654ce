//! The form of a comment: how long, how loud, how much punctuation and mark-up, in which scripts.
//!
//! Numbers become features by binning: `length:9` means a length of at least 1.6⁸ characters. The language itself is no
//! feature: there is hardly any German spam in the public corpora, and a model told the language learns "German is honest".

use super::words::{Token, TokenKind};
use super::{Document, Hasher, Sink, View};

/// Logarithmic bin: 0 for nothing, else 1 + the rounded-down logarithm, at most `most`.
fn log_bin(n: usize, base: f64, most: u32) -> u32 {
    if n == 0 { 0 } else { (1 + (n as f64).log(base) as u32).min(most) }
}

/// Ratio in `steps` equal bins.
fn ratio_bin(part: usize, whole: usize, steps: f64) -> u32 {
    if whole == 0 { 0 } else { ((part as f64 / whole as f64 * steps).round() as u32).min(steps as u32) }
}

fn capped(n: usize, most: u32) -> u32 {
    u32::try_from(n).unwrap_or(most).min(most)
}

/// What one pass over the prose counts.
#[derive(Default)]
struct Counts {
    characters: usize,
    letters: usize,
    capitals: usize,
    digits: usize,
    punctuation: usize,
    exclamations: usize,
    questions: usize,
    beyond_ascii: usize,
    symbols: usize,
    repeated: bool,
    shouted: usize,
    scripts: [bool; Script::COUNT],
}

/// One run of characters between white space, while it is read.
#[derive(Default)]
struct Run {
    characters: usize,
    letters: usize,
    capitals: usize,
}

impl Run {
    /// Three characters or more with a letter among them, all letters capitals.
    fn is_shouted(&self) -> bool {
        self.characters >= 3 && self.letters > 0 && self.capitals == self.letters
    }
}

impl Counts {
    fn of(text: &str) -> Self {
        let mut counts = Counts::default();
        let mut run = Run::default();
        let (mut last, mut equal) = ('\0', 0);
        for c in text.chars() {
            counts.characters += 1;
            equal = if c == last { equal + 1 } else { 1 };
            last = c;
            // What most characters are goes first.
            if !c.is_ascii_lowercase() && c.is_whitespace() {
                counts.beyond_ascii += usize::from(!c.is_ascii());
                counts.end(&mut run);
                continue;
            }
            counts.repeated |= equal == 3;
            run.characters += 1;
            if c.is_ascii_lowercase() {
                run.letters += 1;
                counts.scripts[Script::Latin as usize] = true;
                continue;
            }
            counts.beyond_ascii += usize::from(!c.is_ascii());
            if c.is_alphabetic() {
                run.letters += 1;
                run.capitals += usize::from(c.is_uppercase());
                counts.scripts[Script::of(c) as usize] = true;
            } else if c.is_numeric() {
                counts.digits += 1;
            } else {
                counts.punctuation += 1;
                counts.exclamations += usize::from(c == '!');
                counts.questions += usize::from(c == '?');
                counts.symbols += usize::from(is_pictograph(c));
            }
        }
        counts.end(&mut run);
        counts
    }

    /// Adds a run that is complete.
    fn end(&mut self, run: &mut Run) {
        self.letters += run.letters;
        self.capitals += run.capitals;
        self.shouted += usize::from(run.is_shouted());
        *run = Run::default();
    }
}

/// All features of form.
pub(super) fn emit(raw: &str, document: &Document, tokens: &[Token], sink: &mut impl Sink) {
    let prose = document.prose_as_written();
    let counts = Counts::of(prose);
    let mut words = 0;
    let (mut letters_in_words, mut longest_word) = (0, 0);
    for token in tokens {
        if let TokenKind::Word(length) = token.kind {
            words += 1;
            letters_in_words += length as usize;
            longest_word = longest_word.max(length as usize);
        }
    }

    // A macro, so that the hash of every kind is computed by the compiler.
    macro_rules! bin {
        ($kind:literal, $n:expr) => {{
            let n: u32 = $n;
            let hash = const { Hasher::new($kind) }.add(u64::from(n)).finish();
            sink.feature(View::Structure, hash, || format!("{}:{n}", $kind));
        }};
    }
    bin!("length", log_bin(counts.characters, 1.6, 20));
    bin!("words", log_bin(words, 1.6, 16));
    bin!("capitals", if counts.letters == 0 { 11 } else { ratio_bin(counts.capitals, counts.letters, 10.0) });
    bin!("digits", log_bin(counts.digits, 2.0, 12));
    bin!("digit_share", ratio_bin(counts.digits, counts.characters, 20.0));
    bin!("punctuation_share", ratio_bin(counts.punctuation, counts.characters, 20.0));
    bin!("exclamations", capped(counts.exclamations, 6));
    bin!("questions", capped(counts.questions, 3));
    bin!("links", capped(document.links.len(), 6));
    bin!("lines", log_bin(raw.bytes().filter(|&b| b == b'\n').count(), 2.0, 12));
    bin!("tags", log_bin(document.tags, 2.0, 12));
    bin!("word_length", capped((letters_in_words + words / 2).checked_div(words).unwrap_or(0), 12));
    bin!("longest_word", log_bin(longest_word, 1.5, 12));
    bin!("distinct_words", distinct_bin(tokens, words));
    bin!("beyond_ascii", ratio_bin(counts.beyond_ascii, counts.characters, 10.0));
    bin!("symbols", capped(counts.symbols, 4));
    bin!("shouted", capped(counts.shouted, 5));
    bin!("repeated", u32::from(counts.repeated));
    let trimmed = prose.trim();
    bin!("starts_lower", u32::from(trimmed.chars().next().is_some_and(char::is_lowercase)));
    for script in Script::ALL.into_iter().filter(|script| counts.scripts[*script as usize]) {
        let name = script.name();
        sink.feature(View::Structure, Hasher::new("script").add_text(name).finish(), || format!("script:{name}"));
    }
    let last = trimmed.chars().next_back().filter(|c| !c.is_alphanumeric());
    let end = last.unwrap_or('a');
    sink.feature(View::Structure, Hasher::new("end").add(u64::from(end)).finish(), || format!("end:{end}"));
}

/// Share of distinct words in tenths; 11 where there are none.
///
/// Words are told apart by 12 bits of their hashes, so a text of thousands of words seems to repeat itself more than it does.
fn distinct_bin(tokens: &[Token], words: usize) -> u32 {
    if words == 0 {
        return 11;
    }
    let mut seen = [0_u64; 64];
    for token in tokens.iter().filter(|token| matches!(token.kind, TokenKind::Word(_))) {
        let bits = token.hash().value() >> 52;
        seen[(bits >> 6) as usize] |= 1 << (bits & 63);
    }
    let distinct: u32 = seen.iter().map(|bits| bits.count_ones()).sum();
    ratio_bin(distinct as usize, words, 10.0)
}

/// Emoji, arrows, dingbats: roughly Unicode's general category "Symbol, other".
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{A6}' | '\u{A9}' | '\u{AE}' | '\u{B0}' | '\u{2100}'..='\u{214F}' | '\u{2190}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Groups of writing systems, coarse on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Semitic,
    Indic,
    EastAsian,
    Other,
}

impl Script {
    const ALL: [Script; 7] = [
        Script::Latin,
        Script::Greek,
        Script::Cyrillic,
        Script::Semitic,
        Script::Indic,
        Script::EastAsian,
        Script::Other,
    ];
    const COUNT: usize = Self::ALL.len();

    fn of(c: char) -> Self {
        match u32::from(c) {
            0..0x250 | 0x1E00..0x1F00 => Script::Latin,
            0x370..0x400 | 0x1F00..0x2000 => Script::Greek,
            0x400..0x530 => Script::Cyrillic,
            0x590..0x800 => Script::Semitic,
            0x900..0x1100 => Script::Indic,
            0x1100..0x1200 | 0x3040..0x3100 | 0x3400..0xA000 | 0xAC00..0xD7B0 => Script::EastAsian,
            _ => Script::Other,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Script::Latin => "latin",
            Script::Greek => "greek",
            Script::Cyrillic => "cyrillic",
            Script::Semitic => "semitic",
            Script::Indic => "indic",
            Script::EastAsian => "east_asian",
            Script::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::testing::names;

    fn has(text: &str, feature: &str) -> bool {
        names(View::Structure, text).iter().any(|name| name == feature)
    }

    #[test]
    fn form_is_counted_as_a_reader_would() {
        let table = [
            ("HELLO THERE", "capitals:10"),
            ("HELLO THERE", "shouted:2"),
            ("was?? wie???", "questions:3"),
            ("wow!!!!!!!!", "exclamations:6"),
            ("http://a.example http://b.example", "links:2"),
            ("<b>x</b>", "tags:2"),
            ("привет", "script:cyrillic"),
            ("gut :-)", "end:)"),
            ("gut", "end:a"),
            ("klein angefangen", "starts_lower:1"),
            ("👍👍", "symbols:2"),
            ("\u{200b}", "length:0"),
            ("sooo gut", "repeated:1"),
        ];
        for (text, feature) in table {
            assert!(has(text, feature), "{text:?} lacks {feature}: {:?}", names(View::Structure, text));
        }
    }

    #[test]
    fn a_link_does_not_count_as_words_or_capitals() {
        assert_eq!(has("Hallo http://EXAMPLE.com/ABC", "capitals:2"), has("Hallo", "capitals:2"));
    }
}
