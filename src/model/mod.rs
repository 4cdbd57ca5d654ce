//! Learning from labelled rows, and judging by what was learned.
//!
//! The mathematics on one page. A comment has features in seven views. For view *v*, naive Bayes gives every feature *i* a weight
//! `x_i = ln P(i | spam) − ln P(i | ham)`, fitted by linfa from the number of rows of each class that show the feature
//! (multinomial model on binary counts, `naive_bayes`). Each view's weights are summarised, mainly as `Σ x_i / √(n+1)`; a logistic
//! regression on the standardised summaries gives the evidence (`combination`):
//!
//! ```text
//! evidence = bias + Σ_j w_j · clip((summary_j − mean_j) / deviation_j)      in log-odds of spam
//! ```
//!
//! The combination is fitted on *held-out* summaries (each row scored by the counts of the other folds), so it learns how far each
//! view can be trusted on new comments, and its probability is calibrated without a further step. Two thresholds (`thresholds`) turn
//! evidence into approve, hold for review, or hold as spam.
//!
//! Training ([`train`]) and scoring ([`Classifier`]) share nothing with corpora, files of comments, HTTP or the clock.

mod artifact;
mod card;
mod classifier;
mod combination;
mod naive_bayes;
mod rows;
mod statistics;
mod thresholds;
mod trainer;

pub use artifact::{ArtifactError, MODEL_VERSION};
pub use card::{About, FileDigest, ModelCard, StrongFeature, ViewCard};
pub use classifier::{Classifier, Clue, ClueSubject, Explanation};
pub use naive_bayes::FitError;
pub use rows::{Filtered, LabelCounts, Rows};
pub use trainer::{TrainError, TrainOptions, train};
