//! Evidence in words that a blog's owner understands, in English and German.
//!
//! An [`Explanation`] knows features; an owner knows words, links and names. Here features that speak of the same thing are
//! put together and named: the single word, the pairs and the fragments of "casino bonus" become one reason. Nothing is hidden: what
//! is too weak to be named is summed up in a last reason, so that all reasons and the starting point add up to the evidence of the verdict.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use crate::comment::Label;
use crate::model::{ClueSubject, Explanation};
use crate::text::{END_OF_TEXT, START_OF_TEXT, View};
use crate::verdict::{Decision, LogOdds, Queue, Verdict};

/// So many reasons are named; the others are summed up.
const NAMED: usize = 8;

/// So many reasons stand in the summary sentence.
const IN_SUMMARY: usize = 3;

/// A language reasons are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// The tag of BCP 47, as in `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// The language of a tag such as `de-AT`, if it is one of ours.
    pub fn from_tag(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Language::English),
            "de" => Some(Language::German),
            _ => None,
        }
    }

    fn pick<T>(self, english: T, german: T) -> T {
        match self {
            Language::English => english,
            Language::German => german,
        }
    }

    fn quote(self, text: &str) -> String {
        self.pick(format!("“{text}”"), format!("„{text}“"))
    }
}

/// One reason for a verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// In words.
    pub text: String,
    /// What it speaks for.
    pub speaks_for: Label,
    /// Its part of the evidence; positive speaks for spam.
    #[serde(serialize_with = "rounded")]
    pub log_odds: LogOdds,
}

/// Four digits are enough for a reader, and keep answers short.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn rounded<S: Serializer>(log_odds: &LogOdds, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((log_odds.0 * 1e4).round() / 1e4)
}

/// What several features speak of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Subject {
    Phrase(String),
    Form(String),
    Link(String),
    Name(String),
    Website(String),
    Topic(String),
    Unfamiliar,
    Length,
}

/// The reasons behind an explanation, strongest first; the last sums up the weak ones and the starting point.
pub fn from_explanation(explanation: &Explanation, language: Language) -> Vec<Reason> {
    let mut merged: HashMap<Subject, f64> = HashMap::new();
    for clue in &explanation.clues {
        *merged.entry(subject(&clue.subject)).or_default() += clue.log_odds.0;
    }
    let mut subjects: Vec<(Subject, f64)> = merged.into_iter().collect();
    subjects.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
    let named = subjects.iter().take(NAMED);
    let mut reasons: Vec<Reason> =
        named.map(|(subject, log_odds)| reason(subject.in_words(*log_odds, language), *log_odds)).collect();
    let rest = explanation.total.0 - reasons.iter().map(|reason| reason.log_odds.0).sum::<f64>();
    reasons.push(reason(
        language.pick("everything else taken together", "alles Übrige zusammengenommen").to_owned(),
        rest,
    ));
    reasons
}

fn reason(text: String, log_odds: f64) -> Reason {
    Reason { text, speaks_for: if log_odds > 0.0 { Label::Spam } else { Label::Ham }, log_odds: LogOdds(log_odds) }
}

/// The verdict in one sentence with what spoke most for it.
pub fn summary(verdict: &Verdict, reasons: &[Reason], language: Language) -> String {
    // An approval with more for spam than against it says so, or its reasons would read like a joke.
    let doubtful = verdict.decision == Decision::Approve && verdict.evidence.0 > 0.0;
    let (what, side) = match (verdict.decision, verdict.queue) {
        (Decision::Approve, _) if doubtful => (language.pick("Approved", "Freigegeben"), Label::Spam),
        (Decision::Approve, _) => (language.pick("Approved", "Freigegeben"), Label::Ham),
        (Decision::Hold, Some(Queue::Spam)) => (language.pick("Held as spam", "Als Spam zurückgehalten"), Label::Spam),
        (Decision::Hold, _) => (language.pick("Held for review", "Zur Prüfung zurückgehalten"), Label::Spam),
    };
    let percent = verdict.spam_probability.value() * 100.0;
    // 99.97 % must not become "100 %": nothing is certain.
    let percent = if percent > 99.9 {
        ">99.9".to_owned()
    } else if percent < 0.1 {
        "<0.1".to_owned()
    } else {
        format!("{percent:.1}")
    };
    let percent = language.pick(percent.clone(), percent.replace('.', ","));
    let because: Vec<&str> = reasons
        .iter()
        .filter(|reason| reason.speaks_for == side)
        .take(IN_SUMMARY)
        .map(|reason| reason.text.as_str())
        .collect();
    let probability = language.pick("spam probability", "Spam-Wahrscheinlichkeit");
    let (note, conjunction) = if doubtful {
        (
            language.pick(", not enough to hold", ", zu wenig zum Zurückhalten"),
            language.pick(" although: ", ", obwohl: "),
        )
    } else {
        ("", language.pick(" because: ", ", weil: "))
    };
    let conjunction = if because.is_empty() { "" } else { conjunction };
    format!("{what} ({probability} {percent} %{note}){conjunction}{}", because.join("; "))
}

fn subject(clue: &ClueSubject) -> Subject {
    match clue {
        ClueSubject::Unfamiliar(_) => Subject::Unfamiliar,
        ClueSubject::Length(_) => Subject::Length,
        ClueSubject::Feature { view, name } => match view {
            View::WordPairs => Subject::Phrase(name.clone()),
            // Only pairs know the edges of a text; here somebody typed their marks.
            View::Words | View::Fragments => Subject::Phrase(name.replace(['‹', '›'], "")),
            View::Structure if name.starts_with("length:") => Subject::Length,
            View::Structure => Subject::Form(name.clone()),
            View::Links => Subject::Link(name.clone()),
            View::AuthorLink => Subject::Website(name.clone()),
            View::Topic => Subject::Topic(name.clone()),
            // A word of a name and the fragments of that word are one thing.
            View::Author => {
                Subject::Name(name.strip_prefix("part:").map_or_else(|| name.clone(), |word| format!("name:{word}")))
            }
        },
    }
}

impl Subject {
    fn in_words(&self, log_odds: f64, language: Language) -> String {
        let what = match self {
            Subject::Phrase(name) => phrase(name, language),
            Subject::Form(name) => form(name, language),
            Subject::Link(name) => link(name, language.pick("the link", "der Link"), language),
            Subject::Website(name) => {
                link(name, language.pick("the commenter's website", "die angegebene Website"), language)
            }
            Subject::Name(name) => author(name, language),
            Subject::Topic(name) => topic(name, language),
            Subject::Unfamiliar => language
                .pick("how much of the text is new to the filter", "wie viel vom Text der Filter nicht kennt")
                .to_owned(),
            Subject::Length => language.pick("the length of the text", "die Länge des Textes").to_owned(),
        };
        let strength = match log_odds.abs() {
            x if x >= 1.0 => language.pick("very typical", "sehr typisch"),
            x if x >= 0.3 => language.pick("typical", "typisch"),
            _ => language.pick("slightly typical", "leicht typisch"),
        };
        let side = if log_odds > 0.0 {
            language.pick("spam", "Spam")
        } else {
            language.pick("honest comments", "ehrliche Kommentare")
        };
        language.pick(format!("{what}: {strength} of {side}"), format!("{what}: {strength} für {side}"))
    }
}

/// A word, a pair of words or the words around a fragment.
fn phrase(name: &str, language: Language) -> String {
    let name = &numbers_in_words(name, language);
    if let Some(rest) = name.strip_prefix(START_OF_TEXT) {
        let rest = language.quote(rest.trim_start_matches([' ', '…']));
        return language.pick(format!("beginning with {rest}"), format!("der Anfang mit {rest}"));
    }
    if let Some(rest) = name.strip_suffix(END_OF_TEXT) {
        let rest = language.quote(rest.trim_end_matches([' ', '…']));
        return language.pick(format!("ending with {rest}"), format!("das Ende mit {rest}"));
    }
    language.quote(name)
}

/// `#4`, the shape of a number of four digits, as `(number)`.
fn numbers_in_words(name: &str, language: Language) -> String {
    let in_words = |part: &str| match part.strip_prefix('#').map(str::parse::<u32>) {
        Some(Ok(_)) => language.pick("(number)", "(Zahl)").to_owned(),
        _ => part.to_owned(),
    };
    name.split(' ').map(in_words).collect::<Vec<_>>().join(" ")
}

/// A part of a link, see `text::links`.
fn link(name: &str, whose: &str, language: Language) -> String {
    let (kind, part) = name.split_once(':').unwrap_or(("", name));
    let quoted = language.quote(part);
    match kind {
        "domain" => language.pick(format!("{whose} to {quoted}"), format!("{whose} zu {quoted}")),
        "mail" => language.pick(format!("the e-mail address at {quoted}"), format!("die E-Mail-Adresse bei {quoted}")),
        "form" => language.pick(
            format!("{whose}, whose host has a {part}"),
            format!("{} im Hostnamen ({whose})", if part == "digit" { "eine Ziffer" } else { "ein Bindestrich" }),
        ),
        _ => language.pick(format!("{quoted} in {whose}"), format!("{quoted} in der Adresse ({whose})")),
    }
}

/// A part of the commenter's name, see `text::author`.
fn author(name: &str, language: Language) -> String {
    let (kind, part) = name.split_once(':').unwrap_or(("", name));
    match kind {
        "name" => {
            let quoted = language.quote(part);
            language.pick(format!("{quoted} in the commenter's name"), format!("{quoted} im Namen"))
        }
        "name_words" => language.pick(format!("a name of {part} words"), format!("ein Name aus {part} Wörtern")),
        "name_length" => language.pick("the length of the name", "die Länge des Namens").to_owned(),
        "name_digits" => language.pick("digits in the name", "Ziffern im Namen").to_owned(),
        "name_all_capitals" => language.pick("a name in capitals", "ein Name in Großbuchstaben").to_owned(),
        "name_no_capitals" => language.pick("a name without capitals", "ein Name ohne Großbuchstaben").to_owned(),
        _ => language.pick("a web address as name", "eine Webadresse als Name").to_owned(),
    }
}

/// How much of the post's title stands in the text, see `text::topic`.
fn topic(name: &str, language: Language) -> String {
    let (english, german) = match name.strip_prefix("shared:") {
        Some("0") => ("no longer word", "kein längeres Wort"),
        Some("1") => ("one longer word", "ein längeres Wort"),
        Some("2") => ("two longer words", "zwei längere Wörter"),
        Some(_) => ("three or more longer words", "drei oder mehr längere Wörter"),
        None => {
            return language
                .pick("the post's title, word for word", "der Titel des Beitrags, wörtlich wiederholt")
                .to_owned();
        }
    };
    language.pick(
        format!("{english} in common with the post's title or address"),
        format!("{german} gemeinsam mit Titel oder Adresse des Beitrags"),
    )
}

/// A habit of form, see `text::structure`.
fn form(name: &str, language: Language) -> String {
    let (kind, part) = name.split_once(':').unwrap_or((name, ""));
    let n: u32 = part.parse().unwrap_or_default();
    let (english, german): (String, String) = match kind {
        "words" => ("the number of words".into(), "die Zahl der Wörter".into()),
        "capitals" if n > 10 => ("a text without letters".into(), "ein Text ohne Buchstaben".into()),
        "capitals" => (format!("about {} % capital letters", n * 10), format!("etwa {} % Großbuchstaben", n * 10)),
        "digits" if n == 0 => ("no digits".into(), "keine Ziffern".into()),
        "digits" => ("the number of digits".into(), "die Zahl der Ziffern".into()),
        "digit_share" => (format!("about {} % digits", n * 5), format!("etwa {} % Ziffern", n * 5)),
        "punctuation_share" => (format!("about {} % punctuation", n * 5), format!("etwa {} % Satzzeichen", n * 5)),
        "exclamations" => counted(n, 6, "exclamation mark", "Ausrufezeichen", "Ausrufezeichen"),
        "questions" => counted(n, 3, "question mark", "Fragezeichen", "Fragezeichen"),
        "links" => counted(n, 6, "link", "Link", "Links"),
        "symbols" => counted(n, 4, "emoji or symbol", "Emoji oder Symbol", "Emoji oder Symbole"),
        "shouted" => counted(n, 5, "word in capitals", "Wort in Großbuchstaben", "Wörter in Großbuchstaben"),
        "lines" if n == 0 => ("a single line".into(), "eine einzige Zeile".into()),
        "lines" => ("the number of lines".into(), "die Zahl der Zeilen".into()),
        "tags" if n == 0 => ("no HTML or BBCode".into(), "kein HTML oder BBCode".into()),
        "tags" => ("HTML or BBCode in the text".into(), "HTML oder BBCode im Text".into()),
        "word_length" => ("the average length of the words".into(), "die mittlere Länge der Wörter".into()),
        "longest_word" => ("the length of the longest word".into(), "die Länge des längsten Wortes".into()),
        "distinct_words" => ("how often words are repeated".into(), "wie oft sich Wörter wiederholen".into()),
        "beyond_ascii" if n == 0 => ("no special characters".into(), "keine Sonderzeichen und Umlaute".into()),
        "beyond_ascii" => ("many special characters".into(), "viele Sonderzeichen und Umlaute".into()),
        "repeated" if n == 0 => ("no drawn-out letters".into(), "keine gedehnten Buchstaben".into()),
        "repeated" => ("drawn-out letters or signs".into(), "gedehnte Buchstaben oder Zeichen".into()),
        "starts_lower" if n == 0 => {
            ("a beginning with a capital or sign".into(), "ein großgeschriebener Anfang".into())
        }
        "starts_lower" => ("a beginning in lower case".into(), "ein kleingeschriebener Anfang".into()),
        "script" => {
            (format!("{} letters", part.replace('_', " ")), format!("Schriftzeichen ({})", script_in_german(part)))
        }
        "end" if part == "a" => ("an ending without full stop".into(), "ein Ende ohne Satzzeichen".into()),
        "end" => (format!("an ending with “{part}”"), format!("ein Ende mit „{part}“")),
        _ => (name.to_owned(), name.to_owned()),
    };
    language.pick(english, german)
}

/// "no link", "one link", "3 links", "6 or more links".
fn counted(n: u32, most: u32, english: &str, german: &str, german_plural: &str) -> (String, String) {
    let plural = if let Some((noun, rest)) = english.split_once(' ').filter(|(noun, _)| *noun == "word") {
        format!("{noun}s {rest}")
    } else {
        format!("{english}s")
    };
    match n {
        0 => (format!("no {english}"), format!("kein {german}")),
        1 => (format!("one {english}"), format!("ein {german}")),
        n if n < most => (format!("{n} {plural}"), format!("{n} {german_plural}")),
        n => (format!("{n} or more {plural}"), format!("{n} oder mehr {german_plural}")),
    }
}

fn script_in_german(script: &str) -> &str {
    match script {
        "latin" => "lateinisch",
        "greek" => "griechisch",
        "cyrillic" => "kyrillisch",
        "semitic" => "arabisch oder hebräisch",
        "indic" => "indisch",
        "east_asian" => "ostasiatisch",
        _ => "andere",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Clue;
    use crate::verdict::Thresholds;

    fn clue(view: View, name: &str, log_odds: f64) -> Clue {
        let subject = ClueSubject::Feature { view, name: name.to_owned() };
        Clue { subject, log_odds: LogOdds(log_odds), spam_count: 9.0, ham_count: 0.0 }
    }

    fn explanation(clues: Vec<Clue>) -> Explanation {
        let base = LogOdds(-1.0);
        let total = LogOdds(base.0 + clues.iter().map(|clue| clue.log_odds.0).sum::<f64>());
        Explanation { base, clues, total }
    }

    #[test]
    fn each_kind_of_evidence_has_words_in_both_languages() {
        let table = [
            (View::Words, "casino", 1.2, "“casino”: very typical of spam", "„casino“: sehr typisch für Spam"),
            (
                View::WordPairs,
                "‹start› … hello",
                0.5,
                "beginning with “hello”: typical of spam",
                "der Anfang mit „hello“: typisch für Spam",
            ),
            (
                View::WordPairs,
                "tel … #11",
                0.5,
                "“tel … (number)”: typical of spam",
                "„tel … (Zahl)“: typisch für Spam",
            ),
            (View::Structure, "links:3", 0.5, "3 links: typical of spam", "3 Links: typisch für Spam"),
            (
                View::Structure,
                "exclamations:0",
                -0.1,
                "no exclamation mark: slightly typical of honest comments",
                "kein Ausrufezeichen: leicht typisch für ehrliche Kommentare",
            ),
            (
                View::Links,
                "domain:pills.example",
                0.5,
                "the link to “pills.example”: typical of spam",
                "der Link zu „pills.example“: typisch für Spam",
            ),
            (
                View::Author,
                "part:kredit",
                0.5,
                "“kredit” in the commenter's name: typical of spam",
                "„kredit“ im Namen: typisch für Spam",
            ),
            (
                View::Topic,
                "shared:2",
                -1.1,
                "two longer words in common with the post's title or address: very typical of honest comments",
                "zwei längere Wörter gemeinsam mit Titel oder Adresse des Beitrags: sehr typisch für ehrliche Kommentare",
            ),
            (
                View::Topic,
                "shared:0",
                0.2,
                "no longer word in common with the post's title or address: slightly typical of spam",
                "kein längeres Wort gemeinsam mit Titel oder Adresse des Beitrags: leicht typisch für Spam",
            ),
            (
                View::Topic,
                "quoted:1",
                0.4,
                "the post's title, word for word: typical of spam",
                "der Titel des Beitrags, wörtlich wiederholt: typisch für Spam",
            ),
        ];
        for (view, name, log_odds, english, german) in table {
            let explanation = explanation(vec![clue(view, name, log_odds)]);
            assert_eq!(from_explanation(&explanation, Language::English)[0].text, english);
            assert_eq!(from_explanation(&explanation, Language::German)[0].text, german);
        }
    }

    #[test]
    fn reasons_add_up_to_the_evidence_of_the_verdict() {
        let clues = (0..30).map(|n| clue(View::Words, &format!("w{n}"), f64::from(n) / 7.0 - 2.0)).collect();
        let explanation = explanation(clues);
        let reasons = from_explanation(&explanation, Language::English);
        assert_eq!(reasons.len(), NAMED + 1);
        assert!((reasons.iter().map(|reason| reason.log_odds.0).sum::<f64>() - explanation.total.0).abs() < 1e-9);
    }

    #[test]
    fn what_two_views_say_of_one_thing_is_one_reason() {
        let explanation = explanation(vec![
            clue(View::Words, "casino", 0.4),
            clue(View::Fragments, "casino", 0.4),
            clue(View::Author, "name:x", 0.1),
            clue(View::Author, "part:x", 0.1),
            clue(View::Structure, "length:3", 0.05),
            Clue { subject: ClueSubject::Length(View::Words), ..clue(View::Words, "", 0.05) },
        ]);
        let reasons = from_explanation(&explanation, Language::English);
        assert_eq!(reasons.len(), 4);
        assert!((reasons[0].log_odds.0 - 0.8).abs() < 1e-9);
    }

    #[test]
    fn the_summary_says_what_spoke_for_the_verdict_and_never_claims_certainty() {
        let thresholds = Thresholds::new(LogOdds(1.0), LogOdds(5.0)).unwrap();
        let explanation = explanation(vec![clue(View::Words, "casino", 9.0), clue(View::Words, "danke", -0.5)]);
        let verdict = Verdict::new(explanation.total, thresholds);
        let reasons = from_explanation(&explanation, Language::German);
        assert_eq!(
            summary(&verdict, &reasons, Language::German),
            "Als Spam zurückgehalten (Spam-Wahrscheinlichkeit >99,9 %), weil: „casino“: sehr typisch für Spam"
        );
    }
}
