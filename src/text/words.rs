//! How text is cut into words, and which words stand near which.
//!
//! A token is a run of letters (with inner apostrophes), a number, a run of `!?.`, or a single other symbol.
//! Punctuation is kept because `!!!` and `...` tell a sales pitch from a shrug.

use super::{FeatureHash, Hasher, Sink, View};

/// One token of a lower-cased text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// First character in the text.
    start: u32,
    /// Character behind the last.
    end: u32,
    hash: FeatureHash,
    pub(super) kind: TokenKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Letters; the number of characters.
    Word(u32),
    /// The shape of a number, from its count of digits.
    Number(u32),
    /// A short number, literally.
    Digits,
    Punctuation,
    /// The beginning or the end of the text.
    Edge(&'static str),
}

impl Token {
    fn name(&self, text: &[char]) -> String {
        match self.kind {
            TokenKind::Number(digits) => format!("#{digits}"),
            TokenKind::Edge(name) => name.to_owned(),
            _ => self.characters(text).iter().collect(),
        }
    }

    /// What stands there in the text it was cut from.
    pub(super) fn characters<'a>(&self, text: &'a [char]) -> &'a [char] {
        &text[self.start as usize..self.end as usize]
    }

    pub(super) fn hash(&self) -> FeatureHash {
        self.hash
    }
}

/// Numbers up to this many digits are kept literally beside their shape: `2024` and `100` mean something, a phone
/// number does not.
const LITERAL_DIGITS: u32 = 4;

const WORD: Hasher = Hasher::new("w");
const NUMBER: Hasher = Hasher::new("#");
const START: Hasher = Hasher::new("^");
const END: Hasher = Hasher::new("$");

/// Cuts a lower-cased text into tokens; the first and the last are its edges.
pub(super) fn tokenize(text: &[char], tokens: &mut Vec<Token>) {
    tokens.clear();
    push(tokens, 0, 0, START, TokenKind::Edge(START_OF_TEXT));
    let follows = |at: usize, is: fn(char) -> bool| text.get(at).is_some_and(|&c| is(c));
    let mut start = 0;
    while let Some(&first) = text.get(start) {
        let mut hash = WORD.add(u64::from(first));
        let mut end = start + 1;
        if first.is_whitespace() {
            // No token.
        } else if first.is_alphabetic() {
            // Letters repeated for emphasis count twice at most: "soooo" and "sooooooo" are one word.
            let (mut run, mut last) = (1, first);
            while let Some(&c) = text.get(end) {
                if !(c.is_alphabetic() || is_apostrophe(c) && follows(end + 1, char::is_alphabetic)) {
                    break;
                }
                end += 1;
                run = if c == last { run + 1 } else { 1 };
                last = c;
                if run <= 2 {
                    hash = hash.add(u64::from(c));
                }
            }
            push(tokens, start, end, hash, TokenKind::Word(position(end - start)));
        } else if first.is_numeric() {
            let mut digits = 1;
            while let Some(&c) = text.get(end) {
                if !(c.is_numeric() || matches!(c, '.' | ',' | ':') && follows(end + 1, char::is_numeric)) {
                    break;
                }
                end += 1;
                digits += u32::from(c.is_numeric());
                hash = hash.add(u64::from(c));
            }
            let shape = digits.min(12);
            push(tokens, start, end, NUMBER.add(u64::from(shape)), TokenKind::Number(shape));
            if digits <= LITERAL_DIGITS {
                push(tokens, start, end, hash, TokenKind::Digits);
            }
        } else {
            while is_mark(first) && follows(end, is_mark) {
                end += 1;
                match end - start {
                    2 | 3 => hash = hash.add(u64::from(text[end - 1])),
                    4 => hash = hash.add(u64::from('+')),
                    _ => {}
                }
            }
            push(tokens, start, end, hash, TokenKind::Punctuation);
        }
        start = end;
    }
    push(tokens, text.len(), text.len(), END, TokenKind::Edge(END_OF_TEXT));
}

fn push(tokens: &mut Vec<Token>, start: usize, end: usize, hash: Hasher, kind: TokenKind) {
    tokens.push(Token { start: position(start), end: position(end), hash: hash.finish(), kind });
}

fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

/// Marks that are repeated for emphasis.
fn is_mark(c: char) -> bool {
    matches!(c, '!' | '?' | '.')
}

/// Single tokens.
pub(super) fn emit(text: &[char], tokens: &[Token], sink: &mut impl Sink) {
    for token in tokens.iter().filter(|token| !matches!(token.kind, TokenKind::Edge(_))) {
        sink.feature(View::Words, token.hash, || token.name(text));
    }
}

/// Pairs of tokens at most this far apart.
const WINDOW: usize = 4;

/// How the beginning of a text is named in a pair; no token can be named so.
pub const START_OF_TEXT: &str = "‹start›";
/// How the end of a text is named in a pair.
pub const END_OF_TEXT: &str = "‹end›";

/// Orthogonal sparse bigrams: every pair of tokens up to [`WINDOW`] apart with its distance. The beginning and the end
/// of the text count as tokens, so "starts with `hello`" is a feature too.
pub(super) fn emit_pairs(text: &[char], tokens: &[Token], sink: &mut impl Sink) {
    for (at, left) in tokens.iter().enumerate() {
        let near = &tokens[at + 1..tokens.len().min(at + 1 + WINDOW)];
        let pairs = near.iter().enumerate().map(|(gap, right)| left.hash.pair(gap as u64 + 1, right.hash));
        sink.features(View::WordPairs, pairs, |gap| {
            let gap_sign = if gap == 0 { " " } else { " … " };
            format!("{}{gap_sign}{}", left.name(text), near[gap].name(text))
        });
    }
}

/// Hashes of all runs of three words of a comment's prose (of the whole prose, when it has fewer): two comments are
/// near-duplicates when they share most of them. Links, numbers and punctuation do not count, because campaigns
/// vary just those. Sorted, without repetitions; never empty.
pub fn near_duplicate_shingles(content: &str) -> Vec<u64> {
    let mut extractor = super::Extractor::default();
    extractor.read(content);
    shingles(extractor.document.prose(), &extractor.tokens)
}

/// The shingles of a tokenised prose, see [`near_duplicate_shingles`].
pub(super) fn shingles(prose: &[char], tokens: &[Token]) -> Vec<u64> {
    let words: Vec<u64> = tokens
        .iter()
        .filter(|token| matches!(token.kind, TokenKind::Word(_)))
        .map(|token| token.hash.value())
        .collect();
    let shingle = |run: &[u64]| run.iter().fold(Hasher::new("3"), |hasher, &word| hasher.add(word)).finish().value();
    let mut shingles: Vec<u64> = words.windows(3).map(shingle).collect();
    if shingles.is_empty() {
        // Too short for three words: its few words, or failing those its characters.
        let raw = || Hasher::new("raw").add_characters(prose.iter().copied()).finish().value();
        shingles.push(if words.is_empty() { raw() } else { shingle(&words) });
    }
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::testing::names;

    #[test]
    fn words_numbers_and_punctuation_are_tokens() {
        let table: &[(&str, &[&str])] = &[
            ("BUY   now!!!", &["buy", "now", "!!!"]),
            ("f\u{200b}ree", &["free"]),
            ("it's a dog’s life.", &["it's", "a", "dog’s", "life", "."]),
            ("100 Euro, 0151-2345678", &["#3", "100", "euro", ",", "#4", "0151", "-", "#7"]),
            ("1.000,50 €", &["#6", "€"]),
            ("Grüße aus Köln :-)", &["grüße", "aus", "köln", ":", "-", ")"]),
            ("see http://x.example/a now", &["see", "now"]),
        ];
        for (text, expected) in table {
            assert_eq!(&names(View::Words, text), expected, "{text}");
        }
    }

    #[test]
    fn a_word_drawn_out_for_emphasis_is_one_word() {
        let hash = |text: &str| {
            let mut tokens = Vec::new();
            tokenize(&text.chars().collect::<Vec<_>>(), &mut tokens);
            tokens[1].hash
        };
        assert_eq!(hash("soooo"), hash("sooooooooo"));
        assert_ne!(hash("so"), hash("soo"));
        assert_eq!(hash("!!!!"), hash("!!!!!!!"));
    }

    #[test]
    fn pairs_reach_four_tokens_and_the_ends_of_the_text() {
        assert_eq!(
            names(View::WordPairs, "check my channel"),
            [
                "‹start› check",
                "‹start› … my",
                "‹start› … channel",
                "‹start› … ‹end›",
                "check my",
                "check … channel",
                "check … ‹end›",
                "my channel",
                "my … ‹end›",
                "channel ‹end›"
            ]
        );
    }

    #[test]
    fn shingles_ignore_links_and_case_and_are_never_empty() {
        assert_eq!(
            near_duplicate_shingles("Buy cheap pills at http://a.example"),
            near_duplicate_shingles("buy CHEAP pills at http://b.example/x")
        );
        assert_eq!(near_duplicate_shingles("ok"), near_duplicate_shingles("OK!"));
        assert_eq!(near_duplicate_shingles("\u{200b}").len(), 1);
    }
}
