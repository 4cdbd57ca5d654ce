//! The worst mistakes: honest comments furthest beyond the threshold, and spam furthest below it.

use std::collections::HashSet;

use crate::comment::{Comment, Label, LabelledComment};
use crate::reasons::Reason;
use crate::verdict::{Decision, Verdict};

use super::Judge;

/// So many mistakes of each kind are kept while rows are judged; more than are shown, because copies are left out in the end.
const KEPT: usize = 200;

/// So many mistakes of each kind are told.
const TOLD: usize = 12;

/// A comment that was judged wrongly.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// The comment.
    pub comment: Comment,
    /// Its source.
    pub source: String,
    /// What a person said; the machine said the other.
    pub label: Label,
    /// What the machine said.
    pub verdict: Verdict,
    /// By how much the evidence exceeds the threshold (below 0: falls short of it), in log-odds.
    pub margin: f64,
    /// Why the machine said so; without reasons if the judge gives none.
    pub reasons: Vec<Reason>,
    /// Rows among those judged that were judged wrongly and say nearly the same, this one included.
    pub copies: usize,
    pub(super) number: usize,
}

/// The worst mistakes of each kind, worst first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mistakes {
    /// Honest comments that were held.
    pub ham_held: Vec<Mistake>,
    /// Spam comments that were approved.
    pub spam_approved: Vec<Mistake>,
}

impl Mistakes {
    /// The mistake that a verdict is, if it is one.
    pub(super) fn look(row: &LabelledComment, verdict: &Verdict, margin: f64) -> Option<Box<Mistake>> {
        let wrong = match row.label {
            Label::Ham => Decision::Hold,
            Label::Spam => Decision::Approve,
        };
        (verdict.decision == wrong).then(|| {
            Box::new(Mistake {
                comment: row.comment.clone(),
                source: row.source.clone(),
                label: row.label,
                verdict: verdict.clone(),
                margin,
                reasons: Vec::new(),
                copies: 1,
                number: usize::MAX,
            })
        })
    }

    /// Keeps a mistake if it is among the worst. Mistakes must come in the order of the rows, so that ties fall the same way
    /// every time.
    pub(super) fn add(&mut self, mistake: Mistake) {
        let list = self.of_mut(mistake.label);
        let at = list.partition_point(|kept| kept.margin.abs() >= mistake.margin.abs());
        if at < KEPT {
            list.insert(at, mistake);
            list.truncate(KEPT);
        }
    }

    /// Asks for the reasons of those mistakes that have none yet.
    pub(super) fn explain(&mut self, judge: &impl Judge) {
        for mistake in self.ham_held.iter_mut().chain(&mut self.spam_approved) {
            if mistake.reasons.is_empty() {
                mistake.reasons = judge.reasons(&mistake.comment);
            }
        }
    }

    /// Of mistakes that say nearly the same, only the worst is told.
    pub(super) fn without_copies(mut self, group_of_row: &[usize]) -> Self {
        for label in Label::ALL {
            let list = self.of_mut(label);
            let groups: Vec<usize> = list.iter().map(|mistake| group_of_row[mistake.number]).collect();
            for (mistake, group) in list.iter_mut().zip(&groups) {
                mistake.copies = groups.iter().filter(|other| *other == group).count();
            }
            let mut told = HashSet::new();
            let mut groups = groups.into_iter();
            list.retain(|_| groups.next().is_some_and(|group| told.insert(group)));
            list.truncate(TOLD);
        }
        self
    }

    fn of_mut(&mut self, label: Label) -> &mut Vec<Mistake> {
        match label {
            Label::Ham => &mut self.ham_held,
            Label::Spam => &mut self.spam_approved,
        }
    }
}
