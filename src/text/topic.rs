//! Whether a comment is about the post: how many words of the post's title stand in it, or whether it repeats the title as a whole.
//!
//! Who read the post takes up its words, and no word of them is named here, so that it holds on blogs that no training has seen
//! (`docs/tried.md`, "Is it about the post?"). Where a blog sends no title, the last part of the post's
//! address stands for it, which most blogs make of the title.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::links::host_and_path;
use super::normalize;
use super::words::{self, Token, TokenKind};
use super::{Hasher, Sink, View};
use crate::comment::Comment;

/// Characters of a title beyond these are not read.
const LONGEST_TITLE: usize = 500;
/// Shorter words are mostly articles and pronouns. Letters as an address spells them: `über` has five.
const SHORTEST_WORD: usize = 5;
/// Words are compared by so many letters: `Kampagne` and `Kampagnen` are one word.
const STEM: usize = 6;
/// Words of a title beyond these are not looked for.
const MOST_WORDS: usize = u32::BITS as usize;
/// More shared words than this are counted as this many.
const MOST_SHARED: u32 = 3;
/// A title of fewer words is no quotation when it stands in a comment.
const SHORTEST_QUOTATION: usize = 3;

/// The title of a post, taken apart; reused from comment to comment.
#[derive(Debug, Default)]
pub(super) struct Title {
    normalized: String,
    lower: Vec<char>,
    tokens: Vec<Token>,
    stems: Vec<u64>,
}

impl Title {
    /// Takes the title of the post that `comment` belongs to apart, or what its address says of it.
    pub(super) fn read(&mut self, comment: &Comment, buffer: &mut String) {
        let address = || comment.post_url.as_deref().map(last_part);
        let title = comment.post_title.as_deref().map(Cow::from).or_else(address).unwrap_or_default();
        let end = title.char_indices().nth(LONGEST_TITLE).map_or(title.len(), |(at, _)| at);
        normalize::normalize(&title[..end], buffer, &mut self.normalized);
        normalize::fold(&self.normalized, &mut self.lower);
        words::tokenize(&self.lower, &mut self.tokens);
        self.stems.clear();
        for stem in only_words(&self.tokens).filter_map(|token| stem(token, &self.lower)) {
            if self.stems.len() < MOST_WORDS && !self.stems.contains(&stem) {
                self.stems.push(stem);
            }
        }
    }
}

/// One feature: how many words of the title stand in `text`, or that the title does as a whole. A title without a word that could be looked
/// for says nothing.
pub(super) fn emit(title: &Title, text: &[char], tokens: &[Token], sink: &mut impl Sink) {
    if title.stems.is_empty() {
        return;
    }
    if quotes(tokens, &title.tokens) {
        sink.feature(View::Topic, const { Hasher::new("quoted") }.finish(), || "quoted:1".to_owned());
        return;
    }
    let mut shared = 0_u32;
    for stem in only_words(tokens).filter_map(|token| stem(token, text)) {
        if let Some(at) = title.stems.iter().position(|of_title| *of_title == stem) {
            shared |= 1 << at;
        }
    }
    let n = shared.count_ones().min(MOST_SHARED);
    sink.feature(View::Topic, const { Hasher::new("shared") }.add(u64::from(n)).finish(), || format!("shared:{n}"));
}

/// The beginning of a word that is long enough, umlauts as in addresses, where `für-gründer` is `fuer-gruender`.
fn stem(token: &Token, text: &[char]) -> Option<u64> {
    let mut hash = const { Hasher::new("stem") };
    let mut letters = 0;
    for letter in token.characters(text).iter().flat_map(|&c| spelled_out(c)).flatten().take(STEM) {
        hash = hash.add(u64::from(letter));
        letters += 1;
    }
    (letters >= SHORTEST_WORD).then(|| hash.finish().value())
}

/// The last part of an address's path, which most blogs make of the title: `zehn-tipps` of `https://blog.example/2026/zehn-tipps/?p=3#comments`.
fn last_part(url: &str) -> Cow<'_, str> {
    let path = host_and_path(url).1;
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let part = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    percent_decode_str(part).decode_utf8_lossy()
}

fn spelled_out(c: char) -> [Option<char>; 2] {
    match c {
        'ä' => [Some('a'), Some('e')],
        'ö' => [Some('o'), Some('e')],
        'ü' => [Some('u'), Some('e')],
        'ß' => [Some('s'), Some('s')],
        _ => [Some(c), None],
    }
}

/// Whether the words of a title stand side by side in a text. At most [`MOST_WORDS`] words are compared at each word of the text, so the time is
/// linear in its length.
fn quotes(text: &[Token], title: &[Token]) -> bool {
    let wanted = || only_words(title).take(MOST_WORDS);
    let stands_at = |at: usize| {
        let mut here = only_words(&text[at..]);
        wanted().all(|word| here.next().is_some_and(|other| other.hash() == word.hash()))
    };
    let starts = || text.iter().enumerate().filter(|(_, token)| is_word(token));
    wanted().nth(SHORTEST_QUOTATION - 1).is_some() && starts().any(|(at, _)| stands_at(at))
}

fn is_word(token: &Token) -> bool {
    matches!(token.kind, TokenKind::Word(_))
}

fn only_words(tokens: &[Token]) -> impl Iterator<Item = &Token> {
    tokens.iter().filter(|token| is_word(token))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::testing::names_of;
    use crate::text::{Extractor, Features, Fields};

    fn topic(title: &str, content: &str) -> Vec<String> {
        let comment = Comment { content: content.into(), post_title: Some(title.into()), ..Comment::default() };
        names_of(View::Topic, &comment)
    }

    #[test]
    fn words_of_the_title_are_counted_in_the_comment_whatever_their_ending() {
        let title = "Kampagnen f\u{fc}r Gr\u{fc}nder: was ein Newsletter kostet";
        let table = [
            ("Danke, sehr hilfreich!", "shared:0"),
            ("Meine Kampagne l\u{e4}uft", "shared:1"),
            ("KAMPAGNE, Kampagne und noch eine Kampagne", "shared:1"),
            ("Ein Newsletter f\u{fc}r die Kampagne", "shared:2"),
            ("Wir Gr\u{fc}nderinnen und unsere Newsletter-Kampagne", "shared:3"),
            ("Was kostet das? Als Gruender brauche ich Newsletter und Kampagnen", "shared:3"),
            ("\u{bb}Kampagnen f\u{fc}r Gr\u{fc}nder - was ein Newsletter kostet\u{ab} ist gut", "quoted:1"),
            ("was ein f\u{fc}r", "shared:0"),
        ];
        for (content, feature) in table {
            assert_eq!(topic(title, content), [feature], "{content}");
        }
    }

    #[test]
    fn a_title_without_long_words_says_nothing_and_two_words_are_no_quotation() {
        assert_eq!(topic("Was nun?", "Was nun? Das frage ich auch"), [""; 0]);
        assert_eq!(topic("Blumen gie\u{df}en", "Blumen gie\u{df}en, jeden Tag"), ["shared:2"]);
    }

    #[test]
    fn the_last_part_of_the_address_stands_for_a_title_that_is_not_there() {
        let of = |url: &str, title: Option<&str>| {
            let comment = Comment {
                content: "Unser Newsletter f\u{fc}r Gr\u{fc}nderinnen, siehe Artikel im Archiv und Comments".into(),
                post_title: title.map(str::to_owned),
                post_url: Some(url.into()),
                ..Comment::default()
            };
            names_of(View::Topic, &comment)
        };
        let table: [(&str, &[&str]); 7] = [
            ("https://newsletter.example/2024/tipps-fuer-gruender/", &["shared:1"]),
            ("https://newsletter.example/artikel/gr%C3%BCnder.html?utm_source=newsletter#comments", &["shared:1"]),
            ("/archiv/tipps-fuer-koeche", &["shared:0"]),
            ("https://newsletter.example/artikel/123", &[]),
            ("https://newsletter.example/?p=123", &[]),
            ("newsletter.example", &[]),
            ("", &[]),
        ];
        for (url, expected) in table {
            assert_eq!(of(url, None), expected, "{url}");
            assert_eq!(of(url, Some("Gartenarbeit")), ["shared:0"], "{url}");
        }
    }

    #[test]
    fn of_a_title_of_many_words_three_are_as_good_as_all() {
        let words: Vec<String> =
            (0..40).map(|n| format!("wort{}", char::from(b'a' + n % 26)).repeat(1 + n as usize / 26)).collect();
        let text = words.iter().rev().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(topic(&words.join(" "), &text), ["shared:3"]);
    }

    #[test]
    fn each_number_of_shared_words_has_a_bucket_of_its_own() {
        let title = "Kampagnen, Newsletter, Reichweite";
        let mut buckets: Vec<Vec<u32>> =
            ["nichts", "Kampagne", "Kampagne Newsletter", "Reichweite Newsletter Kampagne", title]
                .into_iter()
                .map(|content| {
                    let comment =
                        Comment { content: content.into(), post_title: Some(title.into()), ..Comment::default() };
                    let mut features = Features::default();
                    features.fill(&mut Extractor::default(), &comment, Fields::All);
                    features.of(View::Topic).to_vec()
                })
                .collect();
        buckets.sort();
        buckets.dedup();
        assert!(buckets.len() == 5 && buckets.iter().all(|list| list.len() == 1), "{buckets:?}");
    }
}
