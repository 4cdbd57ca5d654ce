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
    /// No row weighs more than this many ordinary rows: sums of weights must stay whole numbers of 32 bits.
    pub(super) const MOST: f64 = 256.0;

    /// The nearest weight to a factor, at least one unit; `None` above [`Self::MOST`].
    pub(super) fn from_factor(factor: f64) -> Option<Self> {
        (factor <= Self::MOST).then(|| Weight((factor * f64::from(Self::UNITS)).round().max(1.0) as u32))
    }

    /// The smallest weight: one unit.
    pub(super) const fn unit() -> Self {
        Weight(1)
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

/// A caller's factor for a source that would make its rows weigh too much.
#[derive(Debug, PartialEq)]
pub(super) struct TooHeavy {
    pub(super) source: String,
    pub(super) factor: f64,
    /// The largest factor possible for this source.
    pub(super) most: f64,
}

/// Weights of the rows of every source.
#[derive(Debug)]
pub(super) struct SourceWeights(BTreeMap<String, Weight>);

impl SourceWeights {
    /// From the sizes of the sources and the factors a caller gave for some of them.
    ///
    /// # Errors
    /// When a factor would make a row weigh more than [`Weight::MOST`].
    pub(super) fn new(
        sizes: &BTreeMap<String, LabelCounts>,
        factors: &BTreeMap<String, f64>,
    ) -> Result<Self, TooHeavy> {
        let largest = sizes.values().map(LabelCounts::total).max().unwrap_or(1) as f64;
        let weight = |(source, size): (&String, &LabelCounts)| {
            let tempered = (largest / size.total().max(1) as f64).powf(TEMPER).min(MOST_TEMPERED);
            let factor = factors.get(source).copied().unwrap_or(1.0);
            match Weight::from_factor(tempered * factor) {
                Some(weight) => Ok((source.clone(), weight)),
                None => Err(TooHeavy { source: source.clone(), factor, most: Weight::MOST / tempered }),
            }
        };
        sizes.iter().map(weight).collect::<Result<_, _>>().map(SourceWeights)
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
        let weights = SourceWeights::new(&sizes, &BTreeMap::new()).unwrap();
        assert_eq!(
            (weights.of("large").factor(), weights.of("small").factor(), weights.of("new").factor()),
            (1.0, 3.0, 1.0)
        );
        let doubled = SourceWeights::new(&sizes, &BTreeMap::from([("small".to_owned(), 2.0)])).unwrap();
        assert_eq!(doubled.of("small").factor(), 6.0);
    }

    #[test]
    fn a_factor_beyond_the_limit_is_refused_with_the_largest_that_is_not() {
        let sizes = BTreeMap::from([
            ("large".to_owned(), LabelCounts { ham: 900, spam: 0 }),
            ("small".to_owned(), LabelCounts { ham: 100, spam: 0 }),
        ]);
        let weights = |factor| SourceWeights::new(&sizes, &BTreeMap::from([("small".to_owned(), factor)]));
        let refused = weights(90.0).unwrap_err();
        assert_eq!((refused.source.as_str(), refused.factor), ("small", 90.0));
        assert_eq!(weights(refused.most).unwrap().of("small").factor(), Weight::MOST);
    }
}
