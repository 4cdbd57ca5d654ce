//! Feature hashing: a feature's bucket is the top bits of a 64-bit hash of its text.
//!
//! Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009. The hash is part of the model
//! format: it must never change without a new [`super::FEATURE_REVISION`], which is why it is written out here and not
//! taken from a library that promises no stable output.
//!
//! It is public, so a spammer could search for harmless words that share a bucket with a ham word. The gain is one
//! feature among hundreds; a secret seed per model would close it at the price of models that cannot be compared.

use super::View;

/// A finished 64-bit hash of one feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FeatureHash(u64);

impl FeatureHash {
    /// The bucket of this feature in the table of `view`.
    #[inline]
    pub fn bucket(self, view: View) -> u32 {
        (self.0 >> (64 - view.bits())) as u32
    }

    /// All 64 bits.
    pub fn value(self) -> u64 {
        self.0
    }

    /// The hash of a feature that a number below 2⁶⁴ names completely.
    ///
    /// Two multiplications without a chain between features: what a comment has hundreds of must be hashed side by side.
    #[inline]
    pub(super) const fn of_number(number: u64) -> Self {
        let mixed = number.wrapping_mul(MULTIPLIER);
        FeatureHash((mixed ^ (mixed >> 32)).wrapping_mul(FINISHER))
    }

    /// The hash of two features in this order at a `distance`.
    #[inline]
    pub(super) const fn pair(self, distance: u64, right: Self) -> Self {
        let left = self.0.wrapping_add(distance.wrapping_mul(MULTIPLIER)).rotate_left(29);
        FeatureHash((left ^ right.0).wrapping_mul(FINISHER))
    }
}

/// Folds words of 64 bits into one, a multiplication each.
#[derive(Debug, Clone, Copy)]
pub struct Hasher(u64);

/// An odd number without structure (the fraction of the golden ratio).
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// Another.
const FINISHER: u64 = 0xBF58_476D_1CE4_E5B9;

impl Hasher {
    /// Starts a feature of the kind `tag`; equal texts of different kinds have unrelated hashes.
    #[inline]
    pub const fn new(tag: &str) -> Self {
        let bytes = tag.as_bytes();
        let mut hasher = Hasher(0x5851_F42D_4C95_7F2D);
        let mut at = 0;
        while at < bytes.len() {
            hasher = hasher.add(bytes[at] as u64);
            at += 1;
        }
        hasher
    }

    /// Folds in one number.
    #[inline]
    #[must_use]
    pub const fn add(self, value: u64) -> Self {
        Hasher((self.0.rotate_left(23) ^ value).wrapping_mul(MULTIPLIER))
    }

    /// Folds in a text, a character at a time.
    #[inline]
    #[must_use]
    pub fn add_text(self, text: &str) -> Self {
        self.add_characters(text.chars())
    }

    /// Folds in characters.
    #[inline]
    #[must_use]
    pub fn add_characters(self, characters: impl IntoIterator<Item = char>) -> Self {
        characters.into_iter().fold(self, |hasher, c| hasher.add(u64::from(c)))
    }

    /// Mixes all bits into the top ones, from which buckets are cut.
    #[inline]
    pub const fn finish(self) -> FeatureHash {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(MULTIPLIER);
        FeatureHash((mixed ^ (mixed >> 29)).wrapping_mul(FINISHER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_part_of_the_format_and_never_changes() {
        assert_eq!(Hasher::new("w").add_text("casino").finish().value(), 7_805_896_365_704_708_527);
    }

    /// 4,096 buckets, 40,960 hashes: a fair hash leaves every bucket near 10.
    fn assert_even(name: &str, hash: impl Fn(u64) -> FeatureHash) {
        let mut load = vec![0_u32; View::Structure.buckets()];
        for n in 0..40_960 {
            load[hash(n).bucket(View::Structure) as usize] += 1;
        }
        let chi_square: f64 = load.iter().map(|&n| (f64::from(n) - 10.0).powi(2) / 10.0).sum();
        // 4,095 degrees of freedom: mean 4,095, standard deviation 90.
        assert!((chi_square - 4_095.0).abs() < 5.0 * 90.0, "{name}: chi square {chi_square}");
    }

    #[test]
    fn similar_features_spread_evenly_over_the_buckets() {
        let text = |n: u64| Hasher::new("t").add_text(&format!("ab{n}c")).finish();
        assert_even("texts", text);
        // Three lower-case letters as fragments pack them, at the low and at the high end of the number.
        let letters = |n: u64| n % 32 + ((n / 32 % 32) << 12) + ((n / 1024) << 24);
        assert_even("numbers", |n| FeatureHash::of_number(letters(n)));
        assert_even("high numbers", |n| FeatureHash::of_number(letters(n) << 24 | 5 << 60));
        assert_even("right neighbours", |n| text(1).pair(2, text(n)));
        assert_even("left neighbours", |n| text(n).pair(2, text(1)));
        assert_even("distances", |n| text(1).pair(n, text(2)));
    }

    #[test]
    fn a_pair_has_an_order_and_a_distance() {
        let [a, b] = ["a", "b"].map(|word| Hasher::new("w").add_text(word).finish());
        assert_ne!(a.pair(1, b), b.pair(1, a));
        assert_ne!(a.pair(1, b), a.pair(2, b));
    }
}
