//! What the machine says of a comment: approve or hold, how sure it is, and by which model.
//!
//! A [`crate::comment::Label`] is given by people, a [`Verdict`] by the machine; the two are never mixed,
//! even when they agree. There is no third answer: a comment is never dropped.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// Evidence on the log scale, natural logarithm: positive speaks for spam, negative for ham,
/// 0 for neither.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct LogOdds(pub f64);

impl LogOdds {
    /// The probability that belongs to these odds; finite, in 0..=1, and monotone for every finite input.
    pub fn probability(self) -> Probability {
        Probability(1.0 / (1.0 + (-self.0).exp()))
    }
}

/// A calibrated probability of spam, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Probability(f64);

impl Probability {
    /// The number itself, 0 to 1.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4}", self.0)
    }
}

/// Whether a comment may appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It may appear at once.
    Approve,
    /// It waits for a person.
    Hold,
}

impl Decision {
    /// The word used in JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Decision::Approve => "approve",
            Decision::Hold => "hold",
        }
    }
}

/// Where a held comment waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Queue {
    /// A person should look at it.
    Review,
    /// Certain enough to be spam that nobody need hurry.
    Spam,
}

impl Queue {
    /// The word used in JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Queue::Review => "review",
            Queue::Spam => "spam",
        }
    }
}

/// The first hexadecimal digits of the model file's checksum: the same bytes have the same id. A model that has learned corrections since it
/// was trained names the last of them behind a `+`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(String);

impl ModelId {
    /// Number of hexadecimal digits shown.
    pub const DIGITS: usize = 12;

    /// Cuts the id from a checksum in hexadecimal digits.
    pub fn from_checksum(hex: &str) -> Self {
        ModelId(hex.chars().take(Self::DIGITS).collect())
    }

    /// The name of the same model after it has learned every correction of its site up to one, by the number of that one: `c316795f2798+17`.
    #[must_use]
    pub fn with_corrections(&self, last: i64) -> Self {
        let trained = self.0.split('+').next().unwrap_or_default();
        ModelId(format!("{trained}+{last}"))
    }

    /// The digits, and the number of the last correction learned since, if any.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of one decision, drawn at random: 32 lower-case hexadecimal digits. Akismet's clients know it as
/// `X-akismet-guid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecisionId([u8; 16]);

/// A text that names no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a decision id is 32 hexadecimal digits")]
pub struct DecisionIdError;

impl DecisionId {
    /// A name that no other decision has, from the system's random source.
    ///
    /// # Panics
    /// When the system has no random source, which no system we run on lacks.
    pub fn random() -> Self {
        NAMES
            .with_borrow_mut(|names| {
                names.pop().unwrap_or_else(|| {
                    let mut drawn = [[0; 16]; NAMES_AT_ONCE];
                    getrandom::fill(drawn.as_flattened_mut()).expect("the system has a source of random numbers");
                    let [last, rest @ ..] = drawn;
                    names.extend(rest);
                    last
                })
            })
            .into()
    }

    /// The bytes behind the digits.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Asking the system costs more than judging some comments does, and the same for one name as for many.
const NAMES_AT_ONCE: usize = 32;

thread_local! {
    static NAMES: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
}

impl Serialize for DecisionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<[u8; 16]> for DecisionId {
    fn from(bytes: [u8; 16]) -> Self {
        DecisionId(bytes)
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl FromStr for DecisionId {
    type Err = DecisionIdError;

    fn from_str(text: &str) -> Result<Self, DecisionIdError> {
        // The parser of numbers would also take a sign and fewer digits.
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(DecisionIdError);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| DecisionIdError)?;
        Ok(DecisionId(number.to_be_bytes()))
    }
}

/// From which evidence on a comment is held, and from which on nobody need hurry.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedThresholds")]
pub struct Thresholds {
    hold: LogOdds,
    spam: LogOdds,
}

/// Two thresholds that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("thresholds must be finite and in order: `hold` is {hold}, `spam` is {spam}, and `hold` may not exceed `spam`")]
pub struct ThresholdError {
    /// The threshold for holding, as log-odds.
    pub hold: f64,
    /// The threshold for the spam queue, as log-odds.
    pub spam: f64,
}

#[derive(Deserialize)]
struct UncheckedThresholds {
    hold: LogOdds,
    spam: LogOdds,
}

impl TryFrom<UncheckedThresholds> for Thresholds {
    type Error = ThresholdError;

    fn try_from(raw: UncheckedThresholds) -> Result<Self, ThresholdError> {
        Thresholds::new(raw.hold, raw.spam)
    }
}

impl Thresholds {
    /// Joins two thresholds.
    ///
    /// # Errors
    /// When one is not finite or `hold` exceeds `spam`.
    pub fn new(hold: LogOdds, spam: LogOdds) -> Result<Self, ThresholdError> {
        if hold.0.is_finite() && spam.0.is_finite() && hold.0 <= spam.0 {
            Ok(Thresholds { hold, spam })
        } else {
            Err(ThresholdError { hold: hold.0, spam: spam.0 })
        }
    }

    /// Comments with more evidence than this are held.
    pub fn hold(self) -> LogOdds {
        self.hold
    }

    /// Held comments with more evidence than this go to the spam queue.
    pub fn spam(self) -> LogOdds {
        self.spam
    }

    /// Decides by the evidence: strictly above a threshold is beyond it.
    pub fn decide(self, evidence: LogOdds) -> (Decision, Option<Queue>) {
        if evidence.0 <= self.hold.0 {
            (Decision::Approve, None)
        } else if evidence.0 <= self.spam.0 {
            (Decision::Hold, Some(Queue::Review))
        } else {
            (Decision::Hold, Some(Queue::Spam))
        }
    }
}

/// What a model says of one comment.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Approve or hold.
    pub decision: Decision,
    /// For a hold, which queue.
    pub queue: Option<Queue>,
    /// Total evidence; `spam_probability` is its probability.
    pub evidence: LogOdds,
    /// Calibrated probability of spam.
    pub spam_probability: Probability,
}

impl Verdict {
    /// The verdict that `thresholds` draw from `evidence`.
    pub fn new(evidence: LogOdds, thresholds: Thresholds) -> Self {
        let (decision, queue) = thresholds.decide(evidence);
        Verdict { decision, queue, evidence, spam_probability: evidence.probability() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_decides_between_approve_review_and_spam() {
        let thresholds = Thresholds::new(LogOdds(1.0), LogOdds(5.0)).unwrap();
        let table = [
            (-30.0, Decision::Approve, None),
            (1.0, Decision::Approve, None),
            (1.1, Decision::Hold, Some(Queue::Review)),
            (5.0, Decision::Hold, Some(Queue::Review)),
            (5.1, Decision::Hold, Some(Queue::Spam)),
        ];
        for (evidence, decision, queue) in table {
            assert_eq!(thresholds.decide(LogOdds(evidence)), (decision, queue), "{evidence}");
        }
    }

    #[test]
    fn a_decision_id_reads_back_and_nothing_else_is_one() {
        let id = DecisionId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        let drawn: std::collections::HashSet<DecisionId> = (0..1_000).map(|_| DecisionId::random()).collect();
        assert!(drawn.len() == 1_000 && !drawn.contains(&id) && !drawn.contains(&DecisionId::from([0; 16])));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        assert_eq!(DecisionId::from([0; 16]).to_string(), "0".repeat(32));
        for text in ["", "0", &"0".repeat(31), &"0".repeat(33), &format!("+{}", "0".repeat(31)), &"ä".repeat(16)] {
            assert_eq!(text.parse::<DecisionId>(), Err(DecisionIdError), "{text}");
        }
    }

    #[test]
    fn contradicting_thresholds_are_refused_also_from_a_file() {
        assert!(Thresholds::new(LogOdds(2.0), LogOdds(1.0)).is_err());
        assert!(Thresholds::new(LogOdds(f64::NAN), LogOdds(1.0)).is_err());
        assert!(serde_json::from_str::<Thresholds>(r#"{"hold":2,"spam":1}"#).is_err());
    }

    #[test]
    fn probability_is_finite_and_monotone_for_every_evidence() {
        let mut last = -1.0;
        for step in -2000..=2000 {
            let p = LogOdds(f64::from(step)).probability().value();
            assert!((0.0..=1.0).contains(&p) && p >= last);
            last = p;
        }
    }
}
