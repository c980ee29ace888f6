//! Training and validation loss by step.

use super::axis::Axis;
use super::palette::Ink;
use super::plot::{Layout, draw};
use super::{Chart, Numbers, quantiles};
use crate::Result;
use crate::metrics::mean;
use crate::report::History;
use crate::report::history::Epoch;
use crate::report::number::{figure, fixed};

/// Maximum number of points of a line; more steps are averaged in groups.
const POINTS: usize = 600;

/// The loss of every step, the smoothed loss, and the validation loss after every epoch.
///
/// # Errors
/// If the drawing library fails.
pub(in crate::report) fn training(history: &History) -> Result<Option<Chart>> {
    let steps = finite(
        history
            .steps
            .iter()
            .map(|step| (step.step as f64, step.loss)),
    );
    let epochs: Vec<&Epoch> = history
        .epochs
        .iter()
        .filter(|epoch| epoch.valid_loss.is_finite())
        .collect();
    let valid = finite(
        epochs
            .iter()
            .map(|epoch| (epoch.step as f64, epoch.valid_loss)),
    );
    let smooth = smoothed(&steps);
    let top = top(&steps, &smooth, &valid);
    let last = steps
        .iter()
        .chain(&valid)
        .map(|point| point.0)
        .fold(0.0, f64::max);
    let axes = (
        Axis::between("step", 0.0, last),
        Axis::between("loss", 0.0, top),
    );
    let ((Some(x), Some(y)), false) = (axes, steps.is_empty() && valid.is_empty()) else {
        return Ok(None);
    };
    let svg = draw("Training", (&x, &y), Layout::default(), |plot| {
        plot.line(&thinned(&steps), Ink::Third, 1.0, 0.35);
        plot.line(&thinned(&smooth), Ink::Model, 2.0, 1.0);
        plot.line(&valid, Ink::Other, 2.0, 1.0);
        for (point, epoch) in valid.iter().zip(&epochs) {
            plot.dot(*point, if epoch.best { 4.5 } else { 3.0 }, Ink::Other, 1.0);
        }
    })?;
    let mut caption =
        "Loss per step, in units of the targets, and on the validation split after each epoch."
            .to_owned();
    if let Some(best) = history.epochs.iter().rev().find(|epoch| epoch.best) {
        caption = format!("{caption} The weights of epoch {} were kept.", best.epoch);
    }
    if steps.iter().any(|step| step.1 > y.high) {
        caption += " Steps beyond the upper edge are drawn on it.";
    }
    Ok(Some(Chart {
        title: "Training".into(),
        caption,
        svg,
        key: vec![
            ("third", "single steps"),
            ("model", "smoothed"),
            ("other", "validation"),
        ],
        numbers: numbers(&steps, &valid, last),
    }))
}

/// A row for about every tenth of the run and for every validation: the mean loss of the steps since the previous row,
/// and the validation loss.
fn numbers(steps: &[(f64, f64)], valid: &[(f64, f64)], last: f64) -> Numbers {
    let tenths = (1..=10).map(|tenth| (f64::from(tenth) * last / 10.0).round());
    let tenths = tenths.filter(|end| *end > 0.0);
    let mut ends: Vec<f64> = tenths.chain(valid.iter().map(|point| point.0)).collect();
    ends.sort_unstable_by(f64::total_cmp);
    ends.dedup();
    let mut before = 0.0;
    let rows = ends.into_iter().map(|end| {
        let within = steps.iter().filter(|step| step.0 > before && step.0 <= end);
        let losses: Vec<f64> = within.map(|step| step.1).collect();
        before = end;
        let validation = valid.iter().find(|point| (point.0 - end).abs() < 0.5);
        vec![
            fixed(end, 0),
            figure((!losses.is_empty()).then(|| mean(&losses))),
            figure(validation.map(|point| point.1)),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    Numbers::new(&["up to step", "mean loss", "validation"], rows)
        .with_note("Mean loss: of the steps since the previous row.")
}

fn finite(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    points.filter(|point| point.1.is_finite()).collect()
}

/// The exponential moving average over about a thirtieth of the run, corrected for its start.
fn smoothed(steps: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let keep = 1.0 - 1.0 / (steps.len() as f64 / 30.0).max(1.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    let smooth = steps.iter().map(|&(step, loss)| {
        sum = keep * sum + loss;
        weight = keep * weight + 1.0;
        (step, sum / weight)
    });
    smooth.collect()
}

/// The upper end of the axis: includes nearly all steps, and all points of the other lines.
fn top(steps: &[(f64, f64)], smooth: &[(f64, f64)], valid: &[(f64, f64)]) -> f64 {
    let mut losses: Vec<f64> = steps.iter().map(|step| step.1).collect();
    losses.sort_unstable_by(f64::total_cmp);
    let most = if losses.is_empty() {
        0.0
    } else {
        quantiles(&losses, [0.98])[0]
    };
    1.06 * smooth
        .iter()
        .chain(valid)
        .map(|point| point.1)
        .fold(most, f64::max)
}

/// Means of neighboring points, at most [`POINTS`] of them.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let size = points.len().div_ceil(POINTS).max(1);
    let mean = |chunk: &[(f64, f64)]| {
        let count = chunk.len() as f64;
        let (x, y) = chunk
            .iter()
            .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        (x / count, y / count)
    };
    points.chunks(size).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::history::Step;

    #[test]
    fn long_runs_are_thinned_and_spikes_do_not_flatten_the_rest() {
        let steps = (1..=5000)
            .map(|step| Step {
                step,
                loss: if step == 7 { 1e6 } else { 0.5 },
            })
            .collect();
        let epochs = vec![
            Epoch {
                epoch: 1,
                step: 2500,
                valid_loss: 0.4,
                best: true,
            },
            Epoch {
                epoch: 2,
                step: 5000,
                valid_loss: f64::NAN,
                best: false,
            },
        ];
        let chart = training(&History { steps, epochs }).unwrap().unwrap();
        assert!(
            chart.caption.contains("epoch 1 were kept"),
            "{}",
            chart.caption
        );
        assert!(chart.caption.contains("upper edge"), "{}", chart.caption);
        assert!(
            !chart.svg.contains("NaN") && chart.svg.len() < 40_000,
            "{}",
            chart.svg.len()
        );
        let rows = chart.numbers.rows();
        assert_eq!(rows.len(), 10);
        assert_eq!(rows[4], ["2500", "0.5000", "0.4000"]);
        assert_eq!(rows[9], ["5000", "0.5000", "-"]);
    }

    #[test]
    fn the_numbers_are_means_between_one_line_and_the_next() {
        let steps: Vec<(f64, f64)> = (1..=20).map(|k| (f64::from(k), f64::from(k))).collect();
        let numbers = numbers(&steps, &[(5.0, 0.25)], 20.0);
        let rows = numbers.rows();
        let step = |row: &Vec<&str>| row[0].parse::<u32>().unwrap();
        let found: Vec<u32> = rows.iter().map(step).collect();
        assert_eq!(found, [2, 4, 5, 6, 8, 10, 12, 14, 16, 18, 20]);
        assert_eq!(rows[1], ["4", "3.5000", "-"]);
        assert_eq!(rows[2], ["5", "5.0000", "0.2500"]);
        assert_eq!(rows[3], ["6", "6.0000", "-"]);
        assert_eq!(rows[10], ["20", "19.50", "-"]);
    }

    #[test]
    fn the_smoothed_line_starts_at_the_first_loss() {
        let steps: Vec<(f64, f64)> = (0..90)
            .map(|k| (f64::from(k), if k == 0 { 1.0 } else { 0.0 }))
            .collect();
        let smooth = smoothed(&steps);
        assert!((smooth[0].1 - 1.0).abs() < 1e-12 && smooth[89].1 < 1e-9);
        assert!(training(&History::default()).unwrap().is_none());
    }
}
