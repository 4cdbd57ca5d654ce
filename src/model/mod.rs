//! Learning and scoring.
mod classifier;
pub use classifier::{Classifier, Clue, ClueSubject, Explanation, ModelCard};
