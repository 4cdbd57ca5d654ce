//! Training and judging in turn: every model judges rows that it has not seen, nor anything that says nearly the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;

use crate::comment::LabelledComment;
use crate::corpus::near_duplicates::Groups;
use crate::corpus::{Corpus, CorpusError, Position};
use crate::figures::Judged;
use crate::model::Rows;
use crate::verdict::Verdict;

use super::mistakes::Mistakes;
use super::rows::{JudgedRow, KnownRow, KnownRows};
use super::summary::{LeftOut, Measured, Report};
use super::{EvaluateError, Judge, Outcome};

/// Trains by `train` on all folds but one, judges that one, and pools the verdicts of all folds. Every fold is judged at the
/// thresholds of its own model.
///
/// `train` gets the rows to learn from, and the fold (counted from 1) that is left out.
///
/// # Errors
/// When the corpus cannot be read or has fewer groups of near-duplicates than folds, or when `train` fails.
pub fn cross_validate<J: Judge, E: Error + 'static>(
    corpus: &Corpus,
    folds: usize,
    train: impl FnMut(&TrainingRows<'_>, usize) -> Result<J, E>,
) -> Result<Outcome, EvaluateError<E>> {
    let (known, groups) = read(corpus)?;
    if groups.len() < folds {
        return Err(EvaluateError::TooFewGroups { groups: groups.len(), folds });
    }
    let fold_of_row = groups.folds(folds);
    let turns = Turns {
        names: (1..=folds).map(|fold| format!("fold {fold} of {folds}")).collect(),
        judged_in: fold_of_row.iter().map(|&fold| Some(fold)).collect(),
        kept_out: vec![Vec::new(); folds],
    };
    let mut outcome = take_turns(corpus, &known, &groups, turns, train)?;
    outcome.report.by_fold = (0..folds)
        .map(|fold| Measured::of(outcome.rows.iter().filter(|row| row.turn == fold).map(|row| &row.judged)))
        .collect();
    Ok(outcome)
}

/// Which sources are left out of training in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveOut {
    /// Sources with fewer rows are not judged; they are always trained on.
    pub fewest_rows: u64,
    /// If not empty, only these are left out: names of sources, or their beginnings followed by `*`, whose sources are left out
    /// together.
    pub only: Vec<String>,
}

/// Trains by `train` on all sources but one, judges that one, and so on with every source. Rows of other sources that
/// say nearly the same as a row of the one left out, or are of one family with it, are kept out of training too.
///
/// # Errors
/// When the corpus cannot be read, no source can be left out, or `train` fails.
pub fn leave_one_source_out<J: Judge, E: Error + 'static>(
    corpus: &Corpus,
    leave_out: &LeaveOut,
    train: impl FnMut(&TrainingRows<'_>, usize) -> Result<J, E>,
) -> Result<Outcome, EvaluateError<E>> {
    let (known, groups) = read(corpus)?;
    let sets = leave_out.sets(&known)?;
    let turn_of_source: BTreeMap<&str, usize> =
        sets.iter().enumerate().flat_map(|(turn, set)| set.iter().map(move |source| (source.as_str(), turn))).collect();
    let judged_in: Vec<Option<usize>> =
        (0..known.labels.len()).map(|row| turn_of_source.get(known.sources.of_row(row)).copied()).collect();
    let turns = Turns {
        names: sets.iter().map(|set| format!("source `{}`", set.join("`, `"))).collect(),
        kept_out: near_duplicates(&groups, &judged_in, sets.len()),
        judged_in,
    };
    let left_out = turns.left_out(&sets);
    let mut outcome = take_turns(corpus, &known, &groups, turns, train)?;
    outcome.report.left_out = left_out;
    outcome.turns = sets.iter().map(|set| set.join(" + ")).collect();
    outcome.not_left_out = known
        .sources
        .sizes()
        .into_iter()
        .filter(|(source, _)| !turn_of_source.contains_key(source))
        .map(|(source, rows)| (source.to_owned(), rows))
        .collect();
    Ok(outcome)
}

impl LeaveOut {
    /// The sets of sources to leave out in turn, each in alphabetical order.
    fn sets<E: Error + 'static>(&self, known: &KnownRows) -> Result<Vec<Vec<String>>, EvaluateError<E>> {
        let sizes = known.sources.sizes();
        let sets: Vec<Vec<String>> = if self.only.is_empty() {
            let large = sizes.iter().filter(|(_, rows)| *rows >= self.fewest_rows);
            large.map(|(source, _)| vec![(*source).to_owned()]).collect()
        } else {
            let matching = |pattern: &String| -> Vec<String> {
                sizes.iter().map(|(source, _)| (*source).to_owned()).filter(|source| matches(pattern, source)).collect()
            };
            self.only.iter().map(matching).collect()
        };
        if let Some(nothing) = sets.iter().position(Vec::is_empty) {
            return Err(EvaluateError::NoSuchSource { name: self.only[nothing].clone() });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = sets.iter().flatten().find(|source| !seen.insert(*source)) {
            return Err(EvaluateError::LeftOutTwice { name: twice.clone() });
        }
        if sets.is_empty() {
            return Err(EvaluateError::NothingToLeaveOut { fewest_rows: self.fewest_rows });
        }
        Ok(sets)
    }
}

/// Whether a source is meant by its name, or by the beginning of it followed by `*`.
pub(super) fn matches(pattern: &str, source: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => source.starts_with(beginning),
        None => source == pattern,
    }
}

pub(super) fn read<E: Error + 'static>(corpus: &Corpus) -> Result<(KnownRows, Groups), EvaluateError<E>> {
    let mut known = KnownRows::default();
    corpus.read(KnownRow::of, |row| known.add(row))?;
    let groups = known.groups();
    if groups.is_empty() {
        return Err(EvaluateError::NoRows);
    }
    Ok((known, groups))
}

/// For each turn, the rows judged in another turn or in none that belong to a group with a row judged in this one.
pub(super) fn near_duplicates(groups: &Groups, judged_in: &[Option<usize>], turns: usize) -> Vec<Vec<usize>> {
    let mut kept_out = vec![Vec::new(); turns];
    for group in groups.iter() {
        let turns_of_group: BTreeSet<usize> = group.iter().filter_map(|&row| judged_in[row]).collect();
        for turn in turns_of_group {
            kept_out[turn].extend(group.iter().copied().filter(|&row| judged_in[row] != Some(turn)));
        }
    }
    for rows in &mut kept_out {
        rows.sort_unstable();
    }
    kept_out
}

/// Who judges what, and who may not learn from what.
struct Turns {
    /// What is left out in each turn, for messages.
    names: Vec<String>,
    /// By row, the turn that judges it and does not learn from it.
    judged_in: Vec<Option<usize>>,
    /// By turn, the other rows that it may not learn from.
    kept_out: Vec<Vec<usize>>,
}

impl Turns {
    /// By row, whether it is learned from in a turn.
    fn learned_in(&self, turn: usize) -> Vec<bool> {
        let mut learned: Vec<bool> = self.judged_in.iter().map(|judged_in| *judged_in != Some(turn)).collect();
        for &row in &self.kept_out[turn] {
            learned[row] = false;
        }
        learned
    }

    fn left_out(&self, sets: &[Vec<String>]) -> Vec<LeftOut> {
        let left_out = |(turn, set): (usize, &Vec<String>)| {
            let rows = self.judged_in.iter().filter(|judged_in| **judged_in == Some(turn)).count();
            let near_duplicates = self.kept_out[turn].len();
            let trained_on = self.judged_in.len() - rows - near_duplicates;
            LeftOut { sources: set.clone(), rows, near_duplicates, trained_on }
        };
        sets.iter().enumerate().map(left_out).collect()
    }
}

fn take_turns<J: Judge, E: Error + 'static>(
    corpus: &Corpus,
    known: &KnownRows,
    groups: &Groups,
    turns: Turns,
    mut train: impl FnMut(&TrainingRows<'_>, usize) -> Result<J, E>,
) -> Result<Outcome, EvaluateError<E>> {
    let numbers = known.numbers();
    let mut verdicts: Vec<Option<(Verdict, f64)>> = vec![None; known.labels.len()];
    let mut mistakes = Mistakes::default();
    for turn in 0..turns.names.len() {
        let learned = turns.learned_in(turn);
        let training = TrainingRows { corpus, numbers: &numbers, learned: &learned, left_out: &turns.names[turn] };
        let judge = train(&training, turn + 1)
            .map_err(|source| EvaluateError::Train { left_out: turns.names[turn].clone(), source })?;
        let judge_in_this_turn = |position, row: &LabelledComment| {
            let number = *numbers.get(&position)?;
            (turns.judged_in[number] == Some(turn)).then(|| {
                let (verdict, margin) = judge.judge(&row.comment);
                let mistake = Mistakes::look(row, &verdict, margin);
                (number, verdict, margin, mistake)
            })
        };
        corpus.read(judge_in_this_turn, |judged| {
            if let Some((number, verdict, margin, mistake)) = judged {
                verdicts[number] = Some((verdict, margin));
                if let Some(mistake) = mistake {
                    mistakes.add(super::Mistake { number, ..*mistake });
                }
            }
        })?;
        mistakes.explain(&judge);
    }
    let mut rows = Vec::new();
    for (number, verdict) in verdicts.into_iter().enumerate() {
        let Some(turn) = turns.judged_in[number] else { continue };
        // A row that was not judged in its turn has left its file since the first pass.
        let (verdict, margin) = verdict.ok_or(CorpusError::Changed)?;
        rows.push(JudgedRow {
            position: known.positions[number],
            source: known.sources.of_row(number).to_owned(),
            judged: Judged { verdict, label: known.labels[number] },
            margin,
            turn,
            number,
        });
    }
    let kept_out = (turns.kept_out.iter().enumerate())
        .flat_map(|(turn, rows)| rows.iter().map(move |&row| (known.positions[row], turn)))
        .collect();
    Ok(Outcome {
        report: Report::of(&rows, known, groups, corpus.skipped().rows),
        rows,
        mistakes: mistakes.without_copies(&groups.of_rows()),
        turns: turns.names,
        kept_out,
        not_left_out: Vec::new(),
    })
}

/// The rows that one model may learn from.
pub struct TrainingRows<'a> {
    pub(super) corpus: &'a Corpus,
    /// The number of the row at each position.
    pub(super) numbers: &'a HashMap<Position, usize>,
    /// By number, whether the row is learned from.
    pub(super) learned: &'a [bool],
    pub(super) left_out: &'a str,
}

impl TrainingRows<'_> {
    /// What is left out of these rows, in words: "fold 2 of 5".
    pub fn left_out(&self) -> &str {
        self.left_out
    }
}

impl std::fmt::Debug for TrainingRows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainingRows").field("corpus", self.corpus).finish_non_exhaustive()
    }
}

impl Rows for TrainingRows<'_> {
    type Error = CorpusError;

    fn for_each(&self, visit: &(dyn Fn(&LabelledComment) + Sync)) -> Result<(), CorpusError> {
        let visit_if_learned = |position, row: &LabelledComment| {
            if self.numbers.get(&position).is_some_and(|&number| self.learned[number]) {
                visit(row);
            }
        };
        self.corpus.read(visit_if_learned, |()| ())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::convert::Infallible;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use crate::evaluate::testing::{corpus, memory, simple};

    fn all_of(fewest_rows: u64) -> LeaveOut {
        LeaveOut { fewest_rows, only: Vec::new() }
    }

    fn only(patterns: &[&str]) -> LeaveOut {
        LeaveOut { fewest_rows: 1, only: patterns.iter().map(|&pattern| pattern.to_owned()).collect() }
    }

    /// The texts each model was trained on, by turn.
    fn trained_on(corpus: &Corpus, leave_out: &LeaveOut) -> (Vec<HashSet<String>>, Outcome) {
        let mut trained_on = Vec::new();
        let outcome = leave_one_source_out(corpus, leave_out, |training, _| {
            let seen = Mutex::new(HashSet::new());
            training.for_each(&|row| seen.lock().unwrap().extend([row.comment.content.clone()])).unwrap();
            trained_on.push(seen.into_inner().unwrap());
            Ok::<_, Infallible>(simple())
        });
        (trained_on, outcome.unwrap())
    }

    const ROWS: [(&str, &str, &str); 7] = [
        ("ham", "blog", "thank you for this"),
        ("ham", "blog", "where did you get that lamp?"),
        ("ham", "tube-a", "does it come in blue"),
        ("spam", "tube-a", "buy cheap pills here"),
        ("spam", "tube-b", "buy my followers today"),
        ("spam", "tube-b", "Buy cheap pills here!!"),
        ("spam", "tiny", "nice post visit my page"),
    ];

    #[test]
    fn every_source_is_judged_by_a_model_that_knows_neither_it_nor_a_near_duplicate() {
        let (_file, corpus) = corpus(&ROWS);
        let (trained_on, outcome) = trained_on(&corpus, &all_of(2));
        assert_eq!(outcome.turns, ["blog", "tube-a", "tube-b"]);
        assert_eq!(outcome.not_left_out, [("tiny".to_owned(), 1)]);
        let sizes: Vec<usize> = trained_on.iter().map(HashSet::len).collect();
        // Of seven rows: without two of the blog; without two of a video and a copy in the other; the same the other way.
        assert_eq!(sizes, [5, 4, 4]);
        assert!(!trained_on[1].contains("Buy cheap pills here!!") && trained_on[1].contains("buy my followers today"));
        let left_out: Vec<_> =
            outcome.report.left_out.iter().map(|l| (l.rows, l.near_duplicates, l.trained_on)).collect();
        assert_eq!(left_out, [(2, 0, 5), (2, 1, 4), (2, 1, 4)]);
        assert_eq!(outcome.kept_out.len(), 2);
        assert_eq!(outcome.report.overall.figures.rows(), 6);
        assert_eq!(outcome.report.by_source.keys().collect::<Vec<_>>(), ["blog", "tube-a", "tube-b"]);
    }

    #[test]
    fn sources_that_belong_together_can_be_left_out_together() {
        let (_file, corpus) = corpus(&ROWS);
        let (trained_on, outcome) = trained_on(&corpus, &only(&["tube-*", "tiny"]));
        assert_eq!(outcome.turns, ["tube-a + tube-b", "tiny"]);
        assert_eq!(trained_on.iter().map(HashSet::len).collect::<Vec<_>>(), [3, 6]);
        assert_eq!(outcome.report.by_source.keys().collect::<Vec<_>>(), ["tiny", "tube-a", "tube-b"]);
    }

    #[test]
    fn a_copy_of_a_source_under_another_name_teaches_nothing_about_it() {
        let copy: Vec<(&str, &str, &str)> = ROWS[..4].iter().map(|&(label, _, text)| (label, "copy", text)).collect();
        let (_file, corpus) = corpus(&[&ROWS[..4], &copy].concat());
        let (trained_on, _) = trained_on(&corpus, &only(&["copy"]));
        assert_eq!(trained_on, [HashSet::new()]);
    }

    #[test]
    fn what_cannot_be_left_out_is_named() {
        let (_file, corpus) = corpus(&ROWS);
        let error = |leave_out: &LeaveOut| {
            leave_one_source_out(&corpus, leave_out, |_, _| Ok::<_, Infallible>(simple())).unwrap_err().to_string()
        };
        assert!(error(&all_of(50)).starts_with("no source has at least 50 rows"));
        assert!(error(&only(&["tube-*", "shop"])).contains("no row has a source `shop`"));
        assert!(error(&only(&["tube-*", "tube-b"])).contains("`tube-b` is named by two"));
        let cannot = leave_one_source_out(&corpus, &all_of(2), |_, _| {
            Err::<crate::evaluate::testing::By<fn(&str) -> f64>, _>(CorpusError::Changed)
        });
        assert_eq!(cannot.unwrap_err().to_string(), "cannot train without source `blog`");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Folds are sources that chance made: if every source is a fold, both ways of judging are one.
        #[test]
        fn leaving_out_sources_that_are_folds_is_cross_validation(words in proptest::collection::vec((0..12_u32, 0..12_u32, any::<bool>()), 12..40)) {
            let texts: Vec<(&str, String)> = words
                .iter()
                .map(|(a, b, spam)| (if *spam { "spam" } else { "ham" }, format!("begin{a:04} middle{b} of it")))
                .collect();
            let unnamed: Vec<_> = texts.iter().map(|(label, text)| (*label, "s", text.as_str())).collect();
            let (_file, whole) = corpus(&unnamed);
            let judge = |training: &TrainingRows<'_>, _: usize| Ok::<_, Infallible>(memory(training));
            let Ok(folded) = cross_validate(&whole, 3, judge) else { return Ok(()) };
            let sources: Vec<String> = folded.rows.iter().map(|row| format!("fold-{}", row.turn)).collect();
            let named: Vec<_> = unnamed.iter().zip(&sources).map(|(row, source)| (row.0, source.as_str(), row.2)).collect();
            let (_file, in_sources) = corpus(&named);
            let left_out = leave_one_source_out(&in_sources, &all_of(1), judge).unwrap();
            prop_assert!(left_out.kept_out.is_empty());
            let verdicts = |outcome: &Outcome| outcome.rows.iter().map(|row| row.judged.clone()).collect::<Vec<_>>();
            prop_assert_eq!(verdicts(&left_out), verdicts(&folded));
            prop_assert_eq!(left_out.report.overall, folded.report.overall);
        }
    }
}
