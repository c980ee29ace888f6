//! The figures of reports, in the order in which reports show them.

use gradus::eval::{
    AspectCounts, AspectEvaluation, Evaluation, LevelValues, Metric, MetricValues, Provenance,
    ScoreSource,
};

use crate::commands::intervals;

/// A column: a metric, except that the objective `J` stands for the mean squared error.
pub(super) const MAIN: [Metric; 8] = [
    Metric::Mse,
    Metric::Rmse,
    Metric::Mae,
    Metric::Bias,
    Metric::R2,
    Metric::Pearson,
    Metric::Spearman,
    Metric::KendallTauB,
];

/// What is shown of segments beside [`MAIN`].
pub(super) const MORE: [Metric; 5] = [
    Metric::Concordance,
    Metric::PairwiseAccuracy,
    Metric::Auroc,
    Metric::Auprc,
    Metric::F1,
];

/// The head of a column.
pub(super) fn head(metric: Metric) -> &'static str {
    match metric {
        Metric::Mse => "J",
        Metric::PairwiseAccuracy => "pair order",
        metric => metric.label(),
    }
}

/// The values of a row.
pub(super) fn values(metrics: &[Metric], values: &MetricValues) -> Vec<Option<f64>> {
    metrics
        .iter()
        .map(|&metric| shown(metric, values.get(metric)))
        .collect()
}

/// Lower and upper ends of the intervals; `None` where no metric has one.
pub(super) fn ends(metrics: &[Metric], level: &LevelValues) -> Option<[Vec<Option<f64>>; 2]> {
    let end = |metric: &Metric, upper: bool| {
        let interval = level.intervals.get(metric)?;
        // The objective is the negative of the error, so its ends change places.
        let upper = upper != (*metric == Metric::Mse);
        let end = if upper { interval.high } else { interval.low };
        shown(*metric, Some(end))
    };
    let of = |upper: bool| -> Vec<Option<f64>> {
        let ends = metrics.iter().map(|metric| end(metric, upper));
        ends.collect()
    };
    let ends = [of(false), of(true)];
    ends[0].iter().any(Option::is_some).then_some(ends)
}

fn shown(metric: Metric, value: Option<f64>) -> Option<f64> {
    match metric {
        Metric::Mse => value.map(|value| -value),
        _ => value,
    }
}

/// The confidence of the intervals in per cent, as in `95 %`.
pub(super) fn confidence(evaluation: &Evaluation) -> String {
    let bootstrap = evaluation.bootstrap.as_ref();
    bootstrap.map(intervals::confidence).unwrap_or_default()
}

/// What the model's rows are called.
pub(super) fn judged(evaluation: &Evaluation) -> &'static str {
    match &evaluation.provenance {
        Some(Provenance {
            scores: ScoreSource::File(_),
            ..
        }) => "scores",
        _ => "model",
    }
}

/// What was rated and scored, in words.
pub(super) fn counts(aspect: &AspectEvaluation) -> String {
    let counts = &aspect.counts;
    let mut text = format!(
        "{} of {} rated segments scored, in {} responses",
        counts.scored, counts.rated, counts.responses
    );
    if counts.unscored.total() > 0 {
        text = format!("{text}; without a score: {}", unscored(counts));
    }
    if counts.ratings_not_finite > 0 {
        let found = counts.ratings_not_finite;
        text = format!("{text}; {found} ratings that are not finite left out");
    }
    text
}

fn unscored(counts: &AspectCounts) -> String {
    let reasons = [
        (counts.unscored.missing, "missing"),
        (counts.unscored.truncated, "truncated"),
        (counts.unscored.no_tokens, "without a token"),
        (counts.unscored.not_finite, "not finite"),
        (counts.unscored.unknown, "without a reason"),
    ];
    let found = reasons.into_iter().filter(|(count, _)| *count > 0);
    let found: Vec<String> = found.map(|(count, why)| format!("{count} {why}")).collect();
    found.join(", ")
}

/// Why figures of the model are absent: a line for each reason and level.
pub(super) fn absences(aspect: &AspectEvaluation) -> Vec<String> {
    let mut lines = Vec::new();
    for (level, figures) in [("segment", &aspect.segment), ("response", &aspect.response)] {
        let values = &figures.values;
        for absence in &values.absences {
            let names: Vec<&str> = Metric::ALL
                .into_iter()
                .filter(|&metric| values.absence(metric) == Some(*absence))
                .map(Metric::label)
                .collect();
            // Pairs within responses do not exist at response level, for any data.
            let natural = level == "response" && names == [Metric::PairwiseAccuracy.label()];
            if names.is_empty() || natural {
                continue;
            }
            let names = if names.len() == Metric::ALL.len() {
                "figure".to_owned()
            } else {
                names.join(", ")
            };
            lines.push(format!("no {names} at {level} level: {absence}"));
        }
    }
    lines
}

/// Why intervals are absent although they were asked for.
pub(super) fn intervals_absent(
    evaluation: &Evaluation,
    aspect: &AspectEvaluation,
) -> Option<String> {
    evaluation.bootstrap.as_ref()?;
    let reason = aspect.segment.intervals_absent?;
    Some(format!("no intervals: {reason}"))
}

/// The mean squared error of segments taken apart.
pub(super) fn decomposition(aspect: &AspectEvaluation) -> Option<String> {
    let values = &aspect.segment.values;
    let (mse, parts) = (values.mse?, values.decomposition.as_ref()?);
    Some(format!(
        "MSE {mse:.4} = bias² {:.4} + spread {:.4} + lack of correlation {:.4}",
        parts.bias_squared, parts.spread, parts.correlation
    ))
}

/// How far scores can be taken at their word.
pub(super) fn calibration(aspect: &AspectEvaluation) -> Option<String> {
    let reliability = aspect.reliability.as_ref()?;
    let bins = reliability.bins.len();
    Some(format!(
        "calibration error {:.4} expected, {:.4} at most, in {bins} {} of equal count",
        reliability.expected_calibration_error,
        reliability.max_calibration_error,
        if bins == 1 { "bin" } else { "bins" },
    ))
}

/// What recalibration changes.
pub(super) fn recalibrated(aspect: &AspectEvaluation) -> Option<String> {
    let recalibrated = aspect.recalibrated.as_ref()?;
    let (before, after) = (&recalibrated.before, &recalibrated.after);
    let number = |value: Option<f64>| crate::show::number(value);
    let error = |figures: &gradus::eval::CalibrationFigures| {
        let reliability = figures.reliability.as_ref();
        number(reliability.map(|r| r.expected_calibration_error))
    };
    Some(format!(
        "{} recalibration{}: MSE {} → {}, calibration error {} → {}, Pearson {} → {}",
        recalibrated.kind,
        if recalibrated.applied {
            ""
        } else {
            " (not applied above)"
        },
        number(before.segment.mse),
        number(after.segment.mse),
        error(before),
        error(after),
        number(before.segment.pearson),
        number(after.segment.pearson),
    ))
}

/// How often the lowest segment is the last one.
pub(super) fn lowest_is_last(aspect: &AspectEvaluation) -> Option<String> {
    let found = aspect.lowest_is_last.as_ref()?;
    Some(format!(
        "the last segment scores lowest in {:.1} % of {} responses ({:.1} % by chance)",
        100.0 * found.share,
        found.responses,
        100.0 * found.by_chance,
    ))
}

/// Lines about an aspect that stand below its tables.
pub(super) fn remarks(evaluation: &Evaluation, aspect: &AspectEvaluation) -> Vec<String> {
    let lines = [
        decomposition(aspect),
        calibration(aspect),
        recalibrated(aspect),
        lowest_is_last(aspect),
        intervals_absent(evaluation, aspect),
    ];
    let lines = lines.into_iter().flatten();
    lines.chain(absences(aspect)).collect()
}
