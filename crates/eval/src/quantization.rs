//! How much the scores of a bundle move when its weights are quantized.

use gradus_bundle::QuantizationChange;

use crate::bootstrap::Bootstrap;
use crate::compare::{CompareOptions, System, compare};
use crate::metrics::{finite, spearman};
use crate::{Aggregation, JudgedAspect, Result, ScoredResponse};

/// The scores of the same responses before and after.
#[derive(Clone, Copy, Debug)]
pub struct BeforeAndAfter<'a> {
    /// The model's own scores: what is compared.
    pub raw: [&'a [ScoredResponse]; 2],
    /// The scores that are judged by the ratings: the same, or recalibrated.
    pub judged: [&'a [ScoredResponse]; 2],
    /// How segment scores become a response score.
    pub aggregation: Aggregation,
}

/// How much the scores on an aspect (its place and name) moved. `threshold` is that of doubtful segments. `None` if no
/// segment has a score.
///
/// The mean squared error is that of segments, or of responses rated as a whole where no segment is rated. A score that
/// is no finite number after counts as infinitely far from that of before.
///
/// # Errors
/// [`EvalError::DifferentRatings`](crate::EvalError::DifferentRatings) if the responses are not the same.
pub fn quantization_change(
    (place, name): (usize, &str),
    scores: BeforeAndAfter<'_>,
    threshold: Option<f64>,
    bootstrap: &Bootstrap,
) -> Result<Option<QuantizationChange>> {
    let pairs = pairs(scores.raw, place);
    if pairs.is_empty() {
        return Ok(None);
    }
    let (before, after): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let count = before.len() as f64;
    let middle = before.iter().sum::<f64>() / count;
    let variance = before.iter().map(|b| (b - middle).powi(2)).sum::<f64>() / count;
    let both = || before.iter().zip(&after);
    let differences: Vec<f64> = both().map(|(b, a)| distance(*b, *a)).collect();
    let side = |score: f64| threshold.map(|threshold| score <= threshold);
    let crossed = both().filter(|(b, a)| side(**b) != side(**a)).count();
    let comparison = judged(scores, place, name, bootstrap)?;
    Ok(Some(QuantizationChange {
        segments: before.len(),
        sd: variance.sqrt(),
        mean: differences.iter().sum::<f64>() / count,
        max: differences.into_iter().fold(0.0, f64::max),
        spearman: spearman(&after, &before).and_then(finite),
        mse: comparison.as_ref().map(|(values, _)| *values),
        mse_interval: comparison.and_then(|(_, interval)| interval),
        confidence: bootstrap.confidence,
        flags_changed: threshold.map(|_| crossed),
    }))
}

fn distance(before: f64, after: f64) -> f64 {
    if after.is_finite() {
        (after - before).abs()
    } else {
        f64::INFINITY
    }
}

/// The scores before and after of all segments that had one before.
fn pairs([before, after]: [&[ScoredResponse]; 2], place: usize) -> Vec<(f64, f64)> {
    let score = |scores: Option<&Vec<f64>>| scores.and_then(|scores| scores.get(place)).copied();
    let segments = |responses: &[ScoredResponse]| -> Vec<Option<f64>> {
        let segments = responses.iter().flat_map(|response| &response.segments);
        segments
            .map(|segment| score(segment.scores.as_ref()))
            .collect()
    };
    let after = segments(after)
        .into_iter()
        .map(|after| after.unwrap_or(f64::NAN));
    let both = segments(before).into_iter().zip(after);
    both.filter_map(|(before, after)| Some((before.filter(|b| b.is_finite())?, after)))
        .collect()
}

type Judged = ([f64; 2], Option<[f64; 2]>);

/// The mean squared error before and after, and the interval of its change.
fn judged(
    scores: BeforeAndAfter<'_>,
    place: usize,
    name: &str,
    bootstrap: &Bootstrap,
) -> Result<Option<Judged>> {
    let [before, after] = scores.judged.map(|responses| {
        let segments = JudgedAspect::collect(responses, place, name);
        if segments.counts.rated > 0 {
            segments
        } else {
            JudgedAspect::collect_responses(responses, place, name, scores.aggregation)
        }
    });
    let system = |name: &str, judged| System {
        name: name.to_owned(),
        judged,
    };
    let options = CompareOptions {
        bootstrap: bootstrap.clone(),
        ..CompareOptions::default()
    };
    // The difference is that of the first from the second.
    let report = compare(
        &[system("after", after), system("before", before)],
        &options,
    )?;
    let comparison = report.comparisons.into_iter().next();
    Ok(comparison.and_then(|found| {
        let values = [found.value_b?, found.value_a?];
        let interval = found
            .difference
            .map(|interval| [interval.low, interval.high]);
        Some((values, interval))
    }))
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ScoredSegment;

    fn responses(scores: &[f64]) -> Vec<ScoredResponse> {
        let segment = |(number, score): (usize, &f64)| {
            let rating = BTreeMap::from([("rating".to_owned(), number as f64)]);
            ScoredSegment::scored(0, 1, rating, vec![*score])
        };
        let response = |(number, scores): (usize, &[f64])| ScoredResponse {
            segments: (2 * number..).zip(scores).map(segment).collect(),
            ..ScoredResponse::default()
        };
        scores.chunks(2).enumerate().map(response).collect()
    }

    fn change(before: &[f64], after: &[f64]) -> Option<QuantizationChange> {
        let [before, after] = [before, after].map(responses);
        let both = [before.as_slice(), after.as_slice()];
        let scores = BeforeAndAfter {
            raw: both,
            judged: both,
            aggregation: Aggregation::Mean,
        };
        quantization_change((0, "rating"), scores, Some(1.25), &Bootstrap::default()).unwrap()
    }

    #[test]
    fn differences_are_measured_in_scores_and_their_standard_deviation() {
        let found = change(&[0.0, 1.0, 2.0, 3.0], &[0.0, 1.5, 2.0, 3.0]).unwrap();
        assert_eq!((found.segments, found.mean, found.max), (4, 0.125, 0.5));
        assert_eq!(found.sd, 1.25_f64.sqrt());
        assert!((found.spearman.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(found.flags_changed, Some(1));
        assert_eq!(found.size(), 0.125 / 1.25_f64.sqrt());
        // Off by .5 at one of four ratings.
        assert_eq!(found.mse, Some([0.0, 0.0625]));
        assert_eq!(found.mse_interval, Some([0.0, 0.125]));
    }

    #[test]
    fn one_score_far_off_counts_as_much_as_a_mean_of_a_tenth_of_it() {
        let before: Vec<f64> = (0..40).map(f64::from).collect();
        let mut after = before.clone();
        after[7] += 20.0;
        let found = change(&before, &after).unwrap();
        assert_eq!((found.mean, found.max), (0.5, 20.0));
        assert_eq!(found.size(), 2.0 / found.sd);
    }

    #[test]
    fn scores_that_are_lost_are_infinitely_far() {
        assert_eq!(
            change(&[0.0, 1.0], &[0.0, f64::NAN]).unwrap().size(),
            f64::INFINITY
        );
        assert_eq!(change(&[1.0, 1.0], &[1.0, 1.0]).unwrap().size(), 0.0);
        assert_eq!(
            change(&[1.0, 1.0], &[1.0, 1.1]).unwrap().size(),
            f64::INFINITY
        );
        assert_eq!(change(&[f64::NAN], &[f64::NAN]), None);
    }
}
