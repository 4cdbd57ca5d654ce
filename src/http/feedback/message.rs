//! What came of a correction, in a sentence or two of English or German.

use crate::comment::Label;
use crate::reasons::Language;
use crate::store::Change;

/// What was said of a comment, and what that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learning {
    /// It was corrected.
    Corrected {
        /// What changed.
        change: Change,
        /// What it is.
        label: Label,
        /// What it was said to be before.
        before: Option<Label>,
    },
    /// The last correction of it that stood was taken back.
    Undone {
        /// What it was said to be before.
        before: Option<Label>,
        /// What it is said to be now.
        after: Option<Label>,
    },
}

impl Learning {
    /// The word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Learning::Corrected { change, .. } => change.name(),
            Learning::Undone { .. } => "undone",
        }
    }

    /// The label that the comment has now, and the one it had before.
    pub fn labels(self) -> (Option<Label>, Option<Label>) {
        match self {
            Learning::Corrected { label, before, .. } => (Some(label), before),
            Learning::Undone { before, after } => (after, before),
        }
    }

    /// In words. `test`: it was a trial. `missing`: so much ham is missing for thresholds of the site's own.
    pub fn message(self, test: bool, missing: u64, language: Language) -> String {
        let changed = match language {
            Language::English => self.in_english(),
            Language::German => self.in_german(),
        };
        let next = match (language, test, missing) {
            (Language::English, true, _) => "; as a trial, nothing is learned from it".to_owned(),
            (Language::German, true, _) => "; als Versuch, aus dem nichts gelernt wird".to_owned(),
            (_, false, 0) => String::new(),
            (Language::English, false, n) => format!(". {n} more ham until a training can fit your own threshold"),
            (Language::German, false, n) => {
                format!(". Noch {n} × Ham, bis ein Training eine eigene Schwelle bestimmen kann")
            }
        };
        format!("{changed}{next}.")
    }

    fn in_english(self) -> String {
        match self {
            Learning::Corrected { change: Change::New, label, .. } => format!("Noted as {label}"),
            Learning::Corrected { change: Change::AlreadyKnown, label, .. } => format!("Known as {label} already"),
            Learning::Corrected { change: Change::Relabelled, label, .. } => {
                format!("Noted as {label}, no longer as {}", other(label))
            }
            Learning::Corrected { change: Change::Kept, label, .. } => format!("Left as {}", other(label)),
            Learning::Undone { after: Some(label), .. } => format!("Taken back: it is {label} again"),
            Learning::Undone { after: None, .. } => "Taken back: nobody says what it is any more".to_owned(),
        }
    }

    fn in_german(self) -> String {
        let word = |label| match label {
            Label::Ham => "Ham",
            Label::Spam => "Spam",
        };
        match self {
            Learning::Corrected { change: Change::New, label, .. } => format!("Als {} vermerkt", word(label)),
            Learning::Corrected { change: Change::AlreadyKnown, label, .. } => {
                format!("Schon als {} bekannt", word(label))
            }
            Learning::Corrected { change: Change::Relabelled, label, .. } => {
                format!("Als {} vermerkt, nicht mehr als {}", word(label), word(other(label)))
            }
            Learning::Corrected { change: Change::Kept, label, .. } => format!("Als {} belassen", word(other(label))),
            Learning::Undone { after: Some(label), .. } => format!("Zurückgenommen: wieder {}", word(label)),
            Learning::Undone { after: None, .. } => "Zurückgenommen: niemand sagt mehr, was es ist".to_owned(),
        }
    }
}

fn other(label: Label) -> Label {
    match label {
        Label::Ham => Label::Spam,
        Label::Spam => Label::Ham,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_what_changed_and_what_is_missing() {
        use Label::{Ham, Spam};
        let corrected = |change, label, before| Learning::Corrected { change, label, before };
        let table = [
            (
                corrected(Change::New, Spam, None),
                (false, 12),
                "Noted as spam. 12 more ham until a training can fit your own threshold.",
                "Als Spam vermerkt. Noch 12 × Ham, bis ein Training eine eigene Schwelle bestimmen kann.",
            ),
            (corrected(Change::New, Ham, None), (false, 0), "Noted as ham.", "Als Ham vermerkt."),
            (
                corrected(Change::AlreadyKnown, Ham, Some(Ham)),
                (false, 0),
                "Known as ham already.",
                "Schon als Ham bekannt.",
            ),
            (
                corrected(Change::Relabelled, Ham, Some(Spam)),
                (false, 0),
                "Noted as ham, no longer as spam.",
                "Als Ham vermerkt, nicht mehr als Spam.",
            ),
            (
                corrected(Change::New, Spam, None),
                (true, 12),
                "Noted as spam; as a trial, nothing is learned from it.",
                "Als Spam vermerkt; als Versuch, aus dem nichts gelernt wird.",
            ),
            (
                Learning::Undone { before: Some(Ham), after: Some(Spam) },
                (false, 1),
                "Taken back: it is spam again. 1 more ham until a training can fit your own threshold.",
                "Zurückgenommen: wieder Spam. Noch 1 × Ham, bis ein Training eine eigene Schwelle bestimmen kann.",
            ),
            (
                Learning::Undone { before: Some(Ham), after: None },
                (false, 0),
                "Taken back: nobody says what it is any more.",
                "Zurückgenommen: niemand sagt mehr, was es ist.",
            ),
        ];
        for (learning, (test, missing), english, german) in table {
            assert_eq!(learning.message(test, missing, Language::English), english);
            assert_eq!(learning.message(test, missing, Language::German), german);
        }
    }
}
