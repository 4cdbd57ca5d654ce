//! The model in service: swappable while requests run, so that a verdict and its explanation come from one model.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::answer::Answer;
use crate::comment::Comment;
use crate::model::Classifier;
use crate::reasons::Language;

/// Holds the current model and answers for it. Cheap to share: every method takes `&self`.
#[derive(Debug)]
pub struct Moderator {
    classifier: ArcSwap<Classifier>,
}

impl Moderator {
    /// Puts a model in service.
    pub fn new(classifier: Classifier) -> Self {
        Moderator { classifier: ArcSwap::from_pointee(classifier) }
    }

    /// The verdict on a comment.
    pub fn check(&self, comment: &Comment) -> Answer {
        Answer::verdict(&self.classifier.load(), comment)
    }

    /// The verdict on a comment with its reasons.
    pub fn explain(&self, comment: &Comment, language: Language) -> Answer {
        Answer::explained(&self.classifier.load(), comment, language)
    }

    /// The model in service now. Keep the guard for as long as one answer needs one model, no longer.
    pub fn classifier(&self) -> Guard<Arc<Classifier>> {
        self.classifier.load()
    }
}
