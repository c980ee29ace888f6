//! Finds nearly equal texts in about linear time: shingles, `MinHash` and banding.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::baselines::features::fnv1a;

/// Number of tokens of a shingle.
const SHINGLE: usize = 3;
/// Maximum number of shingles kept per text, those with the smallest hashes, so that comparisons cost the same for
/// any length.
const KEPT: usize = 512;
/// Number of bands of a signature. With 21 bands of 6 rows, two texts share a band with probability 0.998 at
/// similarity 0.8, and with probability 0.28 at similarity 0.5.
const BANDS: usize = 21;
/// Number of `MinHash` values in a band.
const ROWS: usize = 6;

/// A text as the set of its shingles: runs of three tokens. A token is a lower-case word, a number or a symbol, not
/// white space. A text with fewer tokens is one shingle.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    /// The [`KEPT`] smallest hashes, sorted, without repeats.
    hashes: Vec<u64>,
    bands: [u64; BANDS],
}

impl Sketch {
    /// The shingles of a text; `seed` selects the hash functions.
    pub(super) fn of(text: &str, seed: u64) -> Self {
        let lower = text.to_lowercase();
        let tokens: Vec<&str> = lower
            .split_word_bounds()
            .filter(|token| !token.trim().is_empty())
            .collect();
        let mix = |shingle: &[&str]| splitmix64(fnv1a(shingle) ^ splitmix64(seed));
        let all: BTreeSet<u64> = if tokens.len() < SHINGLE {
            [mix(&tokens)].into()
        } else {
            tokens.windows(SHINGLE).map(mix).collect()
        };
        let hashes: Vec<u64> = all.into_iter().take(KEPT).collect();
        let bands = std::array::from_fn(|band| band_key(&hashes, band));
        Self { hashes, bands }
    }

    /// The key of a band. Similar texts probably share one.
    pub(super) fn band(&self, band: usize) -> u64 {
        self.bands[band]
    }

    /// Jaccard similarity of the two sets of shingles: the number of shared ones divided by the number of all. Exact
    /// for at most 512 shingles together, else estimated from the 512 with the smallest hashes.
    pub(super) fn similarity(&self, other: &Self) -> f64 {
        let (mut a, mut b) = (&self.hashes[..], &other.hashes[..]);
        let (mut shared, mut all) = (0_usize, 0_usize);
        while all < KEPT {
            let (first_a, first_b) = match (a.first(), b.first()) {
                (None, None) => break,
                (first_a, first_b) => (first_a.copied(), first_b.copied()),
            };
            all += 1;
            let smallest = first_a.into_iter().chain(first_b).min();
            if first_a == smallest {
                a = &a[1..];
            }
            if first_b == smallest {
                b = &b[1..];
            }
            shared += usize::from(first_a == first_b);
        }
        shared as f64 / all.max(1) as f64
    }

    /// Indices of the bands.
    pub(super) fn bands() -> std::ops::Range<usize> {
        0..BANDS
    }
}

/// The smallest values of the band's hash functions, combined into one key.
fn band_key(hashes: &[u64], band: usize) -> u64 {
    let rows = band * ROWS..(band + 1) * ROWS;
    rows.fold(0, |key, row| {
        let function = splitmix64(row as u64 + 1);
        let smallest = hashes.iter().map(|hash| splitmix64(hash ^ function)).min();
        splitmix64(key ^ smallest.unwrap_or(0))
    })
}

/// The finalizer of Steele, Lea and Flood (2014): spreads any change over all bits.
fn splitmix64(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn similarity(a: &str, b: &str) -> f64 {
        Sketch::of(a, 0).similarity(&Sketch::of(b, 0))
    }

    #[test]
    fn similarity_is_shared_shingles_over_all() {
        // 4 and 4 shingles, 3 shared: a b c, b c d, c d e | d e f against d e x.
        assert!((similarity("a b c d e f", "A  b c d e x") - 3.0 / 5.0).abs() < 1e-12);
        assert!(similarity("what is 2 + 3", "what is 2 + 3") >= 1.0);
        assert!(similarity("a b c", "d e f") <= 0.0);
        assert!(similarity("", " ") >= 1.0);
        assert!(similarity("2 + 3", "2 - 3") < 0.5, "symbols count");
    }

    #[test]
    fn long_texts_are_estimated_closely() {
        let words: Vec<String> = (0..4000).map(|k| format!("w{k}")).collect();
        let (a, b) = (words[..3000].join(" "), words[600..3600].join(" "));
        // 2,398 of 3,598 shingles are shared.
        let estimate = similarity(&a, &b);
        assert!((estimate - 2398.0 / 3598.0).abs() < 0.06, "{estimate}");
    }

    proptest! {
        #[test]
        fn similar_texts_share_a_band(seed in 0_u64..1000, changed in 3_usize..97) {
            let words: Vec<String> = (0..100).map(|k| format!("w{k}")).collect();
            let mut other = words.clone();
            other[changed] = "changed".into();
            let (a, b) = (Sketch::of(&words.join(" "), seed), Sketch::of(&other.join(" "), seed));
            prop_assert!(a.similarity(&b) > 0.9);
            prop_assert!(Sketch::bands().any(|band| a.band(band) == b.band(band)));
        }
    }
}
