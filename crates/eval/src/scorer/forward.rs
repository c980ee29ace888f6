//! From tokens to scores.

use burn::prelude::*;
use burn::tensor::read_sync;
use gradus_baselines::Offset;
use gradus_data::{Example, SegmentBatcher, TokenizedExample, plan_batches};
use gradus_model::SegmentModel;

use super::scores::shortest;
use super::{ExampleScores, PreparedExample, Scorer, SegmentScore};
use crate::{EvalError, Result};

/// A tensor `[batch_size, num_segments, width]` on the host.
pub(crate) struct SegmentRows {
    values: Vec<f32>,
    num_segments: usize,
    width: usize,
}

impl SegmentRows {
    /// Reads it off the device.
    ///
    /// # Errors
    /// [`EvalError::Device`] if the computation failed there.
    pub(crate) async fn read(tensor: Tensor<3>) -> Result<Self> {
        let [_, num_segments, width] = tensor.dims();
        let data = tensor.into_data_async().await;
        let data = data.map_err(|error| EvalError::Device {
            message: error.to_string(),
        })?;
        Ok(Self {
            values: data.iter::<f32>().collect(),
            num_segments,
            width,
        })
    }

    /// The values of a segment.
    pub(crate) fn of(&self, sequence: usize, segment: usize) -> &[f32] {
        let row = sequence * self.num_segments + segment;
        &self.values[row * self.width..(row + 1) * self.width]
    }
}

impl Scorer {
    /// Pooled states, `[batch_size, num_segments, d_model]`, and the scores read off them on the
    /// training scale, `[batch_size, num_segments, num_aspects]`.
    pub(crate) fn states_and_scores(&self, batch: &[&TokenizedExample]) -> (Tensor<3>, Tensor<3>) {
        let batch = SegmentBatcher::of(self.tokenizer()).batch(batch, &self.device);
        let input = batch.input_tensors().into();
        let states = self.model.pooled(input);
        let scores = self.model.scores_of(states.clone());
        let scores = match (batch.offsets, &self.preparer.offset) {
            (Some(added), Some(offset)) => scores * self.model_weights(offset) + added,
            _ => scores,
        };
        (states, scores)
    }

    /// By how much the scores of the model are multiplied, `[1, 1, num_aspects]`.
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    fn model_weights(&self, offset: &Offset) -> Tensor<3> {
        let weights: Vec<f32> = offset.model_weights().map(|weight| weight as f32).collect();
        let shape = [1, 1, weights.len()];
        Tensor::from_data(TensorData::new(weights, shape), &self.device)
    }

    /// The mean state of the segments of each response, of length 1; `None` if none of them is read.
    ///
    /// # Errors
    /// [`EvalError::Device`] if the device could not compute them.
    pub fn mean_states(&self, prepared: &[PreparedExample]) -> Result<Vec<Option<Vec<f32>>>> {
        let (mut sequences, mut owners) = (Vec::new(), Vec::new());
        for (owner, one) in prepared.iter().enumerate() {
            sequences.extend(&one.sequences);
            owners.extend(one.sequences.iter().map(|_| owner));
        }
        let mut sums: Vec<Vec<f32>> = vec![Vec::new(); prepared.len()];
        for rows in self.batches(&sequences) {
            let batch: Vec<&TokenizedExample> = rows.iter().map(|&row| sequences[row]).collect();
            let input = SegmentBatcher::of(self.tokenizer()).batch(&batch, &self.device);
            let states = self.model.pooled(input.input_tensors().into());
            let states = read_sync(SegmentRows::read(states))?;
            for (place, (&row, sequence)) in rows.iter().zip(&batch).enumerate() {
                let sum = &mut sums[owners[row]];
                for kept in 0..sequence.segments.len() {
                    let state = states.of(place, kept);
                    sum.resize(state.len(), 0.0);
                    sum.iter_mut()
                        .zip(state)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
        }
        let unit = |sum: Vec<f32>| {
            let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
            (length > 0.0).then(|| sum.iter().map(|value| value / length).collect())
        };
        Ok(sums.into_iter().map(unit).collect())
    }

    /// Gives the segments of a tokenized example what is added to their scores, as in training.
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    pub(crate) fn add_offsets(&self, sequence: &mut TokenizedExample, example: &Example) {
        let Some(offset) = &self.preparer.offset else {
            return;
        };
        let predicted = offset.predict(example);
        for segment in &mut sequence.segments {
            let values = predicted[segment.index].iter();
            let values = values.zip(offset.model_weights());
            let values = values.zip(&self.text_config().aspects);
            segment.offsets = values
                .map(|((&value, weight), aspect)| {
                    // The weight multiplies ratings, which have another zero than targets.
                    let added = value - (1.0 - weight) * aspect.scale.to_rating(0.0);
                    aspect.scale.difference_to_target(added) as f32
                })
                .collect();
        }
    }
}

impl<M: SegmentModel> Scorer<M> {
    /// Scores of prepared examples as the model gives them, in rating units and not recalibrated;
    /// without response scores.
    pub(super) async fn forward(
        &self,
        prepared: &[&PreparedExample],
    ) -> Result<Vec<ExampleScores>> {
        let mut scores: Vec<ExampleScores> = prepared.iter().map(|one| unread(one)).collect();
        let (mut sequences, mut owners) = (Vec::new(), Vec::new());
        for (owner, one) in prepared.iter().enumerate() {
            sequences.extend(&one.sequences);
            owners.extend(one.sequences.iter().map(|_| owner));
        }
        for rows in self.batches(&sequences) {
            let batch: Vec<&TokenizedExample> = rows.iter().map(|&row| sequences[row]).collect();
            let input = SegmentBatcher::of(self.tokenizer()).batch(&batch, &self.device);
            let output = self.model.forward(input.input_tensors().into());
            let output = SegmentRows::read(output).await?;
            for (place, (&row, sequence)) in rows.iter().zip(&batch).enumerate() {
                let found = &mut scores[owners[row]].segments;
                let offsets = &prepared[owners[row]].offsets;
                for (kept, segment) in sequence.segments.iter().enumerate() {
                    let added = offsets.get(segment.index).map(Vec::as_slice);
                    let values = self.rating_units(output.of(place, kept), added);
                    if let Some(found) = values.iter().find(|value| !value.is_finite()) {
                        return Err(EvalError::ScoreNotFinite {
                            id: sequence.id.clone(),
                            segment: segment.index,
                            found: *found,
                        });
                    }
                    found[segment.index] = if segment.cut {
                        SegmentScore::Cut(values)
                    } else {
                        SegmentScore::Scored(values)
                    };
                }
            }
        }
        Ok(scores)
    }

    /// The batches in which sequences are scored, as indices. All that have tokens are in one, also
    /// those of which no segment is scored: which tokens are computed together must not depend on
    /// segments, as sums of another batch may round otherwise.
    pub(crate) fn batches(&self, sequences: &[&TokenizedExample]) -> Vec<Vec<usize>> {
        let rows: Vec<usize> = (0..sequences.len())
            .filter(|&row| sequences[row].num_tokens() > 0)
            .collect();
        let lengths: Vec<usize> = rows
            .iter()
            .map(|&row| sequences[row].num_tokens())
            .collect();
        plan_batches(&lengths, self.batch, true, None, 0)
            .into_iter()
            .map(|batch| batch.into_iter().map(|place| rows[place]).collect())
            .collect()
    }

    /// The scores of a segment, one per aspect, from the training scale to rating units, and what the offset makes of
    /// them by what it adds.
    fn rating_units(&self, scores: &[f32], added: Option<&[f64]>) -> Vec<f64> {
        let offset = self.preparer.offset.as_ref().zip(added);
        let scaled = scores.iter().zip(&self.text_config().aspects).enumerate();
        scaled
            .map(|(place, (&score, aspect))| {
                let score = aspect.scale.to_rating(f64::from(score));
                shortest(offset.map_or(score, |(offset, added)| {
                    offset.aspects[place].kept(score, added[place])
                }))
            })
            .collect()
    }
}

/// The scores of an example before the model has read it.
fn unread(prepared: &PreparedExample) -> ExampleScores {
    let mut segments = vec![SegmentScore::Truncated; prepared.num_segments];
    for &index in prepared.sequences.iter().flat_map(|s| &s.without_tokens) {
        segments[index] = SegmentScore::NoTokens;
    }
    ExampleScores {
        segments,
        response: Vec::new(),
        truncation: prepared.truncation,
        doubtful: Vec::new(),
        half_widths: Vec::new(),
        stride: prepared.stride,
    }
}

#[cfg(test)]
mod tests {
    use gradus_data::{CharSpan, Segment, TextConfig};

    use super::*;
    use crate::scorer::prepare::tests::{example, preparer};

    #[test]
    fn a_segment_that_the_model_does_not_read_says_why() {
        let mut example = example(0);
        // A zero-width space is no token of this tokenizer.
        example.response = "one \u{200b} two".into();
        example.segments = [(0, 3), (4, 5), (6, 9)]
            .map(|(start, end)| Segment::unrated(CharSpan::new(start, end)))
            .to_vec();
        let prepared = preparer(TextConfig::default()).prepare(&example).unwrap();
        let expected = [
            SegmentScore::Truncated,
            SegmentScore::NoTokens,
            SegmentScore::Truncated,
        ];
        assert_eq!(unread(&prepared).segments, expected);
    }

    #[test]
    fn rows_are_those_of_their_segment() {
        let device = Device::flex();
        let tensor = Tensor::<1, Int>::arange(0..12, &device)
            .float()
            .reshape([2, 3, 2]);
        let rows = read_sync(SegmentRows::read(tensor)).unwrap();
        assert_eq!(rows.of(0, 0), [0.0, 1.0]);
        assert_eq!(rows.of(1, 2), [10.0, 11.0]);
    }
}
