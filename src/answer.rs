//! The answer to "may this comment appear?", as `hamgate score` prints it and `/v1/check` returns it.

use serde::Serialize;

use crate::comment::Comment;
use crate::model::Classifier;
use crate::reasons::{self, Language, Reason};
use crate::verdict::{Decision, DecisionId, ModelId, Probability, Queue, Verdict};

/// One answer; serialises to the JSON object of the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The caller's own id of the comment, given back.
    pub id: Option<String>,
    /// Approve or hold.
    pub verdict: Decision,
    /// For a hold: `review` or `spam`.
    pub queue: Option<Queue>,
    /// Calibrated probability of spam, 0 to 1.
    pub spam_probability: Probability,
    /// The model that said so.
    pub model: ModelId,
    /// The name by which the decision can be corrected; only when it is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
    /// The verdict and its strongest reasons in one sentence; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Why, strongest first; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Vec<Reason>>,
}

impl Answer {
    /// Judges a comment.
    pub fn verdict(classifier: &Classifier, comment: &Comment) -> Self {
        Self::bare(classifier, comment, &classifier.judge(comment))
    }

    /// Judges a comment and says why, in `language`.
    pub fn explained(classifier: &Classifier, comment: &Comment, language: Language) -> Self {
        let (verdict, explanation) = classifier.explain(comment);
        let reasons = reasons::from_explanation(&explanation, language);
        let summary = reasons::summary(&verdict, &reasons, language);
        Answer { summary: Some(summary), reasons: Some(reasons), ..Self::bare(classifier, comment, &verdict) }
    }

    fn bare(classifier: &Classifier, comment: &Comment, verdict: &Verdict) -> Self {
        Answer {
            id: comment.id.clone(),
            verdict: verdict.decision,
            queue: verdict.queue,
            spam_probability: verdict.spam_probability,
            model: classifier.id().clone(),
            decision: None,
            summary: None,
            reasons: None,
        }
    }
}
