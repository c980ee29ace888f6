//! Summarizes the metrics of an aspect in sentences.
//!
//! The sentences claim no more than the metrics show: only a baseline outside of the model's interval counts as
//! different.

use super::number::{figure, of_metric, percent, plain};
use crate::{AspectEvaluation, LevelValues, Metric, MetricValues, RatersBeside, ResponseRatings};

/// The tone of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Good news about the scores.
    Good,
    /// Bad news.
    Bad,
    /// Neither.
    Neutral,
}

impl Tone {
    /// Its class in the style sheet.
    pub(super) fn class(self) -> Option<&'static str> {
        match self {
            Self::Good => Some("good"),
            Self::Bad => Some("bad"),
            Self::Neutral => None,
        }
    }
}

/// One sentence or two.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sentence {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// What is judged: segments or whole responses, with the baselines.
pub(super) struct Judged<'a> {
    /// The subject of a sentence: which scores.
    subject: &'static str,
    pub(super) figures: &'a LevelValues,
    pub(super) baselines: Vec<(&'a str, &'a MetricValues)>,
}

impl<'a> Judged<'a> {
    pub(super) fn segments(aspect: &'a AspectEvaluation) -> Self {
        let baselines = aspect.baselines.iter();
        Self {
            subject: "The scores",
            figures: &aspect.segment,
            baselines: baselines
                .filter(|b| !b.is_of_model())
                .map(|b| (b.name.as_str(), &b.segment))
                .collect(),
        }
    }

    pub(super) fn responses(found: &'a ResponseRatings) -> Self {
        let baselines = found.baselines.iter();
        Self {
            subject: "The response scores",
            figures: &found.figures,
            baselines: baselines.map(|b| (b.name.as_str(), &b.values)).collect(),
        }
    }

    /// The best baseline on a metric.
    pub(super) fn best(&self, metric: Metric) -> Option<(&'a str, f64)> {
        let values = self.baselines.iter();
        values
            .filter_map(|(name, values)| Some((*name, values.get(metric)?)))
            .max_by(|a, b| metric.goodness(a.1).total_cmp(&metric.goodness(b.1)))
    }
}

/// The sentences of an aspect, most important first.
pub(super) fn reading(aspect: &AspectEvaluation) -> Vec<Sentence> {
    let responses = aspect.response_ratings.as_ref();
    let responses = responses.filter(|found| found.figures.values.count > 0);
    let mut sentences = Vec::new();
    if aspect.segment.values.count > 0 {
        let judged = Judged::segments(aspect);
        sentences.extend(beside_baselines(&judged));
        sentences.extend(recalibration(aspect));
        sentences.extend(parts_of_the_error(&judged));
        sentences.extend(raters(aspect.raters.as_ref(), "segments"));
        sentences.extend(lowest_is_last(aspect));
    } else if responses.is_none() {
        let text = "Nothing is both rated and scored on this aspect, so there is nothing to show.";
        sentences.push(neutral(text.to_owned()));
    }
    if let Some(found) = responses {
        let judged = Judged::responses(found);
        sentences.extend(beside_baselines(&judged));
        sentences.extend(parts_of_the_error(&judged));
        sentences.extend(raters(found.raters.as_ref(), "responses"));
    }
    sentences
}

/// Compares the metrics with the baselines.
fn beside_baselines(judged: &Judged) -> Vec<Sentence> {
    if judged.baselines.is_empty() {
        let text = format!(
            "No trivial baseline was fitted for {}, so it is unknown what is possible without reading the \
             text: set --train to a training split with such ratings.",
            judged.subject.to_lowercase()
        );
        return vec![neutral(text)];
    }
    [value(judged), order(judged)]
        .into_iter()
        .flatten()
        .collect()
}

/// Compares the error with that of raters.
fn raters(beside: Option<&RatersBeside>, texts: &str) -> Option<Sentence> {
    let RatersBeside {
        agreement,
        model_rmse,
        ceiling,
    } = beside?;
    let ceiling = ceiling.as_ref().map_or_else(String::new, |found| {
        format!(
            " Against ratings with such noise, the best Pearson that a model can reach is {}, the least MSE {}.",
            plain(found.correlation),
            plain(found.mse)
        )
    });
    Some(neutral(format!(
        "{} {texts} have several ratings. The RMSE against the mean of the other raters is {} for a rater and \
         {} for the model. Krippendorff\u{2019}s alpha of the raters is {}.{ceiling}",
        agreement.texts,
        plain(agreement.rmse),
        plain(*model_rmse),
        figure(agreement.alpha),
    )))
}

fn neutral(text: String) -> Sentence {
    Sentence {
        tone: Tone::Neutral,
        text,
    }
}

/// Compares the error with that of the best baseline.
fn value(judged: &Judged) -> Option<Sentence> {
    let subject = judged.subject;
    let model = judged.figures.values.get(Metric::RMSE)?;
    let (name, best) = judged.best(Metric::RMSE)?;
    let (interval, tone) = standing(judged.figures, Metric::RMSE, model, best);
    let beside = format!(
        "RMSE {}{interval}, against {} of the best trivial baseline, {name}",
        plain(model),
        plain(best)
    );
    let text = match tone {
        Tone::Good => format!(
            "{subject} are closer to the ratings than every baseline that does not read the text: {beside}."
        ),
        Tone::Bad => {
            format!(
                "{subject} are further from the ratings than a baseline that does not read the text: {beside}."
            )
        }
        Tone::Neutral => {
            format!(
                "{subject} are about as close to the ratings as a baseline that does not read the text: {beside}."
            )
        }
    };
    Some(Sentence { tone, text })
}

/// Compares the correlation with that of the baselines.
fn order(judged: &Judged) -> Option<Sentence> {
    let (_, best) = judged.best(Metric::PEARSON)?;
    let guesses = judged.baselines.iter().filter_map(|(name, values)| {
        let pearson = of_metric(Metric::PEARSON, values.get(Metric::PEARSON)?);
        Some(format!("{name} reaches {pearson}"))
    });
    let guesses = guesses.collect::<Vec<_>>().join(", ");
    let (tone, scores) = match judged.figures.values.get(Metric::PEARSON) {
        None => (Tone::Bad, "that of these scores is undefined".to_owned()),
        Some(model) => {
            let (interval, tone) = standing(judged.figures, Metric::PEARSON, model, best);
            let end = match tone {
                Tone::Good => "",
                Tone::Bad => ", less than the best baseline",
                Tone::Neutral => ", about as much as the best baseline",
            };
            (
                tone,
                format!(
                    "these scores reach {}{interval}{end}",
                    of_metric(Metric::PEARSON, model)
                ),
            )
        }
    };
    Some(Sentence {
        tone,
        text: format!("Pearson correlation: {guesses}; {scores}."),
    })
}

/// The effect of the bundle's recalibration.
fn recalibration(aspect: &AspectEvaluation) -> Option<Sentence> {
    let recalibrated = aspect.recalibrated.as_ref()?;
    let (before, after) = (
        recalibrated.before.segment.get(Metric::RMSE)?,
        recalibrated.after.segment.get(Metric::RMSE)?,
    );
    let which = if recalibrated.applied {
        "after"
    } else {
        "before"
    };
    Some(neutral(format!(
        "Recalibration changes RMSE from {} to {}; this page shows the scores {which} it.",
        plain(before),
        plain(after),
    )))
}

/// The model's interval as text, and how it compares with a baseline. Without an interval, the values alone
/// decide.
fn standing(figures: &LevelValues, metric: Metric, model: f64, baseline: f64) -> (String, Tone) {
    let better = metric.goodness(model) > metric.goodness(baseline);
    let Some(interval) = figures.intervals.get(&metric) else {
        return (String::new(), if better { Tone::Good } else { Tone::Bad });
    };
    let [low, high] = [interval.low, interval.high].map(|end| of_metric(metric, end));
    let text = format!(" ({low} to {high})");
    let tone = match (interval.contains(baseline), better) {
        (true, _) => Tone::Neutral,
        (false, true) => Tone::Good,
        (false, false) => Tone::Bad,
    };
    (text, tone)
}

fn parts_of_the_error(judged: &Judged) -> Option<Sentence> {
    let parts = judged.figures.values.decomposition?;
    let total = parts.total();
    (total > 0.0 && total.is_finite()).then(|| {
        neutral(format!(
            "Of the mean squared error, {} is bias, {} is wrong spread, and {} is lack of correlation; \
             recalibration can only reduce the first two.",
            percent(parts.bias_squared / total),
            percent(parts.spread / total),
            percent(parts.correlation / total),
        ))
    })
}

/// How often the lowest score is on the last segment, if it is much more often than by chance.
fn lowest_is_last(aspect: &AspectEvaluation) -> Option<Sentence> {
    let lowest = aspect.lowest_is_last?;
    (lowest.share > 1.5 * lowest.by_chance).then(|| {
        neutral(format!(
            "The lowest score is on the last segment in {} of the responses, by chance in {}. \
             This is typical of scores that judge the outcome instead of each segment.",
            percent(lowest.share),
            percent(lowest.by_chance),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::Interval;
    use crate::{Aggregation, Aspect, BaselineEvaluation, Evaluation};

    fn aspect(rmse: f64, low: f64, high: f64, baseline: f64) -> AspectEvaluation {
        let values = |rmse, pearson| {
            let values = MetricValues {
                count: 9,
                ..MetricValues::default()
            };
            values
                .with(Metric::RMSE, Some(rmse))
                .with(Metric::PEARSON, pearson)
        };
        let named = |name: &str, segment| BaselineEvaluation {
            name: name.into(),
            segment,
            response: MetricValues::default(),
        };
        let interval = Interval {
            estimate: rmse,
            low,
            high,
            confidence: 0.95,
            resamples: 1000,
            undefined: 0,
        };
        let mut aspect = unrated();
        aspect.segment = LevelValues {
            values: values(rmse, Some(0.8)),
            intervals: [(Metric::RMSE, interval)].into(),
            ..LevelValues::default()
        };
        aspect.baselines = vec![
            named("train mean", values(9.0, None)),
            named("position + length", values(baseline, Some(0.1))),
        ];
        aspect
    }

    fn unrated() -> AspectEvaluation {
        let aspects = [Aspect::named("rating")];
        let evaluation = Evaluation::compute(&[], &aspects, Aggregation::Mean, &[]).unwrap();
        evaluation.aspects.into_iter().next().unwrap()
    }

    fn first(aspect: &AspectEvaluation) -> Sentence {
        reading(aspect).remove(0)
    }

    #[test]
    fn the_claim_follows_the_interval() {
        let good = first(&aspect(0.2, 0.1, 0.3, 0.4));
        assert_eq!(good.tone, Tone::Good);
        assert!(good.text.contains("RMSE 0.2000 (0.1000 to 0.3000), against 0.4000 of the best trivial baseline, position + length"), "{}", good.text);
        assert_eq!(first(&aspect(0.2, 0.1, 0.3, 0.25)).tone, Tone::Neutral);
        assert_eq!(first(&aspect(0.2, 0.1, 0.3, 0.05)).tone, Tone::Bad);
    }

    #[test]
    fn what_a_guess_from_the_position_reaches_is_said() {
        let sentences = reading(&aspect(0.2, 0.1, 0.3, 0.4));
        assert_eq!(
            sentences[1].text,
            "Pearson correlation: position + length reaches 0.1000; these scores reach 0.8000."
        );
    }

    #[test]
    fn without_a_pair_or_a_baseline_nothing_is_claimed() {
        let mut alone = aspect(0.2, 0.1, 0.3, 0.4);
        alone.baselines.clear();
        assert_eq!(first(&alone).tone, Tone::Neutral);
        alone.segment = LevelValues::default();
        assert!(first(&alone).text.starts_with("Nothing is both rated"));
    }
}
