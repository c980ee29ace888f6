//! What training minimizes: a weighted sum of mean losses.

mod denominators;
mod loss;
mod ranking;
mod response;
mod smooth;
mod term;
mod totals;

pub use denominators::*;
pub use loss::*;
pub use ranking::*;
pub use response::*;
pub use term::LossTerm;
pub use totals::*;

use std::sync::Arc;

use burn::prelude::*;
use gradus_data::SegmentBatch;

/// The objective of a run.
///
/// ```text
/// loss = segments + ranking.weight · pairs + response.weight · responses + Σ term.weight · term
///
/// segments   Σ a w ℓ(r, φ) / Σ a w                 over the rated segments
/// pairs      Σ a w_i w_j log(1 + e^(m - r_i + r_j)) / Σ a w_i w_j    φ_i > φ_j in one response
/// responses  Σ a ℓ(aggregate(r), φ) / Σ a          over the rated responses
/// term       Σ sum / Σ denominator                 of a [`LossTerm`], over the micro-batches
/// ```
///
/// With `r_drop`, a batch is computed twice in training, each time with its own dropout. Every term is the mean of both
/// passes, and `segments` gains `r_drop · Σ a w (r - r')² / Σ a w` (R-Drop, Liang et al., 2021,
/// <https://arxiv.org/abs/2106.14448>, with the squared difference in place of its divergence of distributions).
///
/// `a` is the weight of the aspect and `w` that of the segment. Unrated segments and responses have
/// weight 0 in every term. The denominators are those of a whole optimizer step ([`Denominators`]), so that
/// the gradients of its micro-batches add up to the gradient of the large batch.
#[derive(Debug, Clone, Default)]
pub struct Objective {
    /// Loss of a rated segment.
    pub loss: RatingLoss,
    /// Weight per aspect, in the order of the model's outputs; empty if all are 1.
    pub aspect_weights: Vec<f64>,
    /// The pairwise term.
    pub ranking: Option<Ranking>,
    /// The term for responses rated as a whole.
    pub response: Option<ResponseTerm>,
    /// Weight of the squared difference between the scores of two passes in training.
    pub r_drop: Option<f64>,
    /// Further terms.
    pub terms: Vec<Arc<dyn LossTerm>>,
}

impl From<RatingLoss> for Objective {
    fn from(loss: RatingLoss) -> Self {
        Self {
            loss,
            ..Self::default()
        }
    }
}

impl<L: PointwiseLoss> From<L> for Objective {
    fn from(loss: L) -> Self {
        RatingLoss::from(loss).into()
    }
}

/// The sums of a batch, each of shape `[1]`, before any division.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    segments: Tensor<1>,
    pairs: Option<Tensor<1>>,
    responses: Option<Tensor<1>>,
    /// Squared errors of segments and of responses, without gradient and aspect weights.
    squares: Tensor<1>,
    response_squares: Option<Tensor<1>>,
    terms: Vec<Tensor<1>>,
}

impl Objective {
    /// The sums over a batch.
    ///
    /// # Shapes
    /// - `raw`, `scores`: `[batch_size, num_segments, num_aspects]`, before and after the model's
    ///   output function
    pub(crate) fn sums(&self, raw: Tensor<3>, scores: Tensor<3>, batch: &SegmentBatch) -> Sums {
        let (targets, weights) = (batch.targets.clone(), batch.weights.clone());
        let predictions = if self.loss.takes_logits() {
            raw.clone()
        } else {
            scores.clone()
        };
        let losses = self.loss.elementwise(predictions, targets.clone());
        let errors = scores.clone().detach() - targets.clone();
        let response = self.response.as_ref().map(|term| {
            let errors = term.errors(scores.clone(), batch);
            let losses = ResponseTerm::losses(&self.loss, errors.clone());
            let weights = batch.response_weights.clone();
            let squares = (errors.detach().square() * weights.clone()).sum();
            ((losses * self.weigh(weights)).sum(), squares)
        });
        let (responses, response_squares) = response.unzip();
        let terms = self
            .terms
            .iter()
            .map(|term| term.sum(scores.clone(), batch));
        Sums {
            terms: terms.collect(),
            segments: (losses * self.weigh(weights.clone())).sum(),
            pairs: self.ranking.map(|ranking| {
                let losses = ranking.weighted_losses(raw, targets, weights.clone());
                self.weigh(losses).sum()
            }),
            responses,
            squares: (errors.square() * weights).sum(),
            response_squares,
        }
    }

    /// The sums over a batch that was computed twice, with these scores: means of both, and what R-Drop adds.
    pub(crate) fn sums_of_two(
        &self,
        weight: f64,
        [sums, again]: [Sums; 2],
        [scores, others]: [Tensor<3>; 2],
        batch: &SegmentBatch,
    ) -> Sums {
        let differences = (scores - others).square() * self.weigh(batch.weights.clone());
        let mut sums = sums.averaged(again);
        sums.segments = sums.segments + differences.sum() * weight;
        sums
    }

    /// Multiplies the last axis by the weights of the aspects.
    fn weigh<const D: usize>(&self, values: Tensor<D>) -> Tensor<D> {
        if self.aspect_weights.is_empty() {
            return values;
        }
        let weights = Tensor::<1>::from_data(self.aspect_weights.as_slice(), &values.device());
        values * weights.unsqueeze::<D>()
    }

    /// The contribution of a batch with these sums to the loss of the step, of shape `[1]`.
    pub(crate) fn loss(&self, sums: &Sums, step: &Denominators) -> Tensor<1> {
        let mut loss = mean(sums.segments.clone(), step.segments);
        if let (Some(ranking), Some(pairs)) = (self.ranking, &sums.pairs) {
            loss = loss + mean(pairs.clone(), step.pairs) * ranking.weight;
        }
        if let (Some(response), Some(responses)) = (&self.response, &sums.responses) {
            loss = loss + mean(responses.clone(), step.responses) * response.weight;
        }
        for ((term, sum), denominator) in self.terms.iter().zip(&sums.terms).zip(&step.terms) {
            loss = loss + mean(sum.clone(), *denominator) * term.weight();
        }
        loss
    }
}

/// `sum / denominator`. If nothing is rated, both are 0 and so is the result.
fn mean(sum: Tensor<1>, denominator: f64) -> Tensor<1> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the loss is computed in f32"
    )]
    let denominator = (denominator as f32).max(f32::MIN_POSITIVE);
    let denominator = Tensor::<1>::from_floats([denominator], &sum.device());
    sum / denominator
}

impl Sums {
    /// The means of these sums and those of the same batch computed again.
    fn averaged(self, again: Self) -> Self {
        let mean = |(a, b): (Tensor<1>, Tensor<1>)| (a + b) / 2.0;
        Self {
            segments: mean((self.segments, again.segments)),
            pairs: self.pairs.zip(again.pairs).map(mean),
            responses: self.responses.zip(again.responses).map(mean),
            squares: mean((self.squares, again.squares)),
            response_squares: self.response_squares.zip(again.response_squares).map(mean),
            terms: self.terms.into_iter().zip(again.terms).map(mean).collect(),
        }
    }

    /// All sums as one tensor without autodiff, so that one read fetches them: segments, pairs, responses,
    /// squares, squares of responses, further terms.
    pub(crate) fn stack(&self) -> Tensor<1> {
        let zero = Tensor::<1>::zeros([1], &self.segments.device());
        let or_zero = |sum: &Option<Tensor<1>>| sum.clone().unwrap_or_else(|| zero.clone());
        let mut all = vec![
            self.segments.clone(),
            or_zero(&self.pairs),
            or_zero(&self.responses),
            self.squares.clone(),
            or_zero(&self.response_squares),
        ];
        all.extend(self.terms.iter().cloned());
        Tensor::cat(all, 0).without_autodiff()
    }
}

#[cfg(test)]
mod tests {
    use gradus_data::{
        BatchWeights, DroppedTokens, RatingScale, SegmentBatcher, TokenSpan, TokenizedExample,
        TokenizedSegment,
    };

    use super::*;
    use burn::tensor::read_sync;

    const ASPECTS: usize = 2;

    fn forward(
        objective: &Objective,
        raw: Tensor<3>,
        scores: Tensor<3>,
        batch: &SegmentBatch,
        step: &Denominators,
    ) -> Tensor<1> {
        objective.loss(&objective.sums(raw, scores, batch), step)
    }

    /// A response with a target and weight per segment and aspect.
    fn example(targets: &[[Option<f32>; ASPECTS]], response: Option<f32>) -> TokenizedExample {
        let segments = targets.iter().enumerate().map(|(index, targets)| {
            let rated = targets.iter().any(Option::is_some);
            TokenizedSegment {
                index,
                tokens: TokenSpan::new(index, index + 1),
                cut: false,
                targets: targets.to_vec(),
                weight: if rated { 1.0 + index as f32 } else { 0.0 },
                offsets: Vec::new(),
            }
        });
        TokenizedExample {
            id: "a".into(),
            token_ids: vec![1; targets.len()],
            type_ids: vec![0; targets.len()],
            response: TokenSpan::new(0, targets.len()),
            segments: segments.collect(),
            response_targets: vec![response, None],
            dropped: Vec::new(),
            dropped_tokens: DroppedTokens::default(),
            is_window: false,
            without_tokens: Vec::new(),
        }
    }

    fn examples() -> Vec<TokenizedExample> {
        vec![
            example(
                &[
                    [Some(0.9), Some(0.2)],
                    [Some(0.1), None],
                    [Some(0.4), Some(0.7)],
                ],
                Some(0.5),
            ),
            example(&[[None, None], [Some(0.3), Some(0.3)]], Some(0.25)),
            example(&[[Some(0.75), Some(0.0)]], None),
        ]
    }

    fn batch(examples: &[TokenizedExample], device: &Device) -> SegmentBatch {
        let examples: Vec<&TokenizedExample> = examples.iter().collect();
        SegmentBatcher::new(0, ASPECTS).batch(&examples, device)
    }

    fn objective(loss: impl Into<RatingLoss>, aggregation: SoftAggregation) -> Objective {
        Objective {
            loss: loss.into(),
            aspect_weights: vec![1.0, 0.5],
            ranking: Some(Ranking {
                weight: 0.7,
                margin: 0.1,
            }),
            response: Some(ResponseTerm {
                weight: 0.4,
                aggregation,
                scales: vec![
                    RatingScale::standardized(0.2, 1.5).unwrap(),
                    RatingScale::Identity,
                ],
            }),
            r_drop: None,
            terms: vec![Arc::new(Closeness)],
        }
    }

    /// Raw values for batches of up to 3 segments.
    fn values(count: usize) -> Vec<f32> {
        let value = |k: usize| ((k * 37 + 11) % 19) as f32 / 9.0 - 0.95;
        (0..count).map(value).collect()
    }

    fn raw(values: &[f32], batch: &SegmentBatch) -> Tensor<3> {
        let shape = batch.targets.dims();
        Tensor::from_data(
            TensorData::new(values.to_vec(), shape),
            &batch.targets.device(),
        )
    }

    const AGGREGATIONS: [SoftAggregation; 4] = [
        SoftAggregation::Mean,
        SoftAggregation::Sum,
        SoftAggregation::SoftMin { temperature: 0.5 },
        SoftAggregation::Product,
    ];
    const LOSSES: [&str; 4] = ["mse", "mae", "huber:0.4", "bce"];

    /// A term of its own: neighboring segments should score alike.
    #[derive(Debug)]
    struct Closeness;

    impl LossTerm for Closeness {
        fn id(&self) -> String {
            "closeness".into()
        }
        fn weight(&self) -> f64 {
            0.3
        }
        fn sum(&self, scores: Tensor<3>, batch: &SegmentBatch) -> Tensor<1> {
            let rated = batch.rated.clone().float();
            (scores.square() * rated).sum()
        }
        fn denominator(&self, sums: &BatchWeights) -> f64 {
            sums.segments.iter().sum()
        }
    }

    #[test]
    fn two_passes_are_averaged_and_drawn_to_each_other() {
        let objective = Objective {
            r_drop: Some(2.0),
            ..objective("mse".parse::<RatingLoss>().unwrap(), SoftAggregation::Mean)
        };
        let batch = batch(&examples(), &Device::flex());
        let first = values(batch.targets.shape().num_elements());
        let second: Vec<f32> = first.iter().map(|value| value / 2.0 + 0.1).collect();
        let passes = [&first, &second].map(|values| raw(values, &batch));
        let both = passes
            .clone()
            .map(|scores| objective.sums(scores.clone(), scores, &batch));
        let numbers =
            |sums: &Sums| -> Vec<f32> { read_sync(crate::read::values(sums.stack())).unwrap() };
        let [one, other] = [&both[0], &both[1]].map(numbers);
        let found = numbers(&objective.sums_of_two(2.0, both, passes, &batch));
        // Weights of segments 1, 2, 3 by their place; of the second aspect half; only of what is rated.
        let weights: Vec<f32> = read_sync(crate::read::values(batch.weights.clone())).unwrap();
        let apart: f32 = (0..first.len())
            .map(|k| (first[k] - second[k]).powi(2) * weights[k] * [1.0, 0.5][k % ASPECTS])
            .sum();
        assert!(apart > 0.1);
        for (k, found) in found.into_iter().enumerate() {
            let mean = f32::midpoint(one[k], other[k]);
            let expected = if k == 0 { mean + 2.0 * apart } else { mean };
            assert!((found - expected).abs() < 1e-5, "{k}: {found}, {expected}");
        }
    }

    #[test]
    fn gradients_of_every_loss_and_aggregation_match_finite_differences() {
        let (plain, autodiff) = (Device::flex(), Device::flex().autodiff());
        let step = 2e-3;
        for (loss, aggregation) in LOSSES
            .iter()
            .flat_map(|&loss| AGGREGATIONS.map(|aggregation| (loss, aggregation)))
        {
            let loss: RatingLoss = loss.parse().unwrap();
            let objective = objective(loss.clone(), aggregation);
            let forward = |values: &[f32], device: &Device| {
                let batch = batch(&examples(), device);
                let denominators = objective.denominators(&batch.weight_sums);
                let raw = raw(values, &batch);
                let raw = if device.is_autodiff() {
                    raw.require_grad()
                } else {
                    raw
                };
                let scores = loss.output().forward(raw.clone());
                let value = forward(&objective, raw.clone(), scores, &batch, &denominators);
                (raw, value)
            };
            let values = values(3 * 3 * ASPECTS);
            let (input, value) = forward(&values, &autodiff);
            let gradient = input.grad(&value.backward()).unwrap().into_data();
            for (k, analytic) in gradient.iter::<f32>().enumerate() {
                let moved = |by: f32| {
                    let mut values = values.clone();
                    values[k] += by;
                    forward(&values, &plain).1.into_scalar::<f32>()
                };
                let numeric = (moved(step) - moved(-step)) / (2.0 * step);
                assert!(
                    (numeric - analytic).abs() < 2e-3,
                    "{loss} {aggregation} {k}: {numeric} {analytic}"
                );
            }
        }
    }

    #[test]
    fn micro_batches_add_up_to_the_large_batch() {
        let device = Device::flex();
        let objective = objective(SquaredError, SoftAggregation::Mean);
        let all = examples();
        let whole = batch(&all, &device);
        let step = objective.denominators(&whole.weight_sums);
        let value = |values: &[f32], batch: &SegmentBatch| {
            let raw = raw(values, batch);
            let loss = forward(&objective, raw.clone(), raw, batch, &step);
            loss.into_scalar::<f32>()
        };
        let values = values(3 * 3 * ASPECTS);
        let expected = value(&values, &whole);
        // Uneven on purpose: 3 segments and a padded rest against 1.
        let parts: f32 = [0..1, 1..3]
            .map(|rows| {
                let part = batch(&all[rows.clone()], &device);
                let [_, segments, _] = part.targets.dims();
                let row = |row: usize| {
                    let start = row * 3 * ASPECTS;
                    values[start..start + segments * ASPECTS].to_vec()
                };
                value(&rows.flat_map(row).collect::<Vec<_>>(), &part)
            })
            .iter()
            .sum();
        assert!((parts - expected).abs() < 1e-6, "{parts} {expected}");
        let sums =
            |rows: &[TokenizedExample]| objective.denominators(&batch(rows, &device).weight_sums);
        assert_eq!(
            [sums(&all[..1]), sums(&all[1..])]
                .into_iter()
                .sum::<Denominators>(),
            step
        );
    }

    #[test]
    fn unrated_segments_and_responses_reach_neither_loss_nor_gradient() {
        let device = Device::flex().autodiff();
        let objective = objective(SquaredError, SoftAggregation::Mean);
        let batch = batch(&[example(&[[None, None], [None, None]], None)], &device);
        let denominators = objective.denominators(&batch.weight_sums);
        assert_eq!(
            denominators,
            Denominators {
                terms: vec![0.0],
                ..Denominators::default()
            }
        );
        let input = raw(&[1.0, -3.0, 1e6, 0.0], &batch).require_grad();
        let loss = forward(
            &objective,
            input.clone(),
            input.clone(),
            &batch,
            &denominators,
        );
        assert!(loss.clone().into_scalar::<f32>().abs() < f32::MIN_POSITIVE);
        let gradient = input.grad(&loss.backward()).unwrap().into_data();
        assert!(gradient.iter::<f32>().all(|g| g.abs() < f32::MIN_POSITIVE));
    }

    #[test]
    fn a_response_alone_sends_its_gradient_to_every_segment() {
        let device = Device::flex().autodiff();
        let objective = objective(SquaredError, SoftAggregation::Mean);
        let batch = batch(
            &[example(&[[None, None], [None, None]], Some(1.0))],
            &device,
        );
        let denominators = objective.denominators(&batch.weight_sums);
        let input = raw(&[0.0, 0.0, 0.5, 0.0], &batch).require_grad();
        let loss = forward(
            &objective,
            input.clone(),
            input.clone(),
            &batch,
            &denominators,
        );
        // (mean(0, 0.5) - 1)² times the term's weight: the mean does not depend on the scale.
        assert!((loss.clone().into_scalar::<f32>() - 0.4 * 0.5625).abs() < 1e-6);
        let gradient: Vec<f32> = input
            .grad(&loss.backward())
            .unwrap()
            .into_data()
            .iter()
            .collect();
        let expected = 0.4 * 2.0 * -0.75 / 2.0;
        for (found, expected) in gradient.iter().zip([expected, 0.0, expected, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{gradient:?}");
        }
    }

    #[test]
    fn totals_of_two_batches_are_those_of_one() {
        let device = Device::flex();
        let objective = objective(AbsoluteError, SoftAggregation::Sum);
        let totals = |examples: &[TokenizedExample]| {
            let batch = batch(examples, &device);
            let raw = Tensor::zeros(batch.targets.dims(), &device);
            let sums = objective.sums(raw.clone(), raw, &batch);
            let denominators = objective.denominators(&batch.weight_sums);
            let loss = objective.loss(&sums, &denominators).into_scalar::<f32>();
            (
                read_sync(ObjectiveTotals::read(sums.stack(), denominators)).unwrap(),
                loss,
            )
        };
        let all = examples();
        let (whole, loss) = totals(&all);
        assert!((whole.loss(&objective) - f64::from(loss)).abs() < 1e-6);
        let mut sum = totals(&all[..2]).0;
        sum.add(&totals(&all[2..]).0);
        assert!((sum.loss(&objective) - whole.loss(&objective)).abs() < 1e-6);
        assert!((sum.mse() - whole.mse()).abs() < 1e-6);
    }
}
