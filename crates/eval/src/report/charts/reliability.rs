//! The reliability diagram: mean rating by score.

use super::axis::Axis;
use super::palette::Ink;
use super::plot::{Layout, Plot, draw};
use super::{Chart, Numbers};
use crate::Result;
use crate::calibration::Reliability;
use crate::report::number::{count, plain};

/// Mean rating against mean score in bins of equal count, before recalibration and, where there is
/// one, after.
///
/// # Errors
/// If the drawing library fails.
pub(in crate::report) fn reliability(
    before: &Reliability,
    after: Option<&Reliability>,
) -> Result<Option<Chart>> {
    let bins = || {
        before
            .bins
            .iter()
            .chain(after.iter().flat_map(|curve| &curve.bins))
    };
    let values = || bins().flat_map(|bin| [bin.mean_score, bin.mean_rating]);
    let axes = (
        Axis::over("mean score", values()),
        Axis::over("mean rating", values()),
    );
    let (Some(x), Some(y)) = axes else {
        return Ok(None);
    };
    let svg = draw("Reliability", (&x, &y), Layout::default(), |plot| {
        plot.dashes((x.low, x.low), (x.high, x.high), Ink::Third);
        if let Some(after) = after {
            curve(plot, after, Ink::Other);
        }
        curve(plot, before, Ink::Model);
    })?;
    let recalibrated = after.map_or_else(String::new, |after| {
        let error = plain(after.expected_calibration_error);
        format!(", after recalibration {error}")
    });
    let caption = format!(
        "Segments in {} bins of about equal count, lowest scores first. Below the dashed line the \
         scores are too high. Expected calibration error {}{recalibrated}.",
        before.bins.len(),
        plain(before.expected_calibration_error),
    );
    let key = match after {
        Some(_) => vec![("model", "as scored"), ("other", "after recalibration")],
        None => Vec::new(),
    };
    Ok(Some(Chart {
        title: "Reliability".into(),
        caption,
        svg,
        key,
        numbers: numbers(before, after),
    }))
}

fn numbers(before: &Reliability, after: Option<&Reliability>) -> Numbers {
    let rows = |curve: &Reliability, name: &'static str| {
        let bins = curve.bins.clone().into_iter().enumerate();
        bins.map(move |(index, bin)| {
            vec![
                format!("{name}{}", index + 1),
                count(bin.count),
                plain(bin.mean_score),
                plain(bin.mean_rating),
            ]
        })
    };
    let after = after.into_iter();
    let after = after.flat_map(|curve| rows(curve, "after recalibration, "));
    let head = ["bin", "segments", "mean score", "mean rating"];
    Numbers::new(&head, rows(before, "").chain(after))
}

fn curve(plot: &mut Plot, curve: &Reliability, ink: Ink) {
    let points: Vec<(f64, f64)> = curve
        .bins
        .iter()
        .map(|bin| (bin.mean_score, bin.mean_rating))
        .collect();
    plot.line(&points, ink, 2.0, 1.0);
    for point in points {
        plot.dot(point, 3.5, ink, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caption_says_what_recalibration_gained() {
        let before = Reliability::compute(&[0.1, 0.2, 0.3], &[0.2, 0.3, 0.4], 3).unwrap();
        let after = Reliability::compute(&[0.2, 0.3, 0.4], &[0.2, 0.3, 0.4], 3).unwrap();
        let chart = reliability(&before, Some(&after)).unwrap().unwrap();
        assert!(
            chart
                .caption
                .ends_with("error 0.1000, after recalibration 0.0000."),
            "{}",
            chart.caption
        );
        assert!(chart.svg.contains("var(--model)") && chart.svg.contains("var(--other)"));
        let rows = chart.numbers.rows();
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[0], ["1", "1", "0.1000", "0.2000"]);
        assert_eq!(rows[3], ["after recalibration, 1", "1", "0.2000", "0.2000"]);
        let alone = reliability(&before, None).unwrap().unwrap();
        assert!(alone.key.is_empty() && !alone.svg.contains("var(--other)"));
    }
}
