//! States the metrics of an aspect in plain sentences.
//!
//! The sentences claim no more than the figures do: a baseline inside the model's interval cannot
//! be told from it here, one outside can.

use super::number::{figure, of_metric, percent, plain};
use crate::{AspectEvaluation, LevelValues, Metric, MetricValues, RatersBeside, ResponseRatings};

/// What a sentence says of the scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// They pass.
    Good,
    /// They do not.
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

/// What is judged: segments, or whole responses, with the baselines beside them.
pub(super) struct Judged<'a> {
    /// How a sentence begins: of what the scores are.
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
            baselines: baselines.map(|b| (b.name.as_str(), &b.segment)).collect(),
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

    /// The baseline that does best on a metric.
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

/// What the figures say beside those of the baselines.
fn beside_baselines(judged: &Judged) -> Vec<Sentence> {
    if judged.baselines.is_empty() {
        let text = format!(
            "No trivial baseline stands beside {}, so the figures do not say how much could be had \
             without reading the text: give a training split that is rated likewise with --train.",
            judged.subject.to_lowercase()
        );
        return vec![neutral(text)];
    }
    [value(judged), order(judged)]
        .into_iter()
        .flatten()
        .collect()
}

/// The error beside that of raters.
fn raters(beside: Option<&RatersBeside>, texts: &str) -> Option<Sentence> {
    let RatersBeside {
        agreement,
        model_rmse,
    } = beside?;
    Some(neutral(format!(
        "{} {texts} have several ratings. From the mean of the other raters, a rater is {} away (RMSE) and \
         the model {}; Krippendorff\u{2019}s alpha of the raters is {}.",
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

/// The error beside that of the best baseline.
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
            "{subject} lie closer to the ratings than any guess that does not read: {beside}."
        ),
        Tone::Bad => {
            format!(
                "{subject} lie further from the ratings than a guess that does not read: {beside}."
            )
        }
        Tone::Neutral => {
            format!("{subject} cannot be told by value from a guess that does not read: {beside}.")
        }
    };
    Some(Sentence { tone, text })
}

/// The order beside what position, length and words reach.
fn order(judged: &Judged) -> Option<Sentence> {
    let (_, best) = judged.best(Metric::PEARSON)?;
    let guesses = judged.baselines.iter().filter_map(|(name, values)| {
        let pearson = of_metric(Metric::PEARSON, values.get(Metric::PEARSON)?);
        Some(format!("{name} reaches {pearson}"))
    });
    let guesses = guesses.collect::<Vec<_>>().join(", ");
    let (tone, scores) = match judged.figures.values.get(Metric::PEARSON) {
        None => (Tone::Bad, "of these scores there is none".to_owned()),
        Some(model) => {
            let (interval, tone) = standing(judged.figures, Metric::PEARSON, model, best);
            let end = match tone {
                Tone::Good => "",
                Tone::Bad => ", less than the best of these guesses",
                Tone::Neutral => ", not to be told from the best of these guesses",
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

/// What the bundle's recalibration changes.
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
        "Recalibration takes RMSE from {} to {}; the figures of this page are those {which} it.",
        plain(before),
        plain(after),
    )))
}

/// The model's interval as text, and where it stands to a baseline. Without an interval nothing is
/// claimed but what is equal or worse.
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
            "Of the mean squared error, {} is bias, {} too much or too little spread, and {} scores that do not \
             move with the ratings; recalibration can only mend the first two.",
            percent(parts.bias_squared / total),
            percent(parts.spread / total),
            percent(parts.correlation / total),
        ))
    })
}

/// Only where it is so often that it looks like judging the outcome.
fn lowest_is_last(aspect: &AspectEvaluation) -> Option<Sentence> {
    let lowest = aspect.lowest_is_last?;
    (lowest.share > 1.5 * lowest.by_chance).then(|| {
        neutral(format!(
            "The lowest score is on the last segment in {} of the responses; by chance it would be in {}. \
             Scores that judge the outcome rather than each segment look like this.",
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
