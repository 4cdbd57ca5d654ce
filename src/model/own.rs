//! A model for one blog: what the generic corpus knows, and what the people of this blog said.
//!
//! The blog's own rows are added to the counts of the generic model, each many times (`docs/learning.md` has the curve), and the tables
//! are fitted again by linfa. The combination stays that of the generic model. With enough honest rows of its own, the blog also
//! gets thresholds of its own: from rows judged by a model that had not learned them, nor anything that says nearly the same.

use std::cell::RefCell;
use std::sync::Mutex;

use crate::comment::{Label, LabelledComment};
use crate::figures::{Figures, Judged, chance_explains};
use crate::text::{Extractor, Features, Fields, View};
use crate::verdict::{LogOdds, Thresholds, Verdict};

use super::card::{About, ModelCard, OwnCard};
use super::classifier::{Classifier, Table};
use super::combination::{self, Combination};
use super::naive_bayes::{self, Balance, FitError};
use super::rows::{LabelCounts, Rows};
use super::statistics::Statistics;
use super::steps::{self, Steps};
use super::thresholds;
use super::trainer::{FOLDS, fold_of};
use super::weights::Weight;

/// From so many honest comments of its own on, a blog may get thresholds of its own.
pub const OWN_HAM_FOR_THRESHOLD: u64 = 50;

/// How many times an ordinary row each of a blog's own rows counts. Measured in `docs/learning.md`, "How much should an own comment count?".
const WEIGHT: f64 = 20.0;

/// The weight of own rows, as a generic model learns them.
pub(super) fn first_weight() -> Weight {
    weight_of(WEIGHT)
}

/// A factor of a card as a weight.
pub(super) fn weight_of(factor: f64) -> Weight {
    Weight::from_factor(factor.min(Weight::MOST)).expect("it is at most the most")
}

/// A line drawn through so few rows that fewer than ten of them might be held is drawn by chance, or far too carefully. Measured in
/// `docs/learning.md`, "A line through a hundred comments".
const CERTAIN_FROM: f64 = 10.0;

/// From so many honest comments on, a blog's thresholds are drawn from them alone; never, if none may be held.
pub fn own_ham_for_certainty(held_at_most: f64) -> Option<u64> {
    (held_at_most > 0.0).then(|| (CERTAIN_FROM / held_at_most).ceil() as u64)
}

/// Settings of a training for one blog.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnOptions {
    /// Share of honest comments that may be held, 0 to 1.
    pub ham_held_at_most: f64,
    /// How many times an ordinary row each own row counts; as often as when learned at once if not given.
    pub weight: Option<f64>,
}

/// Why a training for a blog came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum OwnError<E> {
    /// The rows could not be read.
    #[error(transparent)]
    Rows(E),
    /// There are none.
    #[error("there are no own comments to learn from; label some, or import the blog's history")]
    None,
    /// linfa refused.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The generic model is not generic.
    #[error("the model to start from has learned a blog's own comments already; start from a generic one")]
    NotGeneric,
}

/// A model for one blog, and what judges its rows as if it had not learned them.
#[derive(Debug)]
pub struct OwnModel {
    /// The model.
    pub classifier: Classifier,
    /// The judge of held-out rows.
    pub held_out: HeldOutJudge,
}

/// Trains a model for one blog.
///
/// `generic` is the model to start from, `rows` are the blog's own.
///
/// # Errors
/// When rows cannot be read, or there are none.
pub fn train_own<R: Rows + ?Sized>(
    generic: &Classifier,
    rows: &R,
    options: &OwnOptions,
    about: About,
) -> Result<OwnModel, OwnError<R::Error>> {
    if generic.card.own.is_some() {
        return Err(OwnError::NotGeneric);
    }
    let own = OwnStatistics::count(rows, generic.card.fields).map_err(OwnError::Rows)?;
    if own.rows.total() == 0 {
        return Err(OwnError::None);
    }
    let weight = weight_of(options.weight.unwrap_or(WEIGHT));
    let mut judge = HeldOutJudge::new(generic, &own, weight);
    let scored = judge.score(rows).map_err(OwnError::Rows)?;
    let enough = own.rows.ham >= OWN_HAM_FOR_THRESHOLD;
    let held_at_most = enough.then_some(options.ham_held_at_most);
    judge.draw(generic, &scored, held_at_most);
    let thresholds = draw(generic, &scored, held_at_most, None);
    let own_thresholds = thresholds != generic.thresholds;

    let judged: Vec<Judged> = scored
        .iter()
        .map(|row| Judged {
            verdict: Verdict::new(row.evidence, judge.thresholds[row.fold as usize]),
            label: row.label,
        })
        .collect();
    let tables = own.fit(generic, weight)?;
    let card = ModelCard {
        about,
        ham_held_at_most: if enough { options.ham_held_at_most } else { generic.card.ham_held_at_most },
        thresholds,
        own: Some(OwnCard {
            generic: generic.id.clone(),
            rows: own.rows,
            weight: weight.factor(),
            own_thresholds,
            held_out: Figures::of_judged(&judged),
        }),
        ..generic.card.clone()
    };
    let classifier = Classifier::assemble(tables, generic.combination.clone(), thresholds, card);
    Ok(OwnModel { classifier, held_out: judge })
}

/// Thresholds for a blog of which the honest rows outside a fold are known; those of the generic model if no share of ham may be held.
///
/// Many honest rows draw the line themselves. Few may only make the generic line more careful: wholly where less is allowed than it was drawn for,
/// and else as far as they show that it holds more of this blog's readers than allowed and chance explains.
fn draw(generic: &Classifier, scored: &[ScoredRow], held_at_most: Option<f64>, without: Option<u64>) -> Thresholds {
    let honest = || scored.iter().filter(|row| row.label == Label::Ham);
    let mut ham: Vec<LogOdds> = honest().filter(|row| Some(row.fold) != without).map(|row| row.evidence).collect();
    let Some(share) = held_at_most.filter(|_| !ham.is_empty()) else { return generic.thresholds };
    let own = thresholds::choose(ham.clone(), share);
    // Of all rows, so that a held-out fold is judged by the rule that drew the line in service.
    if own_ham_for_certainty(share).is_some_and(|many| honest().count() as u64 >= many) {
        return own;
    }
    let line = if share < generic.card.ham_held_at_most {
        own.hold()
    } else {
        let rows = ham.len() as u64;
        let explained = (1..rows).take_while(|&held| chance_explains(held, rows, share)).count();
        ham.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        ham[explained]
    };
    if line.0 <= generic.thresholds.hold().0 {
        return generic.thresholds;
    }
    let spam = own.spam().0.max(generic.thresholds.spam().0);
    Thresholds::new(line, LogOdds(spam)).expect("with so few rows the spam threshold is no lower than any of them")
}

/// Counts of a blog's own rows.
#[derive(Debug)]
struct OwnStatistics {
    all: Statistics,
    /// By fold, of its rows.
    folds: Vec<Statistics>,
    rows: LabelCounts,
}

thread_local! {
    static SCRATCH: RefCell<(Extractor, Features)> = RefCell::default();
}

impl OwnStatistics {
    /// Of no rows.
    fn none() -> Self {
        let folds = (0..FOLDS).map(|_| Statistics::new()).collect();
        OwnStatistics { all: Statistics::new(), folds, rows: LabelCounts::default() }
    }

    fn count<R: Rows + ?Sized>(rows: &R, fields: Fields) -> Result<Self, R::Error> {
        let mut counted = Self::none();
        let labels = Mutex::new(LabelCounts::default());
        rows.for_each(&|row| {
            SCRATCH.with_borrow_mut(|(extractor, features)| {
                features.fill(extractor, &row.comment, fields);
                for statistics in [&counted.all, &counted.folds[fold_of(row, extractor) as usize]] {
                    statistics.observe(features, row.label, ONE);
                }
            });
            labels.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(row.label);
        })?;
        counted.rows = labels.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(counted)
    }

    /// For each fold, what scoring adds up when the rows of all others are added to the generic model, view by view.
    fn steps_by_fold(&self, generic: &Classifier, weight: Weight) -> Vec<[Box<[Steps]>; View::COUNT]> {
        let totals = self.all.totals();
        let without = |fold: &Statistics| {
            let in_fold = fold.totals();
            View::ALL.map(|view| {
                let fitted = &generic.tables[view.index()].fitted;
                let (learned, all, left_out) = (fitted.totals(), totals.of(view), in_fold.of(view));
                let total = |label: usize| learned[label] + (all[label] - left_out[label]) * u64::from(weight.units());
                let balance = Balance::new(total(0), total(1));
                let by_code: Vec<Steps> = fitted.counts.iter().map(|&[ham, spam]| balance.steps(ham, spam)).collect();
                let steps = |(bucket, &code): (u32, &u32)| match self.all.counts_of(view, bucket) {
                    [0, 0] => by_code[code as usize],
                    all => {
                        let left_out = fold.counts_of(view, bucket);
                        let others = [all[0] - left_out[0], all[1] - left_out[1]];
                        let [ham, spam] = add(fitted.counts[code as usize], others, weight);
                        balance.steps(ham, spam)
                    }
                };
                (0..).zip(&fitted.codes).map(steps).collect()
            })
        };
        if self.rows.total() == 0 {
            // Then all folds are the same.
            return vec![without(&self.folds[0]); self.folds.len()];
        }
        self.folds.iter().map(without).collect()
    }

    /// The tables of the generic model with all rows added, fitted by linfa.
    fn fit(&self, generic: &Classifier, weight: Weight) -> Result<Vec<Table>, FitError> {
        let fit = |view: View| {
            let fitted = &generic.tables[view.index()].fitted;
            let (ham, spam): (Vec<u32>, Vec<u32>) = (0..view.buckets() as u32)
                .map(|bucket| add(fitted.counts(bucket), self.all.counts_of(view, bucket), weight))
                .map(|[ham, spam]| (ham, spam))
                .unzip();
            Ok(Table::of(&ham, &spam, &naive_bayes::fit(&ham, &spam)?))
        };
        View::ALL.into_iter().map(fit).collect()
    }
}

/// Own rows are counted one by one and weighed when they are summed.
const ONE: Weight = Weight::unit();

/// A row as a model would judge it that had not learned its fold.
struct ScoredRow {
    fold: u64,
    label: Label,
    evidence: LogOdds,
}

/// Judges a blog's own rows by models that have learned the other four fifths of them, and nothing that says nearly the same.
#[derive(Debug)]
pub struct HeldOutJudge {
    fields: Fields,
    combination: Combination,
    /// By fold, the tables of all views without its rows.
    tables: Vec<[Box<[Steps]>; View::COUNT]>,
    /// By fold, drawn from the rows of the others.
    thresholds: Vec<Thresholds>,
}

impl HeldOutJudge {
    /// With the thresholds of the generic model.
    fn new(generic: &Classifier, own: &OwnStatistics, weight: Weight) -> Self {
        HeldOutJudge {
            fields: generic.card.fields,
            combination: generic.combination.clone(),
            tables: own.steps_by_fold(generic, weight),
            thresholds: vec![generic.thresholds; FOLDS as usize],
        }
    }

    /// Draws thresholds from scored rows, for each fold from those of the others.
    fn draw(&mut self, generic: &Classifier, scored: &[ScoredRow], held_at_most: Option<f64>) {
        self.thresholds = (0..FOLDS).map(|fold| draw(generic, scored, held_at_most, Some(fold))).collect();
    }

    /// The verdict on one of the blog's own rows.
    pub fn judge(&self, row: &LabelledComment) -> Verdict {
        let (fold, evidence) = self.evidence(row);
        Verdict::new(evidence, self.thresholds[fold as usize])
    }

    /// The judge that says what `model` would have said of the rows had it not learned them. `generic` is what it was made from, `rows` are those
    /// it has learned.
    ///
    /// # Errors
    /// When rows cannot be read.
    pub fn of<R: Rows + ?Sized>(generic: &Classifier, model: &Classifier, rows: &R) -> Result<Self, R::Error> {
        let (own, weight) = match &model.card.own {
            Some(card) => (OwnStatistics::count(rows, generic.card.fields)?, weight_of(card.weight)),
            None => (OwnStatistics::none(), ONE),
        };
        let mut judge = Self::new(generic, &own, weight);
        judge.thresholds = vec![model.thresholds; FOLDS as usize];
        // Thresholds drawn from the rows themselves would flatter it.
        if model.card.own.as_ref().is_some_and(|own| own.rows.ham >= OWN_HAM_FOR_THRESHOLD) {
            let scored = judge.score(rows)?;
            judge.draw(generic, &scored, Some(model.card.ham_held_at_most));
        }
        Ok(judge)
    }

    /// The fold of a row, and the evidence in it as all others see it.
    fn evidence(&self, row: &LabelledComment) -> (u64, LogOdds) {
        SCRATCH.with_borrow_mut(|(extractor, features)| {
            features.fill(extractor, &row.comment, self.fields);
            let fold = fold_of(row, extractor);
            let tables = &self.tables[fold as usize];
            let sums = View::ALL.map(|view| steps::sum(&tables[view.index()], features.of(view)));
            (fold, self.combination.evidence(&combination::inputs(&sums)))
        })
    }

    fn score<R: Rows + ?Sized>(&self, rows: &R) -> Result<Vec<ScoredRow>, R::Error> {
        let scored = Mutex::new(Vec::new());
        rows.for_each(&|row| {
            let (fold, evidence) = self.evidence(row);
            let row = ScoredRow { fold, label: row.label, evidence };
            scored.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(row);
        })?;
        Ok(scored.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

/// Counts with own rows added, in units of [`Weight`].
fn add(counts: [u32; 2], rows: [u32; 2], weight: Weight) -> [u32; 2] {
    let sum = |label: usize| counts[label].saturating_add(rows[label].saturating_mul(weight.units()));
    [sum(0), sum(1)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::sync::Arc;

    use super::*;
    use crate::comment::Comment;
    use crate::model::Update;
    use crate::model::testing::trained;
    use crate::verdict::ModelId;

    /// Comments of a blog, some of whose words the generic model knows from spam.
    const TEXTS: [&str; 8] = [
        "casino night at the parish hall, who brings cake?",
        "we baked it again, cheap and good",
        "free spins for every reader",
        "which lens did you use for the casino picture",
        "my loan of your book is over, thanks",
        "jackpot! the third shot is sharp",
        "visit my page for followers",
        "the mayor should read this",
    ];

    fn comment(text: &str) -> Comment {
        Comment::from_text(text).unwrap()
    }

    fn row(text: &str, label: Label) -> LabelledComment {
        LabelledComment { comment: comment(text), label, source: "own".into(), family: None, split: None, topic: None }
    }

    fn from_scratch(rows: &[LabelledComment]) -> Classifier {
        let options = OwnOptions { ham_held_at_most: 0.001, weight: Some(WEIGHT) };
        train_own(trained(), rows, &options, About::default()).unwrap().classifier
    }

    fn named(model: &Classifier) -> ModelId {
        model.id().clone()
    }

    fn steps(model: &Classifier) -> Vec<&[super::super::steps::Steps]> {
        model.tables.iter().map(|table| &table.steps[..]).collect()
    }

    /// What was said of which text, one after the other; `None` takes back.
    fn words() -> impl Strategy<Value = Vec<(usize, Option<Label>)>> {
        let label = prop_oneof![Just(Some(Label::Ham)), Just(Some(Label::Spam)), Just(None)];
        prop::collection::vec((0..TEXTS.len(), label), 1..25)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn after_any_corrections_and_undos_scores_are_those_of_a_training_from_scratch_by_linfa(words in words()) {
            let mut labels = [None; TEXTS.len()];
            let mut learned = trained().clone();
            for (text, after) in words {
                let before = std::mem::replace(&mut labels[text], after);
                let comment = comment(TEXTS[text]);
                learned = learned.updated(named(&learned), [Update { comment: &comment, before, after }]);
            }
            let rows: Vec<_> = TEXTS.iter().zip(labels).filter_map(|(text, label)| Some(row(text, label?))).collect();
            let scratch = if rows.is_empty() { trained().clone() } else { from_scratch(&rows) };
            for text in TEXTS {
                let [a, b] = [&learned, &scratch].map(|model| model.judge(&comment(text)).evidence.0);
                prop_assert!((a - b).abs() < 1e-6, "{a} {b} {text}");
            }
            prop_assert!(steps(&learned) == steps(&scratch));
        }

        #[test]
        fn corrections_at_once_and_one_by_one_are_the_same(words in prop::collection::vec((0..TEXTS.len(), any::<bool>()), 1..10)) {
            let comments: Vec<(Comment, Label)> = words
                .into_iter()
                .map(|(text, spam)| (comment(TEXTS[text]), if spam { Label::Spam } else { Label::Ham }))
                .collect();
            let update = |(comment, label)| Update { comment, before: None, after: Some(label) };
            let at_once = trained().updated(named(trained()), comments.iter().map(|(c, l)| update((c, *l))));
            let one_by_one = comments.iter().rev().fold(trained().clone(), |model, (c, l)| {
                model.updated(named(&model), [update((c, *l))])
            });
            prop_assert!(steps(&at_once) == steps(&one_by_one));
        }

        #[test]
        fn what_a_row_is_called_never_moves_its_own_held_out_verdict(flipped in 0..TEXTS.len()) {
            let label = |n: usize, flip: bool| if n.is_multiple_of(2) == flip { Label::Ham } else { Label::Spam };
            let rows = |flip: Option<usize>| -> Vec<LabelledComment> {
                TEXTS.iter().enumerate().map(|(n, text)| row(text, label(n, flip == Some(n)))).collect()
            };
            let judge = |rows: &[LabelledComment]| {
                let own = OwnStatistics::count(rows, trained().card.fields).unwrap();
                HeldOutJudge::new(trained(), &own, first_weight())
            };
            let [a, b] = [None, Some(flipped)].map(|flip| judge(&rows(flip)).judge(&rows(None)[flipped]));
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn a_correction_has_an_effect_and_undoing_it_leaves_no_trace() {
        let comment = comment(TEXTS[0]);
        let said = |model: &Classifier, before, after| {
            model.updated(named(model), [Update { comment: &comment, before, after }])
        };
        let evidence = |model: &Classifier| model.judge(&comment).evidence;
        let ham = said(trained(), None, Some(Label::Ham));
        let spam = said(&ham, Some(Label::Ham), Some(Label::Spam));
        assert!(evidence(&ham) < evidence(trained()) && evidence(trained()) < evidence(&spam));
        let undone = said(&spam, Some(Label::Spam), None);
        assert!(steps(&undone) == steps(trained()));
    }

    #[test]
    fn what_was_learned_long_ago_becomes_part_of_the_counts_and_can_still_be_taken_back() {
        let word = |n: usize| -> String { n.to_string().bytes().map(|digit| char::from(digit + 50)).collect() };
        let comments: Vec<Comment> =
            (0..900).map(|n| comment(&(0..20).map(|k| word(n * 20 + k)).collect::<Vec<_>>().join(" "))).collect();
        let say = |before, after| comments.iter().map(move |comment| Update { comment, before, after });
        let learned = trained().updated(named(trained()), say(None, Some(Label::Spam)));
        assert!(
            learned
                .tables
                .iter()
                .any(|table| !Arc::ptr_eq(&table.fitted, &trained().tables[0].fitted) && table.added.is_empty())
        );
        let undone = learned.updated(named(trained()), say(Some(Label::Spam), None));
        assert!(steps(&undone) == steps(trained()));
    }

    #[test]
    fn a_blog_that_reports_nothing_but_spam_does_not_turn_its_readers_into_spammers() {
        let spam = ["visit us today for cheap shoes", "the best shoes are here today", "shoes for you, visit the shop"]
            .map(comment);
        let updates = spam.iter().map(|comment| Update { comment, before: None, after: Some(Label::Spam) });
        let learned = trained().updated(named(trained()), updates);
        let evidence = |model: &Classifier, text: &str| model.judge(&comment(text)).evidence;
        assert!(evidence(&learned, "cheap shoes, visit our shop") > evidence(trained(), "cheap shoes, visit our shop"));
        for text in ["thanks for the recipe", "my dog liked the walk", "which lens did you use"] {
            assert!(evidence(&learned, text).0 < trained().thresholds().hold().0, "{text}");
        }
    }

    #[test]
    fn a_model_trained_for_a_blog_goes_on_learning_and_unlearns_what_it_was_trained_on() {
        let rows: Vec<_> = TEXTS.iter().map(|text| row(text, Label::Ham)).collect();
        let trained_on = |rows: &[LabelledComment]| Classifier::from_bytes(&from_scratch(rows).to_bytes()).unwrap();
        let said = [Update { comment: &rows[7].comment, before: Some(Label::Ham), after: None }];
        assert!(steps(&trained_on(&rows).updated(named(trained()), said)) == steps(&trained_on(&rows[..7])));
    }

    /// So many honest comments that say unlike things.
    fn honest(n: u64) -> Vec<LabelledComment> {
        // Letters, because all numbers of a length are one word.
        let own = |n: u64| -> String { n.to_string().bytes().map(|digit| char::from(digit + 50)).collect() };
        (0..n).map(|n| row(&format!("{} {} walk", own(n * 37), own(n * 101)), Label::Ham)).collect()
    }

    #[test]
    fn fifty_honest_comments_are_asked_about_the_line_and_fewer_are_not() {
        for (n, expected) in [(OWN_HAM_FOR_THRESHOLD - 1, false), (OWN_HAM_FOR_THRESHOLD, true)] {
            let model = from_scratch(&honest(n));
            let own = model.card().own.clone().unwrap();
            assert_eq!(own.rows.ham, n);
            assert_eq!(model.card().ham_held_at_most == trained().card().ham_held_at_most, !expected);
        }
    }

    fn scored(evidence: impl IntoIterator<Item = f64>) -> Vec<ScoredRow> {
        let row = |evidence| ScoredRow { fold: 0, label: Label::Ham, evidence: LogOdds(evidence) };
        evidence.into_iter().map(row).collect()
    }

    #[test]
    fn few_honest_comments_leave_the_generic_line_where_it_is_unless_they_show_that_it_is_wrong() {
        let generic = trained();
        let line = generic.thresholds.hold().0;
        let share = generic.card.ham_held_at_most;
        let drawn = |above: u64, below: u64, share: f64| {
            let rows = (0..above).map(|n| line + 1.0 + n as f64).chain((0..below).map(|n| -1.0 - n as f64));
            draw(generic, &scored(rows), Some(share), None).hold().0
        };
        // One of 99 above a line that holds 5 of 1,000 is chance, and three are not.
        assert_eq!(drawn(0, 99, share), line);
        assert_eq!(drawn(1, 98, share), line);
        assert_eq!(drawn(2, 97, share), line);
        assert_eq!(drawn(3, 96, share), line + 1.0);
        assert_eq!(drawn(9, 90, share), line + 7.0);
        // An owner who allows less gets a more careful line.
        assert_eq!(drawn(1, 98, share / 5.0), line + 1.0);
        assert_eq!(drawn(0, 99, share / 5.0), line);
        // Many draw it themselves.
        let many = own_ham_for_certainty(share).unwrap();
        assert_eq!(drawn(7, many - 8, share), line);
        assert_eq!(drawn(7, many - 7, share), line + 2.0);
        // Where none may be held, no number is enough.
        assert_eq!(own_ham_for_certainty(0.0), None);
        assert_eq!(drawn(7, 3000, 0.0), line + 7.0);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let options = OwnOptions { ham_held_at_most: 0.005, weight: None };
        let nothing: [LabelledComment; 0] = [];
        let train =
            |generic: &Classifier, rows: &[LabelledComment]| train_own(generic, rows, &options, About::default());
        assert!(matches!(train(trained(), &nothing), Err(OwnError::None)));
        let rows = [row(TEXTS[0], Label::Ham)];
        assert!(matches!(train(&from_scratch(&rows), &rows), Err(OwnError::NotGeneric)));
    }
}
