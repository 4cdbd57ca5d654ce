//! Rows that say nearly the same, and folds that keep them together.
//!
//! Spam comes in campaigns: a template with another name and link in it. If one copy is trained on and another tested
//! with, the figures measure memory, not judgement. So rows belong to one group when at least half of the word triples
//! they use are common to both (Jaccard similarity of at least 0.5), when their publisher gave them one `family`, or
//! when a chain of such pairs joins them; and a group is never divided.
//!
//! Which method? `MinHash` with locality-sensitive hashing is usual, and misses some pairs. Corpora of comments are small
//! enough for the exact one: to reach half, two rows must share one of their rarest triples (the prefix filter of
//! Chaudhuri, Ganti and Kaushik, "A Primitive Operator for Similarity Joins in Data Cleaning", ICDE 2006), so only rows
//! that do are compared. Nothing is random and no pair is missed. Revisit for a corpus whose triples do not fit in memory
//! (about 1 KB a row).

use std::collections::HashMap;

use crate::comment::{Label, LabelledComment};
use crate::text::{Hasher, near_duplicate_shingles};

/// What is kept of a row to compare it with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hashes of its word triples: distinct, ascending, never none.
    shingles: Box<[u64]>,
    family: Option<u64>,
    /// Tells rows apart that are not the same, whatever their order.
    key: u64,
    label: Label,
}

impl Fingerprint {
    /// Takes the fingerprint of a row.
    pub fn of(row: &LabelledComment) -> Self {
        let comment = &row.comment;
        let mut key = Hasher::new("row").add(row.label.index() as u64);
        for field in [Some(&comment.content), comment.author.as_ref(), comment.id.as_ref()].into_iter().flatten() {
            key = key.add_text(field).add(u64::MAX);
        }
        Fingerprint {
            shingles: near_duplicate_shingles(&comment.content).into_boxed_slice(),
            family: row.family.as_ref().map(|family| Hasher::new("family").add_text(family).finish().value()),
            key: key.finish().value(),
            label: row.label,
        }
    }

    /// A hash of the row, for telling whether two sets hold the same rows.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Whether the intersection of the triples is at least half of their union.
    fn is_near(&self, other: &Fingerprint) -> bool {
        let (mut common, mut a, mut b) = (0, self.shingles.iter().peekable(), other.shingles.iter().peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            match x.cmp(y) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    common += 1;
                    a.next();
                    b.next();
                }
            }
        }
        // common / (a + b - common) >= 1/2, in whole numbers.
        3 * common >= self.shingles.len() + other.shingles.len()
    }
}

/// A division of rows into groups of near-duplicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Row numbers by group; groups in an order that does not depend on that of the rows.
    groups: Vec<Vec<usize>>,
    labels: Vec<Label>,
}

impl Groups {
    /// Finds the groups among rows.
    pub fn among(rows: &[Fingerprint]) -> Self {
        let mut forest = Forest::new(rows.len());
        join_equals(rows, &mut forest);
        join_near(rows, &mut forest);

        let mut by_root: HashMap<usize, Vec<usize>> = HashMap::new();
        for row in 0..rows.len() {
            by_root.entry(forest.root(row)).or_default().push(row);
        }
        let mut groups: Vec<Vec<usize>> = by_root.into_values().collect();
        let key = |group: &Vec<usize>| group.iter().map(|&row| rows[row].key).min();
        groups.sort_by_cached_key(|group| (std::cmp::Reverse(group.len()), key(group)));
        Groups { groups, labels: rows.iter().map(|row| row.label).collect() }
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The rows of every group, largest group first.
    pub fn iter(&self) -> impl Iterator<Item = &[usize]> {
        self.groups.iter().map(Vec::as_slice)
    }

    /// The number of its group for every row.
    pub fn of_rows(&self) -> Vec<usize> {
        let mut of_rows = vec![0; self.labels.len()];
        for (number, group) in self.groups.iter().enumerate() {
            for &row in group {
                of_rows[row] = number;
            }
        }
        of_rows
    }

    /// A fold for every row, 0 up to `folds`: whole groups, with about as much ham and as much spam in each, the same
    /// for the same rows in any order.
    ///
    /// # Panics
    /// When `folds` is 0.
    pub fn folds(&self, folds: usize) -> Vec<usize> {
        assert!(folds > 0, "rows cannot be divided into no folds");
        let totals = self.count(&(0..self.labels.len()).collect::<Vec<_>>());
        let mut filled = vec![[0.0; 2]; folds];
        let mut of_rows = vec![0; self.labels.len()];
        // Largest first: small groups then even out what the large ones left uneven.
        for group in &self.groups {
            let added = self.count(group);
            // By how much the sum of squares grows; smallest where the group's labels are lacking most.
            let growth = |fold: usize| -> f64 {
                (0..2)
                    .map(|label| {
                        added[label] * (2.0 * filled[fold][label] + added[label]) / totals[label].max(1.0).powi(2)
                    })
                    .sum()
            };
            let fold = (0..folds).min_by(|&a, &b| growth(a).total_cmp(&growth(b))).expect("there is at least one fold");
            for label in 0..2 {
                filled[fold][label] += added[label];
            }
            for &row in group {
                of_rows[row] = fold;
            }
        }
        of_rows
    }

    fn count(&self, rows: &[usize]) -> [f64; 2] {
        let mut counts = [0.0; 2];
        for &row in rows {
            counts[self.labels[row].index()] += 1.0;
        }
        counts
    }
}

/// Joins rows of one family, and rows with the same triples.
fn join_equals(rows: &[Fingerprint], forest: &mut Forest) {
    let (mut families, mut texts) = (HashMap::new(), HashMap::new());
    for (number, row) in rows.iter().enumerate() {
        if let Some(family) = row.family {
            forest.join(number, *families.entry(family).or_insert(number));
        }
        forest.join(number, *texts.entry(&row.shingles).or_insert(number));
    }
}

/// Joins rows that share at least half of their triples.
fn join_near(rows: &[Fingerprint], forest: &mut Forest) {
    let mut frequency: HashMap<u64, u32> = HashMap::new();
    for shingle in rows.iter().flat_map(|row| &row.shingles) {
        *frequency.entry(*shingle).or_default() += 1;
    }
    let mut having: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut texts = std::collections::HashSet::new();
    for (number, row) in rows.iter().enumerate() {
        if !texts.insert(&row.shingles) {
            continue;
        }
        let mut rarest_first = row.shingles.to_vec();
        rarest_first.sort_unstable_by_key(|shingle| (frequency[shingle], *shingle));
        // To reach half of the union, at least half of this row's triples must be common; so one of these must.
        rarest_first.truncate(rarest_first.len() / 2 + 1);
        for shingle in rarest_first.into_iter().filter(|shingle| frequency[shingle] > 1) {
            let others = having.entry(shingle).or_default();
            for &other in &*others {
                if forest.root(other) != forest.root(number) && row.is_near(&rows[other]) {
                    forest.join(number, other);
                }
            }
            others.push(number);
        }
    }
}

/// Sets that are joined pair by pair (union-find).
struct Forest {
    parents: Vec<usize>,
}

impl Forest {
    fn new(len: usize) -> Self {
        Forest { parents: (0..len).collect() }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::comment::Comment;

    fn row(content: &str, label: Label, family: Option<&str>) -> LabelledComment {
        LabelledComment {
            comment: Comment::from_text(content).unwrap(),
            label,
            source: "s".into(),
            family: family.map(Into::into),
            split: None,
            topic: None,
        }
    }

    fn fingerprints(rows: &[(&str, Option<&str>)]) -> Vec<Fingerprint> {
        rows.iter().map(|(content, family)| Fingerprint::of(&row(content, Label::Spam, *family))).collect()
    }

    fn check(rows: &[(&str, Option<&str>)], expected: &[&[usize]]) {
        let mut found: Vec<Vec<usize>> = Groups::among(&fingerprints(rows)).iter().map(<[usize]>::to_vec).collect();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn rows_that_share_half_of_their_word_triples_are_one_group() {
        check(
            &[
                ("I made five hundred dollars a day from home with this simple trick", None),
                ("the birds in our garden love the new feeder", None),
                ("I made nine hundred dollars a day from home with this simple trick http://x.example", None),
                ("I made lunch for five hundred people at home", None),
            ],
            &[&[0, 2], &[1], &[3]],
        );
    }

    #[test]
    fn a_family_is_one_group_however_different_its_rows() {
        check(
            &[("one two three four", Some("f")), ("five six seven eight", Some("f")), ("one two", Some("g"))],
            &[&[0, 1], &[2]],
        );
    }

    #[test]
    fn groups_that_touch_become_one() {
        check(
            &[("a b c d e f g h", Some("f")), ("something else entirely here", Some("f")), ("a b c d e f g x", None)],
            &[&[0, 1, 2]],
        );
    }

    #[test]
    fn very_short_texts_are_near_only_when_equal() {
        check(
            &[("ok", None), ("Ok!", None), ("nice song", None), ("nice", None), ("!!!", None)],
            &[&[0, 1], &[2], &[3], &[4]],
        );
    }

    fn any_fingerprints() -> impl Strategy<Value = Vec<Fingerprint>> {
        let words_label_family =
            (proptest::collection::vec(0..6_u8, 1..9), any::<bool>(), proptest::option::weighted(0.1, 0..4_u8));
        proptest::collection::vec(words_label_family, 0..40).prop_map(|rows| {
            let one = |(number, (words, spam, family)): (usize, (Vec<u8>, bool, Option<u8>))| {
                let content: String =
                    words.iter().map(|&word| format!("word{} ", char::from(b'a' + word))).collect::<Vec<_>>().concat();
                let label = if spam { Label::Spam } else { Label::Ham };
                let mut row = row(&content, label, family.map(|f| f.to_string()).as_deref());
                row.comment.id = Some(number.to_string());
                Fingerprint::of(&row)
            };
            rows.into_iter().enumerate().map(one).collect()
        })
    }

    proptest! {
        #[test]
        fn no_near_pair_is_missed_and_no_other_joined(rows in any_fingerprints()) {
            let mut forest = Forest::new(rows.len());
            for a in 0..rows.len() {
                for b in 0..a {
                    if rows[a].is_near(&rows[b]) || (rows[a].family.is_some() && rows[a].family == rows[b].family) {
                        forest.join(a, b);
                    }
                }
            }
            let found = Groups::among(&rows).of_rows();
            for a in 0..rows.len() {
                for b in 0..a {
                    prop_assert_eq!(found[a] == found[b], forest.root(a) == forest.root(b));
                }
            }
        }

        #[test]
        fn folds_keep_groups_whole_and_do_not_depend_on_the_order_of_rows(rows in any_fingerprints(), k in 2..5_usize, seed in any::<u64>()) {
            let groups = Groups::among(&rows);
            let folds = groups.folds(k);
            prop_assert!(folds.iter().all(|&fold| fold < k));
            for group in groups.iter() {
                prop_assert!(group.iter().all(|&row| folds[row] == folds[group[0]]));
            }
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by_key(|&row| Hasher::new("shuffle").add(seed).add(row as u64).finish().value());
            let shuffled: Vec<Fingerprint> = order.iter().map(|&row| rows[row].clone()).collect();
            let shuffled_folds = Groups::among(&shuffled).folds(k);
            for (at, &row) in order.iter().enumerate() {
                prop_assert_eq!(shuffled_folds[at], folds[row]);
            }
        }

        #[test]
        fn folds_of_single_rows_have_equal_shares_of_both_labels(ham in 0..40_usize, spam in 0..40_usize, k in 2..6_usize) {
            let single = |n: usize| {
                let label = if n < ham { Label::Ham } else { Label::Spam };
                // Letters, because digits are no words.
                let own = char::from_u32(0x4E00 + n as u32).unwrap();
                Fingerprint::of(&row(&format!("{own} {own} {own} {own}"), label, None))
            };
            let rows: Vec<Fingerprint> = (0..ham + spam).map(single).collect();
            let folds = Groups::among(&rows).folds(k);
            for label in Label::ALL {
                let in_fold = |fold| (0..rows.len()).filter(|&row| folds[row] == fold && rows[row].label == label).count();
                let counts: Vec<usize> = (0..k).map(in_fold).collect();
                prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
            }
        }
    }
}
