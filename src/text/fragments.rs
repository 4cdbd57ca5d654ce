//! Runs of three to five characters, across word boundaries.
//!
//! They see through endings, compounds and misspellings, which German has plenty of: `kreditvermittlung`,
//! `sofortkredit` and `kredlt` share most of their fragments.

use super::{Hasher, Sink, View};

const SHORTEST: usize = 3;
const LONGEST: usize = 5;

const SEED: Hasher = Hasher::new("c");

/// How far a fragment's name reaches beyond the fragment to show whole words.
const NAME_REACH: usize = 24;

/// All runs of `text` with a space at either end; `buffer` is only there to be reused.
pub(super) fn emit(text: &str, buffer: &mut Vec<char>, sink: &mut impl Sink) {
    buffer.clear();
    buffer.push(' ');
    buffer.extend(text.chars());
    buffer.push(' ');
    for start in 0..buffer.len() {
        let mut hash = SEED;
        for (length, &c) in (1..).zip(buffer[start..].iter().take(LONGEST)) {
            hash = hash.add(u64::from(c));
            if length >= SHORTEST {
                sink.feature(View::Fragments, hash.finish(), || name(buffer, start, start + length));
            }
        }
    }
}

/// The words that the fragment touches: nobody can read `"ino b"`, but everybody reads "casino bonus".
fn name(characters: &[char], start: usize, end: usize) -> String {
    let inner = |range: std::ops::Range<usize>| {
        let text: String = characters[range].iter().collect();
        text.trim().to_owned()
    };
    let touched = characters[start..end].iter().position(|c| *c != ' ').map_or(start, |offset| start + offset);
    let last = characters[start..end].iter().rposition(|c| *c != ' ').map_or(end, |offset| start + offset + 1);
    let left = (touched.saturating_sub(NAME_REACH)..touched)
        .rev()
        .find(|&at| characters[at] == ' ')
        .map_or_else(|| touched.saturating_sub(NAME_REACH), |at| at + 1);
    let reach = (last + NAME_REACH).min(characters.len());
    let right = (last..reach).find(|&at| characters[at] == ' ').unwrap_or(reach);
    inner(left..right.max(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::testing::names;

    #[test]
    fn fragments_are_named_by_the_words_they_touch() {
        let mut named = names(View::Fragments, "Casino Bonus");
        named.sort();
        named.dedup();
        assert_eq!(named, ["bonus", "casino", "casino bonus"]);
    }

    #[test]
    fn the_number_of_fragments_follows_from_the_length() {
        // With a space at either end 5 characters: 3 runs of three, 2 of four, 1 of five.
        assert_eq!(names(View::Fragments, "abc").len(), 6);
        assert_eq!(names(View::Fragments, "").len(), 0);
    }

    #[test]
    fn the_name_of_a_fragment_in_an_endless_word_stays_short() {
        assert!(
            names(View::Fragments, &"x".repeat(500))
                .iter()
                .all(|name| name.chars().count() <= 2 * NAME_REACH + LONGEST)
        );
    }
}
