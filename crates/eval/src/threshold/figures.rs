//! What flags are worth: precision, recall and F1.

use serde::{Deserialize, Serialize};

use crate::ResponsePairs;
use crate::bootstrap::{Bootstrap, Interval};

/// Segments by flag and rating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagCounts {
    /// Flagged, and of the class that flags look for.
    pub right: usize,
    /// Flagged, and not of the class.
    pub wrong: usize,
    /// Of the class, and not flagged.
    pub missed: usize,
    /// Neither.
    pub rest: usize,
}

impl FlagCounts {
    /// The counts of each response of `pairs`: `is_flagged` of a score, `is_meant` of a rating.
    pub(crate) fn by_response(
        pairs: &ResponsePairs,
        is_flagged: impl Fn(f64) -> bool,
        is_meant: impl Fn(f64) -> bool,
    ) -> Vec<Self> {
        let of_response = |(scores, ratings): (&[f64], &[f64])| {
            let mut counts = Self::default();
            for (&score, &rating) in scores.iter().zip(ratings) {
                counts.add(is_flagged(score), is_meant(rating));
            }
            counts
        };
        pairs.responses().map(of_response).collect()
    }

    pub(super) fn add(&mut self, flagged: bool, meant: bool) {
        *match (flagged, meant) {
            (true, true) => &mut self.right,
            (true, false) => &mut self.wrong,
            (false, true) => &mut self.missed,
            (false, false) => &mut self.rest,
        } += 1;
    }

    fn add_times(&mut self, other: &Self, times: u32) {
        let times = times as usize;
        self.right += times * other.right;
        self.wrong += times * other.wrong;
        self.missed += times * other.missed;
        self.rest += times * other.rest;
    }

    /// The sum over responses, each as often as `counts` says.
    fn sum(responses: &[Self], counts: &[u32]) -> Self {
        let mut sum = Self::default();
        for (response, &times) in responses.iter().zip(counts) {
            sum.add_times(response, times);
        }
        sum
    }

    /// The sum over responses.
    pub(super) fn total(responses: &[Self]) -> Self {
        let mut sum = Self::default();
        for response in responses {
            sum.add_times(response, 1);
        }
        sum
    }

    /// All segments.
    pub fn segments(&self) -> usize {
        self.flagged() + self.missed + self.rest
    }

    /// Segments with a flag.
    pub fn flagged(&self) -> usize {
        self.right + self.wrong
    }

    /// Segments of the class that flags look for.
    pub fn meant(&self) -> usize {
        self.right + self.missed
    }

    /// Share of the flags that are right. `None` without flags.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.flagged())
    }

    /// Share of the class that is flagged. `None` if nothing is of the class.
    pub fn recall(&self) -> Option<f64> {
        share(self.right, self.meant())
    }

    /// The harmonic mean of precision and recall. `None` without flags and class.
    pub fn f1(&self) -> Option<f64> {
        share(2 * self.right, 2 * self.right + self.wrong + self.missed)
    }

    /// Share of the segments with a flag.
    pub fn flagged_share(&self) -> Option<f64> {
        share(self.flagged(), self.segments())
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What flags are worth, with intervals over responses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagFigures {
    /// The segments.
    pub counts: FlagCounts,
    /// Share of the flags that are right.
    pub precision: Option<f64>,
    /// Share of the class that is flagged.
    pub recall: Option<f64>,
    /// The harmonic mean of both.
    pub f1: Option<f64>,
    /// Share of the segments with a flag.
    pub flagged_share: Option<f64>,
    /// Intervals of these; `None` without resamples.
    pub intervals: Option<FlagIntervals>,
}

/// Intervals of [`FlagFigures`], from resampled responses; `None` for a figure without one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagIntervals {
    /// Of the precision.
    pub precision: Option<Interval>,
    /// Of the recall.
    pub recall: Option<Interval>,
    /// Of F1.
    pub f1: Option<Interval>,
    /// Of the share of flags.
    pub flagged_share: Option<Interval>,
}

/// The figures in their order.
const FIGURES: [fn(&FlagCounts) -> Option<f64>; 4] = [
    FlagCounts::precision,
    FlagCounts::recall,
    FlagCounts::f1,
    FlagCounts::flagged_share,
];

impl FlagFigures {
    /// The figures of the responses' counts; with `bootstrap`, the threshold stays as it is in all resamples.
    pub(crate) fn of(responses: &[FlagCounts], bootstrap: Option<&Bootstrap>) -> Self {
        let [figures] = Self::of_each([responses], bootstrap);
        figures
    }

    /// The same of several counts of the same responses, from the same resamples.
    pub(crate) fn of_each<const N: usize>(
        responses: [&[FlagCounts]; N],
        bootstrap: Option<&Bootstrap>,
    ) -> [Self; N] {
        let bootstrap = bootstrap.filter(|bootstrap| bootstrap.resamples > 0);
        let mut intervals = bootstrap.map(|bootstrap| intervals_of(&responses, bootstrap));
        responses.map(|responses| {
            let counts = FlagCounts::total(responses);
            Self {
                counts,
                precision: counts.precision(),
                recall: counts.recall(),
                f1: counts.f1(),
                flagged_share: counts.flagged_share(),
                intervals: intervals.as_mut().map(FlagIntervals::next_of),
            }
        })
    }
}

impl FlagFigures {
    /// Precision, recall and F1, each with its interval.
    pub fn main(&self) -> [(Option<f64>, Option<&Interval>); 3] {
        let intervals = self.intervals.as_ref();
        let interval = |of: fn(&FlagIntervals) -> &Option<Interval>| {
            intervals.and_then(|intervals| of(intervals).as_ref())
        };
        [
            (self.precision, interval(|of| &of.precision)),
            (self.recall, interval(|of| &of.recall)),
            (self.f1, interval(|of| &of.f1)),
        ]
    }
}

/// The intervals of all figures of each of the counts.
fn intervals_of(
    responses: &[&[FlagCounts]],
    bootstrap: &Bootstrap,
) -> impl Iterator<Item = Option<Interval>> + use<> {
    let clusters = responses.first().map_or(0, |responses| responses.len());
    bootstrap.several(clusters, responses.len() * FIGURES.len(), |counts| {
        let sums = responses
            .iter()
            .map(|responses| FlagCounts::sum(responses, counts));
        sums.flat_map(|sum| FIGURES.map(|figure| figure(&sum)))
            .collect()
    })
}

impl FlagIntervals {
    /// Takes the intervals of one of the counts.
    fn next_of(intervals: &mut impl Iterator<Item = Option<Interval>>) -> Self {
        let mut next = || intervals.next().flatten();
        Self {
            precision: next(),
            recall: next(),
            f1: next(),
            flagged_share: next(),
        }
    }
}
