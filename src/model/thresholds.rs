//! Where to draw the line: from "at most so many honest comments held" to two thresholds.

use crate::verdict::{LogOdds, Thresholds};

/// A held comment goes to the spam queue only if it is at least this probable to be spam: 0.99 as log-odds.
const CERTAIN: f64 = 4.595_119_850_134_59;

/// Of the honest comments allowed to be held at all, only one in so many may lie in the spam queue.
const QUEUE_SHARE: f64 = 10.0;

/// Chooses thresholds from held-out evidence of honest rows.
///
/// The held-out quantile itself would overshoot: with few rows it is drawn from the luckiest ones. So of the `Nt` rows
/// that the aim would allow to be held, only `k = ⌊Nt − 1.28 √Nt⌋` are used, the lower end of a 90 % Poisson interval; the line
/// runs through the (k+1)-th highest honest row, which itself is approved. Measured against three other rules in `docs/tried.md`.
///
/// `ham` need not be sorted and must not be empty; `held_at_most` is a share, 0 to 1.
pub(super) fn choose(ham: &mut [LogOdds], held_at_most: f64) -> Thresholds {
    ham.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let line = |share: f64| {
        let allowed = ham.len() as f64 * share;
        let k = (allowed - 1.28 * allowed.sqrt()).floor().max(0.0) as usize;
        ham[k.min(ham.len() - 1)].0
    };
    let hold = line(held_at_most);
    let spam = line(held_at_most / QUEUE_SHARE).max(CERTAIN).max(hold);
    Thresholds::new(LogOdds(hold), LogOdds(spam)).expect("evidence is finite, and spam is at least hold by its own max")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Decision;

    #[test]
    fn at_most_the_allowed_share_of_honest_rows_is_held() {
        for n in [1, 10, 100, 1000, 5000] {
            let mut ham: Vec<LogOdds> = (0..n).map(|i| LogOdds(f64::from(i * 7 % n) / 10.0)).collect();
            let thresholds = choose(&mut ham, 0.005);
            let held = ham.iter().filter(|e| thresholds.decide(**e).0 == Decision::Hold).count();
            assert!(held as f64 <= f64::from(n) * 0.005, "{held} of {n}");
        }
    }

    #[test]
    fn the_spam_queue_asks_for_more_than_a_hold() {
        let mut ham: Vec<LogOdds> = (0..1000).map(|i| LogOdds(-5.0 + f64::from(i) / 200.0)).collect();
        let thresholds = choose(&mut ham, 0.01);
        assert!(thresholds.spam().probability().value() >= 0.99 - 1e-9 && thresholds.hold() < thresholds.spam());
    }
}
