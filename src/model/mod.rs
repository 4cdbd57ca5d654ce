//! Learning from labelled rows, and judging by what was learned.
//!
//! The mathematics on one page. A comment has features in eight views. For view *v*, naive Bayes gives every feature *i* a weight
//! `x_i = ln P(i | spam) − ln P(i | ham)`, fitted by linfa from the number of rows of each class that show the feature
//! (multinomial model on binary counts, `naive_bayes`). Each view's weights are summarised, mainly as `Σ x_i / √(n+1)`; a logistic
//! regression on the standardised summaries gives the evidence (`combination`):
//!
//! ```text
//! evidence = bias + Σ_j w_j · clip((summary_j − mean_j) / deviation_j)      in log-odds of spam
//! ```
//!
//! The combination is fitted on *held-out* summaries (each row scored by the counts of all other rows), so it learns how far each
//! view can be trusted on new comments, and its probability is calibrated without a further step. Two thresholds (`thresholds`) turn
//! evidence into approve, hold for review, or hold as spam.
//!
//! Training ([`train`]) and scoring ([`Classifier`]) share nothing with corpora, files of comments, HTTP or the clock.

mod artifact;
mod card;
mod classifier;
mod combination;
mod naive_bayes;
mod own;
mod rows;
mod statistics;
mod steps;
mod thresholds;
mod trainer;
mod updates;
mod weights;

pub use artifact::{ArtifactError, MODEL_VERSION};
pub use card::{About, FileDigest, ModelCard, OwnCard, StrongFeature, ViewCard};
pub use classifier::{Classifier, Clue, ClueSubject, Explanation};
pub use naive_bayes::FitError;
pub use own::{HeldOutJudge, OWN_HAM_FOR_THRESHOLD, OwnError, OwnModel, OwnOptions, own_ham_for_certainty, train_own};
pub use rows::{Filtered, LabelCounts, Rows};
pub use trainer::{TrainError, TrainOptions, train};
pub use updates::Update;

#[cfg(test)]
mod testing {
    //! A tiny corpus and the model trained on it, once per test run.

    use std::sync::OnceLock;

    use crate::comment::{Comment, Label, LabelledComment};

    use super::{About, Classifier, TrainOptions, train};

    const SPAM: [&str; 5] = [
        "casino bonus free spins",
        "cheap pills online now",
        "buy followers cheap",
        "casino jackpot click",
        "loan without papers click",
    ];
    const HAM: [&str; 5] = [
        "thanks for the recipe",
        "we baked it on sunday",
        "my dog liked the walk",
        "I disagree with the mayor",
        "which lens did you use",
    ];

    pub fn corpus() -> Vec<LabelledComment> {
        let row = |n: usize, label| {
            let (stems, author) = if label == Label::Spam { (SPAM, "casino king") } else { (HAM, "Anna") };
            // A word of its own for every row, in letters: digits would be a token of their own.
            let own: String = format!("{n:02}").bytes().map(|digit| char::from(digit - b'0' + b'q')).collect();
            let content = format!("{} {} unique{own}", stems[n % 5], stems[n / 5 % 5]);
            let comment = Comment {
                author: Some(author.into()),
                lang: Some("en".into()),
                ..Comment::from_text(content).unwrap()
            };
            LabelledComment { comment, label, source: "tiny".into(), family: None, split: None, topic: None }
        };
        (0..50).flat_map(|n| [row(n, Label::Spam), row(n, Label::Ham)]).collect()
    }

    pub fn trained() -> &'static Classifier {
        static TRAINED: OnceLock<Classifier> = OnceLock::new();
        TRAINED.get_or_init(|| train(corpus().as_slice(), &TrainOptions::default(), About::default()).unwrap())
    }
}
