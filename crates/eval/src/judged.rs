//! The segments, or the responses as a whole, that are both rated and scored on one aspect: what
//! every figure is computed over.

use crate::{Aggregation, ResponsePairs, ScoredResponse, ScoredSegment, UnscoredReason};
use serde::{Deserialize, Serialize};

/// The level of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Over segments.
    Segment,
    /// Over responses, scores and ratings of their segments aggregated.
    Response,
}

/// One aspect of scored responses, reduced to the segments that are both rated and scored.
///
/// Collected by [`collect_responses`](Self::collect_responses) it holds responses that are rated as
/// a whole instead, each as a single segment; all that is said of segments then holds for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JudgedAspect {
    /// Responses with at least one such segment.
    pub responses: Vec<JudgedResponse>,
    /// Numbers of rated and scored segments and responses.
    pub counts: AspectCounts,
}

/// A response with at least one segment both rated and scored.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedResponse {
    /// Its index in the list of scored responses.
    pub index: usize,
    /// Its rated and scored segments, in order; at least one.
    pub segments: Vec<JudgedSegment>,
}

/// A segment both rated and scored; both values are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JudgedSegment {
    /// Its index among all segments of the response; 0 for the response as a whole.
    pub index: usize,
    /// The score, in rating units.
    pub score: f64,
    /// The rating.
    pub rating: f64,
}

/// Counts of rated and scored segments in one aspect. `rated = scored + unscored.total()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AspectCounts {
    /// Segments with a rating.
    pub rated: usize,
    /// Segments with a rating and a score, which the segment level uses.
    pub scored: usize,
    /// Segments with a rating but without a usable score, by reason.
    pub unscored: UnscoredCounts,
    /// Segments whose rating is NaN or infinite; they count as unrated.
    pub ratings_not_finite: usize,
    /// Responses with at least one segment both rated and scored: what the response level is
    /// computed over.
    pub responses: usize,
    /// Of these, responses that also have rated segments without a score.
    pub responses_partly_scored: usize,
    /// Number of rated and scored segments in texts that are known to be truncated or read in windows.
    #[serde(default)]
    pub scored_in_shortened: usize,
    /// Number of responses with these segments.
    #[serde(default)]
    pub responses_shortened: usize,
    /// Number of rated and scored segments of which the model read only a part.
    #[serde(default)]
    pub scored_cut: usize,
}

/// Rated segments without a usable score, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UnscoredCounts {
    /// Cut off because the text was too long.
    pub truncated: usize,
    /// Left without a token by the tokenizer.
    pub no_tokens: usize,
    /// Absent from the score file.
    pub missing: usize,
    /// The score is NaN or infinite.
    pub not_finite: usize,
    /// No reason was given.
    pub unknown: usize,
    /// The response is empty or nothing but white space; of whole responses only.
    #[serde(default)]
    pub empty: usize,
    /// The response has no segment; of whole responses only.
    #[serde(default)]
    pub no_segments: usize,
}

impl UnscoredCounts {
    /// All of them.
    pub fn total(&self) -> usize {
        let Self {
            truncated,
            no_tokens,
            missing,
            not_finite,
            unknown,
            empty,
            no_segments,
        } = self;
        truncated + no_tokens + missing + not_finite + unknown + empty + no_segments
    }

    /// The responses in which no segment has a score and that have none as a whole, by reason.
    pub fn of_responses(scored: &[ScoredResponse]) -> Self {
        let mut counts = Self::default();
        for response in scored {
            let finite = |scores: &Vec<f64>| scores.iter().any(|score| score.is_finite());
            let segments = response.segments.iter().filter_map(|s| s.scores.as_ref());
            if !segments.chain(&response.scores).any(finite) {
                counts.add(response.unscored);
            }
        }
        counts
    }

    /// Counts a response without a score on an aspect.
    fn add_response(&mut self, response: &ScoredResponse, aspect: usize) {
        let of_segments = response.segments.iter().find_map(|s| s.unscored);
        let any = response.segment_scores(aspect).next().is_some();
        match (any, &response.scores) {
            (true, Some(_)) => self.missing += 1,
            // The aggregate overflows.
            (true, None) => self.not_finite += 1,
            (false, _) => self.add(response.unscored.or(of_segments)),
        }
    }

    fn add(&mut self, reason: Option<UnscoredReason>) {
        *match reason {
            Some(UnscoredReason::Truncated) => &mut self.truncated,
            Some(UnscoredReason::NoTokens) => &mut self.no_tokens,
            Some(UnscoredReason::Missing) => &mut self.missing,
            Some(UnscoredReason::Empty) => &mut self.empty,
            Some(UnscoredReason::NoSegments) => &mut self.no_segments,
            None => &mut self.unknown,
        } += 1;
    }
}

impl JudgedAspect {
    /// Collects the aspect `name`, whose score stands at position `aspect` of every segment's
    /// scores.
    pub fn collect(scored: &[ScoredResponse], aspect: usize, name: &str) -> Self {
        let mut judged = Self::default();
        for (index, response) in scored.iter().enumerate() {
            let rated_before = judged.counts.rated;
            let segments: Vec<JudgedSegment> = response
                .segments
                .iter()
                .enumerate()
                .filter_map(|(index, segment)| {
                    let (score, rating) = judged.counts.judge(segment, aspect, name)?;
                    judged.counts.scored_cut += usize::from(segment.cut);
                    Some(JudgedSegment {
                        index,
                        score,
                        rating,
                    })
                })
                .collect();
            if segments.is_empty() {
                continue;
            }
            judged.counts.responses += 1;
            if response.shortened {
                judged.counts.responses_shortened += 1;
                judged.counts.scored_in_shortened += segments.len();
            }
            if segments.len() < judged.counts.rated - rated_before {
                judged.counts.responses_partly_scored += 1;
            }
            judged.responses.push(JudgedResponse { index, segments });
        }
        judged
    }

    /// Collects the responses that are rated as a whole on the aspect `name`. The score of a response
    /// is [`ScoredResponse::score`], over all of its segments, rated or not.
    ///
    /// In the counts a response takes the place of a segment; `responses_partly_scored` are those in
    /// which a segment has no score.
    pub fn collect_responses(
        scored: &[ScoredResponse],
        aspect: usize,
        name: &str,
        aggregation: Aggregation,
    ) -> Self {
        let mut judged = Self::default();
        for (index, response) in scored.iter().enumerate() {
            let Some(&rating) = response.ratings.get(name) else {
                continue;
            };
            let counts = &mut judged.counts;
            if !rating.is_finite() {
                counts.ratings_not_finite += 1;
                continue;
            }
            counts.rated += 1;
            let Some(score) = response.score(aspect, aggregation) else {
                counts.unscored.add_response(response, aspect);
                continue;
            };
            counts.scored += 1;
            counts.responses += 1;
            counts.scored_in_shortened += usize::from(response.shortened);
            counts.responses_shortened += usize::from(response.shortened);
            let scored_segments = response.segment_scores(aspect).count();
            counts.responses_partly_scored +=
                usize::from((1..response.segments.len()).contains(&scored_segments));
            let segments = vec![JudgedSegment {
                index: 0,
                score,
                rating,
            }];
            judged.responses.push(JudgedResponse { index, segments });
        }
        judged
    }

    /// The rating that divides negative and positive: `given`, or else half way between the lowest and the
    /// highest rating here.
    pub fn midpoint(&self, given: Option<f64>) -> Option<f64> {
        given.or_else(|| self.segment_pairs().middle_of_targets())
    }

    /// Scores and ratings as pairs, with `midpoint` for the metrics that cut ratings in two.
    ///
    /// At response level a response is one pair, its scores and its ratings aggregated; the
    /// midpoint is kept only where [`Aggregation::keeps_scale`]. A response whose aggregate
    /// overflows is left out.
    pub fn pairs(
        &self,
        level: Level,
        aggregation: Aggregation,
        midpoint: Option<f64>,
    ) -> ResponsePairs {
        match level {
            Level::Segment => self.segment_pairs().with_midpoint(midpoint),
            Level::Response => self
                .response_pairs(aggregation)
                .with_midpoint(midpoint.filter(|_| aggregation.keeps_scale())),
        }
    }

    /// The same segments with other scores: `score(response, segment)` by index in the list of
    /// scored responses and among all segments of the response.
    #[must_use]
    pub fn rescored(&self, score: impl Fn(usize, usize) -> f64) -> Self {
        let mut rescored = self.clone();
        for response in &mut rescored.responses {
            for segment in &mut response.segments {
                segment.score = score(response.index, segment.index);
            }
        }
        rescored
    }

    /// Only the segments for which `keep(response, segment)` holds, by the same indices as in
    /// [`rescored`](Self::rescored). The counts stay those of the whole.
    #[must_use]
    pub fn retained(&self, keep: impl Fn(usize, usize) -> bool) -> Self {
        let mut retained = self.clone();
        for response in &mut retained.responses {
            let index = response.index;
            response
                .segments
                .retain(|segment| keep(index, segment.index));
        }
        retained
            .responses
            .retain(|response| !response.segments.is_empty());
        retained
    }

    fn segment_pairs(&self) -> ResponsePairs {
        let mut pairs = ResponsePairs::new();
        for response in &self.responses {
            pairs.push_response(response.segments.iter().map(|s| (s.score, s.rating)));
        }
        pairs
    }

    fn response_pairs(&self, aggregation: Aggregation) -> ResponsePairs {
        ResponsePairs::ungrouped(self.responses.iter().filter_map(|response| {
            let aggregate = |value: fn(&JudgedSegment) -> f64| {
                let values: Vec<f64> = response.segments.iter().map(value).collect();
                aggregation.aggregate(&values)
            };
            Some((
                aggregate(|segment| segment.score)?,
                aggregate(|segment| segment.rating)?,
            ))
        }))
    }
}

impl AspectCounts {
    /// Counts one segment and returns its score and rating if it has both.
    fn judge(&mut self, segment: &ScoredSegment, aspect: usize, name: &str) -> Option<(f64, f64)> {
        let &rating = segment.ratings.get(name)?;
        if !rating.is_finite() {
            self.ratings_not_finite += 1;
            return None;
        }
        self.rated += 1;
        let Some(&score) = segment
            .scores
            .as_ref()
            .and_then(|scores| scores.get(aspect))
        else {
            self.unscored.add(segment.unscored);
            return None;
        };
        if !score.is_finite() {
            match segment.unscored {
                Some(reason) => self.unscored.add(Some(reason)),
                None => self.unscored.not_finite += 1,
            }
            return None;
        }
        self.scored += 1;
        Some((score, rating))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn rated(rating: f64, score: f64) -> ScoredSegment {
        ScoredSegment::scored(
            0,
            1,
            BTreeMap::from([("rating".into(), rating)]),
            vec![score],
        )
    }

    fn response(segments: Vec<ScoredSegment>) -> ScoredResponse {
        ScoredResponse {
            id: "x".into(),
            segments,
            ..ScoredResponse::default()
        }
    }

    #[test]
    fn every_rated_segment_is_scored_or_counted_with_its_reason() {
        let unscored = |reason| {
            let ratings = BTreeMap::from([("rating".into(), 1.0)]);
            ScoredSegment {
                ratings,
                unscored: reason,
                ..ScoredSegment::default()
            }
        };
        let judged = JudgedAspect::collect(
            &[
                response(vec![
                    rated(0.2, 0.1),
                    ScoredSegment::scored(1, 2, BTreeMap::new(), vec![9.0]),
                    rated(0.4, f64::NAN),
                    rated(f64::INFINITY, 0.5),
                    unscored(Some(UnscoredReason::Truncated)),
                    unscored(Some(UnscoredReason::NoTokens)),
                    unscored(Some(UnscoredReason::Missing)),
                    unscored(None),
                ]),
                response(vec![unscored(None)]),
                response(vec![rated(0.9, 0.8)]),
            ],
            0,
            "rating",
        );
        let counts = judged.counts;
        assert_eq!(
            (counts.rated, counts.scored, counts.ratings_not_finite),
            (8, 2, 1)
        );
        assert_eq!(counts.rated, counts.scored + counts.unscored.total());
        assert_eq!(
            (counts.unscored.not_finite, counts.unscored.unknown),
            (1, 2)
        );
        assert_eq!((counts.responses, counts.responses_partly_scored), (2, 1));
        assert_eq!(judged.responses[1].index, 2);
    }

    #[test]
    fn a_response_rated_as_a_whole_is_judged_by_all_of_its_segments() {
        let whole = |rating: f64, scores: &[f64]| ScoredResponse {
            segments: scores
                .iter()
                .map(|&score| ScoredSegment::scored(0, 1, BTreeMap::new(), vec![score]))
                .collect(),
            ratings: BTreeMap::from([("rating".into(), rating)]),
            ..ScoredResponse::default()
        };
        let mut cut_off = whole(0.5, &[0.25, 0.75]);
        cut_off.segments.push(ScoredSegment::unscored(
            1,
            2,
            BTreeMap::new(),
            UnscoredReason::Truncated,
        ));
        let empty = ScoredResponse {
            unscored: Some(UnscoredReason::Empty),
            ..whole(0.0, &[])
        };
        let mut given = whole(1.0, &[0.25]);
        given.scores = Some(vec![0.875]);
        let scored = [
            cut_off,
            response(vec![rated(0.1, 0.1)]),
            empty,
            given,
            whole(f64::NAN, &[0.5]),
            whole(0.5, &[1e308, 1.7e308]),
        ];
        let judged = JudgedAspect::collect_responses(&scored, 0, "rating", Aggregation::Mean);
        let pairs = judged.pairs(Level::Segment, Aggregation::Mean, None);
        assert_eq!(pairs.predictions(), [0.5, 0.875]);
        assert_eq!(pairs.targets(), [0.5, 1.0]);
        let counts = judged.counts;
        assert_eq!((counts.rated, counts.scored, counts.responses), (4, 2, 2));
        assert_eq!((counts.unscored.empty, counts.unscored.not_finite), (1, 1));
        assert_eq!(counts.unscored.total(), 2);
        assert_eq!(counts.responses_partly_scored, 1);
        assert_eq!(counts.ratings_not_finite, 1);
        assert_eq!(judged.responses[1].index, 3);
        let none = UnscoredCounts::of_responses(&scored);
        assert_eq!((none.empty, none.total()), (1, 1));
    }

    #[test]
    fn a_response_is_aggregated_over_its_rated_segments_only() {
        let unrated = ScoredSegment::scored(1, 2, BTreeMap::new(), vec![100.0]);
        let scored = [response(vec![rated(0.0, 0.25), unrated, rated(1.0, 0.75)])];
        let judged = JudgedAspect::collect(&scored, 0, "rating");
        let pairs = judged.pairs(Level::Response, Aggregation::Mean, Some(0.5));
        assert_eq!(
            (pairs.predictions(), pairs.targets()),
            (&[0.5][..], &[0.5][..])
        );
        assert_eq!(pairs.midpoint(), Some(0.5));
        assert_eq!(
            judged
                .pairs(Level::Response, Aggregation::Sum, Some(0.5))
                .midpoint(),
            None
        );
    }
}
