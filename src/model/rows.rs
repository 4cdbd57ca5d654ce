//! What training asks of a corpus: that it can be gone through more than once.

use crate::comment::{Label, LabelledComment};

/// Labelled rows that can be visited again and again, without being held in memory.
///
/// Training goes through them several times, so that its memory grows with the features and not with the rows.
pub trait Rows: Sync {
    /// Why rows could not be read.
    type Error;

    /// Hands over every row once, in any order and from any number of threads: training sums whole numbers, so neither
    /// changes its result.
    ///
    /// # Errors
    /// When a row cannot be read; rows visited before stay visited.
    fn for_each(&self, visit: &(dyn Fn(&LabelledComment) + Sync)) -> Result<(), Self::Error>;
}

impl Rows for [LabelledComment] {
    type Error = std::convert::Infallible;

    fn for_each(&self, visit: &(dyn Fn(&LabelledComment) + Sync)) -> Result<(), Self::Error> {
        self.iter().for_each(visit);
        Ok(())
    }
}

/// The rows of `inner` for which `keep` says yes.
pub struct Filtered<'a, R: ?Sized, F> {
    /// All rows.
    pub inner: &'a R,
    /// Which of them to hand on.
    pub keep: F,
}

impl<R: Rows + ?Sized, F: Fn(&LabelledComment) -> bool + Sync> Rows for Filtered<'_, R, F> {
    type Error = R::Error;

    fn for_each(&self, visit: &(dyn Fn(&LabelledComment) + Sync)) -> Result<(), Self::Error> {
        self.inner.for_each(&|row| {
            if (self.keep)(row) {
                visit(row);
            }
        })
    }
}

/// Counts of rows by label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LabelCounts {
    /// Honest rows.
    pub ham: u64,
    /// Spam rows.
    pub spam: u64,
}

impl LabelCounts {
    /// Counts one row.
    pub fn add(&mut self, label: Label) {
        match label {
            Label::Ham => self.ham += 1,
            Label::Spam => self.spam += 1,
        }
    }

    /// Rows of both labels.
    pub fn total(&self) -> u64 {
        self.ham + self.spam
    }
}
