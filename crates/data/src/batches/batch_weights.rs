use std::iter::Sum;
use std::ops::Add;

/// The sums of the weights of a batch's targets, by aspect: the denominators of its mean losses.
///
/// They are computed on the host, so that the micro-batches of an optimizer step can be divided by the sums of
/// the whole step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchWeights {
    /// Sum of the weights of the rated segments.
    pub segments: Vec<f64>,
    /// Sum of `w_i w_j` over the pairs of segments of one response with different targets.
    pub pairs: Vec<f64>,
    /// Number of rated responses.
    pub responses: Vec<f64>,
}

impl BatchWeights {
    /// Sums of 0.
    pub fn zeros(num_aspects: usize) -> Self {
        Self {
            segments: vec![0.0; num_aspects],
            pairs: vec![0.0; num_aspects],
            responses: vec![0.0; num_aspects],
        }
    }

    /// Adds one response: the weights and targets of its segments, all aspects of a segment together.
    pub(crate) fn add_segments(&mut self, weights: &[f32], targets: &[f32]) {
        let num_aspects = self.segments.len();
        for (aspect, (segments, pairs)) in self.segments.iter_mut().zip(&mut self.pairs).enumerate()
        {
            let of = |values: &[f32]| -> Vec<f64> {
                let values = values.iter().skip(aspect).step_by(num_aspects);
                values.map(|&value| f64::from(value)).collect()
            };
            let (weights, targets) = (of(weights), of(targets));
            *segments += weights.iter().sum::<f64>();
            for i in 0..weights.len() {
                let below = (0..weights.len()).filter(|&j| targets[j] < targets[i]);
                *pairs += weights[i] * below.map(|j| weights[j]).sum::<f64>();
            }
        }
    }

    pub(crate) fn add_response(&mut self, weights: &[f32]) {
        for (sum, &weight) in self.responses.iter_mut().zip(weights) {
            *sum += f64::from(weight);
        }
    }
}

impl Add for BatchWeights {
    type Output = Self;

    /// Adds both sums. The empty default adds nothing.
    fn add(self, other: Self) -> Self {
        let sum = |a: Vec<f64>, b: Vec<f64>| -> Vec<f64> {
            let length = a.len().max(b.len());
            let at = |values: &[f64], k: usize| values.get(k).copied().unwrap_or(0.0);
            (0..length).map(|k| at(&a, k) + at(&b, k)).collect()
        };
        Self {
            segments: sum(self.segments, other.segments),
            pairs: sum(self.pairs, other.pairs),
            responses: sum(self.responses, other.responses),
        }
    }
}

impl Sum for BatchWeights {
    fn sum<I: Iterator<Item = Self>>(batches: I) -> Self {
        batches.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_with_equal_or_no_targets_weigh_nothing() {
        let mut sums = BatchWeights::zeros(1);
        // Targets 1, 0, 0 of weights 1, 2, 3 and an unrated segment, whose weight is 0.
        sums.add_segments(&[1.0, 2.0, 3.0, 0.0], &[1.0, 0.0, 0.0, 0.0]);
        assert_eq!(sums.segments, [6.0]);
        assert_eq!(sums.pairs, [5.0]);
    }

    #[test]
    fn aspects_are_summed_apart_and_batches_add_up() {
        let mut first = BatchWeights::zeros(2);
        first.add_segments(&[1.0, 0.0, 1.0, 1.0], &[0.5, 0.0, 0.25, 1.0]);
        first.add_response(&[1.0, 0.0]);
        let mut second = BatchWeights::zeros(2);
        second.add_segments(&[0.0, 4.0], &[0.0, 0.5]);
        let sum: BatchWeights = [first, second].into_iter().sum();
        assert_eq!(sum.segments, [2.0, 5.0]);
        assert_eq!(sum.pairs, [1.0, 0.0]);
        assert_eq!(sum.responses, [1.0, 0.0]);
    }
}
