//! Learning and scoring.
mod classifier;
mod rows;
pub use classifier::{Classifier, Clue, ClueSubject, Explanation, ModelCard};
pub use rows::{Filtered, LabelCounts, Rows};
/// stand-in until the trainer is merged
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct FileDigest {
    /// Its name without folders.
    pub name: String,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}
