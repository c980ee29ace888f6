//! A threshold below which a segment is doubtful, chosen by what its flags are to reach.
//!
//! A segment is *low* if its rating is at most the midpoint, and *flagged* if its score is at most the threshold.
//! [`choose_threshold`] finds the threshold for a [`Wish`] (a precision, a recall, or the least cost) so that the wish
//! holds for new segments with the probability asked for, although it was chosen on the same data: precision and
//! recall are promised by lower bounds that count responses, not segments, and allow for the choice. It shows how the
//! same choice does on responses that it did not see, and the curve of all thresholds.
//!
//! ```
//! use gradus_eval::ResponsePairs;
//! use gradus_eval::threshold::{ThresholdOptions, Wish, choose_threshold};
//!
//! // 100 responses of a low and a high segment each, which scores tell apart.
//! let mut pairs = ResponsePairs::new();
//! for k in 0..100 {
//!     let score = 0.4 * f64::from(k) / 100.0;
//!     pairs.push_response([(score, 0.0), (0.5 + score, 1.0)]);
//! }
//! let report = choose_threshold(&pairs, 0.5, &ThresholdOptions::new(Wish::Recall(0.9)))?;
//! assert!(report.threshold < 0.4 && report.figures.recall >= Some(0.9));
//! # Ok::<(), gradus_eval::threshold::NoThreshold>(())
//! ```

mod choose;
mod cross_fit;
mod figures;
mod share;
mod sorted;

use serde::{Deserialize, Serialize};

pub use figures::{FlagCounts, FlagFigures, FlagIntervals};
pub use gradus_scores::{Wish, WrongWish};

use self::choose::choose;
use self::sorted::Sorted;
use crate::ResponsePairs;
use crate::bootstrap::Bootstrap;

/// How a threshold is chosen and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThresholdOptions {
    /// What it is to reach.
    pub wish: Wish,
    /// Resamples and seed of the intervals; its `confidence` is also the probability with which a wished precision or
    /// recall holds. Default: 1000 resamples, 0.95.
    pub bootstrap: Bootstrap,
    /// Parts of the responses that the choice is tried on. Range 2 and more, default 10.
    pub folds: usize,
}

impl ThresholdOptions {
    /// The defaults for a wish.
    pub fn new(wish: Wish) -> Self {
        Self {
            wish,
            bootstrap: Bootstrap::default(),
            folds: 10,
        }
    }
}

/// A threshold and what it is worth. A figure that does not exist is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ThresholdReport {
    /// What it was chosen for.
    pub wish: Wish,
    /// Segments with a score of at most this are flagged.
    pub threshold: f64,
    /// Segments with a rating of at most this are low.
    pub midpoint: f64,
    /// Responses it was chosen on.
    pub responses: usize,
    /// Probability with which the wish holds for new segments; `None` for costs, which promise nothing.
    pub confidence: Option<f64>,
    /// Lower bound of the wished precision or recall, corrected for the choice; `None` for costs.
    pub bound: Option<f64>,
    /// The flags on the data of the choice, with intervals that take the threshold as given.
    pub figures: FlagFigures,
    /// Cost per segment; `None` unless the wish is one of costs.
    pub cost: Option<CostFigures>,
    /// The same choice on responses that it did not see: made on all parts of the data but one, judged on that one. `None`
    /// where half of the choices or more find no threshold.
    pub held_out: Option<HeldOutFigures>,
    /// Thresholds over the whole range, from the lowest; the chosen one is among them.
    pub curve: Vec<CurvePoint>,
}

/// Costs per segment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CostFigures {
    /// At the threshold, on the data of the choice.
    pub threshold: f64,
    /// Without any flag.
    pub no_flags: f64,
    /// With a flag on every segment.
    pub all_flags: f64,
}

/// Figures on responses that the choice did not see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HeldOutFigures {
    /// Parts of the data.
    pub folds: usize,
    /// Parts for which the others give no threshold; they are left out.
    pub folds_without: usize,
    /// The flags on the parts together.
    pub figures: FlagFigures,
    /// Cost per segment; `None` unless the wish is one of costs.
    pub cost: Option<f64>,
}

/// A threshold of the curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CurvePoint {
    /// The threshold.
    pub threshold: f64,
    /// Whether it is the chosen one.
    pub chosen: bool,
    /// Its flags.
    pub figures: FlagFigures,
}

/// Why there is no threshold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoThreshold {
    /// No segment is both rated and scored.
    #[error("no segment is both rated and scored")]
    Nothing,
    /// No rating is at most the midpoint.
    #[error("no rating is at most the midpoint: nothing is low")]
    NoneLow,
    /// Every rating is at most the midpoint.
    #[error("every rating is at most the midpoint: everything is low")]
    AllLow,
    /// All scores are equal.
    #[error("all scores are equal: no threshold parts them")]
    OneScore,
    /// No threshold is sure to have the precision.
    #[error(
        "no threshold is sure to have a precision of {wish}: the highest lower bound is {highest:.3}; \
         it takes {least_flags} independent flags, all right, to show this precision"
    )]
    Precision {
        /// What was wished for.
        wish: f64,
        /// Highest lower bound of all thresholds.
        highest: f64,
        /// Fewest flags that could show it.
        least_flags: usize,
    },
    /// No threshold but the one that flags everything is sure to have the recall.
    #[error(
        "no threshold below the highest score is sure to have a recall of {wish}: the highest lower bound is \
         {highest:.3}, with {low} low segments"
    )]
    Recall {
        /// What was wished for.
        wish: f64,
        /// Highest lower bound of all thresholds.
        highest: f64,
        /// Low segments.
        low: usize,
    },
    /// No flag at all costs least.
    #[error("no threshold costs less than no flags at all")]
    NothingCheaper,
    /// A flag on everything costs least.
    #[error("no threshold costs less than a flag on every segment")]
    AllCheaper,
}

/// Points of the curve besides the chosen threshold.
const POINTS: usize = 20;

/// Chooses the threshold for a wish; segments of `pairs` with a rating of at most `midpoint` are low.
///
/// # Errors
/// [`NoThreshold`] says why there is none.
pub fn choose_threshold(
    pairs: &ResponsePairs,
    midpoint: f64,
    options: &ThresholdOptions,
) -> Result<ThresholdReport, NoThreshold> {
    let (wish, bootstrap) = (options.wish, &options.bootstrap);
    let sorted = Sorted::new(pairs, midpoint);
    let choice = choose(&sorted, wish, bootstrap.confidence)?;
    let costs = |counts: &FlagCounts| cost(wish, counts);
    let flagged_all = sorted.counts_at(Some(sorted.places() - 1));
    let figures = figures_at(pairs, choice.threshold, midpoint, Some(bootstrap));
    let cost = costs(&figures.counts).and_then(|threshold| {
        Some(CostFigures {
            threshold,
            no_flags: costs(&sorted.counts_at(None))?,
            all_flags: costs(&flagged_all)?,
        })
    });
    Ok(ThresholdReport {
        wish,
        threshold: choice.threshold,
        midpoint,
        responses: pairs.num_responses(),
        confidence: choice.bound.map(|_| bootstrap.confidence),
        bound: choice.bound,
        figures,
        cost,
        held_out: cross_fit::held_out(pairs, midpoint, options),
        curve: curve(pairs, &sorted, midpoint, choice.threshold, bootstrap),
    })
}

/// The flags at a threshold, low segments being what they look for. Without `bootstrap` there are no intervals.
pub fn figures_at(
    pairs: &ResponsePairs,
    threshold: f64,
    midpoint: f64,
    bootstrap: Option<&Bootstrap>,
) -> FlagFigures {
    FlagFigures::of(&counts_at(pairs, threshold, midpoint), bootstrap)
}

fn counts_at(pairs: &ResponsePairs, threshold: f64, midpoint: f64) -> Vec<FlagCounts> {
    FlagCounts::by_response(
        pairs,
        |score| score <= threshold,
        |rating| rating <= midpoint,
    )
}

/// Cost per segment; `None` unless the wish is one of costs.
fn cost(wish: Wish, counts: &FlagCounts) -> Option<f64> {
    let Wish::Cost { wrong, missed } = wish else {
        return None;
    };
    let sum = wrong * counts.wrong as f64 + missed * counts.missed as f64;
    (counts.segments() > 0).then(|| sum / counts.segments() as f64)
}

fn curve(
    pairs: &ResponsePairs,
    sorted: &Sorted,
    midpoint: f64,
    chosen: f64,
    bootstrap: &Bootstrap,
) -> Vec<CurvePoint> {
    let last = sorted.places() - 1;
    let place = |point: usize| {
        let flagged = (point * sorted.len()).div_ceil(POINTS);
        (0..last).find(|&place| sorted.flagged(place) >= flagged)
    };
    let mut thresholds: Vec<f64> = (1..POINTS)
        .filter_map(place)
        .map(|place| sorted.score(place))
        .chain([chosen])
        .collect();
    thresholds.sort_by(f64::total_cmp);
    thresholds.dedup();
    let point = |threshold: f64| CurvePoint {
        threshold,
        #[expect(clippy::float_cmp, reason = "one of them is the chosen one itself")]
        chosen: threshold == chosen,
        figures: figures_at(pairs, threshold, midpoint, Some(bootstrap)),
    };
    thresholds.into_iter().map(point).collect()
}

/// Precision, recall and F1 of the low and of the high class, scores and ratings cut at the same midpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassFigures {
    /// Where both are cut: at most this is low, above is high.
    pub midpoint: f64,
    /// The class with fewer ratings.
    pub rare: Class,
    /// Low segments found by low scores.
    pub low: FlagFigures,
    /// High segments found by high scores: what AUPRC and F1 of the metrics are about.
    pub high: FlagFigures,
}

/// A side of the midpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// At most the midpoint.
    Low,
    /// Above it.
    High,
}

impl Class {
    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
        }
    }
}

impl ClassFigures {
    /// The figures at the midpoint of `pairs`. `None` without one, or without pairs.
    pub fn of(pairs: &ResponsePairs, bootstrap: Option<&Bootstrap>) -> Option<Self> {
        let midpoint = pairs.midpoint().filter(|_| !pairs.is_empty())?;
        let is_high = |value: f64| value > midpoint;
        let high = FlagCounts::by_response(pairs, is_high, is_high);
        let low = FlagCounts::by_response(pairs, |v| !is_high(v), |v| !is_high(v));
        let [high, low] = FlagFigures::of_each([&high, &low], bootstrap);
        let rare = if high.counts.meant() < low.counts.meant() {
            Class::High
        } else {
            Class::Low
        };
        Some(Self {
            midpoint,
            rare,
            low,
            high,
        })
    }

    /// The figures of a class.
    pub fn of_class(&self, class: Class) -> &FlagFigures {
        match class {
            Class::Low => &self.low,
            Class::High => &self.high,
        }
    }
}
