//! The figures of reports, in the order of reports.

use gradus::eval::{
    AspectCounts, AspectEvaluation, Evaluation, LevelValues, Metric, MetricValues, PartValues,
    Provenance, RatersBeside, RecalibratedResponses, ResponseRatings, ScoreSource,
};

use gradus::eval::bootstrap::Interval;
use gradus::eval::calibration::{RecalibrationKind, Reliability};

use crate::commands::intervals;
use crate::scores::unscored;

/// The metrics shown first.
pub(super) const MAIN: [Metric; 8] = [
    Metric::MSE,
    Metric::RMSE,
    Metric::MAE,
    Metric::BIAS,
    Metric::R2,
    Metric::PEARSON,
    Metric::SPEARMAN,
    Metric::KENDALL_TAU_B,
];

/// Names of the rows of complete texts, and of texts that were truncated or read in windows.
const WHOLE: &str = "whole texts only";
const TRUNCATED: &str = "truncated only";

/// Further metrics of segments, after [`MAIN`].
pub(super) fn more() -> Vec<Metric> {
    let mut metrics = Metric::all();
    metrics.retain(|metric| !MAIN.contains(metric));
    metrics
}

/// Further metrics of responses, without those of pairs within responses.
pub(super) fn more_of_responses() -> Vec<Metric> {
    let mut metrics = more();
    metrics.retain(|metric| *metric != Metric::PAIRWISE_ACCURACY);
    metrics
}

/// The figures of a row.
pub(super) fn values(metrics: &[Metric], values: &MetricValues) -> Vec<Option<f64>> {
    let figure = |&metric: &Metric| Some(metric.figure(values.get(metric)?));
    metrics.iter().map(figure).collect()
}

/// Lower and upper ends of the intervals; `None` if no metric has one.
pub(super) fn ends(metrics: &[Metric], level: &LevelValues) -> Option<[Vec<Option<f64>>; 2]> {
    let of = |which: usize| -> Vec<Option<f64>> {
        let ends = metrics.iter().map(|&metric| level.figure_interval(metric));
        ends.map(|ends| Some(ends?[which])).collect()
    };
    let ends = [of(0), of(1)];
    ends[0].iter().any(Option::is_some).then_some(ends)
}

/// The model's values for complete texts and for texts that were truncated or read in windows; empty without such
/// texts.
pub(super) fn parts(
    aspect: &AspectEvaluation,
    level: fn(&PartValues) -> &MetricValues,
) -> Vec<(&'static str, &MetricValues)> {
    let parts = aspect.by_truncation.iter();
    let rows = parts.flat_map(|parts| [(WHOLE, &parts.whole), (TRUNCATED, &parts.shortened)]);
    rows.map(|(name, part)| (name, level(part))).collect()
}

/// The same for responses rated as a whole.
pub(super) fn response_parts(found: &ResponseRatings) -> Vec<(&'static str, &MetricValues)> {
    let parts = found.by_truncation.iter();
    let rows = parts.flat_map(|parts| [(WHOLE, &parts.whole), (TRUNCATED, &parts.shortened)]);
    rows.map(|(name, part)| (name, &part.values)).collect()
}

/// The confidence of the intervals, such as `95 %`.
pub(super) fn confidence(evaluation: &Evaluation) -> String {
    let bootstrap = evaluation.bootstrap.as_ref();
    bootstrap.map(intervals::confidence).unwrap_or_default()
}

/// The name of the model's rows.
pub(super) fn judged(evaluation: &Evaluation) -> &'static str {
    match &evaluation.provenance {
        Some(Provenance {
            scores: ScoreSource::File(_),
            ..
        }) => "scores",
        _ => "model",
    }
}

/// Whether to show figures of segments: not if only responses are rated.
pub(super) fn shows_segments(aspect: &AspectEvaluation) -> bool {
    aspect.counts.rated > 0 || aspect.response_ratings.is_none()
}

/// Numbers of rated and scored segments and responses, in words.
pub(super) fn counts(aspect: &AspectEvaluation) -> String {
    let mut parts = Vec::new();
    if shows_segments(aspect) {
        let counts = &aspect.counts;
        let text = format!(
            "{} of {} rated segments scored, in {} responses",
            counts.scored, counts.rated, counts.responses
        );
        let truncated = format!(
            ", {} of them in {} truncated responses",
            counts.scored_in_shortened, counts.responses_shortened
        );
        parts.push(text + &left_out(counts, &truncated));
    }
    if let Some(ResponseRatings { counts, .. }) = &aspect.response_ratings {
        let text = format!(
            "{} of {} rated responses scored",
            counts.scored, counts.rated
        );
        let truncated = format!(", {} of them truncated", counts.responses_shortened);
        parts.push(text + &left_out(counts, &truncated));
    }
    parts.join("; ")
}

fn left_out(counts: &AspectCounts, truncated: &str) -> String {
    let mut text = String::new();
    if counts.scored_in_shortened > 0 {
        truncated.clone_into(&mut text);
    }
    if counts.scored_cut > 0 {
        text = format!("{text}, {} by a part of the segment", counts.scored_cut);
    }
    if counts.unscored.total() > 0 {
        text = format!("{text} (without a score: {})", unscored(&counts.unscored));
    }
    if counts.ratings_not_finite > 0 {
        let found = counts.ratings_not_finite;
        text = format!("{text}, {found} ratings that are not finite left out");
    }
    text
}

/// The origin of response scores, for the head of a table.
pub(super) fn response_score(evaluation: &Evaluation, responses: &ResponseRatings) -> String {
    let from_file = judged(evaluation) == "scores";
    if responses.given && from_file {
        "as given".to_owned()
    } else {
        evaluation.aggregation.to_string()
    }
}

/// Responses without any score, by reason; `None` if all have one.
pub(super) fn unscored_responses(evaluation: &Evaluation) -> Option<String> {
    let counts = &evaluation.counts;
    let found = &counts.unscored_responses;
    (found.total() > 0).then(|| {
        format!(
            "{} of {} responses have no score: {}",
            found.total(),
            counts.responses,
            unscored(found)
        )
    })
}

/// Why figures of the model are undefined: a line for each reason and level.
pub(super) fn absences(aspect: &AspectEvaluation) -> Vec<String> {
    let mut lines = Vec::new();
    let mut levels = Vec::new();
    if shows_segments(aspect) {
        levels.push(("at segment level", &aspect.segment));
        levels.push(("at response level", &aspect.response));
    }
    let responses = aspect.response_ratings.as_ref();
    levels.extend(responses.map(|found| ("against response ratings", &found.figures)));
    for (level, figures) in levels {
        let values = &figures.values;
        for absence in &values.absences {
            let names: Vec<&str> = values
                .metrics()
                .filter(|&metric| values.absence(metric) == Some(*absence))
                .map(Metric::label)
                .collect();
            // Pairs within responses do not exist at response level, for any data.
            let natural =
                level != "at segment level" && names == [Metric::PAIRWISE_ACCURACY.label()];
            if names.is_empty() || natural {
                continue;
            }
            let names = if names.len() == values.metrics().count() {
                "figure".to_owned()
            } else {
                names.join(", ")
            };
            lines.push(format!("no {names} {level}: {absence}"));
        }
    }
    lines
}

/// Why intervals are missing.
pub(super) fn intervals_absent(evaluation: &Evaluation, aspect: &AspectEvaluation) -> Vec<String> {
    if evaluation.bootstrap.is_none() {
        return Vec::new();
    }
    let responses = aspect.response_ratings.as_ref();
    let segments = shows_segments(aspect).then_some(("", &aspect.segment));
    let responses = responses.map(|found| (" against response ratings", &found.figures));
    let levels = segments.into_iter().chain(responses);
    levels
        .filter_map(|(level, figures)| {
            let reason = figures.intervals_absent?;
            Some(format!("no intervals{level}: {reason}"))
        })
        .collect()
}

/// The decomposition of the mean squared error.
fn decomposition(values: &MetricValues) -> Option<String> {
    let (mse, parts) = (values.get(Metric::MSE)?, values.decomposition.as_ref()?);
    Some(format!(
        "MSE {mse:.4} = bias² {:.4} + spread {:.4} + lack of correlation {:.4}",
        parts.bias_squared, parts.spread, parts.correlation
    ))
}

/// Calibration errors.
fn calibration(reliability: Option<&Reliability>) -> Option<String> {
    let reliability = reliability?;
    let bins = reliability.bins.len();
    Some(format!(
        "calibration error {:.4} expected, {:.4} at most, in {bins} {} of equal count",
        reliability.expected_calibration_error,
        reliability.max_calibration_error,
        if bins == 1 { "bin" } else { "bins" },
    ))
}

/// The figures before and after recalibration.
fn recalibrated(
    kind: RecalibrationKind,
    applied: bool,
    change: [(&MetricValues, Option<&Reliability>); 2],
) -> String {
    let both = |value: fn(&MetricValues, Option<&Reliability>) -> Option<f64>| {
        let [before, after] = change.map(|(values, reliability)| value(values, reliability));
        let [before, after] = [before, after].map(crate::show::number);
        format!("{before} → {after}")
    };
    format!(
        "{kind} recalibration{}: MSE {}, calibration error {}, Pearson {}",
        if applied { "" } else { " (not applied above)" },
        both(|values, _| values.get(Metric::MSE)),
        both(|_, reliability| Some(reliability?.expected_calibration_error)),
        both(|values, _| values.get(Metric::PEARSON)),
    )
}

fn recalibrated_segments(aspect: &AspectEvaluation) -> Option<String> {
    let found = aspect.recalibrated.as_ref()?;
    let change = [&found.before, &found.after];
    let change = change.map(|figures| (&figures.segment, figures.reliability.as_ref()));
    Some(recalibrated(found.kind, found.applied, change))
}

fn recalibrated_responses(found: &RecalibratedResponses) -> String {
    let change = [&found.before, &found.after];
    let change = change.map(|figures| (&figures.values, figures.reliability.as_ref()));
    recalibrated(found.kind, found.applied, change)
}

/// The model's error compared with that of raters, if texts have several.
fn raters(beside: Option<&RatersBeside>, texts: &str) -> Option<String> {
    let RatersBeside {
        agreement,
        model_rmse,
        ceiling,
    } = beside?;
    let ceiling = ceiling.as_ref().map_or_else(String::new, |found| {
        format!(
            "; the best Pearson that a model can reach against ratings with such noise is {}, the least MSE {}",
            bounded(found.correlation, found.correlation_interval.as_ref()),
            bounded(found.mse, found.mse_interval.as_ref())
        )
    });
    Some(format!(
        "{} {texts} have several ratings: from the mean of the other raters a rater is {:.4} away \
         (RMSE), the model {model_rmse:.4}; Krippendorff's alpha {}{ceiling}",
        agreement.texts,
        agreement.rmse,
        crate::show::number(agreement.alpha),
    ))
}

fn bounded(figure: f64, interval: Option<&Interval>) -> String {
    intervals::bracketed(Some(figure), interval, crate::show::number)
}

/// How many ratings lie within the bundle's intervals.
fn prediction_interval(aspect: &AspectEvaluation) -> Option<String> {
    let found = aspect.prediction_interval.as_ref()?;
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let interval = found
        .covered_interval
        .as_ref()
        .map_or_else(String::new, |interval| {
            format!(" [{}, {}]", percent(interval.low), percent(interval.high))
        });
    Some(format!(
        "prediction interval, score ± {:.4}: {}{interval} of the ratings lie within it where each response counts alike, {} were \
         promised; {} where each segment does; mean width {:.4}, SD of the ratings {}; learned on {}",
        found.half_width,
        percent(found.covered),
        percent(found.promised),
        percent(found.covered_segments),
        found.mean_width,
        crate::show::number(found.sd_of_ratings),
        found.fitted_on
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

/// Lines below the tables of an aspect.
pub(super) fn remarks(evaluation: &Evaluation, aspect: &AspectEvaluation) -> Vec<String> {
    let segments = [
        decomposition(&aspect.segment.values),
        calibration(aspect.reliability.as_ref()),
        recalibrated_segments(aspect),
        raters(aspect.raters.as_ref(), "segments"),
        lowest_is_last(aspect),
        super::classes::remark(aspect),
        prediction_interval(aspect),
    ];
    let mut lines: Vec<String> = segments.into_iter().flatten().collect();
    if let Some(found) = &aspect.response_ratings {
        let responses = [
            decomposition(&found.figures.values),
            calibration(found.reliability.as_ref()),
            found.recalibrated.as_ref().map(recalibrated_responses),
            raters(found.raters.as_ref(), "responses"),
        ];
        let responses = responses.into_iter().flatten();
        lines.extend(responses.map(|line| format!("response ratings: {line}")));
        let provenance = evaluation.provenance.as_ref();
        let fitted = provenance.is_some_and(|provenance| provenance.baselines.is_some());
        if found.baselines.is_empty() && fitted {
            lines.push(
                "response ratings: no trivial baselines, as no response of the training data is rated"
                    .to_owned(),
            );
        }
    }
    lines.extend(intervals_absent(evaluation, aspect));
    lines.extend(absences(aspect));
    lines
}
