//! From labelled rows to a model, in three passes over the corpus and one over what they left.
//!
//! 1. **Census**: how many rows of which source and language.
//! 2. **Counts**: every row's features, into integer tables ([`super::statistics`]); then linfa fits one naive Bayes table per view.
//! 3. **Held-out summaries**: every row scored by the counts of all other rows.
//! 4. (in memory) **Combination and thresholds** from those summaries, cross-fitted: the figures on the card and the thresholds use, for
//!    every row, a combination that has not seen its fold.
//!
//! A copy of a held-out row stays in the counts and vouches for it, so the card's held-out figures flatter a corpus that is full of
//! campaigns; `hamgate evaluate --cv` keeps near-duplicates together and is the stricter judge.
//!
//! Memory grows with the tables, not with the rows: of a large corpus only [`MOST_EXAMPLES`] rows, those with the smallest hashes,
//! train the combination. Nothing depends on the order of rows or the number of threads: counts are whole numbers, and the examples are
//! sorted before any of their floating-point numbers are added.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Mutex;

use crate::comment::{Label, LabelledComment};
use crate::figures::{Figures, Scored};
use crate::text::{Extractor, FeatureHash, Features, Fields, Hasher, Sink, View};

use super::card::{About, ModelCard, StrongFeature, ViewCard};
use super::classifier::{Classifier, Table};
use super::combination::{self, Combination, Example, Inputs, ViewSums};
use super::naive_bayes::{self, FitError};
use super::rows::{LabelCounts, Rows};
use super::statistics::{Statistics, Totals};
use super::thresholds;
use super::weights::{SourceWeights, TooHeavy, Weight};

/// At most so many rows train the combination: enough for twenty weights, and 10 MiB.
const MOST_EXAMPLES: usize = 50_000;

/// Folds of the cross-fitting: each row's combination comes from four fifths of the others.
pub(super) const FOLDS: u64 = 5;

/// A feature is named on the model card only if so many rows showed it: a card tells what a model learned, not what one person wrote.
const NAMED_FROM_ROWS: u64 = 20;

/// So many features per view and class are named.
const NAMED_PER_CLASS: usize = 15;

/// Settings of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Fields of a comment to learn from.
    pub fields: Fields,
    /// Share of honest comments that may be held, 0 to 1.
    pub ham_held_at_most: f64,
    /// How many times more the rows of some sources count, by name of the source; see `weights.rs`.
    pub source_weights: BTreeMap<String, f64>,
}

impl TrainOptions {
    /// Five honest comments in a thousand, the figure the experiments were tuned for.
    pub const HAM_HELD_AT_MOST: f64 = 0.005;
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions { fields: Fields::All, ham_held_at_most: Self::HAM_HELD_AT_MOST, source_weights: BTreeMap::new() }
    }
}

/// Why a training came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum TrainError<E> {
    /// The corpus could not be read.
    #[error(transparent)]
    Rows(E),
    /// Too few rows to learn from.
    #[error("the corpus has {ham} ham and {spam} spam rows; learning needs at least {MOST_FEW} of each")]
    TooFew {
        /// Honest rows found.
        ham: u64,
        /// Spam rows found.
        spam: u64,
    },
    /// A caller's factor would let rows weigh more than sums can hold.
    #[error(
        "rows of source `{name}` cannot count {factor} times: with its size it can be weighed at most {most:.1} times, because no \
         row may weigh more than {} ordinary ones",
        Weight::MOST
    )]
    TooHeavy {
        /// The source.
        name: String,
        /// The factor asked for.
        factor: f64,
        /// The largest factor possible for it.
        most: f64,
    },
    /// The corpus changed between two passes.
    #[error("the corpus changed while it was read: {first} rows in the first pass, {later} in a later one")]
    Changed {
        /// Rows counted first.
        first: u64,
        /// Rows counted later.
        later: u64,
    },
    /// Nearly all rows of one label are copies of each other.
    #[error(
        "nearly all {label} rows are copies of each other or of one family, so nothing can be held out to check the model with"
    )]
    TooAlike {
        /// The label that lacks variety.
        label: Label,
    },
    /// linfa refused.
    #[error(transparent)]
    Fit(#[from] FitError),
}

/// Fewest rows of each label: below, folds are empty and every figure is noise.
const MOST_FEW: u64 = 10;

/// Trains a model.
///
/// The same rows, options and program give the same model, byte for byte, in whatever order and from however many threads the
/// rows come.
///
/// # Errors
/// When rows cannot be read, are too few, or change between passes.
pub fn train<R: Rows + ?Sized>(
    rows: &R,
    options: &TrainOptions,
    about: About,
) -> Result<Classifier, TrainError<R::Error>> {
    let census = Census::take(rows)?;
    let LabelCounts { ham, spam } = census.rows;
    if ham.min(spam) < MOST_FEW {
        return Err(TrainError::TooFew { ham, spam });
    }

    let weights = SourceWeights::new(&census.sources, &options.source_weights)
        .map_err(|TooHeavy { source, factor, most }| TrainError::TooHeavy { name: source, factor, most })?;
    let statistics = count(rows, options.fields, &weights)?;
    let fit = |view: View| -> Result<Table, FitError> {
        let [ham, spam] = Label::ALL.map(|label| statistics.counts(view, label));
        Ok(Table::of(&ham, &spam, &naive_bayes::fit(&ham, &spam)?))
    };
    let tables = View::ALL.into_iter().map(fit).collect::<Result<Vec<_>, _>>()?;

    let mut views: Vec<ViewCard> =
        View::ALL.into_iter().map(|view| ModelCard::view(view, tables[view.index()].occupied())).collect();
    let hunt = NameHunt::for_strongest(&tables);
    let (examples, names, later) = hold_out(rows, options.fields, &weights, &statistics, &hunt)?;
    drop(statistics);
    if later != ham + spam {
        return Err(TrainError::Changed { first: ham + spam, later });
    }
    hunt.name(&mut views, &tables, names);

    let held_out = cross_fit(&examples).map_err(|label| TrainError::TooAlike { label })?;
    let honest = held_out.iter().filter(|row| row.label == Label::Ham).map(|row| row.evidence).collect();
    let thresholds = thresholds::choose(honest, options.ham_held_at_most);
    let card = ModelCard {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        about,
        fields: options.fields,
        rows: census.rows,
        sources: census.sources,
        languages: census.languages,
        source_weights: options.source_weights.clone(),
        ham_held_at_most: options.ham_held_at_most,
        thresholds,
        held_out: Figures::of(&held_out, thresholds),
        views,
        own: None,
    };
    let combination = Combination::fit(examples.iter().map(|row| &row.example));
    Ok(Classifier::assemble(tables, combination, thresholds, card))
}

/// Pass 1.
#[derive(Debug, Default)]
struct Census {
    rows: LabelCounts,
    sources: BTreeMap<String, LabelCounts>,
    languages: BTreeMap<String, LabelCounts>,
}

impl Census {
    fn take<R: Rows + ?Sized>(rows: &R) -> Result<Self, TrainError<R::Error>> {
        let census = Mutex::new(Census::default());
        rows.for_each(&|row| {
            let mut census = lock(&census);
            census.rows.add(row.label);
            // `entry` would need an owned key for every row.
            for (counts, key) in census.tables(row) {
                match counts.get_mut(key) {
                    Some(counts) => counts.add(row.label),
                    None => counts.entry(key.to_owned()).or_default().add(row.label),
                }
            }
        })
        .map_err(TrainError::Rows)?;
        Ok(census.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn tables<'a>(&mut self, row: &'a LabelledComment) -> [(&mut BTreeMap<String, LabelCounts>, &'a str); 2] {
        [(&mut self.sources, row.source.as_str()), (&mut self.languages, row.lang())]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

thread_local! {
    static SCRATCH: RefCell<(Extractor, Features)> = RefCell::default();
}

/// Pass 2.
fn count<R: Rows + ?Sized>(
    rows: &R,
    fields: Fields,
    weights: &SourceWeights,
) -> Result<Statistics, TrainError<R::Error>> {
    let statistics = Statistics::new();
    rows.for_each(&|row| {
        SCRATCH.with_borrow_mut(|(extractor, features)| {
            features.fill(extractor, &row.comment, fields);
            statistics.observe(features, row.label, weights.of(&row.source));
        });
    })
    .map_err(TrainError::Rows)?;
    Ok(statistics)
}

/// The fold of the row last extracted: near-duplicates and rows of one family share it.
pub(super) fn fold_of(row: &LabelledComment, extractor: &Extractor) -> u64 {
    let key = match &row.family {
        Some(family) => Hasher::new("family").add_text(family).finish().value(),
        None => extractor.near_duplicate_key(),
    };
    // MinHash keys are small by construction; mix them before taking a remainder.
    Hasher::new("fold").add(key).finish().value() % FOLDS
}

/// A held-out row, ordered by its hash so that a bounded heap keeps the same rows whatever their order.
struct HeldOutRow {
    key: u64,
    fold: u64,
    example: Example,
}

impl HeldOutRow {
    fn order(&self) -> (u64, Label, u64, u64, [u64; combination::SUMMARIES.len()]) {
        let Example { inputs, label, weight } = &self.example;
        (self.key, *label, self.fold, weight.to_bits(), inputs.map(f64::to_bits))
    }
}

impl PartialEq for HeldOutRow {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}
impl Eq for HeldOutRow {}
impl PartialOrd for HeldOutRow {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for HeldOutRow {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key).then_with(|| self.order().cmp(&other.order()))
    }
}

/// Pass 3: held-out summaries of a bounded number of rows, sorted; the names of strong features; the number of rows seen.
fn hold_out<R: Rows + ?Sized>(
    rows: &R,
    fields: Fields,
    weights: &SourceWeights,
    statistics: &Statistics,
    hunt: &NameHunt,
) -> Result<(Vec<HeldOutRow>, Names, u64), TrainError<R::Error>> {
    let totals = statistics.totals();
    let kept = Mutex::new((BinaryHeap::new(), Names::default(), 0_u64));
    rows.for_each(&|row| {
        let (held_out, found) = SCRATCH.with_borrow_mut(|(extractor, features)| {
            let mut found = hunt.begin();
            // In the text alone: fragments of other fields would name people.
            extractor.extract(&row.comment, Fields::ContentOnly, &mut found);
            let fold = fold_of(row, extractor);
            features.fill(extractor, &row.comment, fields);
            let weight = weights.of(&row.source);
            let inputs = summarise_without(features, row.label, weight, statistics, &totals);
            let example = Example { inputs, label: row.label, weight: weight.factor() };
            (HeldOutRow { key: row_key(row), fold, example }, found.names)
        });
        let mut kept = lock(&kept);
        let (heap, names, seen) = &mut *kept;
        *seen += 1;
        for found in found {
            names.add(found);
        }
        heap.push(held_out);
        if heap.len() > MOST_EXAMPLES {
            heap.pop();
        }
    })
    .map_err(TrainError::Rows)?;
    let (heap, names, seen) = kept.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok((heap.into_sorted_vec(), names, seen))
}

/// A hash of what a row is, for choosing rows by chance and yet always the same ones.
fn row_key(row: &LabelledComment) -> u64 {
    let hash = Hasher::new("row").add_text(&row.comment.content);
    let hash = row.comment.author.as_deref().map_or(hash, |author| hash.add(1).add_text(author));
    row.comment.author_url.as_deref().map_or(hash, |url| hash.add(2).add_text(url)).finish().value()
}

/// The summaries of a row's features as all other rows see them.
fn summarise_without(
    features: &Features,
    label: Label,
    weight: Weight,
    statistics: &Statistics,
    totals: &Totals,
) -> Inputs {
    let sums = View::ALL.map(|view| {
        let held_out = statistics.without_row(view, totals, label, weight, features.of(view).len());
        let mut sums = ViewSums::default();
        for &bucket in features.of(view) {
            sums.add(&[held_out.steps(bucket)]);
        }
        sums
    });
    combination::inputs(&sums)
}

/// Scores every row by a combination fitted without its fold.
///
/// # Errors
/// When the other folds have no row of a label, which is returned.
fn cross_fit(rows: &[HeldOutRow]) -> Result<Vec<Scored>, Label> {
    for label in Label::ALL {
        let mut folds = rows.iter().filter(|row| row.example.label == label).map(|row| row.fold);
        let first = folds.next();
        if folds.all(|fold| Some(fold) == first) {
            return Err(label);
        }
    }
    let fitted: Vec<Combination> = (0..FOLDS)
        .map(|fold| Combination::fit(rows.iter().filter(|row| row.fold != fold).map(|row| &row.example)))
        .collect();
    let score = |row: &HeldOutRow| Scored {
        evidence: fitted[row.fold as usize].evidence(&row.example.inputs),
        label: row.example.label,
    };
    Ok(rows.iter().map(score).collect())
}

/// A feature of a wanted bucket, by name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    view: View,
    bucket: u32,
    name: String,
}

/// At most so many names are counted for a bucket: some features share it, and a fragment is named by the words around it.
///
/// Whoever trains on a corpus with far more, or on text made to collide, gets a card that lacks a name, and no process that grows
/// without bound.
const NAMES_PER_BUCKET: usize = 256;

/// How often each name was met for each bucket wanted.
///
/// Of a bucket with too many names those with the smallest hashes are kept. Such a name is kept from its first row to the last, so
/// its count is exact, and which names these are does not depend on the order of the rows.
#[derive(Default)]
struct Names(HashMap<(View, u32), BTreeMap<(u64, String), u64>>);

impl Names {
    fn add(&mut self, Found { view, bucket, name }: Found) {
        let of_bucket = self.0.entry((view, bucket)).or_default();
        let hash = Hasher::new("name").add_text(&name).finish().value();
        *of_bucket.entry((hash, name)).or_default() += 1;
        if of_bucket.len() > NAMES_PER_BUCKET {
            of_bucket.pop_last();
        }
    }

    /// Of each bucket the name met most often, if often enough.
    fn most_frequent(self) -> BTreeMap<(View, u32), String> {
        let best = |names: BTreeMap<(u64, String), u64>| {
            let frequent = names.into_iter().filter(|(_, met)| *met >= NAMED_FROM_ROWS);
            let frequent = frequent.map(|((_, name), met)| (name, met));
            frequent.max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))).map(|(name, _)| name)
        };
        self.0.into_iter().filter_map(|(bucket, names)| Some((bucket, best(names)?))).collect()
    }
}

/// The search for names of the strongest buckets: a table knows buckets only, texts know names.
struct NameHunt {
    wanted: HashMap<(View, u32), f32>,
}

/// Collects the wanted names of one comment, each once, however often the comment repeats it.
struct Hunter<'a> {
    hunt: &'a NameHunt,
    names: BTreeSet<Found>,
}

impl Sink for Hunter<'_> {
    fn feature(&mut self, view: View, hash: FeatureHash, name: impl FnOnce() -> String) {
        let bucket = hash.bucket(view);
        if self.hunt.wanted.contains_key(&(view, bucket)) {
            self.names.insert(Found { view, bucket, name: name() });
        }
    }
}

impl NameHunt {
    /// Wants the buckets with the most extreme log-odds among those that enough rows showed.
    fn for_strongest(tables: &[Table]) -> Self {
        let mut wanted = HashMap::new();
        // The other views would name people: who often comments here, and under which address.
        let nameable =
            View::ALL.into_iter().filter(|view| !matches!(view, View::Author | View::AuthorLink | View::Links));
        for view in nameable {
            let table = &tables[view.index()];
            let mut buckets: Vec<(f32, u32)> = (0..view.buckets() as u32)
                .filter(|&bucket| table.counts(bucket).iter().sum::<f32>() >= NAMED_FROM_ROWS as f32)
                .map(|bucket| (table.log_odds(bucket), bucket))
                .collect();
            buckets.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let ends = buckets.iter().take(NAMED_PER_CLASS).chain(buckets.iter().rev().take(NAMED_PER_CLASS));
            wanted.extend(ends.map(|&(log_odds, bucket)| ((view, bucket), log_odds)));
        }
        NameHunt { wanted }
    }

    fn begin(&self) -> Hunter<'_> {
        Hunter { hunt: self, names: BTreeSet::new() }
    }

    /// Puts the most frequent name of every wanted bucket on the card.
    fn name(&self, cards: &mut [ViewCard], tables: &[Table], names: Names) {
        for ((view, bucket), name) in names.most_frequent() {
            let table = &tables[view.index()];
            let [ham_count, spam_count] = table.counts(bucket);
            let log_odds = self.wanted[&(view, bucket)];
            let card = &mut cards[view.index()];
            let list = if log_odds > 0.0 { &mut card.strongest_spam } else { &mut card.strongest_ham };
            list.push(StrongFeature { name, log_odds, spam_count, ham_count });
        }
        for card in cards {
            for list in [&mut card.strongest_spam, &mut card.strongest_ham] {
                list.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()).then_with(|| a.name.cmp(&b.name)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comment::Comment;
    use crate::model::ClueSubject;
    use crate::model::testing::{corpus, trained};

    #[test]
    fn the_same_rows_give_the_same_bytes_in_any_order_and_from_any_number_of_threads() {
        struct Shuffled(Vec<LabelledComment>);
        impl Rows for Shuffled {
            type Error = std::convert::Infallible;
            fn for_each(&self, visit: &(dyn Fn(&LabelledComment) + Sync)) -> Result<(), Self::Error> {
                std::thread::scope(|scope| {
                    for part in self.0.rchunks(7) {
                        scope.spawn(move || part.iter().rev().for_each(visit));
                    }
                });
                Ok(())
            }
        }
        let shuffled = train(&Shuffled(corpus()), &TrainOptions::default(), About::default()).unwrap();
        assert_eq!(shuffled.to_bytes(), trained().to_bytes());
    }

    #[test]
    fn a_trained_model_tells_the_spam_from_the_ham_it_learned() {
        let evidence = |text: &str| trained().judge(&Comment::from_text(text).unwrap()).evidence;
        assert!(evidence("casino bonus free spins now") > evidence("thanks for the recipe, we baked it"));
    }

    #[test]
    fn rows_that_are_all_copies_are_refused_instead_of_believed() {
        let copies: Vec<_> =
            corpus().into_iter().map(|row| LabelledComment { family: Some("one".into()), ..row }).collect();
        let error = train(copies.as_slice(), &TrainOptions::default(), About::default()).unwrap_err();
        assert!(matches!(error, TrainError::TooAlike { label: Label::Ham }), "{error}");
        let one_campaign: Vec<_> = corpus()
            .into_iter()
            .map(|row| LabelledComment { family: (row.label == Label::Spam).then(|| "one".into()), ..row })
            .collect();
        let error = train(one_campaign.as_slice(), &TrainOptions::default(), About::default()).unwrap_err();
        assert!(error.to_string().contains("spam rows are copies"), "{error}");
    }

    #[test]
    fn too_few_rows_are_refused_with_both_counts() {
        let error = train(&corpus()[..5], &TrainOptions::default(), About::default()).unwrap_err();
        assert!(error.to_string().contains("at least 10 of each"), "{error}");
    }

    #[test]
    fn the_card_tells_sources_languages_and_frequent_features_only() {
        let card = trained().card();
        assert_eq!(card.rows.total() as usize, corpus().len());
        assert_eq!(card.sources["tiny"].total(), card.rows.total());
        assert!(card.languages.contains_key("en"));
        let named: Vec<&str> = card
            .views
            .iter()
            .flat_map(|view| view.strongest_spam.iter().map(|feature| feature.name.as_str()))
            .collect();
        assert!(named.contains(&"casino"), "{named:?}");
        assert!(!named.iter().any(|name| name.contains("king")), "names of people stand on the card: {named:?}");
        assert!(!named.iter().any(|name| name.contains("unique")), "{named:?}");
    }

    #[test]
    fn names_of_a_bucket_are_bounded_and_those_kept_are_counted_from_the_first_row_on() {
        let met = |n: usize| Found { view: View::Words, bucket: 3, name: format!("name{n}") };
        let kept = |order: &[usize]| {
            let mut names = Names::default();
            for &n in order {
                names.add(met(n));
            }
            names.0.remove(&(View::Words, 3)).unwrap()
        };
        let mut order: Vec<usize> = (0..2000).flat_map(|n| [n, 1999 - n, n]).collect();
        let forward = kept(&order);
        assert_eq!(forward.len(), NAMES_PER_BUCKET);
        assert!(forward.values().all(|&count| count == 3), "{forward:?}");
        order.reverse();
        assert_eq!(forward, kept(&order));
    }

    #[test]
    fn a_weight_beyond_the_limit_is_an_error_that_names_the_limit() {
        let source_weights = BTreeMap::from([("tiny".to_owned(), 300.0)]);
        let options = TrainOptions { source_weights, ..TrainOptions::default() };
        let error = train(corpus().as_slice(), &options, About::default()).unwrap_err().to_string();
        assert!(error.contains("`tiny` cannot count 300 times") && error.contains("256 ordinary ones"), "{error}");
    }

    #[test]
    fn a_source_can_be_made_to_count_more() {
        let mut rows = corpus();
        rows.extend(corpus().into_iter().take(20).map(|row| {
            let content = format!("{} baked", row.comment.content);
            LabelledComment {
                comment: Comment { content, ..row.comment },
                label: Label::Spam,
                source: "mine".into(),
                ..row
            }
        }));
        let spam_count = |factor: f64| {
            let options = TrainOptions {
                source_weights: BTreeMap::from([("mine".to_owned(), factor)]),
                ..TrainOptions::default()
            };
            let model = train(rows.as_slice(), &options, About::default()).unwrap();
            let word = ClueSubject::Feature { view: View::Words, name: "baked".to_owned() };
            let (_, explanation) = model.explain(&Comment::from_text("baked").unwrap());
            explanation.clues.into_iter().find(|clue| clue.subject == word).unwrap().spam_count
        };
        assert!(spam_count(4.0) > 3.0 * spam_count(1.0));
    }
}
