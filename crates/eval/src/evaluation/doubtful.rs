//! The flags of a bundle's threshold, held against the ratings.

use gradus_bundle::DoubtThreshold;
use serde::{Deserialize, Serialize};

use crate::bootstrap::Bootstrap;
use crate::threshold::{FlagFigures, Wish, figures_at};
use crate::{Aggregation, JudgedAspect, Level};

/// What the segments that a bundle calls doubtful are worth on this data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DoubtfulFigures {
    /// Segments with a score of at most this, before recalibration, are doubtful.
    pub threshold: f64,
    /// Segments with a rating of at most this are the ones to find.
    pub midpoint: f64,
    /// What the threshold was chosen for.
    pub wish: Wish,
    /// What it was chosen on, as it was named.
    pub fitted_on: String,
    /// Precision, recall and F1 of the flags.
    pub figures: FlagFigures,
}

impl DoubtfulFigures {
    /// The figures of `raw`, scores as the model gives them. `None` if nothing is both rated and scored.
    pub(super) fn compute(
        raw: &JudgedAspect,
        threshold: &DoubtThreshold,
        bootstrap: Option<&Bootstrap>,
    ) -> Option<Self> {
        let pairs = raw.pairs(Level::Segment, Aggregation::default(), None);
        (!pairs.is_empty()).then(|| Self {
            threshold: threshold.threshold,
            midpoint: threshold.midpoint,
            wish: threshold.wish,
            fitted_on: threshold.fitted_on.clone(),
            figures: figures_at(&pairs, threshold.threshold, threshold.midpoint, bootstrap),
        })
    }
}
