//! A trained model at work: one sum per view, combined, compared with two thresholds.
//!
//! A [`Classifier`] never changes once made, holds no lock and does nothing random: the same comment gets the same verdict from
//! the same model on every machine and thread.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use crate::comment::Comment;
use crate::text::{Extractor, FeatureHash, Features, Fields, Sink, View};
use crate::verdict::{LogOdds, ModelId, Thresholds, Verdict};

use super::card::ModelCard;
use super::combination::{self, Combination, SUMMARIES, Summary, ViewSums};
use super::steps::{self, Steps};
use super::weights::Weight;

/// One view's naive Bayes table as it was fitted.
///
/// Log-odds depend on nothing but the numbers of ham and spam rows, and most buckets share theirs with many others. So a
/// table is a list of distinct *codes*, each with its counts and the log-odds linfa fitted to them, and one code per bucket. Code 0 is
/// "no row showed this".
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fitted {
    /// The code of every bucket.
    pub(super) codes: Box<[u32]>,
    /// By code: counts of ham and of spam, in units of [`Weight`].
    pub(super) counts: Vec<[u32; 2]>,
    /// By code: what linfa fitted.
    pub(super) log_odds: Vec<f32>,
    /// Sums of all counts, once somebody asked.
    totals: OnceLock<[u64; 2]>,
}

impl Fitted {
    /// Counts of a bucket, in units of [`Weight`].
    pub(super) fn counts(&self, bucket: u32) -> [u32; 2] {
        self.counts[self.codes[bucket as usize] as usize]
    }

    /// Sums of all counts by label, in units of [`Weight`].
    pub(super) fn totals(&self) -> [u64; 2] {
        *self.totals.get_or_init(|| {
            let mut buckets = vec![0_u64; self.counts.len()];
            for &code in &self.codes {
                buckets[code as usize] += 1;
            }
            let of = |label: usize| self.counts.iter().zip(&buckets).map(|(c, n)| u64::from(c[label]) * n).sum();
            [of(0), of(1)]
        })
    }
}

/// One view's table at work: what was fitted, and what was learned since.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    /// Shared by all tables that were updated from one.
    pub(super) fitted: Arc<Fitted>,
    /// What corrections have added since to the counts of some buckets, in units of [`Weight`]; less than nothing where rows were
    /// unlearned.
    pub(super) added: HashMap<u32, [i64; 2]>,
    /// By bucket: what scoring adds up.
    pub(super) steps: Box<[Steps]>,
}

impl Table {
    /// From what was counted and fitted, each with one entry per bucket; finds the distinct codes.
    pub(super) fn of(ham: &[u32], spam: &[u32], fitted: &[f32]) -> Self {
        let mut by_code: BTreeMap<[u32; 2], f32> = BTreeMap::from([([0, 0], 0.0)]);
        let pairs: Vec<[u32; 2]> = ham.iter().zip(spam).map(|(&h, &s)| [h, s]).collect();
        for (pair, log_odds) in pairs.iter().zip(fitted) {
            by_code.insert(*pair, *log_odds);
        }
        let rows: Vec<[u32; 2]> = by_code.keys().copied().collect();
        let log_odds: Vec<f32> = by_code.into_values().collect();
        let code_of = |pair: &[u32; 2]| rows.binary_search(pair).expect("every pair was inserted above") as u32;
        let codes = pairs.iter().map(code_of).collect();
        Table::new(codes, rows, log_odds)
    }

    /// Spreads the log-odds of the codes over the buckets.
    ///
    /// Every code must be smaller than the length of `log_odds`, and `counts` as long.
    pub(super) fn new(codes: Box<[u32]>, counts: Vec<[u32; 2]>, log_odds: Vec<f32>) -> Self {
        let mut by_code: Vec<Steps> = log_odds.iter().map(|&log_odds| Steps::nearest(log_odds.into())).collect();
        by_code[0] = Steps::NEVER_SEEN;
        let steps = codes.iter().map(|&code| by_code[code as usize]).collect();
        let fitted = Arc::new(Fitted { codes, counts, log_odds, totals: OnceLock::new() });
        Table { fitted, added: HashMap::new(), steps }
    }

    /// Ham and spam rows that showed a bucket, each with its weight.
    pub(super) fn counts(&self, bucket: u32) -> [f32; 2] {
        self.units(bucket).map(|units| units as f32 / Weight::UNITS as f32)
    }

    /// The same in units of [`Weight`].
    pub(super) fn units(&self, bucket: u32) -> [u32; 2] {
        let fitted = self.fitted.counts(bucket);
        let Some(added) = self.added.get(&bucket) else { return fitted };
        let sum = |label: usize| (i64::from(fitted[label]) + added[label]).clamp(0, i64::from(u32::MAX)) as u32;
        [sum(0), sum(1)]
    }

    /// Sums of all counts by label, in units of [`Weight`].
    pub(super) fn totals(&self) -> [u64; 2] {
        self.added.keys().fold(self.fitted.totals(), |totals, &bucket| {
            let (was, is) = (self.fitted.counts(bucket), self.units(bucket));
            let sum = |label: usize| totals[label] - u64::from(was[label]) + u64::from(is[label]);
            [sum(0), sum(1)]
        })
    }

    /// A bucket's log-odds as linfa fitted them.
    pub(super) fn log_odds(&self, bucket: u32) -> f32 {
        self.fitted.log_odds[self.fitted.codes[bucket as usize] as usize]
    }

    /// Number of buckets that any row showed.
    pub(super) fn occupied(&self) -> usize {
        self.fitted.codes.iter().filter(|&&code| code != 0).count()
    }
}

/// A trained model.
#[derive(Debug, Clone)]
pub struct Classifier {
    pub(super) id: ModelId,
    pub(super) tables: Vec<Table>,
    pub(super) combination: Combination,
    pub(super) thresholds: Thresholds,
    pub(super) card: ModelCard,
}

/// What a clue is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClueSubject {
    /// Features of one view that share a readable name (`words`: "casino"; `structure`: "exclamations:6"; `links`: "host:pills").
    Feature {
        /// The view.
        view: View,
        /// The readable name, see [`crate::text`].
        name: String,
    },
    /// How many of a view's features the model never met.
    Unfamiliar(View),
    /// How many features the view found, that is, the length of the text.
    Length(View),
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Clue {
    /// What it is about.
    pub subject: ClueSubject,
    /// Its part of the total evidence.
    pub log_odds: LogOdds,
    /// Spam rows of the training corpus that showed it, each with its weight; of features with one name, the most telling one's.
    pub spam_count: f32,
    /// Ham rows of the training corpus that showed it, each with its weight.
    pub ham_count: f32,
}

/// Why a verdict is what it is: `base` plus all clues is `total`, the evidence the verdict was drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Evidence before anything was seen.
    pub base: LogOdds,
    /// All evidence, that which moved the total most first.
    pub clues: Vec<Clue>,
    /// The evidence of the verdict.
    pub total: LogOdds,
}

#[derive(Default)]
struct Scratch {
    extractor: Extractor,
    features: Features,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Classifier {
    /// The verdict on a comment, from the fields the model was trained on.
    pub fn judge(&self, comment: &Comment) -> Verdict {
        self.judge_with(comment, self.card.fields)
    }

    /// The verdict on a comment from some of its fields.
    pub fn judge_with(&self, comment: &Comment, fields: Fields) -> Verdict {
        SCRATCH.with_borrow_mut(|Scratch { extractor, features }| {
            features.fill(extractor, comment, fields);
            let sums = View::ALL.map(|view| steps::sum(&self.tables[view.index()].steps, features.of(view)));
            Verdict::new(self.combination.evidence(&combination::inputs(&sums)), self.thresholds)
        })
    }

    /// The verdict on a comment and the evidence behind it.
    pub fn explain(&self, comment: &Comment) -> (Verdict, Explanation) {
        self.explain_with(comment, self.card.fields)
    }

    /// The verdict on a comment from some of its fields, and the evidence behind it.
    pub fn explain_with(&self, comment: &Comment, fields: Fields) -> (Verdict, Explanation) {
        let mut found = Evidence::default();
        SCRATCH.with_borrow_mut(|Scratch { extractor, .. }| extractor.extract(comment, fields, &mut found));
        let explanation = found.explain(self);
        (Verdict::new(explanation.total, self.thresholds), explanation)
    }

    /// The first digits of the model's checksum.
    pub fn id(&self) -> &ModelId {
        &self.id
    }

    /// What the model was made of, and how good it is.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// From which evidence on it holds.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }
}

/// The distinct features of one comment with their names.
#[derive(Default)]
struct Evidence {
    /// Name of the first feature in each bucket.
    names: HashMap<(View, u32), String>,
    /// Buckets in order of first occurrence.
    order: Vec<(View, u32)>,
}

impl Sink for Evidence {
    fn feature(&mut self, view: View, hash: FeatureHash, name: impl FnOnce() -> String) {
        let key = (view, hash.bucket(view));
        self.names.entry(key).or_insert_with(|| {
            self.order.push(key);
            name()
        });
    }
}

impl Evidence {
    fn explain(mut self, classifier: &Classifier) -> Explanation {
        let mut sums = [ViewSums::default(); View::COUNT];
        for &(view, bucket) in &self.order {
            sums[view.index()].add(&[classifier.tables[view.index()].steps[bucket as usize]]);
        }
        let inputs = combination::inputs(&sums);
        let total = classifier.combination.evidence(&inputs);

        // What one unit of log-odds, and one unit more if it is positive, is worth in each view.
        let mut worth = [[0.0; 2]; View::COUNT];
        let mut clues = Vec::new();
        for (input, &(view, summary)) in SUMMARIES.iter().enumerate() {
            let (contribution, per_unit) = classifier.combination.contribution(input, inputs[input]);
            let per_feature = per_unit * sums[view.index()].scale(summary);
            let whole = |subject| Clue { subject, log_odds: contribution, spam_count: 0.0, ham_count: 0.0 };
            match summary {
                Summary::Sum | Summary::Mean => worth[view.index()][0] += per_feature,
                Summary::Positive => worth[view.index()][1] += per_feature,
                Summary::Unfamiliar => clues.push(whole(ClueSubject::Unfamiliar(view))),
                Summary::Length => clues.push(whole(ClueSubject::Length(view))),
            }
        }

        let mut merged: HashMap<ClueSubject, (f64, f64, [f32; 2])> = HashMap::new();
        for (view, bucket) in self.order {
            let table = &classifier.tables[view.index()];
            let log_odds = table.steps[bucket as usize].log_odds();
            if log_odds == 0.0 {
                continue;
            }
            let [any, if_positive] = worth[view.index()];
            let part = log_odds * any + log_odds.max(0.0) * if_positive;
            let name = self.names.remove(&(view, bucket)).unwrap_or_default();
            let (sum, strongest, counts) = merged.entry(ClueSubject::Feature { view, name }).or_default();
            *sum += part;
            if log_odds.abs() > strongest.abs() {
                (*strongest, *counts) = (log_odds, table.counts(bucket));
            }
        }
        clues.extend(merged.into_iter().map(|(subject, (sum, _, [ham_count, spam_count]))| Clue {
            subject,
            log_odds: LogOdds(sum),
            spam_count,
            ham_count,
        }));
        clues.sort_by(|a, b| b.log_odds.0.abs().total_cmp(&a.log_odds.0.abs()).then_with(|| a.subject.cmp(&b.subject)));
        Explanation { base: classifier.combination.base(), clues, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::trained;
    use proptest::prelude::*;

    fn comment(content: &str, author: &str) -> Comment {
        Comment { content: content.into(), author: Some(author.into()), ..Comment::default() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn base_plus_all_clues_is_the_evidence_the_verdict_used(content in "[a-z !.ßЖ]{1,200}|casino bonus [a-z ]{0,50}", author in ".{0,20}") {
            let comment = comment(&content, &author);
            let (verdict, explanation) = trained().explain(&comment);
            let sum = explanation.base.0 + explanation.clues.iter().map(|clue| clue.log_odds.0).sum::<f64>();
            prop_assert!((sum - explanation.total.0).abs() < 1e-9, "{sum} {}", explanation.total.0);
            prop_assert_eq!(verdict, trained().judge(&comment));
        }

        #[test]
        fn any_text_at_all_gets_a_finite_verdict(content in any::<String>()) {
            let verdict = trained().judge(&comment(&content, ""));
            prop_assert!(verdict.evidence.0.is_finite());
        }
    }

    #[test]
    fn clues_come_strongest_first_and_name_what_was_seen() {
        let (_, explanation) = trained().explain(&comment("casino bonus", "casino king"));
        assert!(explanation.clues.windows(2).all(|pair| pair[0].log_odds.0.abs() >= pair[1].log_odds.0.abs()));
        assert!(
            explanation
                .clues
                .iter()
                .any(|clue| matches!(&clue.subject, ClueSubject::Feature { name, .. } if name == "casino"))
        );
    }

    #[test]
    fn verdicts_of_enormous_comments_take_time_linear_in_their_length() {
        // Not a timed test: quadratic work on a million characters would not end within the hour, linear work ends at once.
        let unit = [
            "x", "a ", "<", "[url=", "&", "http://", "a.a@", "\u{200b}", "ЖZ", "é", "1:", "''", "<a href=", "((",
            "ß\n", "[b", "[/url ", "@a", "a.~", "a.b:", "www._", "www.~", ":www.", "a.de/", "@user",
        ];
        for unit in unit {
            for end in ["", "]>;"] {
                let content = unit.repeat(1_000_000 / unit.len()) + end;
                let title = Some(unit.repeat(31) + "b longer");
                let comment = Comment { post_title: title, ..comment(&content, &content) };
                assert!(trained().judge(&comment).evidence.0.is_finite(), "{unit:?}{end}");
            }
        }
    }
}
