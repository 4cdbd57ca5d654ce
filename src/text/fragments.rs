//! Runs of three and of five characters, across word boundaries.
//!
//! They see through endings, compounds and misspellings, which German has plenty of: `kreditvermittlung`,
//! `sofortkredit` and `kredlt` share most of their fragments. Runs of four between them changed nothing that could be
//! measured and cost a third of the time (`docs/tried.md`, "Which fragments?").

use super::{FeatureHash, Sink, View};

/// Characters in the longest run.
const LONGEST: u32 = 5;

/// How far a fragment's name reaches beyond the fragment to show whole words.
const NAME_REACH: usize = 24;

/// Bits that a character has in the number which names a fragment: [`LONGEST`] of them and the length fit into 64.
/// Characters beyond U+0FFF share theirs with others.
const CHARACTER_BITS: u32 = 12;

/// All runs of `text` with a space at either end.
pub(super) fn emit(text: &[char], sink: &mut impl Sink) {
    emit_runs::<3>(text, sink);
    emit_runs::<5>(text, sink);
}

/// All runs of `LENGTH` characters.
///
/// The last characters are one number that moves through the text; a fragment is its lower end. No fragment's hash waits for another's.
fn emit_runs<const LENGTH: usize>(text: &[char], sink: &mut impl Sink) {
    if text.len() + 2 < LENGTH {
        return;
    }
    // The first run ends here, the others with each character behind it, and the last with the space.
    let (first, rest) = text.split_at(LENGTH - 2);
    let mut recent = first.iter().fold(bits(' '), |recent, &c| (recent << CHARACTER_BITS) | bits(c));
    let ends = rest.iter().copied().chain([' ']);
    let hashes = ends.map(|c| {
        recent = (recent << CHARACTER_BITS) | bits(c);
        let run = recent & ((1 << (CHARACTER_BITS * LENGTH as u32)) - 1);
        FeatureHash::of_number(run | (LENGTH as u64) << (CHARACTER_BITS * LONGEST))
    });
    sink.features(View::Fragments, hashes, |at| name(text, at, at + LENGTH));
}

/// A character's part of a number.
fn bits(c: char) -> u64 {
    let c = u64::from(c);
    (c ^ (c >> CHARACTER_BITS)) & ((1 << CHARACTER_BITS) - 1)
}

/// The words that a fragment touches: nobody can read `"ino b"`, but everybody reads "casino bonus". `start` and `end`
/// count from the space before the text.
fn name(text: &[char], start: usize, end: usize) -> String {
    // Without the spaces at either end.
    let (start, end) = (start.saturating_sub(1), (end - 1).min(text.len()));
    let run = &text[start..end];
    let first = run.iter().position(|c| *c != ' ').map_or(start, |offset| start + offset);
    let last = run.iter().rposition(|c| *c != ' ').map_or(end, |offset| start + offset + 1);
    let left = (first.saturating_sub(NAME_REACH)..first)
        .rev()
        .find(|&at| text[at] == ' ')
        .map_or_else(|| first.saturating_sub(NAME_REACH), |at| at + 1);
    let reach = (last + NAME_REACH).min(text.len());
    let right = (last..reach).find(|&at| text[at] == ' ').unwrap_or(reach);
    text[left..right.max(left)].iter().collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Comment;
    use crate::text::testing::names;
    use crate::text::{Extractor, Features, Fields};

    #[test]
    fn fragments_are_named_by_the_words_they_touch() {
        let mut named = names(View::Fragments, "Casino Bonus");
        named.sort();
        named.dedup();
        assert_eq!(named, ["bonus", "casino", "casino bonus"]);
    }

    #[test]
    fn the_number_of_fragments_follows_from_the_length() {
        // With a space at either end 5 characters: 3 runs of three, 1 of five.
        assert_eq!(names(View::Fragments, "abc").len(), 4);
        assert_eq!(names(View::Fragments, "").len(), 0);
    }

    #[test]
    fn equal_runs_are_one_fragment_and_others_are_not() {
        let distinct = |text: &str| {
            let comment = Comment { content: text.into(), ..Comment::default() };
            let mut features = Features::default();
            features.fill(&mut Extractor::default(), &comment, Fields::All);
            features.of(View::Fragments).len()
        };
        // Of " abcabc " the run "abc" stands twice.
        assert_eq!(distinct("abcabc"), names(View::Fragments, "abcabc").len() - 1);
        assert_eq!(distinct("日本語"), names(View::Fragments, "日本語").len());
    }

    #[test]
    fn the_name_of_a_fragment_in_an_endless_word_stays_short() {
        assert!(
            names(View::Fragments, &"x".repeat(500))
                .iter()
                .all(|name| name.chars().count() <= 2 * NAME_REACH + LONGEST as usize)
        );
    }
}
