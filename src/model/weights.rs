//! How much a row counts, by the source it comes from.
//!
//! Corpora differ in size by chance, not by importance: five thousand text messages would drown three hundred comments. A row of a
//! source of *n* rows weighs `√(n_max / n)`, half-way (on the log scale) between "every row counts the same" and "every source counts the
//! same". A caller may multiply the weight of a source, above all of the blog's own comments. Measured in `docs/tried.md` ("How
//! much should a source weigh?").

use std::collections::BTreeMap;

use super::rows::LabelCounts;

/// A row's weight as a whole number of units, so that sums of weights stay exact in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight(u32);

impl Weight {
    /// Units in a weight of one.
    pub(super) const UNITS: u32 = 2;
    /// No row weighs more than this many ordinary rows.
    const MOST: f64 = 256.0;

    /// The nearest weight to a factor; at least one unit.
    pub(super) fn from_factor(factor: f64) -> Self {
        Weight((factor.clamp(0.0, Self::MOST) * f64::from(Self::UNITS)).round().max(1.0) as u32)
    }

    pub(super) fn units(self) -> u32 {
        self.0
    }

    /// The weight as a number; 1 is an ordinary row.
    pub(super) fn factor(self) -> f64 {
        f64::from(self.0) / f64::from(Self::UNITS)
    }
}

/// The exponent of `n_max / n`: 0 would weigh rows, 1 would weigh sources alike.
const TEMPER: f64 = 0.5;

/// Small sources weigh at most this much more than the largest.
const MOST_TEMPERED: f64 = 8.0;

/// Weights of the rows of every source.
pub(super) struct SourceWeights(BTreeMap<String, Weight>);

impl SourceWeights {
    /// From the sizes of the sources and the factors a caller gave for some of them.
    pub(super) fn new(sizes: &BTreeMap<String, LabelCounts>, factors: &BTreeMap<String, f64>) -> Self {
        let largest = sizes.values().map(LabelCounts::total).max().unwrap_or(1) as f64;
        let weight = |(source, size): (&String, &LabelCounts)| {
            let tempered = (largest / size.total().max(1) as f64).powf(TEMPER).min(MOST_TEMPERED);
            (source.clone(), Weight::from_factor(tempered * factors.get(source).copied().unwrap_or(1.0)))
        };
        SourceWeights(sizes.iter().map(weight).collect())
    }

    /// The weight of a row of that source; that of an ordinary row for a source nobody counted.
    pub(super) fn of(&self, source: &str) -> Weight {
        self.0.get(source).copied().unwrap_or(Weight(Weight::UNITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sources_count_more_per_row_and_less_in_all() {
        let sizes = BTreeMap::from([
            ("large".to_owned(), LabelCounts { ham: 900, spam: 0 }),
            ("small".to_owned(), LabelCounts { ham: 50, spam: 50 }),
        ]);
        let weights = SourceWeights::new(&sizes, &BTreeMap::new());
        assert_eq!(
            (weights.of("large").factor(), weights.of("small").factor(), weights.of("new").factor()),
            (1.0, 3.0, 1.0)
        );
        let doubled = SourceWeights::new(&sizes, &BTreeMap::from([("small".to_owned(), 2.0)]));
        assert_eq!(doubled.of("small").factor(), 6.0);
    }
}
