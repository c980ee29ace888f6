//! The model's correlations with their intervals, and those of the trivial baselines.

use super::axis::Axis;
use super::palette::Ink;
use super::plot::{Layout, draw};
use super::{Chart, Numbers};
use crate::report::number::figure;
use crate::{LevelValues, Metric, MetricValues, Result};

/// The metrics shown: all have about the same scale, and higher is better.
const METRICS: [Metric; 6] = [
    Metric::PEARSON,
    Metric::SPEARMAN,
    Metric::KENDALL_TAU_B,
    Metric::CONCORDANCE,
    Metric::PAIRWISE_ACCURACY,
    Metric::AUROC,
];

/// One line per metric: the model's value in its interval, rings for the baselines.
///
/// # Errors
/// If the drawing library fails.
pub(in crate::report) fn against_baselines(
    title: &'static str,
    model: &LevelValues,
    baselines: &[(&str, &MetricValues)],
) -> Result<Option<Chart>> {
    // The axis counts upwards, so that the first metric comes last.
    let rows: Vec<Metric> = METRICS
        .into_iter()
        .rev()
        .filter(|&metric| model.values.get(metric).is_some())
        .collect();
    let ends = |metric: &Metric| {
        let interval = model.intervals.get(metric);
        let interval = interval
            .into_iter()
            .flat_map(|interval| [interval.low, interval.high]);
        let baselines = baselines.iter();
        let baselines = baselines.filter_map(|(_, values)| values.get(*metric));
        model
            .values
            .get(*metric)
            .into_iter()
            .chain(interval)
            .chain(baselines)
            .collect::<Vec<_>>()
    };
    let values = rows.iter().flat_map(ends).chain([0.0, 1.0]);
    let names = rows
        .iter()
        .map(|metric| metric.label().to_owned())
        .collect();
    let axes = (Axis::over("", values), Axis::of_names("", names));
    let (Some(x), Some(y)) = axes else {
        return Ok(None);
    };
    let height = 66 + 28 * u32::try_from(rows.len()).unwrap_or(1);
    let svg = draw(title, (&x, &y), Layout { height, left: 136 }, |plot| {
        for (&metric, row) in rows.iter().zip(y.ticks.iter().copied()) {
            for value in baselines.iter().filter_map(|(_, of)| of.get(metric)) {
                plot.ring((value, row), 4.0, Ink::Other);
            }
            if let Some(interval) = model.intervals.get(&metric) {
                plot.line(
                    &[(interval.low, row), (interval.high, row)],
                    Ink::Model,
                    3.0,
                    0.55,
                );
            }
            if let Some(value) = model.values.get(metric) {
                plot.dot((value, row), 4.5, Ink::Model, 1.0);
            }
        }
    })?;
    let key = if baselines.is_empty() {
        vec![("model dot", "the scores, with their interval")]
    } else {
        vec![
            ("model dot", "the scores, with their interval"),
            ("other dot", "trivial baselines"),
        ]
    };
    let caption =
        "Higher is better. Chance is a correlation of 0, and a pairwise accuracy or AUROC of 0.5."
            .to_owned();
    Ok(Some(Chart {
        title: title.into(),
        caption,
        svg,
        key,
        numbers: numbers(&rows, model, baselines),
    }))
}

fn numbers(rows: &[Metric], model: &LevelValues, baselines: &[(&str, &MetricValues)]) -> Numbers {
    let mut head = vec!["metric", "scores", "from", "to"];
    head.extend(baselines.iter().map(|(name, _)| *name));
    let row = |metric: &Metric| {
        let interval = model.intervals.get(metric);
        let ends = [
            interval.map(|found| found.low),
            interval.map(|found| found.high),
        ];
        let mut row = vec![metric.label().to_owned(), figure(model.values.get(*metric))];
        row.extend(ends.map(figure));
        row.extend(baselines.iter().map(|(_, of)| figure(of.get(*metric))));
        row
    };
    Numbers::new(&head, rows.iter().rev().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_that_does_not_exist_has_no_line() {
        let values = MetricValues::default().with(Metric::PEARSON, Some(0.5));
        let model = LevelValues {
            values,
            ..LevelValues::default()
        };
        let baseline = MetricValues::default()
            .with(Metric::PEARSON, Some(-0.1))
            .with(Metric::SPEARMAN, Some(0.3));
        let chart = against_baselines("Segments", &model, &[("ridge", &baseline)])
            .unwrap()
            .unwrap();
        assert!(chart.svg.contains("Pearson") && !chart.svg.contains("Spearman"));
        assert_eq!(chart.svg.matches("<circle").count(), 2);
        let rows = [["Pearson", "0.5000", "-", "-", "\u{2212}0.1000"]];
        assert_eq!(chart.numbers.rows(), rows);
        assert!(
            against_baselines("Segments", &LevelValues::default(), &[])
                .unwrap()
                .is_none()
        );
    }
}
