//! stub, being written
use crate::comment::Comment;
use crate::text::View;
use crate::verdict::{LogOdds, ModelId, Verdict};
/// What the model was made of.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct ModelCard {}
/// A trained model.
#[derive(Debug)]
pub struct Classifier {}
/// One piece of evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Clue {
    /// What it is about.
    pub subject: ClueSubject,
    /// Its part of the total evidence.
    pub log_odds: LogOdds,
    /// In how many spam rows of the training corpus it stood (the largest over the merged features).
    pub spam_rows: u32,
    /// In how many ham rows.
    pub ham_rows: u32,
}
/// What a clue is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClueSubject {
    /// A feature, by its view and readable name (`words` / `casino`; `structure` / `exclamations:6`; `links` / `host:pills`).
    Feature {
        /// The view.
        view: View,
        /// The readable name, see `text`.
        name: String,
    },
    /// How much of a view's features the model had never met.
    Unfamiliar(View),
    /// How many features a view has, that is, the length of the text.
    Length(View),
}
/// Why a verdict is what it is: `base` plus all clues equals `total`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Evidence of an empty comment.
    pub base: LogOdds,
    /// Strongest first.
    pub clues: Vec<Clue>,
    /// What the verdict used.
    pub total: LogOdds,
}
impl Classifier {
    /// The shipped model, embedded in the program.
    pub fn embedded() -> Self {
        todo!()
    }
    /// Judges a comment.
    pub fn judge(&self, _comment: &Comment) -> Verdict {
        todo!()
    }
    /// Judges a comment and says why.
    pub fn explain(&self, _comment: &Comment) -> (Verdict, Explanation) {
        todo!()
    }
    /// The model's id.
    pub fn id(&self) -> &ModelId {
        todo!()
    }
    /// The model's card.
    pub fn card(&self) -> &ModelCard {
        todo!()
    }
}
