//! Metrics of a validation beyond its loss.

use std::collections::BTreeMap;

use burn::tensor::{Bool, Tensor};
use gradus_data::SegmentBatch;

use crate::Result;
use crate::objective::ResponseTerm;
use crate::read::values;

/// Scores and targets of a validation, on the training scale.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ValidScores {
    /// By aspect, in the order of the model's outputs, then by response: the pairs
    /// `(score, target)` of its rated segments, of all its windows. Responses without any are omitted.
    pub aspects: Vec<Vec<Vec<(f64, f64)>>>,
    /// By aspect: the pairs `(score, target)` of responses rated as a whole, with scores aggregated
    /// as in the response loss. Empty without a response loss.
    pub responses: Vec<Vec<(f64, f64)>>,
}

/// By aspect: where the pairs of a response are that is read in windows.
#[derive(Default)]
pub(crate) struct WindowPlaces(Vec<BTreeMap<String, usize>>);

impl ValidScores {
    /// Adds the responses of a batch with ratings of their own.
    ///
    /// # Shapes
    /// - `scores`: `[batch_size, num_segments, num_aspects]`
    pub(crate) async fn add_responses(
        &mut self,
        term: &ResponseTerm,
        scores: Tensor<3>,
        batch: &SegmentBatch,
    ) -> Result<()> {
        let [_, _, num_aspects] = scores.dims();
        let errors: Vec<f64> = values(term.errors(scores, batch)).await?;
        let targets: Vec<f64> = values(batch.response_targets.clone()).await?;
        let weights: Vec<f64> = values(batch.response_weights.clone()).await?;
        self.responses.resize(num_aspects, Vec::new());
        for (cell, (error, target)) in errors.into_iter().zip(targets).enumerate() {
            if weights[cell] > 0.0 {
                self.responses[cell % num_aspects].push((target + error, target));
            }
        }
        Ok(())
    }

    /// Adds a batch.
    ///
    /// # Shapes
    /// - `scores`, `targets`, `rated`: `[batch_size, num_segments, num_aspects]`
    /// - `windows`: for each row the id of its response, if it is one of several windows
    pub(crate) async fn add(
        &mut self,
        scores: Tensor<3>,
        targets: Tensor<3>,
        rated: Tensor<3, Bool>,
        (windows, places): (&[Option<String>], &mut WindowPlaces),
    ) -> Result<()> {
        let [batch_size, num_segments, num_aspects] = scores.dims();
        let scores: Vec<f64> = values(scores).await?;
        let targets: Vec<f64> = values(targets).await?;
        let rated: Vec<bool> = values(rated).await?;
        self.aspects.resize(num_aspects, Vec::new());
        places.0.resize(num_aspects, BTreeMap::new());
        for (row, window) in windows.iter().enumerate().take(batch_size) {
            let columns = self.aspects.iter_mut().zip(&mut places.0);
            for (aspect, (responses, places)) in columns.enumerate() {
                let cells = (0..num_segments)
                    .map(|segment| (row * num_segments + segment) * num_aspects + aspect)
                    .filter(|&cell| rated[cell]);
                let pairs: Vec<_> = cells.map(|cell| (scores[cell], targets[cell])).collect();
                if pairs.is_empty() {
                    continue;
                }
                let Some(id) = window else {
                    responses.push(pairs);
                    continue;
                };
                let place = *places.entry(id.clone()).or_insert(responses.len());
                match responses.get_mut(place) {
                    Some(others) => others.extend(pairs),
                    None => responses.push(pairs),
                }
            }
        }
        Ok(())
    }
}

/// Computes additional validation metrics.
pub trait ValidMetrics: Send {
    /// Names of the metrics that [`compute`](Self::compute) returns.
    fn names(&self) -> Vec<String>;

    /// Values by name; `None` if undefined.
    fn compute(&self, scores: &ValidScores) -> BTreeMap<String, Option<f64>>;

    /// Maps a value so that larger is better.
    fn goodness(&self, name: &str, value: f64) -> f64;
}

/// No metrics besides loss and mean squared error.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMetrics;

impl ValidMetrics for NoMetrics {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn compute(&self, _scores: &ValidScores) -> BTreeMap<String, Option<f64>> {
        BTreeMap::new()
    }

    fn goodness(&self, _name: &str, value: f64) -> f64 {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData, read_sync};

    #[test]
    fn pairs_are_sorted_by_aspect_and_response_without_the_unrated() {
        let device = Device::flex();
        // Two responses of two segments, two aspects.
        let cube = |values: [f32; 8]| -> Tensor<3> {
            Tensor::from_data(TensorData::new(values.to_vec(), [2, 2, 2]), &device)
        };
        let rated = [true, false, true, false, false, true, false, false];
        let rated = Tensor::from_data(TensorData::new(rated.to_vec(), [2, 2, 2]), &device);
        let mut scores = ValidScores::default();
        let mut places = WindowPlaces::default();
        let add = scores.add(
            cube([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]),
            cube([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]),
            rated,
            (&[None, None], &mut places),
        );
        read_sync(add).unwrap();
        let expected = vec![vec![vec![(0.0, 0.5), (2.0, 2.5)]], vec![vec![(5.0, 5.5)]]];
        assert_eq!(scores.aspects, expected);
    }
    #[test]
    fn the_windows_of_a_response_are_one_response() {
        let device = Device::flex();
        let (mut scores, mut places) = (ValidScores::default(), WindowPlaces::default());
        let mut add = |values: [f32; 3], ids: [Option<&str>; 3]| {
            let cube = |values: [f32; 3]| -> Tensor<3> {
                Tensor::from_data(TensorData::new(values.to_vec(), [3, 1, 1]), &device)
            };
            let rated = Tensor::from_data(TensorData::new(vec![true; 3], [3, 1, 1]), &device);
            let ids = ids.map(|id| id.map(str::to_owned));
            let add = scores.add(cube(values), cube([0.0; 3]), rated, (&ids, &mut places));
            read_sync(add).unwrap();
        };
        add([1.0, 2.0, 3.0], [Some("a"), None, Some("b")]);
        add([4.0, 5.0, 6.0], [None, Some("b"), Some("a")]);
        let of = |scores: &[f64]| -> Vec<_> { scores.iter().map(|&s| (s, 0.0)).collect() };
        let expected = vec![of(&[1.0, 6.0]), of(&[2.0]), of(&[3.0, 5.0]), of(&[4.0])];
        assert_eq!(scores.aspects, [expected]);
    }
}
