//! Fits shortcuts and measures them on held-out responses.

use std::fmt;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Entry};
use super::reach::Reach;
use super::shortcuts::{Feature, rows};
use crate::Result;
use crate::baselines::features::fnv1a;
use crate::baselines::{Baseline, BaselineExample};
use crate::metrics::{PairMoments, mean, pearson};

/// Number of folds for a single split.
pub(super) const FOLDS: u64 = 5;

/// Number of rated segments that the bag of words is fitted on at most, about. More take longer and hardly change what it
/// reaches.
const MOST_FITTED: usize = 30_000;

/// A shortcut that is fitted to the ratings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOut {
    /// [`PositionLength`](crate::baselines::PositionLength): position (whether it is the last, for example) and
    /// length.
    PositionLength,
    /// Linear regression on [`Feature::PromptOverlap`].
    PromptOverlap,
    /// [`BagOfWords`](crate::baselines::BagOfWords): words, overlap, position and length.
    BagOfWords,
}

impl HeldOut {
    /// All shortcuts, cheapest first.
    pub const ALL: [Self; 3] = [Self::PositionLength, Self::PromptOverlap, Self::BagOfWords];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::PositionLength => "position + length",
            Self::PromptOverlap => "overlap with prompt",
            Self::BagOfWords => "bag of words",
        }
    }
}

/// The correlation of a fitted shortcut with the ratings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FitReach {
    /// The shortcut.
    pub fit: HeldOut,
    /// Pearson correlation with held-out ratings.
    pub pearson: Option<f64>,
    /// The verdict on it.
    pub reach: Reach,
    /// The data it was fitted and judged on.
    pub how: How,
    /// Number of segments it was fitted on, the most of any fold, if those are not all: the bag of words is fitted on
    /// about 30,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted_on: Option<usize>,
}

impl FitReach {
    /// How it was fitted and judged, in words.
    pub fn described(&self) -> String {
        match self.fitted_on {
            Some(segments) => format!("{}, fitted on {segments} segments", self.how),
            None => self.how.to_string(),
        }
    }
}

/// The data a shortcut was fitted and judged on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Fitted on one split, judged on another.
    Splits {
        /// The first split.
        fitted: String,
        /// The last split.
        judged: String,
    },
    /// Cross-validated: the prompts are divided into five folds, each fold is predicted from the others, and the
    /// correlations are averaged, weighted by size.
    Folds,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Splits { fitted, judged } => write!(f, "fitted on {fitted}, judged on {judged}"),
            Self::Folds => write!(f, "cross-validated over prompts, {FOLDS} folds"),
        }
    }
}

/// The correlation of every fitted shortcut: fitted on the first split and judged on the last one, or
/// cross-validated within a single one.
pub(super) fn fits(corpus: &Corpus, aspect: &str, seed: u64) -> Result<Vec<FitReach>> {
    let judged = corpus.splits.len() - 1;
    let (how, parts): (How, Vec<Part>) = if judged > 0 {
        let name = |split: usize| corpus.splits[split].name.clone();
        let part = Part::new(corpus, aspect, |entry| {
            (entry.split == 0, entry.split == judged)
        });
        let (fitted, judged) = (name(0), name(judged));
        (How::Splits { fitted, judged }, vec![part])
    } else {
        let fold =
            |entry: &Entry| fnv1a(&[&seed.to_string(), &corpus.prompts[entry.prompt]]) % FOLDS;
        let part = |held_out| {
            Part::new(corpus, aspect, |entry| {
                (fold(entry) != held_out, fold(entry) == held_out)
            })
        };
        (How::Folds, (0..FOLDS).map(part).collect())
    };
    let responses = parts.iter().map(|part| part.judged.len()).sum();
    HeldOut::ALL
        .into_iter()
        .map(|fit| {
            let (pearson, segments) = over_parts(fit, &parts)?;
            let sampled = parts.iter().filter_map(|part| part.sampled(fit));
            Ok(FitReach {
                fitted_on: sampled.map(|(_, segments)| segments).max(),
                fit,
                pearson,
                reach: Reach::of(pearson, segments, responses),
                how: how.clone(),
            })
        })
        .collect()
}

/// The mean correlation over `parts`, weighted by their number of ratings, and the total number.
fn over_parts(fit: HeldOut, parts: &[Part]) -> Result<(Option<f64>, usize)> {
    let (mut sum, mut count) = (0.0, 0);
    let predicted = parts.par_iter().map(|part| part.predict(fit));
    for predicted in predicted.collect::<Vec<_>>() {
        let (predictions, ratings) = predicted?;
        if let Some(pearson) = pearson(&predictions, &ratings) {
            sum += pearson * ratings.len() as f64;
            count += ratings.len();
        }
    }
    Ok(((count > 0).then(|| sum / count as f64), count))
}

/// Rated examples to fit a shortcut on, and rated examples to judge it on.
struct Part<'a> {
    fitted: Vec<Prepared<'a>>,
    judged: Vec<Prepared<'a>>,
}

/// The baselines' view of an example, and the overlap of each segment with the prompt.
#[derive(Clone)]
struct Prepared<'a> {
    example: BaselineExample<'a>,
    overlaps: Vec<f64>,
}

impl<'a> Part<'a> {
    /// `role` tells whether an entry is fitted on and whether it is judged on.
    fn new(corpus: &Corpus<'a>, aspect: &str, role: impl Fn(&Entry) -> (bool, bool)) -> Self {
        let mut part = Self {
            fitted: Vec::new(),
            judged: Vec::new(),
        };
        for entry in &corpus.entries {
            let (fitted, judged) = role(entry);
            let rated = |s: &gradus_data::Segment| s.ratings.contains_key(aspect);
            if !(fitted || judged) || !entry.example.segments.iter().any(rated) {
                continue;
            }
            let overlap = Feature::PromptOverlap as usize;
            let prepared = Prepared {
                example: BaselineExample::of(aspect, entry.example),
                overlaps: rows(entry.example).iter().map(|row| row[overlap]).collect(),
            };
            if fitted {
                part.fitted.push(prepared.clone());
            }
            if judged {
                part.judged.push(prepared);
            }
        }
        part
    }

    /// Predictions and ratings of the judged segments; empty if nothing can be fitted.
    fn predict(&self, fit: HeldOut) -> Result<(Vec<f64>, Vec<f64>)> {
        if self.fitted.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let scores: Vec<Vec<f64>> = match fit {
            HeldOut::PositionLength => self.baseline(Baseline::PositionLength)?,
            HeldOut::BagOfWords => self.baseline(Baseline::BagOfWords)?,
            HeldOut::PromptOverlap => self.line(),
        };
        let pairs = self.judged.iter().zip(scores).flat_map(|(p, scores)| {
            let ratings = p.example.segments.iter().map(|segment| segment.rating);
            ratings.zip(scores)
        });
        Ok(pairs
            .filter_map(|(rating, score)| Some((score, rating?)))
            .unzip())
    }

    /// The examples that a shortcut is fitted on and the number of their rated segments, if it is not fitted on all.
    fn sampled(&self, fit: HeldOut) -> Option<(Vec<&Prepared<'a>>, usize)> {
        let rated = |p: &Prepared| {
            let segments = p.example.segments.iter();
            segments.filter(|segment| segment.rating.is_some()).count()
        };
        let all: usize = self.fitted.iter().map(rated).sum();
        if fit != HeldOut::BagOfWords || all <= MOST_FITTED {
            return None;
        }
        // Evenly over the split: as many of the first `n` examples as their share, for every `n`.
        let before = |count: usize| count * MOST_FITTED / all;
        let numbered = self.fitted.iter().enumerate();
        let chosen: Vec<&Prepared> = numbered
            .filter(|(index, _)| before(index + 1) > before(*index))
            .map(|(_, prepared)| prepared)
            .collect();
        let segments = chosen.iter().map(|p| rated(p)).sum();
        Some((chosen, segments))
    }

    fn baseline(&self, baseline: Baseline) -> Result<Vec<Vec<f64>>> {
        let fit = match baseline {
            Baseline::BagOfWords => HeldOut::BagOfWords,
            _ => HeldOut::PositionLength,
        };
        let fitted = match self.sampled(fit) {
            Some((chosen, _)) => chosen,
            None => self.fitted.iter().collect(),
        };
        let examples: Vec<_> = fitted.iter().map(|p| p.example.clone()).collect();
        let fitted = baseline.fit(&examples)?;
        Ok(self
            .judged
            .iter()
            .map(|p| fitted.predict(&p.example))
            .collect())
    }

    /// Least-squares regression of the rating on the overlap.
    fn line(&self) -> Vec<Vec<f64>> {
        let pairs = self.fitted.iter().flat_map(|p| {
            let ratings = p.example.segments.iter().map(|segment| segment.rating);
            p.overlaps.iter().zip(ratings)
        });
        let (overlaps, ratings): (Vec<f64>, Vec<f64>) = pairs
            .filter_map(|(&overlap, rating)| Some((overlap, rating?)))
            .unzip();
        let moments = PairMoments::of(&overlaps, &ratings);
        let slope = if moments.variance_predictions() > 0.0 {
            moments.covariance() / moments.variance_predictions()
        } else {
            0.0
        };
        let start = mean(&ratings) - slope * mean(&overlaps);
        let predict = |overlap: &f64| start + slope * overlap;
        self.judged
            .iter()
            .map(|p| p.overlaps.iter().map(predict).collect())
            .collect()
    }
}
