//! The commenter's name: its words, its letters, its shape.

use super::{Hasher, Sink, View};

const SHORTEST: usize = 2;
const LONGEST: usize = 4;
/// Letters of one word beyond this add no features.
const WORD_REACH: usize = 40;

/// Features of a normalised display name, and of the same name in lower case.
pub(super) fn emit(name: &str, lower: &[char], sink: &mut impl Sink) {
    let words = || lower.split(|c| *c == ' ').filter(|word| !word.is_empty());
    for word in lower.split(|c| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let hash = const { Hasher::new("a") }.add_characters(word.iter().copied()).finish();
        sink.feature(View::Author, hash, || format!("name:{}", word.iter().collect::<String>()));
    }
    for word in words() {
        emit_parts(word, sink);
    }
    shape("name_words", words().count().min(5), sink);
    shape("name_length", (lower.len() as f64).log(1.5).max(0.0) as usize, sink);
    if lower.iter().any(|c| c.is_numeric()) {
        shape("name_digits", 1, sink);
    }
    let capitals = name.contains(char::is_uppercase);
    if name.contains(char::is_lowercase) != capitals {
        shape(if capitals { "name_all_capitals" } else { "name_no_capitals" }, 1, sink);
    }
    if words().any(is_link) {
        shape("name_is_link", 1, sink);
    }
}

/// Runs of two to four characters of one word, a space at either end.
fn emit_parts(word: &[char], sink: &mut impl Sink) {
    let reach = word.len().min(WORD_REACH);
    let at = |position: usize| if position == 0 || position > reach { ' ' } else { word[position - 1] };
    for start in 0..reach + 2 {
        let mut hash = const { Hasher::new("ac") };
        for length in 1..=LONGEST.min(reach + 2 - start) {
            hash = hash.add(u64::from(at(start + length - 1)));
            if length >= SHORTEST {
                sink.feature(View::Author, hash.finish(), || format!("part:{}", word.iter().collect::<String>()));
            }
        }
    }
}

fn shape(kind: &str, n: usize, sink: &mut impl Sink) {
    sink.feature(View::Author, Hasher::new(kind).add(n as u64).finish(), || format!("{kind}:{n}"));
}

/// `www…`, `http…`, or an ending that shops like to have.
fn is_link(word: &[char]) -> bool {
    const STARTS: [&str; 2] = ["www", "http"];
    const ENDINGS: [&str; 5] = [".com", ".net", ".org", ".de", ".info"];
    let stands_at = |at: usize, mark: &str| mark.chars().eq(word[at..].iter().take(mark.len()).copied());
    STARTS.iter().any(|start| stands_at(0, start))
        || word.iter().enumerate().any(|(at, &c)| c == '.' && ENDINGS.iter().any(|ending| stands_at(at, ending)))
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
