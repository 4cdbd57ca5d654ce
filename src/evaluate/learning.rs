//! How does a blog fare that Hamgate has never met, by the number of comments that its people have judged?
//!
//! The blog is made of some sources of the corpus. The generic model learns none of their rows, nor anything that says nearly the same.
//! Half of the blog's rows are a pool, of which its people judge some; the other half is what readers write next: nobody learns it, and
//! every figure is taken on it. Near-duplicates are on one side. The rows are drawn several times, because with ten comments it
//! matters which ten; in one draw 30 comments hold the first 10, as they do on a blog that grows.
//!
//! Nothing is random: draws go by hashes of the rows. The blog's rows are kept in memory, all others are streamed.

#![allow(
    clippy::similar_names,
    clippy::needless_range_loop,
    clippy::unnecessary_lazy_evaluations,
    reason = "a draw is drawn; rows are taken by number"
)]

use std::error::Error;

use serde::Serialize;

use crate::comment::{Label, LabelledComment};
use crate::corpus::near_duplicates::{Fingerprint, Groups};
use crate::corpus::{Corpus, CorpusError};
use crate::figures::{Figures, Judged};
use crate::model::LabelCounts;
use crate::text::Hasher;

use super::turns::{self, TrainingRows};
use super::{EvaluateError, Judge};

/// A blog that no model has met yet, and how much of it is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBlog {
    /// Its sources: names, or their beginnings followed by `*`.
    pub sources: Vec<String>,
    /// How many comments its people have judged, in turn.
    pub sizes: Vec<u64>,
    /// How often comments are drawn.
    pub draws: u64,
    /// Share of ham among those drawn, 0 to 1.
    pub ham_share: f64,
}

/// Figures by way of learning and number of own comments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearningCurve {
    /// The sources the blog is made of.
    pub own_sources: Vec<String>,
    /// Rows that are drawn from.
    pub pool: LabelCounts,
    /// Rows that are judged.
    pub judged: LabelCounts,
    /// Rows that the generic model learned.
    pub generic: u64,
    /// Rows that it did not learn because they say nearly the same as one of the blog's.
    pub near_duplicates: u64,
    /// Rows that were skipped because they could not be read.
    pub skipped_rows: u64,
    /// How often comments were drawn.
    pub draws: u64,
    /// What was found, by way.
    pub ways: Vec<Way>,
}

/// One way of learning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Way {
    /// What it is called.
    pub name: String,
    /// By number of own comments, ascending.
    pub points: Vec<Point>,
}

/// Figures for one number of own comments.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Own comments learned.
    pub own: LabelCounts,
    /// Of how many draws something could be learned.
    pub draws: u64,
    /// Honest comments held, of 1,000.
    pub ham_held_per_1000: Option<Spread>,
    /// Spam comments approved, of 1,000.
    pub spam_approved_per_1000: Option<Spread>,
    /// Area under the ROC curve.
    pub auc: Option<Spread>,
    /// Share of spam above the threshold that would hold 1 % of the ham.
    pub spam_caught_at_one_percent_held: Option<Spread>,
    /// Matthews correlation at probability 0.5.
    pub mcc: Option<Spread>,
}

/// A figure over the draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let fold = |with: fn(f64, f64) -> f64| values.iter().copied().reduce(with);
        Some(Spread { mean: fold(|a, b| a + b)? / values.len() as f64, low: fold(f64::min)?, high: fold(f64::max)? })
    }
}

impl Point {
    fn of(own: LabelCounts, draws: &[Figures]) -> Self {
        let spread =
            |figure: fn(&Figures) -> Option<f64>| Spread::of(&draws.iter().filter_map(figure).collect::<Vec<_>>());
        Point {
            own,
            draws: draws.len() as u64,
            ham_held_per_1000: spread(Figures::ham_held_per_1000),
            spam_approved_per_1000: spread(Figures::spam_approved_per_1000),
            auc: spread(|figures| figures.auc),
            spam_caught_at_one_percent_held: spread(|figures| figures.spam_caught_at_one_percent_held),
            mcc: spread(|figures| figures.mcc),
        }
    }
}

/// Trains a generic model by `generic` on everything but the blog, and judges half of the blog by what `learn` makes of it and of some
/// comments of the other half.
///
/// `learn` gets the generic model, the number of one of `ways`, and own comments, of which there may be none. It gives no judge where
/// that way cannot learn from so few.
///
/// # Errors
/// When the corpus cannot be read, the blog has too few comments, or `generic` or `learn` fails.
pub fn learning_curve<G, J: Judge, E: Error + 'static>(
    corpus: &Corpus,
    blog: &NewBlog,
    ways: &[String],
    generic: impl FnOnce(&TrainingRows<'_>) -> Result<G, E>,
    mut learn: impl FnMut(&G, usize, &[LabelledComment]) -> Result<Option<J>, E>,
) -> Result<LearningCurve, EvaluateError<E>> {
    let (known, groups) = turns::read(corpus)?;
    let own_sources = blog.sources_among(known.sources.sizes().into_iter().map(|(source, _)| source))?;
    let is_own: Vec<bool> =
        (0..known.labels.len()).map(|row| own_sources.iter().any(|own| own == known.sources.of_row(row))).collect();
    let judged_in: Vec<Option<usize>> = is_own.iter().map(|own| own.then_some(0)).collect();
    let near_duplicates = turns::near_duplicates(&groups, &judged_in, 1).swap_remove(0);
    let numbers = known.numbers();

    let mut own: Vec<Option<LabelledComment>> = vec![None; is_own.len()];
    corpus.read(
        |position, row| numbers.get(&position).filter(|&&number| is_own[number]).map(|&number| (number, row.clone())),
        |row| {
            if let Some((number, row)) = row {
                own[number] = Some(row);
            }
        },
    )?;
    let halves = Halves::of(own.into_iter().zip(&is_own).filter_map(|(row, own)| own.then_some(row)))?;
    let sizes = blog.sizes_of(&halves)?;

    let mut learned: Vec<bool> = is_own.iter().map(|own| !own).collect();
    for &row in &near_duplicates {
        learned[row] = false;
    }
    let left_out = format!("source `{}`", own_sources.join("`, `"));
    let training = TrainingRows { corpus, numbers: &numbers, learned: &learned, left_out: &left_out };
    let generic = generic(&training).map_err(|source| EvaluateError::Train { left_out, source })?;

    let mut found: Vec<Way> = ways.iter().map(|name| Way { name: name.clone(), points: Vec::new() }).collect();
    for counts in sizes {
        // There is one way to draw nothing.
        let draws = if counts.total() == 0 { 1 } else { blog.draws };
        let drawn: Vec<Vec<LabelledComment>> = (0..draws).map(|draw| halves.draw(draw, counts)).collect();
        for (number, way) in found.iter_mut().enumerate() {
            let mut figures = Vec::new();
            for own in &drawn {
                let judge = learn(&generic, number, own).map_err(|source| EvaluateError::Learn {
                    way: way.name.clone(),
                    size: counts.total(),
                    source,
                })?;
                figures.extend(judge.map(|judge| halves.judge(&judge)));
            }
            way.points.push(Point::of(counts, &figures));
        }
    }
    Ok(LearningCurve {
        own_sources,
        pool: count(halves.pool.iter().map(|(_, row)| row)),
        judged: count(&halves.judged),
        generic: learned.iter().filter(|learned| **learned).count() as u64,
        near_duplicates: near_duplicates.len() as u64,
        skipped_rows: corpus.skipped().rows,
        draws: blog.draws,
        ways: found,
    })
}

impl NewBlog {
    fn sources_among<'a, E: Error + 'static>(
        &self,
        sources: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<String>, EvaluateError<E>> {
        let all: Vec<&str> = sources.collect();
        let missing = self.sources.iter().find(|pattern| !all.iter().any(|source| turns::matches(pattern, source)));
        if let Some(name) = missing {
            return Err(EvaluateError::NoSuchOwnSource { name: name.clone() });
        }
        let own = |source: &&str| self.sources.iter().any(|pattern| turns::matches(pattern, source));
        Ok(all.into_iter().filter(own).map(str::to_owned).collect())
    }

    /// Ham and spam of every number of own comments, ascending.
    fn sizes_of<E: Error + 'static>(&self, halves: &Halves) -> Result<Vec<LabelCounts>, EvaluateError<E>> {
        let pool = count(halves.pool.iter().map(|(_, row)| row));
        let mut sizes = self.sizes.clone();
        sizes.sort_unstable();
        sizes.dedup();
        let counts = |&size: &u64| {
            let ham = (size as f64 * self.ham_share).round() as u64;
            let counts = LabelCounts { ham, spam: size - ham };
            let enough = [(Label::Ham, counts.ham, pool.ham), (Label::Spam, counts.spam, pool.spam)];
            match enough.into_iter().find(|(_, wanted, pool)| wanted > pool) {
                Some((label, wanted, pool)) => Err(EvaluateError::TooFewOwn { size, wanted, label, pool }),
                None => Ok(counts),
            }
        };
        sizes.iter().map(counts).collect()
    }
}

/// The blog's rows.
struct Halves {
    /// To draw from, each with a hash.
    pool: Vec<(u64, LabelledComment)>,
    /// To be judged.
    judged: Vec<LabelledComment>,
}

impl Halves {
    /// Divides rows by groups of near-duplicates, with about half of each label on both sides.
    fn of(rows: impl Iterator<Item = Option<LabelledComment>>) -> Result<Self, CorpusError> {
        // A row that was not met again has left its file since the first pass.
        let rows = rows.collect::<Option<Vec<_>>>().ok_or(CorpusError::Changed)?;
        let fingerprints: Vec<Fingerprint> = rows.iter().map(Fingerprint::of).collect();
        let half = Groups::among(&fingerprints).folds(2);
        let mut halves = Halves { pool: Vec::new(), judged: Vec::new() };
        for ((row, fingerprint), half) in rows.into_iter().zip(fingerprints).zip(half) {
            if half == 0 {
                halves.pool.push((fingerprint.key(), row));
            } else {
                halves.judged.push(row);
            }
        }
        Ok(halves)
    }

    /// So many rows of the pool: the first in an order that belongs to the draw.
    fn draw(&self, draw: u64, counts: LabelCounts) -> Vec<LabelledComment> {
        let place = |key: u64| (Hasher::new("draw").add(draw).add(key).finish().value(), key);
        let of_label = |label: Label, wanted: u64| {
            let mut rows: Vec<_> = self.pool.iter().filter(|(_, row)| row.label == label).collect();
            rows.sort_by_key(|(key, _)| place(*key));
            rows.into_iter().take(wanted as usize).map(|(_, row)| row.clone())
        };
        of_label(Label::Ham, counts.ham).chain(of_label(Label::Spam, counts.spam)).collect()
    }

    fn judge(&self, judge: &impl Judge) -> Figures {
        let judged = |row: &LabelledComment| Judged { verdict: judge.judge(&row.comment).0, label: row.label };
        Figures::of_judged(&self.judged.iter().map(judged).collect::<Vec<_>>())
    }
}

fn count<'a>(rows: impl IntoIterator<Item = &'a LabelledComment>) -> LabelCounts {
    rows.into_iter().fold(LabelCounts::default(), |mut counts, row| {
        counts.add(row.label);
        counts
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashSet};
    use std::convert::Infallible;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use crate::evaluate::testing::{By, corpus, simple};
    use crate::model::Rows;

    /// A word of its own for a number, in letters.
    fn own(n: usize) -> String {
        format!("{n:03}").bytes().map(|digit| char::from(digit - b'0' + b'q')).collect()
    }

    /// A blog of 40 rows in two sources, and a row elsewhere that copies one of them.
    fn rows() -> Vec<(&'static str, &'static str, String)> {
        let ham = (0..20).map(|n| ("ham", "blog", format!("{} thanks for {}", own(n), own(n + 100))));
        let spam = (20..40).map(|n| ("spam", "blog-spam", format!("{} buy our {}", own(n), own(n + 100))));
        let elsewhere = [("ham", "else", "does it come in blue".into()), ("spam", "else", "buy my followers".into())];
        let copy = ("ham", "else", format!("{} thanks, for {}!", own(0), own(100)));
        ham.chain(spam).chain(elsewhere).chain([copy]).collect()
    }

    fn written(rows: &[(&'static str, &'static str, String)]) -> (tempfile::NamedTempFile, Corpus) {
        corpus(&rows.iter().map(|(label, source, text)| (*label, *source, text.as_str())).collect::<Vec<_>>())
    }

    fn blog(sizes: &[u64]) -> NewBlog {
        NewBlog { sources: vec!["blog*".into()], sizes: sizes.to_vec(), draws: 3, ham_share: 0.5 }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// The curve of a way that learns its own comments by heart, and what was learned on the way: by the generic model, and by draw.
    fn by_heart(corpus: &Corpus, blog: &NewBlog) -> (LearningCurve, HashSet<String>, Vec<BTreeSet<String>>) {
        let generic = Mutex::new(HashSet::new());
        let mut drawn = Vec::new();
        let curve = learning_curve(
            corpus,
            blog,
            &names(&["by heart"]),
            |training| {
                training.for_each(&|row| generic.lock().unwrap().extend([row.comment.content.clone()])).unwrap();
                Ok::<_, Infallible>(())
            },
            |(), _, own| {
                let texts: BTreeSet<String> = own.iter().map(|row| row.comment.content.clone()).collect();
                drawn.push(texts.clone());
                Ok(Some(By(move |text: &str| if texts.contains(text) { 5.0 } else { -5.0 })))
            },
        );
        (curve.unwrap(), generic.into_inner().unwrap(), drawn)
    }

    #[test]
    fn the_generic_model_learns_neither_the_blog_nor_a_copy_of_it() {
        let (_file, corpus) = written(&rows());
        let (curve, generic, _) = by_heart(&corpus, &blog(&[10]));
        assert_eq!(generic, HashSet::from(["does it come in blue".to_owned(), "buy my followers".to_owned()]));
        assert_eq!((curve.generic, curve.near_duplicates), (2, 1));
        assert_eq!(curve.own_sources, ["blog", "blog-spam"]);
        let halves = LabelCounts { ham: 10, spam: 10 };
        assert_eq!((curve.pool, curve.judged), (halves, halves));
    }

    #[test]
    fn what_was_learned_is_never_judged_and_a_draw_goes_on_where_it_was() {
        let (_file, corpus) = written(&rows());
        let (curve, _, drawn) = by_heart(&corpus, &blog(&[20, 0, 4, 10, 4]));
        // Nothing once, then three draws of each size; of 20 all are drawn.
        assert_eq!(drawn.iter().map(BTreeSet::len).collect::<Vec<_>>(), [0, 4, 4, 4, 10, 10, 10, 20, 20, 20]);
        for draw in 0..3 {
            assert!(drawn[1 + draw].is_subset(&drawn[4 + draw]) && drawn[4 + draw].is_subset(&drawn[7 + draw]));
        }
        assert!(drawn[1] != drawn[2] && drawn[2] != drawn[3] && drawn[7] == drawn[8]);
        // Who learned by heart would hold what it knows.
        for point in &curve.ways[0].points {
            assert_eq!(point.ham_held_per_1000.unwrap().high, 0.0);
            assert_eq!(point.spam_approved_per_1000.unwrap().low, 1000.0);
        }
    }

    #[test]
    fn near_duplicates_of_the_blog_are_in_one_half() {
        let mut rows = rows();
        for n in 0..20 {
            rows[n].2 = format!("the same as {} and {} ever", own(n / 4), own(n / 4 + 200));
        }
        let (_file, corpus) = written(&rows);
        let (curve, _, drawn) = by_heart(&corpus, &NewBlog { ham_share: 0.9, ..blog(&[8]) });
        assert_eq!((curve.pool.ham + curve.judged.ham, curve.pool.ham % 4), (20, 0));
        assert!(drawn.iter().all(|texts| texts.len() <= 8));
        assert_eq!(curve.ways[0].points[0].ham_held_per_1000.unwrap().high, 0.0);
    }

    #[test]
    fn figures_are_means_and_ranges_of_the_draws_in_which_something_was_learned() {
        let (_file, corpus) = written(&rows());
        let mut calls = BTreeMap::<(usize, usize), usize>::new();
        let curve = learning_curve(
            &corpus,
            &blog(&[0, 10]),
            &names(&["simple", "sometimes"]),
            |_| Ok::<_, Infallible>(()),
            |(), way, own| {
                let call = calls.entry((way, own.len())).or_default();
                *call += 1;
                let called = *call;
                // The second way holds everything, at the last draw nothing, and cannot learn from nothing.
                Ok((way == 0 || !own.is_empty()).then(|| {
                    By(move |text: &str| match (way, called) {
                        (0, _) => simple().evidence(&crate::comment::Comment::from_text(text).unwrap()).0,
                        (_, 3) => -1.0,
                        _ => 1.0,
                    })
                }))
            },
        )
        .unwrap();
        let [simple, sometimes] = &curve.ways[..] else { panic!("{curve:?}") };
        let one = Some(Spread { mean: 1.0, low: 1.0, high: 1.0 });
        assert!(simple.points.iter().all(|point| point.auc == one && point.mcc == one));
        assert_eq!((simple.points[0].draws, simple.points[1].draws), (1, 3));
        assert_eq!((sometimes.points[0].draws, sometimes.points[0].auc), (0, None));
        let held = sometimes.points[1].ham_held_per_1000.unwrap();
        assert_eq!((held.low, held.high), (0.0, 1000.0));
        assert!((held.mean - 2000.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_drawn_or_learned_is_named() {
        let (_file, corpus) = written(&rows());
        let error = |blog: &NewBlog| {
            let nothing =
                learning_curve(&corpus, blog, &[], |_| Ok::<_, Infallible>(()), |(), _, _| Ok(Some(simple())));
            nothing.unwrap_err().to_string()
        };
        let missing = error(&NewBlog { sources: vec!["blog".into(), "shop*".into()], ..blog(&[4]) });
        assert!(missing.contains("no row has a source `shop*`"), "{missing}");
        let too_many = error(&NewBlog { ham_share: 0.25, ..blog(&[4, 16]) });
        assert!(too_many.starts_with("16 own comments would be 12 spam") && too_many.contains("has 10;"), "{too_many}");
        let ways = names(&["by heart"]);
        let fails = learning_curve(
            &corpus,
            &blog(&[4]),
            &ways,
            |_| Ok(()),
            |(), _, _| Err::<Option<By<fn(&str) -> f64>>, _>(CorpusError::Changed),
        );
        assert_eq!(fails.unwrap_err().to_string(), "cannot learn 4 own comments by the way \"by heart\"");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_order_of_rows_changes_nothing(seed in any::<u64>()) {
            let sorted = rows();
            let mut order: Vec<usize> = (0..sorted.len()).collect();
            order.sort_by_key(|&row| Hasher::new("shuffle").add(seed).add(row as u64).finish().value());
            let shuffled: Vec<_> = order.into_iter().map(|row| sorted[row].clone()).collect();
            let [a, b] = [&sorted, &shuffled].map(|rows| {
                let (_file, corpus) = written(rows);
                by_heart(&corpus, &blog(&[0, 4, 10]))
            });
            prop_assert_eq!(a, b);
        }
    }
}
