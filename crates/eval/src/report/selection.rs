//! Selects the responses that a page shows: those with the largest error.

use crate::{Aggregation, ScoredResponse};

/// The error of one response on one aspect.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ResponseError {
    /// Number of segments that are rated and scored.
    pub(super) segments: usize,
    /// Sum of their squared errors.
    pub(super) squared: f64,
    /// Largest absolute error of a segment; 0 without segments.
    pub(super) largest: f64,
}

impl ResponseError {
    fn of(response: &ScoredResponse, aspect: usize, name: &str) -> Self {
        let mut error = Self::default();
        for segment in &response.segments {
            let score = segment
                .scores
                .as_ref()
                .and_then(|scores| scores.get(aspect));
            if let (Some(score), Some(rating)) = (score, segment.ratings.get(name)) {
                error.add(score - rating);
            }
        }
        error
    }

    /// The error of the response as a whole, as if it were one segment.
    fn of_whole(
        response: &ScoredResponse,
        aspect: usize,
        name: &str,
        aggregation: Aggregation,
    ) -> Self {
        let mut error = Self::default();
        let score = response.score(aspect, aggregation);
        if let (Some(score), Some(rating)) = (score, response.ratings.get(name)) {
            error.add(score - rating);
        }
        error
    }

    fn add(&mut self, difference: f64) {
        if (difference * difference).is_finite() {
            self.segments += 1;
            self.squared += difference * difference;
            self.largest = self.largest.max(difference.abs());
        }
    }

    /// The mean squared error; `None` without such segments.
    pub(super) fn mean(self) -> Option<f64> {
        (self.segments > 0).then(|| self.squared / self.segments as f64)
    }
}

/// The errors of all responses, and the responses that are shown.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// By response and aspect.
    pub(super) errors: Vec<Vec<ResponseError>>,
    /// Squared error of all responses, by aspect.
    pub(super) totals: Vec<f64>,
    /// Indices of the responses shown, worst first.
    pub(super) shown: Vec<usize>,
}

impl Selection {
    /// Selects at most `most` responses: those with the largest share of the squared error on any of `aspects`, then
    /// those without a rating or score, in the order of the file. On an aspect without a rated and scored
    /// segment, the error is that of the response as a whole.
    pub(super) fn of(
        scored: &[ScoredResponse],
        aspects: &[&str],
        aggregation: Aggregation,
        most: usize,
    ) -> Self {
        let of_segments = |response: &ScoredResponse| -> Vec<ResponseError> {
            let aspects = aspects.iter().enumerate();
            aspects
                .map(|(index, name)| ResponseError::of(response, index, name))
                .collect()
        };
        let mut errors: Vec<Vec<ResponseError>> = scored.iter().map(of_segments).collect();
        for (aspect, name) in aspects.iter().enumerate() {
            if errors.iter().all(|errors| errors[aspect].segments == 0) {
                for (errors, response) in errors.iter_mut().zip(scored) {
                    errors[aspect] = ResponseError::of_whole(response, aspect, name, aggregation);
                }
            }
        }
        let totals: Vec<f64> = (0..aspects.len())
            .map(|aspect| errors.iter().map(|error| error[aspect].squared).sum())
            .collect();
        let mut shown: Vec<(usize, f64)> = errors
            .iter()
            .enumerate()
            .map(|(index, errors)| (index, rank(errors, &totals)))
            .collect();
        // The sort is stable, so that equal ones stay in the order of the file.
        shown.sort_by(|a, b| b.1.total_cmp(&a.1));
        shown.truncate(most);
        Self {
            errors,
            totals,
            shown: shown.into_iter().map(|(index, _)| index).collect(),
        }
    }

    /// The share of a response in an aspect's squared error; `None` if the total is 0 or unknown.
    pub(super) fn share(&self, response: usize, aspect: usize) -> Option<f64> {
        let error = self.errors[response][aspect];
        (error.segments > 0)
            .then(|| share(error, self.totals[aspect]))
            .flatten()
    }

    /// The share of the shown responses in an aspect's squared error.
    pub(super) fn share_shown(&self, aspect: usize) -> Option<f64> {
        let squared: f64 = self
            .shown
            .iter()
            .map(|&index| self.errors[index][aspect].squared)
            .sum();
        let total = self.totals[aspect];
        (total > 0.0 && total.is_finite()).then(|| (squared / total).min(1.0))
    }
}

fn share(error: ResponseError, total: f64) -> Option<f64> {
    (total > 0.0 && total.is_finite()).then(|| error.squared / total)
}

/// The largest share on any aspect; -1 without ratings or scores.
fn rank(errors: &[ResponseError], totals: &[f64]) -> f64 {
    let rated = errors
        .iter()
        .zip(totals)
        .filter(|(error, _)| error.segments > 0);
    rated
        .map(|(&error, &total)| share(error, total).unwrap_or(0.0))
        .fold(-1.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScoredSegment;

    fn response(errors: &[f64]) -> ScoredResponse {
        let segment = |error: &f64| {
            ScoredSegment::scored(0, 1, [("rating".into(), 0.0)].into(), vec![*error])
        };
        ScoredResponse {
            segments: errors.iter().map(segment).collect(),
            ..ScoredResponse::default()
        }
    }

    #[test]
    fn the_largest_share_comes_first_and_what_is_not_rated_last() {
        let scored = [
            response(&[]),
            response(&[0.1, 0.1]),
            response(&[0.5]),
            response(&[f64::NAN]),
        ];
        let all = Selection::of(&scored, &["rating"], Aggregation::Mean, 9);
        assert_eq!(all.shown, [2, 1, 0, 3]);
        assert_eq!(all.share(0, 0), None);
        assert!((all.share_shown(0).unwrap() - 1.0).abs() < 1e-12);
        let one = Selection::of(&scored, &["rating"], Aggregation::Mean, 1);
        assert_eq!(one.shown, [2]);
        assert!((one.share_shown(0).unwrap() - 0.25 / 0.27).abs() < 1e-12);
        assert_eq!(one.errors[1][0].mean(), Some(0.1 * 0.1));
    }

    #[test]
    fn where_only_responses_are_rated_their_own_error_counts() {
        let whole = |rating: f64, score: f64| {
            let segment = ScoredSegment::scored(0, 1, [].into(), vec![score]);
            ScoredResponse {
                segments: vec![segment],
                ratings: [("rating".into(), rating)].into(),
                ..ScoredResponse::default()
            }
        };
        let scored = [whole(0.5, 0.5), whole(0.0, 0.5), whole(1.0, 0.75)];
        let selection = Selection::of(&scored, &["rating"], Aggregation::Mean, 9);
        assert_eq!(selection.shown, [1, 2, 0]);
        assert_eq!(selection.share(1, 0), Some(0.8));
    }

    #[test]
    fn without_any_error_no_share_is_made_up() {
        let scored = [response(&[0.0])];
        let perfect = Selection::of(&scored, &["rating"], Aggregation::Mean, 9);
        assert_eq!((perfect.share(0, 0), perfect.share_shown(0)), (None, None));
    }
}
