//! The scores of an example.

use gradus_data::TruncationCounts;
use serde::Serialize;

use crate::UnscoredReason;

/// The scores of an example.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ExampleScores {
    /// Of each segment of the example, in their order.
    pub segments: Vec<SegmentScore>,
    /// Of the response, one entry per aspect, in rating units: the segment scores aggregated, and
    /// then recalibrated where the bundle has a recalibration for responses. `None` for an aspect
    /// without a score.
    pub response: Vec<Option<f64>>,
    /// The parts of the example that the model did not read.
    pub truncation: TruncationCounts,
    /// Whether a segment is doubtful, by segment and aspect: its score before recalibration is at most the bundle's
    /// threshold. Empty where the bundle has none.
    pub doubtful: Vec<Vec<bool>>,
    /// Distance of either end of a prediction interval from the score of a segment, by aspect; `None` for an aspect
    /// without one, and where the bundle's holds for scores that came about otherwise. Empty where the bundle has none.
    pub half_widths: Vec<Option<f64>>,
    /// The distance of the windows in which it was read, if it was to be read in windows.
    pub(super) stride: Option<usize>,
}

impl ExampleScores {
    /// Both ends of the prediction interval of a segment on an aspect, both by their place.
    pub fn prediction_interval(&self, segment: usize, aspect: usize) -> Option<[f64; 2]> {
        let half_width = self.half_widths.get(aspect).copied().flatten()?;
        let score = self.segments.get(segment)?.scores()?[aspect];
        Some([shortest(score - half_width), shortest(score + half_width)])
    }

    /// Whether a segment is doubtful on an aspect, both by their place.
    pub fn is_doubtful(&self, segment: usize, aspect: usize) -> bool {
        let of_segment = self.doubtful.get(segment);
        of_segment.is_some_and(|aspects| aspects.get(aspect).copied().unwrap_or_default())
    }
}

/// Score of a segment, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentScore {
    /// One score per aspect, in rating units.
    Scored(Vec<f64>),
    /// The same of a segment of which the model read only a part, under
    /// [`CutSegments::Score`](gradus_data::CutSegments::Score).
    Cut(Vec<f64>),
    /// The segment, or a part of it, did not fit into the model's `max_length`.
    Truncated,
    /// The tokenizer makes no token of the segment's text.
    NoTokens,
}

impl SegmentScore {
    /// The scores per aspect, if there are any.
    pub fn scores(&self) -> Option<&[f64]> {
        match self {
            Self::Scored(scores) | Self::Cut(scores) => Some(scores),
            Self::Truncated | Self::NoTokens => None,
        }
    }

    /// Why there are none.
    pub fn unscored(&self) -> Option<UnscoredReason> {
        match self {
            Self::Scored(_) | Self::Cut(_) => None,
            Self::Truncated => Some(UnscoredReason::Truncated),
            Self::NoTokens => Some(UnscoredReason::NoTokens),
        }
    }
}

/// The number whose decimal text is the shortest that reads back as the same `f32`.
///
/// Scores have no more digits than that, and a file of them says what was computed and no more.
pub(crate) fn shortest(score: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "scores are computed in f32"
    )]
    let single = score as f32;
    if !single.is_finite() {
        // A sum or a recalibrated score may lie beyond f32.
        return score;
    }
    let text = single.to_string();
    text.parse().expect("the text of a number is one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_shortest_text_reads_back_as_the_same_score(score in any::<f32>().prop_filter("finite", |s| s.is_finite())) {
            let short = shortest(f64::from(score));
            #[expect(clippy::cast_possible_truncation)]
            let again = short as f32;
            prop_assert_eq!(again.to_bits(), score.to_bits());
            let text = serde_json::to_string(&short).unwrap();
            let digits = text.split('e').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit);
            prop_assert!(score.abs() >= 1e7 || score.abs() < 1e-5 || digits.count() <= 14, "{}", text);
        }
    }

    #[test]
    fn digits_that_say_nothing_are_left_out() {
        assert_eq!(
            serde_json::to_string(&shortest(-0.016_974_747_180_938_72)).unwrap(),
            "-0.016974747"
        );
    }
}
