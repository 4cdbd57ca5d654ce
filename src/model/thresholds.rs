//! Where to draw the line: from "at most so many honest comments held" to two thresholds.

use crate::verdict::{LogOdds, Thresholds};

/// A held comment goes to the spam queue only if it is at least this probable to be spam: 0.99 as log-odds.
const CERTAIN: f64 = 4.595_119_850_134_59;

/// Of the honest comments allowed to be held at all, only one in so many may lie in the spam queue.
const QUEUE_SHARE: f64 = 10.0;

/// Chooses thresholds from held-out evidence of honest rows. Every row counts the same, whatever its source weighs: one
/// comment held is one reader who waits.
///
/// The held-out quantile itself would overshoot: with few rows it is drawn from the luckiest ones. So of the `N·t` rows
/// that the aim `t` would allow to be held, only `k = ⌊Nt − 1.28 √(Nt)⌋` are used, the lower end of a Poisson interval; the line runs
/// through the honest row behind them, which itself is approved. The rule comes from the experiments before this program
/// (`docs/tried.md`, "Not tried here").
///
/// `ham` must not be empty; `held_at_most` is a share, 0 to 1.
pub(super) fn choose(mut ham: Vec<LogOdds>, held_at_most: f64) -> Thresholds {
    ham.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let line = |share: f64| {
        // A hair more, or a floor of 2.9999999 would cost a row.
        let allowed = ham.len() as f64 * share + 1e-9;
        let held = (allowed - 1.28 * allowed.sqrt()).floor().max(0.0) as usize;
        ham.get(held).or(ham.last()).expect("there is honest evidence").0
    };
    // What is more likely ham than spam is never held, however few rows drew the line.
    let hold = line(held_at_most).max(0.0);
    let spam = line(held_at_most / QUEUE_SHARE).max(CERTAIN).max(hold);
    Thresholds::new(LogOdds(hold), LogOdds(spam)).expect("evidence is finite, and spam is at least hold by its own max")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Decision;

    fn held(ham: &[LogOdds], thresholds: Thresholds) -> usize {
        ham.iter().filter(|evidence| thresholds.decide(**evidence).0 == Decision::Hold).count()
    }

    #[test]
    fn at_most_the_allowed_share_of_honest_rows_is_held() {
        for n in [1, 10, 100, 1000, 5000] {
            let ham: Vec<_> = (0..n).map(|i| LogOdds(f64::from(i * 7 % n) / 10.0)).collect();
            let held = held(&ham, choose(ham.clone(), 0.005));
            assert!(held as f64 <= f64::from(n) * 0.005, "{held} of {n}");
        }
    }

    #[test]
    fn the_line_leaves_room_for_chance() {
        // 5,000 honest rows, 5 in 1,000: Nt = 25, k = ⌊25 − 1.28·5⌋ = 18.
        let ham: Vec<_> = (0..5000).map(|i| LogOdds(f64::from(i))).collect();
        assert_eq!(held(&ham, choose(ham.clone(), 0.005)), 18);
    }

    #[test]
    fn what_is_more_likely_ham_than_spam_is_never_held() {
        let ham: Vec<_> = (0..5000).map(|i| LogOdds(-1.0 - f64::from(i))).collect();
        assert_eq!(choose(ham, 0.5).hold(), LogOdds(0.0));
    }

    #[test]
    fn the_spam_queue_asks_for_more_than_a_hold() {
        let ham: Vec<_> = (0..1000).map(|i| LogOdds(-5.0 + f64::from(i) / 200.0)).collect();
        let thresholds = choose(ham, 0.01);
        assert!(thresholds.spam().probability().value() >= 0.99 - 1e-9 && thresholds.hold() < thresholds.spam());
    }
}
