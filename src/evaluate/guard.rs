//! May a retrained model replace the one in service? Only if the owner's readers are no worse off.
//!
//! Two things are looked at. Of the blog's own honest comments, each judged by a model that had not learned it, how many would be held? And of
//! the comments that were approved lately and that nobody corrected, how many would be held now? Both are counts of rare events, so a
//! count speaks against a model only if chance does not explain it: if so many, or more, would come about less than once in twenty times
//! with a model that keeps to what the owner allowed (the upper tail of a Poisson distribution).

use std::fmt;

use crate::figures::{Figures, chance_explains};

/// What the owner allows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// Share of honest comments that may be held, 0 to 1.
    pub ham_held: f64,
    /// Share of approvals nobody corrected that may turn into holds, 0 to 1.
    pub approvals_held: f64,
}

/// How recent decisions would change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flips {
    /// Comments that were approved, and that nobody called spam.
    pub approved: u64,
    /// How many of these the new model holds.
    pub now_held: u64,
    /// Comments that were held, and that nobody called ham.
    pub held: u64,
    /// How many of these the new model approves.
    pub now_approved: u64,
}

/// What speaks against a model.
#[derive(Debug, Clone, PartialEq)]
pub enum Objection {
    /// More own ham is held than the owner allows, and more than before.
    HamHeld {
        /// So many with the new model.
        held: u64,
        /// So many with the one before.
        before: u64,
        /// Of so many.
        ham: u64,
        /// The share that was allowed.
        allowed: f64,
    },
    /// Too many approvals would turn into holds.
    ApprovalsHeld {
        /// So many would.
        held: u64,
        /// Of so many.
        approved: u64,
        /// The share that was allowed.
        allowed: f64,
    },
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_1000 = |share: f64| (share * 1_000_000.0).round() / 1_000.0;
        match self {
            Objection::HamHeld { held, before, ham, allowed } => write!(
                f,
                "of {ham} honest comments of this blog the new model would hold {held}, and the one before {before}; \
                 you allow {} of 1,000",
                per_1000(*allowed)
            ),
            Objection::ApprovalsHeld { held, approved, allowed } => write!(
                f,
                "of {approved} comments that were approved lately and that nobody corrected the new model would hold {held}; \
                 you allow {} of 1,000",
                per_1000(*allowed)
            ),
        }
    }
}

/// Everything that speaks against putting a model in service. `before` and `after` are figures on the same rows.
pub fn objections(before: &Figures, after: &Figures, flips: Flips, allowed: Allowed) -> Vec<Objection> {
    let mut objections = Vec::new();
    if after.ham_held > before.ham_held && !chance_explains(after.ham_held, after.ham, allowed.ham_held) {
        let (held, before, ham) = (after.ham_held, before.ham_held, after.ham);
        objections.push(Objection::HamHeld { held, before, ham, allowed: allowed.ham_held });
    }
    if !chance_explains(flips.now_held, flips.approved, allowed.approvals_held) {
        let (held, approved) = (flips.now_held, flips.approved);
        objections.push(Objection::ApprovalsHeld { held, approved, allowed: allowed.approvals_held });
    }
    objections
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(ham: u64, ham_held: u64) -> Figures {
        Figures { ham, ham_held, ..Figures::default() }
    }

    const ALLOWED: Allowed = Allowed { ham_held: 0.005, approvals_held: 0.02 };

    #[test]
    fn a_model_is_refused_when_it_holds_more_ham_than_allowed_and_more_than_before() {
        // ham, held before, held now: refused? At 5 in 1,000 one in 200 is expected; four or more come about in 2 % of cases.
        let table = [
            (200, 0, 0, false),
            (200, 0, 3, false),
            (200, 0, 4, true),
            (200, 4, 4, false),
            (200, 9, 5, false),
            (60, 0, 1, false),
            (60, 0, 2, true),
            (10_000, 40, 55, false),
            (10_000, 40, 70, true),
            (0, 0, 0, false),
        ];
        for (ham, before, after, refused) in table {
            let objections = objections(&figures(ham, before), &figures(ham, after), Flips::default(), ALLOWED);
            assert_eq!(!objections.is_empty(), refused, "{ham} {before} {after}: {objections:?}");
        }
    }

    #[test]
    fn a_model_is_refused_when_too_many_approvals_would_turn_into_holds() {
        let same = figures(100, 0);
        for (approved, now_held, refused) in [
            (0, 0, false),
            (1000, 20, false),
            (1000, 60, true),
            (20, 3, true),
            (20, 1, false),
            (100_000, 2000, false),
            (100_000, 2100, true),
            (100_000, 100_000, true),
        ] {
            let flips = Flips { approved, now_held, held: 50, now_approved: 50 };
            let objections = objections(&same, &same, flips, ALLOWED);
            assert_eq!(!objections.is_empty(), refused, "{approved} {now_held}");
        }
        let told = Objection::ApprovalsHeld { held: 3, approved: 20, allowed: 0.02 }.to_string();
        assert!(
            told.contains("of 20 comments") && told.contains("would hold 3") && told.contains("allow 20 of 1,000"),
            "{told}"
        );
    }

    #[test]
    fn nothing_allowed_means_the_first_one_counts() {
        let none = Allowed { ham_held: 0.0, approvals_held: 0.0 };
        assert_eq!(objections(&figures(9, 0), &figures(9, 1), Flips::default(), none).len(), 1);
    }
}
