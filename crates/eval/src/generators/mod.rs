//! Compares what generates answers, judged by scores: prompt by prompt, and corrected by a few ratings.
//!
//! Scores are not ratings: a judge that likes one generator's style, or that squeezes its scores together, gives a
//! wrong gap, and no number of answers makes it right. Some rated prompts correct it by prediction-powered inference
//! ([`CorrectedMean`]). Works on plain numbers.
//!
//! ```
//! use gradus_eval::generators::{GeneratorOptions, PromptAnswers, compare_generators};
//!
//! let prompts: Vec<PromptAnswers> = (0..100)
//!     .map(|k| PromptAnswers::scored([0.5, 0.6 + 0.1 * f64::from(k % 2)]))
//!     .collect();
//! let names = ["small", "large"].map(String::from);
//! let report = compare_generators(&names, &prompts, &[], &GeneratorOptions::default());
//! let gap = &report.gaps[0];
//! assert!((gap.judged.unwrap().estimate + 0.15).abs() < 1e-9);
//! assert!(gap.corrected.is_none() && gap.sentence.contains("may be the judge's"));
//! ```

mod mean;
mod sentence;

use serde::{Deserialize, Serialize};

pub use mean::{CorrectedMean, MeanInterval};

use crate::bootstrap::{Bootstrap, Interval};

/// The answers to one prompt, by generator in the order of their names. Of several answers of a generator it is their mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptAnswers {
    /// The scores; `None` where there is no answer, or one without a score.
    pub scores: Vec<Option<f64>>,
    /// The ratings; `None` where there is none.
    pub ratings: Vec<Option<f64>>,
}

impl PromptAnswers {
    /// Scored and unrated answers of every generator.
    pub fn scored(scores: impl IntoIterator<Item = f64>) -> Self {
        let scores: Vec<Option<f64>> = scores.into_iter().map(Some).collect();
        Self {
            ratings: vec![None; scores.len()],
            scores,
        }
    }

    fn score(&self, generator: usize) -> Option<f64> {
        self.scores.get(generator).copied().flatten()
    }

    /// Score and rating of a generator's answer, if it has both.
    fn both(&self, generator: usize) -> Option<(f64, f64)> {
        let rating = self.ratings.get(generator).copied().flatten()?;
        Some((self.score(generator)?, rating))
    }

    /// Score of `a` minus score of `b`.
    fn gap(&self, a: usize, b: usize) -> Option<f64> {
        Some(self.score(a)? - self.score(b)?)
    }

    /// The same, with that of their ratings.
    fn both_gaps(&self, a: usize, b: usize) -> Option<(f64, f64)> {
        let ((score_a, rating_a), (score_b, rating_b)) = (self.both(a)?, self.both(b)?);
        Some((score_a - score_b, rating_a - rating_b))
    }
}

/// Options of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GeneratorOptions {
    /// Resamples of the prompts, and the confidence of all intervals. The intervals of gaps hold together: with several
    /// pairs of generators each has a higher confidence (Bonferroni).
    pub bootstrap: Bootstrap,
}

/// What generates answers, by its scores and, where there are ratings, by these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GeneratorReport {
    /// The generators, in the order of their names.
    pub generators: Vec<GeneratorMeans>,
    /// Every pair of them.
    pub gaps: Vec<Gap>,
}

/// Means of one generator over prompts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GeneratorMeans {
    /// Its name.
    pub name: String,
    /// Unrated prompts with a score of its answer.
    pub prompts: usize,
    /// Rated prompts with a score and a rating of its answer.
    pub rated: usize,
    /// Mean score over the unrated prompts.
    pub score: Option<MeanInterval>,
    /// The judge's bias: mean of score minus rating over the rated prompts.
    pub bias: Option<MeanInterval>,
    /// Mean rating over all prompts, estimated from both.
    pub corrected: Option<CorrectedMean>,
}

/// Two generators on the prompts that both answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gap {
    /// Name of the first.
    pub a: String,
    /// Name of the second.
    pub b: String,
    /// Unrated prompts with a score of both answers.
    pub prompts: usize,
    /// Rated prompts with score and rating of both answers.
    pub rated: usize,
    /// Score of the first minus score of the second, mean over the unrated prompts, with a bootstrap interval over prompts.
    pub judged: Option<Interval>,
    /// The judge's bias in this: gap of the scores minus gap of the ratings, mean over the rated prompts.
    pub bias: Option<MeanInterval>,
    /// Gap of the ratings over all prompts, estimated from both.
    pub corrected: Option<CorrectedMean>,
    /// What follows.
    pub verdict: GapVerdict,
    /// The verdict as a sentence.
    pub sentence: String,
}

/// What a gap comes to. Without ratings it is the judge's opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapVerdict {
    /// The first is better.
    First,
    /// The second is better.
    Second,
    /// The interval holds 0.
    CannotTell,
    /// Fewer than two prompts are answered by both.
    NotComparable,
}

/// Compares generators on prompts without ratings and on prompts with some. Prompts of `rated` are no prompts of `unrated`,
/// and both are drawn from the same prompts.
pub fn compare_generators(
    names: &[String],
    unrated: &[PromptAnswers],
    rated: &[PromptAnswers],
    options: &GeneratorOptions,
) -> GeneratorReport {
    let confidence = options.bootstrap.confidence;
    let pairs = names.len() * names.len().saturating_sub(1) / 2;
    let adjusted = Bootstrap {
        confidence: 1.0 - (1.0 - confidence) / pairs.max(1) as f64,
        ..options.bootstrap.clone()
    };
    let mut gaps = Vec::with_capacity(pairs);
    for a in 0..names.len() {
        for b in a + 1..names.len() {
            gaps.push(gap(names, (a, b), unrated, rated, &adjusted));
        }
    }
    let means = |(index, name): (usize, &String)| means(name, index, unrated, rated, confidence);
    GeneratorReport {
        generators: names.iter().enumerate().map(means).collect(),
        gaps,
    }
}

fn means(
    name: &str,
    index: usize,
    unrated: &[PromptAnswers],
    rated: &[PromptAnswers],
    confidence: f64,
) -> GeneratorMeans {
    let scores: Vec<f64> = unrated
        .iter()
        .filter_map(|answers| answers.score(index))
        .collect();
    let both: Vec<(f64, f64)> = rated
        .iter()
        .filter_map(|answers| answers.both(index))
        .collect();
    GeneratorMeans {
        name: name.to_owned(),
        prompts: scores.len(),
        rated: both.len(),
        score: MeanInterval::of_mean(&scores, confidence),
        bias: bias(&both, confidence),
        corrected: CorrectedMean::compute(&scores, &both, confidence),
    }
}

fn gap(
    names: &[String],
    (a, b): (usize, usize),
    unrated: &[PromptAnswers],
    rated: &[PromptAnswers],
    bootstrap: &Bootstrap,
) -> Gap {
    let gaps: Vec<f64> = unrated
        .iter()
        .filter_map(|answers| answers.gap(a, b))
        .collect();
    let both: Vec<(f64, f64)> = rated
        .iter()
        .filter_map(|answers| answers.both_gaps(a, b))
        .collect();
    let mut found = Gap {
        a: names[a].clone(),
        b: names[b].clone(),
        prompts: gaps.len(),
        rated: both.len(),
        judged: judged(&gaps, bootstrap),
        bias: bias(&both, bootstrap.confidence),
        corrected: CorrectedMean::compute(&gaps, &both, bootstrap.confidence),
        verdict: GapVerdict::NotComparable,
        sentence: String::new(),
    };
    let corrected = found
        .corrected
        .map(|corrected| (corrected.mean.low, corrected.mean.high));
    let ends = corrected.or_else(|| found.judged.map(|judged| (judged.low, judged.high)));
    found.verdict = match ends {
        None => GapVerdict::NotComparable,
        Some((low, _)) if low > 0.0 => GapVerdict::First,
        Some((_, high)) if high < 0.0 => GapVerdict::Second,
        Some(_) => GapVerdict::CannotTell,
    };
    found.sentence = sentence::sentence(&found);
    found
}

fn bias(both: &[(f64, f64)], confidence: f64) -> Option<MeanInterval> {
    let differences: Vec<f64> = both.iter().map(|(score, rating)| score - rating).collect();
    MeanInterval::of_mean(&differences, confidence)
}

/// The mean gap, with prompts resampled.
fn judged(gaps: &[f64], bootstrap: &Bootstrap) -> Option<Interval> {
    bootstrap.interval(gaps.len(), |counts| {
        let weighted = gaps.iter().zip(counts);
        let sum: f64 = weighted.map(|(gap, &count)| gap * f64::from(count)).sum();
        Some(sum / gaps.len() as f64)
    })
}
