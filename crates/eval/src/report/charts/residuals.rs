//! Residuals (score minus rating): their histogram, and a plot against the score.

use super::axis::Axis;
use super::palette::Ink;
use super::plot::{Layout, draw};
use super::{Chart, Numbers, quantiles};
use crate::Result;
use crate::metrics::mean;
use crate::report::number::{count, plain};

/// Number of bars of the histogram.
const BARS: usize = 31;
/// Number of bins along the scores.
const BINS: usize = 20;

/// The histogram of residuals.
///
/// # Errors
/// If the drawing library fails.
pub(in crate::report) fn residual_histogram(pairs: &[(f64, f64)]) -> Result<Option<Chart>> {
    let residuals: Vec<f64> = pairs.iter().map(|(score, rating)| score - rating).collect();
    let Some(x) = Axis::over("score \u{2212} rating", residuals.iter().copied()) else {
        return Ok(None);
    };
    let width = (x.high - x.low) / BARS as f64;
    let mut bars = [0_usize; BARS];
    for residual in &residuals {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "residuals lie on the axis"
        )]
        let bar = ((residual - x.low) / width) as usize;
        bars[bar.min(BARS - 1)] += 1;
    }
    let most = bars.iter().copied().max().unwrap_or(0) as f64;
    let Some(y) = Axis::between("segments", 0.0, 1.05 * most) else {
        return Ok(None);
    };
    let bias = mean(&residuals);
    let svg = draw("Residuals", (&x, &y), Layout::default(), |plot| {
        for (index, &segments) in bars
            .iter()
            .enumerate()
            .filter(|(_, segments)| **segments > 0)
        {
            let left = x.low + index as f64 * width;
            let corners = [
                (left + 0.06 * width, 0.0),
                (left + 0.94 * width, segments as f64),
            ];
            plot.block(corners, Ink::Model, 0.75);
        }
        plot.dashes((0.0, y.low), (0.0, y.high), Ink::Third);
        plot.line(&[(bias, y.low), (bias, y.high)], Ink::Other, 2.0, 1.0);
    })?;
    Ok(Some(Chart {
        title: "Residuals".into(),
        caption: format!(
            "Score minus rating of every segment. The mean (bias) is {}.",
            plain(bias)
        ),
        svg,
        key: vec![("other", "mean"), ("third", "no error")],
        numbers: bar_numbers(&bars, x.low, width),
    }))
}

/// The bars that are drawn.
fn bar_numbers(bars: &[usize], low: f64, width: f64) -> Numbers {
    let drawn = bars.iter().enumerate().filter(|(_, bar)| **bar > 0);
    let rows = drawn.map(|(index, &bar)| {
        let left = low + index as f64 * width;
        vec![plain(left), plain(left + width), count(bar)]
    });
    Numbers::new(&["from", "to", "segments"], rows)
}

/// The residuals against the scores.
///
/// # Errors
/// If the drawing library fails.
pub(in crate::report) fn residuals_by_score(pairs: &[(f64, f64)]) -> Result<Option<Chart>> {
    let bins = bins_by_score(pairs);
    let ends = |bin: &Bin| [bin.low, bin.mean, bin.high];
    let y_values = bins.iter().flat_map(ends).chain([0.0]);
    let axes = (
        Axis::over("score", bins.iter().map(|bin| bin.score)),
        Axis::over("score \u{2212} rating", y_values),
    );
    let ((Some(x), Some(y)), 2..) = (axes, bins.len()) else {
        return Ok(None);
    };
    let svg = draw(
        "Residuals against score",
        (&x, &y),
        Layout::default(),
        |plot| {
            let lower = bins.iter().map(|bin| (bin.score, bin.low));
            let upper = bins.iter().rev().map(|bin| (bin.score, bin.high));
            plot.area(&lower.chain(upper).collect::<Vec<_>>(), Ink::Model, 0.18);
            plot.dashes((x.low, 0.0), (x.high, 0.0), Ink::Third);
            let means: Vec<(f64, f64)> = bins.iter().map(|bin| (bin.score, bin.mean)).collect();
            plot.line(&means, Ink::Model, 2.0, 1.0);
        },
    )?;
    Ok(Some(Chart {
        title: "Residuals against score".into(),
        caption: format!(
            "Mean of score minus rating in {} bins of about equal count; the shaded area has the middle 80 % \
             of the segments. Above the dashed line the scores are too high.",
            bins.len(),
        ),
        svg,
        key: Vec::new(),
        numbers: bin_numbers(&bins),
    }))
}

fn bin_numbers(bins: &[Bin]) -> Numbers {
    let rows = bins.iter().map(|bin| {
        let numbers = [bin.score, bin.mean, bin.low, bin.high];
        numbers.map(plain).to_vec()
    });
    let head = [
        "mean score",
        "mean residual",
        "tenth percentile",
        "ninetieth percentile",
    ];
    Numbers::new(&head, rows)
}

/// Segments of about the same score.
struct Bin {
    score: f64,
    mean: f64,
    low: f64,
    high: f64,
}

fn bins_by_score(pairs: &[(f64, f64)]) -> Vec<Bin> {
    let mut sorted = pairs.to_vec();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let bins = BINS.min(sorted.len() / 5);
    (0..bins)
        .map(|bin| &sorted[bin * sorted.len() / bins..(bin + 1) * sorted.len() / bins])
        .map(|bin| {
            let scores: Vec<f64> = bin.iter().map(|pair| pair.0).collect();
            let mut residuals: Vec<f64> = bin.iter().map(|pair| pair.0 - pair.1).collect();
            residuals.sort_unstable_by(f64::total_cmp);
            let [low, high] = quantiles(&residuals, [0.1, 0.9]);
            Bin {
                score: mean(&scores),
                mean: mean(&residuals),
                low,
                high,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_shows_as_the_mean_of_the_residuals() {
        let pairs: Vec<(f64, f64)> = (0..100)
            .map(|k| f64::from(k) / 100.0)
            .map(|t| (t + 0.3, t))
            .collect();
        let chart = residual_histogram(&pairs).unwrap().unwrap();
        assert!(chart.caption.ends_with("is 0.3000."), "{}", chart.caption);
        let bins = bins_by_score(&pairs);
        assert_eq!(bins.len(), BINS);
        assert!(bins.iter().all(|bin| (bin.mean - 0.3).abs() < 1e-12));
        let bars = chart.numbers.rows();
        assert_eq!(bars.len(), 1, "all residuals are in one bar: {bars:?}");
        assert_eq!(bars[0][2], "100");
        let chart = residuals_by_score(&pairs).unwrap().unwrap();
        let rows = chart.numbers.rows();
        assert_eq!(rows.len(), BINS);
        assert_eq!(rows[0], ["0.3200", "0.3000", "0.3000", "0.3000"]);
    }

    #[test]
    fn few_or_constant_scores_are_drawn_or_left_out_without_a_made_up_number() {
        assert!(residual_histogram(&[]).unwrap().is_none());
        assert!(residuals_by_score(&[(0.5, 0.5); 9]).unwrap().is_none());
        let constant = residuals_by_score(&[(0.5, 0.5); 40]).unwrap().unwrap();
        let one = residual_histogram(&[(0.5, 0.5)]).unwrap().unwrap();
        assert!(!constant.svg.contains("NaN") && !one.svg.contains("NaN"));
    }
}
