//! Metrics by position, by length and by `meta` key, worst first: where a model fails.

use crate::{
    JudgedAspect, JudgedResponse, JudgedSegment, Metric, MetricValues, ResponsePairs,
    ScoredResponse,
};
use gradus_data::meta_name;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The property that segments, or responses rated as a whole, are grouped by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SliceKey {
    /// Position of the segment in its response: `only`, `first`, `early`, `middle`, `late`,
    /// `last`; the three in the middle are thirds of the way from the first to the last. Responses
    /// have none.
    Position,
    /// Characters of the segment or response, in four parts of about equal count.
    Length,
    /// The value of a key of the record's `meta`; records without it are omitted.
    Meta(String),
}

impl fmt::Display for SliceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Position => f.pad("position"),
            Self::Length => f.pad("length"),
            Self::Meta(name) => f.pad(name),
        }
    }
}

/// The figures of one slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Slice {
    /// The property.
    pub key: SliceKey,
    /// Which part this is.
    pub part: String,
    /// Responses with a segment in it.
    pub responses: usize,
    /// Every metric over its segments.
    pub values: MetricValues,
}

/// The segments of one aspect, ready to be sliced.
#[derive(Clone, Copy)]
pub struct Slicer<'a> {
    /// All responses, as scored.
    pub scored: &'a [ScoredResponse],
    /// The aspect, collected from the same responses.
    pub judged: &'a JudgedAspect,
    /// The rating that divides negative and positive; see [`JudgedAspect::midpoint`].
    pub midpoint: Option<f64>,
    /// Slices with fewer segments are omitted, as their figures are noise.
    pub min_segments: usize,
    /// Whether `judged` holds responses rated as a whole
    /// ([`JudgedAspect::collect_responses`]) instead of segments.
    pub whole: bool,
}

impl Slice {
    /// Segments a slice of a report has at least.
    pub const MIN_SEGMENTS: usize = 10;
}

impl Slicer<'_> {
    /// The slices of all `keys` together, worst by `metric` first; those for which the metric does
    /// not exist come last.
    pub fn slices(&self, keys: &[SliceKey], metric: Metric) -> Vec<Slice> {
        let mut slices: Vec<Slice> = keys.iter().flat_map(|key| self.by_key(key)).collect();
        let goodness = |slice: &Slice| {
            slice
                .values
                .get(metric)
                .map_or(f64::INFINITY, |value| metric.goodness(value))
        };
        slices.sort_by(|a, b| goodness(a).total_cmp(&goodness(b)));
        slices
    }

    fn by_key(&self, key: &SliceKey) -> Vec<Slice> {
        let quarters = match key {
            SliceKey::Length => self.quarters_of_length(),
            _ => Vec::new(),
        };
        let mut parts: BTreeMap<Cow<'_, str>, ResponsePairs> = BTreeMap::new();
        for response in &self.judged.responses {
            let mut of_response: BTreeMap<Cow<'_, str>, Vec<(f64, f64)>> = BTreeMap::new();
            for segment in &response.segments {
                if let Some(part) = self.part(key, response, segment, &quarters) {
                    of_response
                        .entry(part)
                        .or_default()
                        .push((segment.score, segment.rating));
                }
            }
            for (part, pairs) in of_response {
                parts.entry(part).or_default().push_response(pairs);
            }
        }
        let parts: Vec<_> = parts.into_iter().collect();
        parts
            .into_par_iter()
            .filter(|(_, pairs)| pairs.len() >= self.min_segments)
            .map(|(part, pairs)| {
                let pairs = pairs.with_midpoint(self.midpoint);
                Slice {
                    key: key.clone(),
                    part: part.into_owned(),
                    responses: pairs.num_responses(),
                    values: MetricValues::compute(&pairs),
                }
            })
            .collect()
    }

    /// The part a segment belongs to.
    fn part<'q>(
        &self,
        key: &SliceKey,
        response: &JudgedResponse,
        segment: &JudgedSegment,
        quarters: &'q [Quarter],
    ) -> Option<Cow<'q, str>> {
        let record = self.scored.get(response.index)?;
        match key {
            SliceKey::Position if self.whole => None,
            SliceKey::Position => Some(position_part(segment.index, record.segments.len()).into()),
            SliceKey::Length => {
                let length = self.length(response.index, segment.index)?;
                let quarter = quarters.iter().find(|quarter| length <= quarter.high)?;
                Some(quarter.name.as_str().into())
            }
            SliceKey::Meta(name) => meta_name(record.meta.get(name)?).map(Cow::from),
        }
    }

    /// Characters of a segment, or of the response.
    fn length(&self, response: usize, segment: usize) -> Option<usize> {
        let record = self.scored.get(response)?;
        if self.whole {
            return Some(record.chars);
        }
        Some(record.segments.get(segment)?.len())
    }

    /// Ranges of length with about a quarter of the segments each; equal lengths stay together.
    fn quarters_of_length(&self) -> Vec<Quarter> {
        let mut lengths: Vec<usize> = self
            .judged
            .responses
            .iter()
            .flat_map(|response| response.segments.iter().map(|s| (response.index, s.index)))
            .filter_map(|(response, segment)| self.length(response, segment))
            .collect();
        lengths.sort_unstable();
        let mut quarters: Vec<Quarter> = Vec::new();
        for quarter in 1..=4 {
            let Some(last) = (quarter * lengths.len() / 4).checked_sub(1) else {
                continue;
            };
            let low = quarters
                .last()
                .map_or(lengths[0], |quarter| quarter.high + 1);
            if quarters
                .last()
                .is_none_or(|quarter| quarter.high < lengths[last])
            {
                let high = lengths[last];
                quarters.push(Quarter {
                    name: format!("{low}-{high} characters"),
                    high,
                });
            }
        }
        quarters
    }
}

/// A range of lengths in characters.
struct Quarter {
    /// The range, ends included.
    name: String,
    /// Its end.
    high: usize,
}

fn position_part(index: usize, count: usize) -> &'static str {
    match (index, count) {
        (_, 1) => "only",
        (0, _) => "first",
        (index, count) if index + 1 == count => "last",
        (index, count) if 3 * index < count - 1 => "early",
        (index, count) if 3 * index > 2 * (count - 1) => "late",
        _ => "middle",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScoredSegment;
    use serde_json::json;

    fn scored() -> Vec<ScoredResponse> {
        (0..8_u32)
            .map(|index| {
                let segments = (0..5_u32)
                    .map(|k| {
                        let rating = f64::from((index + k) % 4) / 4.0;
                        // Only the last segment is scored badly.
                        let error = if k == 4 { 0.5 } else { 0.01 * f64::from(k) };
                        let start = (10 * k) as usize;
                        ScoredSegment::scored(
                            start,
                            start + 1 + k as usize,
                            BTreeMap::from([("rating".into(), rating)]),
                            vec![rating + error],
                        )
                    })
                    .collect();
                let meta = json!({ "topic": if index % 2 == 0 { "maths" } else { "history" } });
                let meta = meta.as_object().unwrap().clone();
                ScoredResponse {
                    id: index.to_string(),
                    segments,
                    ratings: BTreeMap::from([("rating".into(), f64::from(index))]),
                    chars: 100 + index as usize,
                    meta,
                    ..ScoredResponse::default()
                }
            })
            .collect()
    }

    fn slices(keys: &[SliceKey], min_segments: usize) -> Vec<Slice> {
        let scored = scored();
        let judged = JudgedAspect::collect(&scored, 0, "rating");
        let slicer = Slicer {
            scored: &scored,
            judged: &judged,
            midpoint: None,
            min_segments,
            whole: false,
        };
        slicer.slices(keys, Metric::MSE)
    }

    #[test]
    fn whole_responses_are_sliced_by_their_length_and_meta_and_have_no_position() {
        let scored = scored();
        let judged =
            JudgedAspect::collect_responses(&scored, 0, "rating", crate::Aggregation::Mean);
        let slicer = Slicer {
            scored: &scored,
            judged: &judged,
            midpoint: None,
            min_segments: 1,
            whole: true,
        };
        let keys = [
            SliceKey::Position,
            SliceKey::Length,
            SliceKey::Meta("topic".into()),
        ];
        let slices = slicer.slices(&keys, Metric::MSE);
        let parts: Vec<&str> = slices.iter().map(|slice| slice.part.as_str()).collect();
        assert_eq!(slices.len(), 6, "{parts:?}");
        // The ratings rise with the length and the scores do not.
        assert_eq!(parts[0], "106-107 characters");
        assert_eq!(slices[0].values.count, 2);
    }

    #[test]
    fn the_worst_slice_comes_first() {
        let keys = [SliceKey::Position, SliceKey::Meta("topic".into())];
        let slices = slices(&keys, 1);
        assert_eq!(slices[0].part, "last");
        let errors: Vec<f64> = slices
            .iter()
            .map(|slice| slice.values.get(Metric::MSE).unwrap())
            .collect();
        assert!(errors.is_sorted_by(|a, b| a >= b), "{errors:?}");
        assert_eq!(slices.iter().map(|s| s.values.count).sum::<usize>(), 2 * 40);
    }

    #[test]
    fn lengths_are_cut_into_quarters_that_hold_every_segment() {
        let slices = slices(&[SliceKey::Length], 1);
        assert_eq!(
            slices.iter().map(|slice| slice.values.count).sum::<usize>(),
            40
        );
        assert_eq!(slices[0].part, "5-5 characters");
    }

    #[test]
    fn small_slices_and_unknown_keys_are_left_out() {
        assert!(slices(&[SliceKey::Position], 9).is_empty());
        assert!(slices(&[SliceKey::Meta("nowhere".into())], 1).is_empty());
    }

    #[test]
    fn positions_have_a_name_from_the_first_to_the_last() {
        let parts: Vec<&str> = (0..7).map(|index| position_part(index, 7)).collect();
        assert_eq!(
            parts,
            [
                "first", "early", "middle", "middle", "middle", "late", "last"
            ]
        );
        assert_eq!(position_part(0, 1), "only");
        assert_eq!(
            (position_part(0, 2), position_part(1, 2)),
            ("first", "last")
        );
    }
}
