//! Features of a segment: position, length, words.

use crate::BaselineExample;
use serde::{Deserialize, Serialize};

/// Number of features of position and length.
pub const POSITION_FEATURES: usize = 7;

/// Features of position and length of every segment of a record: relative position
/// `k / (n - 1)` (0 for a single segment), index `k`, is it the first, is it the last, number of
/// segments, `ln(1 + characters)`, and its share of the response's characters.
pub fn position_features(example: &BaselineExample) -> Vec<[f64; POSITION_FEATURES]> {
    let count = example.segments.len();
    let response_length = example.response.chars().count().max(1) as f64;
    let flag = f64::from;
    example
        .segments
        .iter()
        .enumerate()
        .map(|(index, segment)| {
            let length = segment.text.chars().count() as f64;
            let steps = count.saturating_sub(1).max(1) as f64;
            [
                index as f64 / steps,
                index as f64,
                flag(index == 0),
                flag(index + 1 == count),
                count as f64,
                length.ln_1p(),
                length / response_length,
            ]
        })
        .collect()
}

/// Lower-case words: runs of letters and digits, in any script.
pub fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Share of a segment's words that the prompt also has; 0 for a segment without words.
#[expect(clippy::implicit_hasher, reason = "the sets of `words` have this one")]
pub fn overlap(segment: &[String], prompt: &std::collections::HashSet<String>) -> f64 {
    let shared = segment.iter().filter(|word| prompt.contains(*word)).count();
    shared as f64 / segment.len().max(1) as f64
}

/// Whether all values are exactly the same.
#[expect(clippy::float_cmp, reason = "exactly")]
fn is_constant(values: &[f64]) -> bool {
    let first = values.first();
    first.is_none_or(|first| values.iter().all(|value| value == first))
}

/// The 64-bit FNV-1a hash: the same on every machine and in every version.
pub fn fnv1a(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for (index, part) in parts.iter().enumerate() {
        let separator = (index > 0).then_some(b' ');
        for byte in separator.into_iter().chain(part.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// Columns brought to mean 0 and standard deviation 1 as they are in the training set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Standardizer {
    means: Vec<f64>,
    scales: Vec<f64>,
}

impl Standardizer {
    /// Learns mean and standard deviation of each column of `rows`; a constant column keeps the
    /// scale 0 and becomes 0.
    pub(crate) fn fit(rows: &[Vec<f64>]) -> Self {
        let columns = rows.first().map_or(0, Vec::len);
        let count = rows.len().max(1) as f64;
        let mut means = vec![0.0; columns];
        let mut scales = vec![0.0; columns];
        for column in 0..columns {
            let values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
            means[column] = values.iter().sum::<f64>() / count;
            if !is_constant(&values) {
                let squares: f64 = values.iter().map(|v| (v - means[column]).powi(2)).sum();
                scales[column] = (squares / count).sqrt();
            }
        }
        Self { means, scales }
    }

    /// Checks what a file gives: one mean and one scale per dense column, one weight per feature.
    ///
    /// # Errors
    /// The list of the wrong length, its length and the right one.
    pub(crate) fn check(
        &self,
        columns: usize,
        weights: &[f64],
        features: usize,
    ) -> Result<(), String> {
        for (list, found, expected) in [
            ("means", self.means.len(), columns),
            ("scales", self.scales.len(), columns),
            ("weights", weights.len(), features),
        ] {
            if found != expected {
                return Err(format!(
                    "`{list}`: found {found} numbers, expected {expected}"
                ));
            }
        }
        Ok(())
    }

    /// The row in standard deviations from the mean.
    pub(crate) fn apply(&self, row: &[f64]) -> Vec<f64> {
        row.iter()
            .zip(self.means.iter().zip(&self.scales))
            .map(|(value, (mean, &scale))| {
                if scale > 0.0 {
                    (value - mean) / scale
                } else {
                    0.0
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BaselineSegment;

    #[test]
    fn position_and_length_are_what_the_documentation_says() {
        let texts = ["ab", "cdéf", "g"];
        let segments = texts
            .map(|text| BaselineSegment {
                text,
                start: 0,
                rating: None,
            })
            .to_vec();
        let features = position_features(&BaselineExample {
            prompt: "",
            response: "ab cdéf g",
            segments,
        });
        let expected = [
            [0.0, 0.0, 1.0, 0.0, 3.0, 3f64.ln(), 2.0 / 9.0],
            [0.5, 1.0, 0.0, 0.0, 3.0, 5f64.ln(), 4.0 / 9.0],
            [1.0, 2.0, 0.0, 1.0, 3.0, 2f64.ln(), 1.0 / 9.0],
        ];
        for (found, expected) in features.as_flattened().iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-12, "{features:?}");
        }
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(words("The sky, ÜBER 42x!"), ["the", "sky", "über", "42x"]);
        assert!(words(" .,; ").is_empty());
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(&["a"]), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(&["foobar"]), 0x8594_4171_f739_67e8);
        assert_eq!(fnv1a(&["foo", "bar"]), fnv1a(&["foo bar"]));
    }
}
