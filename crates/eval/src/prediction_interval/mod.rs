//! How far ratings lie from scores: prediction intervals by split conformal prediction.
//!
//! The interval of a segment is its score, and on either side a width that is learned once: a quantile of the distances
//! between score and rating on data that the model was not trained on. It promises nothing about the model, which may be
//! as wrong as it likes, and needs one assumption: that new responses are exchangeable with those it was learned on.
//!
//! Segments of one response are not exchangeable with those of others: they are alike, and long responses have more of
//! them. So responses are what counts. Each has the weight 1, spread over its segments, and a response that is still to
//! come has the weight 1 at an infinite distance (hierarchical conformal prediction: Lee, Barber and Willett, 2023,
//! <https://arxiv.org/abs/2306.06342>; Dunn, Wasserman and Ramdas, 2018, <https://arxiv.org/abs/1809.07441>):
//! ```text
//! half width = smallest d with  1/(n+1) Σ_i 1/m_i #{ segments j of response i: |rating - score| <= d }  >=  coverage
//! ```
//! for `n` responses with `m_i` segments. With one segment each, that is the `ceil((n+1) coverage)`-th smallest distance
//! of the usual split conformal prediction. The rating of a segment drawn from a new response is then within the interval
//! with at least this probability.

#[cfg(feature = "scorer")]
mod coverage;
mod learn;

#[cfg(feature = "scorer")]
pub use coverage::IntervalCoverage;
#[cfg(feature = "scorer")]
pub use gradus_bundle::{PredictionInterval, PredictionIntervals, ScoringChoices};
pub use learn::{LearnedWidth, TooFewResponses, half_width, held_out_half_width};
