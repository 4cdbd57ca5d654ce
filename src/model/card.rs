//! The model card: what a model was made of and how good it is, carried inside the model file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::figures::Figures;
use crate::text::{Fields, View};
use crate::verdict::{ModelId, Thresholds};

use super::rows::LabelCounts;

/// What the caller tells of a training; the trainer itself never looks at a clock or a file name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The day of the training, as the caller gives it (`2026-11-23`); the clock is never read, so that the same training
    /// gives the same bytes tomorrow.
    pub date: Option<String>,
    /// The files trained on, in order of their names.
    pub files: Vec<FileDigest>,
}

/// A file of a corpus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its name without folders.
    pub name: String,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// One feature that tells spam from ham.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StrongFeature {
    /// Its readable name; of several that share a bucket, the most frequent one's.
    pub name: String,
    /// Its weight in its view's table: positive speaks for spam.
    pub log_odds: f32,
    /// Spam rows that showed it, each with its weight.
    pub spam_count: f32,
    /// Ham rows that showed it, each with its weight.
    pub ham_count: f32,
}

/// One view's table in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViewCard {
    /// Name of the view.
    pub view: String,
    /// Size of its table.
    pub buckets: usize,
    /// Buckets that any row showed.
    pub occupied: usize,
    /// What speaks loudest for spam, loudest first.
    pub strongest_spam: Vec<StrongFeature>,
    /// What speaks loudest for ham, loudest first.
    pub strongest_ham: Vec<StrongFeature>,
}

/// What a model was made of, and how good it is on rows it was not trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Version of the program that trained it.
    pub program: String,
    /// Date and files, as told by the caller.
    pub about: About,
    /// Fields of a comment the model looks at.
    pub fields: Fields,
    /// Rows trained on.
    pub rows: LabelCounts,
    /// Rows by source.
    pub sources: BTreeMap<String, LabelCounts>,
    /// Rows by language.
    pub languages: BTreeMap<String, LabelCounts>,
    /// How many times more the rows of some sources counted than their number says.
    pub source_weights: BTreeMap<String, f64>,
    /// Share of honest comments the owner allowed to be held, of which the threshold was made.
    pub ham_held_at_most: f64,
    /// From which evidence on comments are held, and from which on they go to the spam queue.
    pub thresholds: Thresholds,
    /// Figures on held-out rows: every row scored by the counts of all other rows and a combination fitted without its fold.
    pub held_out: Figures,
    /// The tables.
    pub views: Vec<ViewCard>,
    /// What a blog's own comments added; `None` for a generic model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnCard>,
}

/// What a blog's own comments added to a generic model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnCard {
    /// The model they were added to.
    pub generic: ModelId,
    /// How many there were.
    pub rows: LabelCounts,
    /// How many times an ordinary row each of them counts.
    pub weight: f64,
    /// Whether the thresholds are the blog's own; else they are those of the generic model.
    pub own_thresholds: bool,
    /// Figures on the blog's own comments, each judged by a model that had not learned its fifth of them.
    pub held_out: Figures,
}

impl ModelCard {
    pub(super) fn view(view: View, occupied: usize) -> ViewCard {
        ViewCard {
            view: view.name().to_owned(),
            buckets: view.buckets(),
            occupied,
            strongest_spam: Vec::new(),
            strongest_ham: Vec::new(),
        }
    }
}
