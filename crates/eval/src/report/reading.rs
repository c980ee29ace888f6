//! What the figures of an aspect say, in plain sentences.
//!
//! The sentences claim no more than the figures do: a baseline inside the model's interval cannot
//! be told from it here, one outside can.

use super::number::{percent, plain};
use crate::{AspectEvaluation, Metric};

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

/// The sentences of an aspect, most important first.
pub(super) fn reading(aspect: &AspectEvaluation) -> Vec<Sentence> {
    if aspect.segment.values.count == 0 {
        let text =
            "No segment is both rated and scored on this aspect, so there is nothing to show.";
        return vec![neutral(text.to_owned())];
    }
    let mut sentences = Vec::new();
    if aspect.baselines.is_empty() {
        let text = "No trivial baseline stands beside these figures, so they do not say how much could be \
                    had without reading the text: give the training split with --train.";
        sentences.push(neutral(text.to_owned()));
    } else {
        sentences.extend(value(aspect));
        sentences.extend(order(aspect));
    }
    sentences.extend(recalibration(aspect));
    sentences.extend(parts_of_the_error(aspect));
    sentences.extend(lowest_is_last(aspect));
    sentences
}

fn neutral(text: String) -> Sentence {
    Sentence {
        tone: Tone::Neutral,
        text,
    }
}

/// The error beside that of the best baseline.
fn value(aspect: &AspectEvaluation) -> Option<Sentence> {
    let model = aspect.segment.values.rmse?;
    let (name, best) = best_baseline(aspect, Metric::Rmse)?;
    let (interval, tone) = standing(aspect, Metric::Rmse, model, best);
    let beside = format!(
        "RMSE {}{interval}, against {} of the best trivial baseline, {name}",
        plain(model),
        plain(best)
    );
    let text = match tone {
        Tone::Good => format!(
            "The scores lie closer to the ratings than any guess that does not read: {beside}."
        ),
        Tone::Bad => format!("A guess that does not read lies closer to the ratings: {beside}."),
        Tone::Neutral => {
            format!("By value the scores cannot be told from a guess that does not read: {beside}.")
        }
    };
    Some(Sentence { tone, text })
}

/// The order beside what position, length and words reach.
fn order(aspect: &AspectEvaluation) -> Option<Sentence> {
    let (_, best) = best_baseline(aspect, Metric::Pearson)?;
    let guesses = aspect.baselines.iter().filter_map(|baseline| {
        Some(format!(
            "{} reaches {}",
            baseline.name,
            plain(baseline.segment.pearson?)
        ))
    });
    let guesses = guesses.collect::<Vec<_>>().join(", ");
    let (tone, scores) = match aspect.segment.values.pearson {
        None => (Tone::Bad, "of these scores there is none".to_owned()),
        Some(model) => {
            let (interval, tone) = standing(aspect, Metric::Pearson, model, best);
            let end = match tone {
                Tone::Good => "",
                Tone::Bad => ", less than the best of these guesses",
                Tone::Neutral => ", not to be told from the best of these guesses",
            };
            (
                tone,
                format!("these scores reach {}{interval}{end}", plain(model)),
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
        recalibrated.before.segment.rmse?,
        recalibrated.after.segment.rmse?,
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
fn standing(
    aspect: &AspectEvaluation,
    metric: Metric,
    model: f64,
    baseline: f64,
) -> (String, Tone) {
    let better = metric.goodness(model) > metric.goodness(baseline);
    let Some(interval) = aspect.segment.intervals.get(&metric) else {
        return (String::new(), if better { Tone::Good } else { Tone::Bad });
    };
    let text = format!(" ({} to {})", plain(interval.low), plain(interval.high));
    let tone = match (interval.contains(baseline), better) {
        (true, _) => Tone::Neutral,
        (false, true) => Tone::Good,
        (false, false) => Tone::Bad,
    };
    (text, tone)
}

pub(super) fn best_baseline(aspect: &AspectEvaluation, metric: Metric) -> Option<(&str, f64)> {
    aspect
        .baselines
        .iter()
        .filter_map(|baseline| Some((baseline.name.as_str(), baseline.segment.get(metric)?)))
        .max_by(|a, b| metric.goodness(a.1).total_cmp(&metric.goodness(b.1)))
}

fn parts_of_the_error(aspect: &AspectEvaluation) -> Option<Sentence> {
    let parts = aspect.segment.values.decomposition?;
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
    use crate::{Aggregation, Aspect, BaselineEvaluation, Evaluation, LevelValues, MetricValues};

    fn aspect(rmse: f64, low: f64, high: f64, baseline: f64) -> AspectEvaluation {
        let values = |rmse, pearson| MetricValues {
            count: 9,
            rmse: Some(rmse),
            pearson,
            ..MetricValues::default()
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
            intervals: [(Metric::Rmse, interval)].into(),
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
        assert!(first(&alone).text.starts_with("No segment"));
    }
}
