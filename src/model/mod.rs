//! Learning and scoring.
mod classifier;
mod rows;
pub use classifier::{Classifier, Clue, ClueSubject, Explanation, ModelCard};
pub use rows::{Filtered, LabelCounts, Rows};
