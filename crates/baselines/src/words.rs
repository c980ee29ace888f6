//! Ridge regression on the bag of words of a segment.

use crate::features::{POSITION_FEATURES, Standardizer, fnv1a, overlap, words};
use crate::sparse::{SparseMatrix, sparse_dot};
use crate::{Baseline, BaselineExample, Places, Rated, mean_rating, rated_segments};
use gradus_data::fold_text;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Buckets for hashed words and pairs of words.
const BUCKETS: usize = 1 << 14;
/// Dense features in front of the buckets: position and length, and overlap with the prompt.
const DENSE: usize = POSITION_FEATURES + 1;
/// Penalties to choose from, largest first: each solution starts from the one before.
const PENALTIES: [f64; 7] = [1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0];
/// How exactly to solve when penalties are compared, and for the weights that are kept.
const ROUGHLY: f64 = 1e-5;
const EXACTLY: f64 = 1e-12;
/// Part of the prompts that the penalty is chosen on: one in this many.
const HELD_OUT: u64 = 5;

/// A linear function of the words of a segment: its words and pairs of neighboring words hashed
/// into 2^14 buckets (term frequencies, scaled to length 1), the share of its words that the
/// prompt has, and the features of [`PositionLength`](super::PositionLength), standardized.
///
/// The weights minimize `Σ (rating - mean - w·(x - mean x))² + penalty |w|²`. The penalty is, out of
/// 1, 3, 10, 30, 100, 300 and 1000, the one with the lowest squared error on a fifth of the prompts
/// (those whose hash is divisible by five) after fitting on the others; then all are fitted. Where
/// one of the two parts has no rated segment the penalty is 10.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct BagOfWords {
    standardizer: Standardizer,
    weights: Vec<f64>,
    intercept: f64,
    penalty: f64,
    #[serde(skip_serializing_if = "Places::is_listed")]
    places: Places,
}

/// The weights as a file gives them, unchecked.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    places: Places,
    standardizer: Standardizer,
    weights: Vec<f64>,
    intercept: f64,
    penalty: f64,
}

impl TryFrom<Stored> for BagOfWords {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored {
            standardizer,
            weights,
            intercept,
            penalty,
            places,
        } = stored;
        standardizer.check(DENSE, &weights, DENSE + BUCKETS)?;
        Ok(Self {
            standardizer,
            weights,
            intercept,
            penalty,
            places,
        })
    }
}

impl BagOfWords {
    /// Fits the weights on the rated segments of `examples`.
    ///
    /// # Errors
    /// [`NothingRated`](crate::NothingRated).
    pub fn fit(examples: &[BaselineExample], places: Places) -> crate::Result<Self> {
        let rated = rated_segments(Baseline::BagOfWords, examples)?;
        let rows = Rows::of(examples, &rated, places);
        let is_held_out = held_out(examples);
        let (held_out, kept): (Vec<usize>, Vec<usize>) =
            (0..rated.len()).partition(|&row| is_held_out[rated[row].example]);
        let penalty = rows.best_penalty(&rated, &kept, &held_out).unwrap_or(10.0);
        let all: Vec<usize> = (0..rated.len()).collect();
        Ok(rows.fit(&rated, &all, &[penalty], EXACTLY).remove(0))
    }

    /// One score per segment.
    pub fn predict(&self, example: &BaselineExample) -> Vec<f64> {
        example_rows(example, self.places)
            .iter()
            .map(|row| self.predict_row(row))
            .collect()
    }

    /// The penalty that was chosen.
    pub fn penalty(&self) -> f64 {
        self.penalty
    }

    fn predict_row(&self, row: &Row) -> f64 {
        self.intercept + sparse_dot(&row.columns(&self.standardizer), &self.weights)
    }
}

/// Whether the penalty is chosen on an example: as the hash of its prompt says, or that of the first
/// prompt which is the same.
fn held_out(examples: &[BaselineExample]) -> Vec<bool> {
    let mut known: HashMap<String, bool> = HashMap::new();
    let is_held_out = |example: &BaselineExample| {
        *known
            .entry(fold_text(example.prompt))
            .or_insert_with(|| fnv1a(&[example.prompt]).is_multiple_of(HELD_OUT))
    };
    examples.iter().map(is_held_out).collect()
}

/// The features of one segment.
struct Row {
    dense: Vec<f64>,
    /// Column and value of the hashed words, length 1 as a vector.
    buckets: Vec<(u32, f64)>,
}

impl Row {
    /// All features as one sparse row, dense features first.
    fn columns(&self, standardizer: &Standardizer) -> Vec<(u32, f64)> {
        let dense = (0..).zip(standardizer.apply(&self.dense));
        dense.chain(self.buckets.iter().copied()).collect()
    }
}

/// The features of all rated segments.
struct Rows {
    rows: Vec<Row>,
    places: Places,
}

impl Rows {
    fn of(examples: &[BaselineExample], rated: &[Rated], places: Places) -> Self {
        let mut rows = Vec::with_capacity(rated.len());
        for of_example in rated.chunk_by(|a, b| a.example == b.example) {
            let mut all: Vec<Option<Row>> = example_rows(&examples[of_example[0].example], places)
                .into_iter()
                .map(Some)
                .collect();
            rows.extend(of_example.iter().filter_map(|r| all[r.segment].take()));
        }
        Self { rows, places }
    }

    /// Fits on `subset` with each of `penalties`, in their order.
    fn fit(
        &self,
        rated: &[Rated],
        subset: &[usize],
        penalties: &[f64],
        tolerance: f64,
    ) -> Vec<BagOfWords> {
        let dense: Vec<Vec<f64>> = subset
            .iter()
            .map(|&row| self.rows[row].dense.clone())
            .collect();
        let standardizer = Standardizer::fit(&dense);
        let rated: Vec<Rated> = subset.iter().map(|&row| rated[row]).collect();
        let mean = mean_rating(&rated);
        let residuals: Vec<f64> = rated.iter().map(|r| r.rating - mean).collect();
        let rows = subset
            .iter()
            .map(|&row| self.rows[row].columns(&standardizer))
            .collect();
        let matrix = SparseMatrix::new(rows, DENSE + BUCKETS);
        let mut weights = vec![0.0; DENSE + BUCKETS];
        penalties
            .iter()
            .map(|&penalty| {
                weights =
                    matrix.ridge(&residuals, penalty, std::mem::take(&mut weights), tolerance);
                let shift = crate::linear::dot(matrix.column_means(), &weights);
                BagOfWords {
                    standardizer: standardizer.clone(),
                    weights: weights.clone(),
                    intercept: mean - shift,
                    penalty,
                    places: self.places,
                }
            })
            .collect()
    }

    /// The penalty with the lowest squared error on `held_out` after fitting on `kept`.
    fn best_penalty(&self, rated: &[Rated], kept: &[usize], held_out: &[usize]) -> Option<f64> {
        if kept.is_empty() || held_out.is_empty() {
            return None;
        }
        let error = |fitted: &BagOfWords| -> f64 {
            let squared =
                |&row: &usize| (fitted.predict_row(&self.rows[row]) - rated[row].rating).powi(2);
            held_out.iter().map(squared).sum()
        };
        self.fit(rated, kept, &PENALTIES, ROUGHLY)
            .iter()
            .map(|fitted| (error(fitted), fitted.penalty))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, penalty)| penalty)
    }
}

/// The features of every segment of a record.
fn example_rows(example: &BaselineExample, places: Places) -> Vec<Row> {
    let prompt: HashSet<String> = words(example.prompt).into_iter().collect();
    places
        .features(example)
        .iter()
        .zip(&example.segments)
        .map(|(position, segment)| {
            let words = words(segment.text);
            let mut dense = position.to_vec();
            dense.push(overlap(&words, &prompt));
            Row {
                dense,
                buckets: hashed_grams(&words),
            }
        })
        .collect()
}

/// Words and pairs of neighboring words, counted per bucket and scaled to length 1.
fn hashed_grams(words: &[String]) -> Vec<(u32, f64)> {
    let mut counts: BTreeMap<u32, f64> = BTreeMap::new();
    let single = words.iter().map(|word| fnv1a(&[word]));
    let pairs = words.windows(2).map(|pair| fnv1a(&[&pair[0], &pair[1]]));
    for hash in single.chain(pairs) {
        #[expect(clippy::cast_possible_truncation, reason = "below DENSE + BUCKETS")]
        let column = DENSE as u32 + (hash % BUCKETS as u64) as u32;
        *counts.entry(column).or_default() += 1.0;
    }
    let length = counts
        .values()
        .map(|count| count * count)
        .sum::<f64>()
        .sqrt();
    counts
        .into_iter()
        .map(|(column, count)| (column, count / length))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BaselineSegment;

    /// The rating of a segment is whether it says "good", wherever it stands; all are as long.
    fn examples(prompts: &[String]) -> Vec<BaselineExample<'_>> {
        prompts
            .iter()
            .enumerate()
            .map(|(index, prompt)| {
                let texts = [["good start", "evil close"], ["evil start", "good close"]][index % 2];
                let segments = texts
                    .map(|text| BaselineSegment {
                        text,
                        start: 0,
                        rating: Some(f64::from(text.contains("good"))),
                    })
                    .to_vec();
                BaselineExample {
                    prompt,
                    response: "good start evil close",
                    segments,
                }
            })
            .collect()
    }

    #[test]
    fn words_are_learned_where_position_cannot_help() {
        let prompts: Vec<String> = (0..60).map(|index| format!("prompt {index}")).collect();
        let examples = examples(&prompts);
        let fitted = BagOfWords::fit(&examples, Places::Listed).unwrap();
        let scores = fitted.predict(&examples[0]);
        assert!(scores[0] > 0.9 && scores[1] < 0.1, "{scores:?}");
        assert!(fitted.penalty() <= 1.0);
        let position = crate::PositionLength::fit(&examples, Places::Listed).unwrap();
        assert!((position.predict(&examples[0])[0] - 0.5).abs() < 0.25);
    }

    #[test]
    fn prompts_that_are_the_same_are_held_out_together() {
        let prompts: Vec<String> = (0..60)
            .flat_map(|n| [format!("Prompt {n}"), format!(" PROMPT  {n}")])
            .collect();
        let held_out = held_out(&examples(&prompts));
        assert!(held_out.chunks(2).all(|pair| pair[0] == pair[1]));
        assert!(held_out.contains(&true) && held_out.contains(&false));
    }

    #[test]
    fn a_row_of_words_has_length_one() {
        let row = hashed_grams(&words("a rose is a rose"));
        let length: f64 = row.iter().map(|(_, value)| value * value).sum();
        assert!((length - 1.0).abs() < 1e-12);
        assert!(hashed_grams(&[]).is_empty());
    }
}
