//! The loss of a model on responses that are rated as a whole.

use gradus_data::RatingScale;
use serde::{Deserialize, Serialize};

use super::{LossShare, RatedScore, loss_shares};
use crate::UnscoredReason;

/// The loss of a model on responses rated as a whole, decomposed by response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResponsesExplained {
    /// Mean squared error over the responses that are rated and scored, on the training scale.
    /// `None` without one.
    pub loss: Option<f64>,
    /// `J = -loss`.
    pub objective: Option<f64>,
    /// Responses, once for each aspect they are rated on, that are rated and scored.
    pub pairs: usize,
    /// Rated ones without a score.
    pub rated_without_score: usize,
    /// All that are rated: the largest share of the loss first, those without a score last.
    pub responses: Vec<ExplainedResponse>,
}

/// A response that is rated as a whole, in one aspect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExplainedResponse {
    /// Id of the example.
    pub id: String,
    /// Name of the aspect.
    pub aspect: String,
    /// Rating of the response, in rating units.
    pub rating: f64,
    /// The rating on the training scale.
    pub target: f64,
    /// Score of the response on the training scale: that of its segments, aggregated in rating
    /// units. `None` if there is none.
    pub score: Option<f64>,
    /// The score in rating units.
    pub rating_units_score: Option<f64>,
    /// Why there is no score.
    pub unscored: Option<UnscoredReason>,
    /// What it adds to the loss, and the gradient at the response score; `None` without a score. The
    /// aggregation hands that gradient on to the segments, so nothing is said of the head.
    pub share: Option<LossShare>,
}

impl ExplainedResponse {
    /// A response before its share is known; rating and score are in rating units.
    pub(super) fn new(
        (id, aspect): (&str, &str),
        rating: f64,
        score: Option<f64>,
        scale: RatingScale,
        unscored: Option<UnscoredReason>,
    ) -> Self {
        Self {
            id: id.to_owned(),
            aspect: aspect.to_owned(),
            rating,
            target: scale.to_target(rating),
            score: score.map(|score| scale.to_target(score)),
            rating_units_score: score,
            unscored,
            share: None,
        }
    }
}

impl ResponsesExplained {
    /// Adds shares and sums, and sorts; `None` if no response is rated.
    pub(super) fn of(mut responses: Vec<ExplainedResponse>) -> Option<Self> {
        if responses.is_empty() {
            return None;
        }
        let scored: Vec<usize> = (0..responses.len())
            .filter(|&index| responses[index].score.is_some())
            .collect();
        let values: Vec<RatedScore> = responses
            .iter()
            .filter_map(|response| {
                Some(RatedScore {
                    target: response.target,
                    score: response.score?,
                    weight: 1.0,
                    state_norm: None,
                })
            })
            .collect();
        let shares = loss_shares(&values);
        for (index, share) in scored.iter().zip(shares.shares) {
            responses[*index].share = Some(share);
        }
        // Stable: what is equal stays in the order of the data; without a score comes last.
        let error =
            |response: &ExplainedResponse| response.share.map_or(-1.0, |share| share.squared_error);
        responses.sort_by(|a, b| error(b).total_cmp(&error(a)));
        Some(Self {
            loss: shares.loss,
            objective: shares.loss.map(|loss| -loss),
            pairs: scored.len(),
            rated_without_score: responses.len() - scored.len(),
            responses,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_response_comes_first_and_shares_add_up() {
        let scale = RatingScale::min_max(0.0, 10.0).unwrap();
        let response =
            |id, rating, score| ExplainedResponse::new((id, "rating"), rating, score, scale, None);
        let explained = ResponsesExplained::of(vec![
            response("a", 5.0, Some(6.0)),
            response("b", 0.0, None),
            response("c", 10.0, Some(7.0)),
        ])
        .unwrap();
        let ids: Vec<&str> = explained.responses.iter().map(|r| r.id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "b"]);
        // Errors 0.1 and -0.3 on the training scale.
        assert!((explained.loss.unwrap() - 0.05).abs() < 1e-12);
        assert_eq!((explained.pairs, explained.rated_without_score), (2, 1));
        let share = explained.responses[0].share.unwrap();
        assert!((share.loss_share.unwrap() - 0.9).abs() < 1e-12);
        assert!((share.gradient + 0.3).abs() < 1e-12);
        assert_eq!(explained.responses[2].share, None);
        assert_eq!(ResponsesExplained::of(Vec::new()), None);
    }
}
