//! From labelled rows to a model, in four passes over the corpus.
//!
//! 1. **Census**: how many rows of which source and language.
//! 2. **Counts**: every row's features, into integer tables ([`super::statistics`]); then linfa fits one naive Bayes table per view.
//! 3. **Held-out summaries**: every row scored by the counts of the folds it is not in. Near-duplicates share a fold, so a campaign never
//!    vouches for itself.
//! 4. (in memory) **Combination and thresholds** from those summaries, cross-fitted: the figures on the card and the thresholds use, for
//!    every row, a combination that has not seen its fold.
//!
//! Memory grows with the tables, not with the rows: of a large corpus only [`MOST_EXAMPLES`] rows, those with the smallest hashes,
//! train the combination. Nothing depends on the order of rows or the number of threads: counts are whole numbers, and the examples are
//! sorted before any of their floating-point numbers are added.

use std::cell::RefCell;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Mutex;

use crate::comment::{Label, LabelledComment};
use crate::figures::{Figures, Scored};
use crate::text::{Extractor, FeatureHash, Features, Fields, Hasher, Sink, View};
use crate::verdict::LogOdds;

use super::card::{About, ModelCard, StrongFeature, ViewCard};
use super::classifier::{Classifier, Table};
use super::combination::{self, Combination, Example, Inputs, ViewSums};
use super::naive_bayes::{self, FitError};
use super::rows::{LabelCounts, Rows};
use super::statistics::{FOLDS, HeldOut, Statistics};
use super::thresholds;

/// At most so many rows train the combination: enough for twenty weights, and 10 MiB.
const MOST_EXAMPLES: usize = 50_000;

/// A feature is named on the model card only if so many rows showed it: a card tells what a model learned, not what one person wrote.
const NAMED_FROM_ROWS: u32 = 20;

/// So many features per view and class are named.
const NAMED_PER_CLASS: usize = 15;

/// Settings of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Fields of a comment to learn from.
    pub fields: Fields,
    /// Share of honest comments that may be held, 0 to 1.
    pub ham_held_at_most: f64,
}

impl TrainOptions {
    /// Five honest comments in a thousand, the figure the experiments were tuned for.
    pub const HAM_HELD_AT_MOST: f64 = 0.005;
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions { fields: Fields::All, ham_held_at_most: Self::HAM_HELD_AT_MOST }
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
    /// The corpus changed between two passes.
    #[error("the corpus changed while it was read: {first} rows in the first pass, {later} in a later one")]
    Changed {
        /// Rows counted first.
        first: u64,
        /// Rows counted later.
        later: u64,
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
pub fn train<R: Rows + ?Sized>(rows: &R, options: &TrainOptions, about: About) -> Result<Classifier, TrainError<R::Error>> {
    let census = Census::take(rows)?;
    let LabelCounts { ham, spam } = census.rows;
    if ham.min(spam) < MOST_FEW {
        return Err(TrainError::TooFew { ham, spam });
    }

    let statistics = count(rows, options.fields)?;
    let tables = View::ALL.into_iter().map(|view| fit_table(&statistics, view)).collect::<Result<Vec<_>, _>>()?;

    let mut views: Vec<ViewCard> =
        View::ALL.into_iter().map(|view| ModelCard::view(view, tables[view.index()].occupied())).collect();
    let hunt = NameHunt::for_strongest(&tables);
    let (examples, names, later) = hold_out(rows, options.fields, &statistics, &hunt)?;
    drop(statistics);
    if later != ham + spam {
        return Err(TrainError::Changed { first: ham + spam, later });
    }
    hunt.name(&mut views, &tables, names);

    let held_out = cross_fit(&examples);
    let mut honest: Vec<LogOdds> = held_out.iter().filter(|row| row.label == Label::Ham).map(|row| row.evidence).collect();
    let thresholds = thresholds::choose(&mut honest, options.ham_held_at_most);
    let card = ModelCard {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        about,
        fields: options.fields,
        rows: census.rows,
        sources: census.sources,
        languages: census.languages,
        ham_held_at_most: options.ham_held_at_most,
        thresholds,
        held_out: Figures::of(&held_out, thresholds),
        views,
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
fn count<R: Rows + ?Sized>(rows: &R, fields: Fields) -> Result<Statistics, TrainError<R::Error>> {
    let statistics = Statistics::new();
    rows.for_each(&|row| {
        SCRATCH.with_borrow_mut(|(extractor, features)| {
            features.fill(extractor, &row.comment, fields);
            statistics.observe(features, row.label, fold_of(row, extractor), 1);
        });
    })
    .map_err(TrainError::Rows)?;
    Ok(statistics)
}

/// The fold of the row last extracted: near-duplicates and rows of one family share it.
fn fold_of(row: &LabelledComment, extractor: &Extractor) -> usize {
    let key = match &row.family {
        Some(family) => Hasher::new("family").add_text(&row.source).add_text(family).finish().value(),
        None => extractor.near_duplicate_key(),
    };
    // MinHash keys are small by construction; mix them before taking a remainder.
    (Hasher::new("fold").add(key).finish().value() % FOLDS as u64) as usize
}

/// Fits one view and finds the distinct codes of its table.
fn fit_table(statistics: &Statistics, view: View) -> Result<Table, FitError> {
    let ham = statistics.counts(view, Label::Ham);
    let spam = statistics.counts(view, Label::Spam);
    let fitted = naive_bayes::fit(&ham, &spam)?;
    let mut by_code: BTreeMap<[u32; 2], f32> = BTreeMap::from([([0, 0], 0.0)]);
    let pairs: Vec<[u32; 2]> = ham.iter().zip(&spam).map(|(&h, &s)| [h, s].map(|n| u32::try_from(n).unwrap_or(u32::MAX))).collect();
    for (pair, log_odds) in pairs.iter().zip(&fitted) {
        by_code.insert(*pair, *log_odds);
    }
    let rows: Vec<[u32; 2]> = by_code.keys().copied().collect();
    let log_odds: Vec<f32> = by_code.into_values().collect();
    let code_of = |pair: &[u32; 2]| rows.binary_search(pair).expect("every pair was inserted above") as u32;
    let codes = pairs.iter().map(code_of).collect();
    Ok(Table::new(codes, rows, &log_odds))
}

/// A held-out row, ordered by its hash so that a bounded heap keeps the same rows whatever their order.
struct HeldOutRow {
    key: u64,
    fold: usize,
    example: Example,
}

impl HeldOutRow {
    fn order(&self) -> (u64, Label, usize, [u64; combination::SUMMARIES.len()]) {
        (self.key, self.example.label, self.fold, self.example.inputs.map(f64::to_bits))
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
#[expect(clippy::type_complexity, reason = "three results of one pass, used once")]
fn hold_out<R: Rows + ?Sized>(
    rows: &R,
    fields: Fields,
    statistics: &Statistics,
    hunt: &NameHunt,
) -> Result<(Vec<HeldOutRow>, Names, u64), TrainError<R::Error>> {
    let without: Vec<Vec<HeldOut>> =
        (0..FOLDS).map(|fold| View::ALL.into_iter().map(|view| statistics.without_fold(view, fold)).collect()).collect();
    let kept = Mutex::new((BinaryHeap::new(), Names::default(), 0_u64));
    rows.for_each(&|row| {
        let (held_out, found) = SCRATCH.with_borrow_mut(|(extractor, features)| {
            let mut found = hunt.begin();
            extractor.extract(&row.comment, fields, &mut found);
            let fold = fold_of(row, extractor);
            features.fill(extractor, &row.comment, fields);
            let example = Example { inputs: summarise(features, &without[fold]), label: row.label, weight: 1.0 };
            (HeldOutRow { key: row_key(row), fold, example }, found.names)
        });
        let mut kept = lock(&kept);
        let (heap, names, seen) = &mut *kept;
        *seen += 1;
        for key in found {
            *names.entry(key).or_default() += 1;
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

fn summarise(features: &Features, tables: &[HeldOut]) -> Inputs {
    let sums = View::ALL.map(|view| {
        let mut sums = ViewSums::default();
        for &bucket in features.of(view) {
            sums.add(tables[view.index()].log_odds(bucket));
        }
        sums
    });
    combination::inputs(&sums)
}

/// Scores every row by a combination fitted without its fold.
fn cross_fit(rows: &[HeldOutRow]) -> Vec<Scored> {
    let fitted: Vec<Combination> = (0..FOLDS)
        .map(|fold| Combination::fit(rows.iter().filter(|row| row.fold != fold).map(|row| &row.example)))
        .collect();
    rows.iter()
        .map(|row| Scored { evidence: fitted[row.fold].evidence(&row.example.inputs), label: row.example.label })
        .collect()
}

/// How often each name was met for each bucket wanted.
type Names = HashMap<(View, u32, String), u64>;

/// The search for names of the strongest buckets: a table knows buckets only, texts know names.
struct NameHunt {
    wanted: HashMap<(View, u32), f32>,
}

/// Collects the wanted names of one comment.
struct Hunter<'a> {
    hunt: &'a NameHunt,
    names: Vec<(View, u32, String)>,
}

impl Sink for Hunter<'_> {
    fn feature(&mut self, view: View, hash: FeatureHash, name: impl FnOnce() -> String) {
        let bucket = hash.bucket(view);
        if self.hunt.wanted.contains_key(&(view, bucket)) {
            self.names.push((view, bucket, name()));
        }
    }
}

impl NameHunt {
    /// Wants the buckets with the most extreme log-odds among those that enough rows showed.
    fn for_strongest(tables: &[Table]) -> Self {
        let mut wanted = HashMap::new();
        for view in View::ALL {
            let table = &tables[view.index()];
            let mut buckets: Vec<(f32, u32)> = (0..view.buckets() as u32)
                .filter(|&bucket| table.rows[table.codes[bucket as usize] as usize].iter().sum::<u32>() >= NAMED_FROM_ROWS)
                .map(|bucket| (table.log_odds[bucket as usize], bucket))
                .collect();
            buckets.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let ends = buckets.iter().take(NAMED_PER_CLASS).chain(buckets.iter().rev().take(NAMED_PER_CLASS));
            wanted.extend(ends.map(|&(log_odds, bucket)| ((view, bucket), log_odds)));
        }
        NameHunt { wanted }
    }

    fn begin(&self) -> Hunter<'_> {
        Hunter { hunt: self, names: Vec::new() }
    }

    /// Puts the most frequent name of every wanted bucket on the card.
    fn name(&self, cards: &mut [ViewCard], tables: &[Table], names: Names) {
        let mut best: BTreeMap<(View, u32), (u64, String)> = BTreeMap::new();
        for ((view, bucket, name), met) in names {
            let entry = best.entry((view, bucket)).or_default();
            if met > entry.0 || (met == entry.0 && name < entry.1) {
                *entry = (met, name);
            }
        }
        for ((view, bucket), (_, name)) in best {
            let table = &tables[view.index()];
            let [ham_rows, spam_rows] = table.rows[table.codes[bucket as usize] as usize];
            let log_odds = self.wanted[&(view, bucket)];
            let card = &mut cards[view.index()];
            let list = if log_odds > 0.0 { &mut card.strongest_spam } else { &mut card.strongest_ham };
            list.push(StrongFeature { name, log_odds, spam_rows, ham_rows });
        }
        for card in cards {
            for list in [&mut card.strongest_spam, &mut card.strongest_ham] {
                list.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()).then_with(|| a.name.cmp(&b.name)));
            }
        }
    }
}
