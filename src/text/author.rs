//! The commenter's name: its words, its letters, its shape.

use super::{Hasher, Sink, View};

const SHORTEST: usize = 2;
const LONGEST: usize = 4;
/// Letters of one word beyond this add no features.
const WORD_REACH: usize = 40;

/// Features of a normalised display name.
pub(super) fn emit(name: &str, sink: &mut impl Sink) {
    let name = name.trim();
    let lower = name.to_lowercase();
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        sink.feature(View::Author, Hasher::new("a").add_text(word).finish(), || format!("name:{word}"));
    }
    let mut padded = Vec::new();
    for word in lower.split_whitespace() {
        padded.clear();
        padded.push(' ');
        padded.extend(word.chars().take(WORD_REACH));
        padded.push(' ');
        for start in 0..padded.len() {
            let mut hash = Hasher::new("ac");
            for (length, &c) in (1..).zip(padded[start..].iter().take(LONGEST)) {
                hash = hash.add(u64::from(c));
                if length >= SHORTEST {
                    sink.feature(View::Author, hash.finish(), || format!("part:{word}"));
                }
            }
        }
    }
    let mut shape = |kind: &str, n: usize| {
        sink.feature(View::Author, Hasher::new(kind).add(n as u64).finish(), || format!("{kind}:{n}"));
    };
    shape("name_words", lower.split_whitespace().count().min(5));
    shape("name_length", (lower.chars().count() as f64).log(1.5).max(0.0) as usize);
    if lower.contains(|c: char| c.is_numeric()) {
        shape("name_digits", 1);
    }
    if name.contains(char::is_lowercase) != name.contains(char::is_uppercase) {
        shape(if name.contains(char::is_uppercase) { "name_all_capitals" } else { "name_no_capitals" }, 1);
    }
    if ["http", "www", ".com", ".net", ".org", ".de", ".info"].iter().any(|mark| lower.contains(mark)) {
        shape("name_is_link", 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Comment;
    use crate::text::testing::names_of;

    fn author(name: &str) -> Vec<String> {
        let mut names = names_of(View::Author, &Comment { author: Some(name.into()), ..Comment::default() });
        names.sort();
        names.dedup();
        names
    }

    #[test]
    fn a_name_is_its_words_parts_and_shape() {
        assert_eq!(
            author("Kredit24 JETZT"),
            [
                "name:jetzt",
                "name:kredit24",
                "name_digits:1",
                "name_length:6",
                "name_words:2",
                "part:jetzt",
                "part:kredit24"
            ]
        );
        assert!(author("SEO").contains(&"name_all_capitals:1".to_owned()));
        assert!(author("best-shop.com").contains(&"name_is_link:1".to_owned()));
        assert!(author("").is_empty() || author("").iter().all(|name| !name.starts_with("part")));
    }
}
