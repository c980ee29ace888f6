//! Trivial baselines: the training mean, position and length, a bag of words.
//!
//! A model should be better than these. They are fitted to the ratings of the training set, one aspect at a
//! time, and evaluated on the same segments as the model. An [`Offset`] is one of them that a model is trained
//! beside, so that the model learns what the baseline does not know.
//!
//! - [`Baseline`], [`FittedBaseline`]: what predicts; [`TrainMean`], [`PositionLength`], [`BagOfWords`]
//! - [`BaselineExample`]: what it reads
//! - [`Offset`], [`CrossFit`]: what is added to a model's scores, and to those of its training split; [`OffsetChoice`]:
//!   which one the validation split is for
//! - [`features`]: position, length and words of segments; [`Places`]: among the listed ones or in the text

pub mod features;
mod linear;
mod offset;
mod places;
mod sparse;
mod train_mean;
mod words;

pub use linear::PositionLength;
pub use offset::{
    AspectChoice, AspectOffset, CrossFit, Offset, OffsetChoice, OffsetError, OffsetKind,
    OffsetKinds, OffsetUse, UnknownOffset, Verdict,
};
pub use places::{Places, text_features};
pub use train_mean::TrainMean;
pub use words::BagOfWords;

use gradus_data::Example;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The result of fitting a baseline.
pub type Result<T> = std::result::Result<T, NothingRated>;

/// A baseline needs at least one rated segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("baseline `{name}`: found no rated segment to fit on, expected at least one")]
pub struct NothingRated {
    /// Name of the baseline.
    pub name: String,
}

/// The parts of a record that a baseline reads, with the ratings of one aspect.
#[derive(Clone, Debug)]
pub struct BaselineExample<'a> {
    /// The prompt.
    pub prompt: &'a str,
    /// The whole response.
    pub response: &'a str,
    /// All of its segments, in the order of the text, rated or not.
    pub segments: Vec<BaselineSegment<'a>>,
}

impl<'a> BaselineExample<'a> {
    /// The examples with the ratings of one aspect.
    pub fn of_aspect(aspect: &str, examples: &'a [Example]) -> Vec<Self> {
        let of_one = |example| Self::of(aspect, example);
        examples.iter().map(of_one).collect()
    }

    /// One example with the ratings of one aspect.
    pub fn of(aspect: &str, example: &'a Example) -> Self {
        Self {
            prompt: &example.prompt,
            response: &example.response,
            segments: (example.segment_texts().into_iter().zip(&example.segments))
                .map(|(text, segment)| BaselineSegment {
                    text,
                    start: segment.span.start,
                    rating: segment.ratings.get(aspect).copied(),
                })
                .collect(),
        }
    }
}

/// The parts of a segment that a baseline reads.
#[derive(Clone, Copy, Debug)]
pub struct BaselineSegment<'a> {
    /// The text of the segment.
    pub text: &'a str,
    /// Where it begins in the response, in characters.
    pub start: usize,
    /// Its rating; `None` = unrated. Ratings that are not finite count as none.
    pub rating: Option<f64>,
}

/// The baselines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Baseline {
    /// The mean training rating for every segment.
    TrainMean,
    /// Ridge regression on position and length of the segment.
    PositionLength,
    /// Ridge regression on the words of the segment, its overlap with the prompt, position and length.
    BagOfWords,
}

impl Baseline {
    /// Every baseline, cheapest first.
    pub const ALL: [Self; 3] = [Self::TrainMean, Self::PositionLength, Self::BagOfWords];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::TrainMean => "train mean",
            Self::PositionLength => "position + length",
            Self::BagOfWords => "bag of words",
        }
    }

    /// Fits it on the rated segments of `examples`.
    ///
    /// # Errors
    /// [`NothingRated`].
    pub fn fit(self, examples: &[BaselineExample]) -> Result<FittedBaseline> {
        self.fit_by(Places::Listed, examples)
    }

    /// The same with the places of segments measured as `places` says.
    ///
    /// # Errors
    /// [`NothingRated`].
    pub fn fit_by(self, places: Places, examples: &[BaselineExample]) -> Result<FittedBaseline> {
        Ok(match self {
            Self::TrainMean => FittedBaseline::TrainMean(TrainMean::fit(examples)?),
            Self::PositionLength => {
                FittedBaseline::PositionLength(PositionLength::fit(examples, places)?)
            }
            Self::BagOfWords => FittedBaseline::BagOfWords(BagOfWords::fit(examples, places)?),
        })
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A fitted baseline.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FittedBaseline {
    /// See [`Baseline::TrainMean`].
    TrainMean(TrainMean),
    /// See [`Baseline::PositionLength`].
    PositionLength(PositionLength),
    /// See [`Baseline::BagOfWords`].
    BagOfWords(BagOfWords),
}

impl FittedBaseline {
    /// Which baseline this is.
    pub fn baseline(&self) -> Baseline {
        match self {
            Self::TrainMean(_) => Baseline::TrainMean,
            Self::PositionLength(_) => Baseline::PositionLength,
            Self::BagOfWords(_) => Baseline::BagOfWords,
        }
    }

    /// One finite score per segment of `example`, in rating units. Ratings are not used.
    pub fn predict(&self, example: &BaselineExample) -> Vec<f64> {
        match self {
            Self::TrainMean(fitted) => fitted.predict(example),
            Self::PositionLength(fitted) => fitted.predict(example),
            Self::BagOfWords(fitted) => fitted.predict(example),
        }
    }

    /// The scores of all `examples`, each of which is a whole response as one segment, for
    /// comparison with ratings of responses. A response
    /// has no position, so [`PositionLength`] is named `length`.
    pub fn response_scores(
        &self,
        aspect: &str,
        examples: &[BaselineExample],
    ) -> ResponseBaselineScores {
        let baseline = self.baseline();
        let name = match baseline {
            Baseline::PositionLength => "length",
            _ => baseline.name(),
        };
        let scores = examples.iter().flat_map(|example| self.predict(example));
        ResponseBaselineScores {
            name: name.to_owned(),
            aspect: aspect.to_owned(),
            scores: scores.collect(),
        }
    }

    /// The scores of all `examples`, for comparison with ratings of segments.
    pub fn scores(&self, aspect: &str, examples: &[BaselineExample]) -> BaselineScores {
        BaselineScores {
            name: self.baseline().name().to_owned(),
            aspect: aspect.to_owned(),
            scores: examples
                .iter()
                .map(|example| self.predict(example))
                .collect(),
        }
    }
}

/// Predictions of a baseline for the records that are evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineScores {
    /// Name of the baseline.
    pub name: String,
    /// The aspect it was fitted for.
    pub aspect: String,
    /// Scores by response and segment, in rating units, parallel to the scored responses and their
    /// segments.
    pub scores: Vec<Vec<f64>>,
}

/// Predictions of a baseline for whole responses.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseBaselineScores {
    /// Name of the baseline.
    pub name: String,
    /// The aspect it was fitted for.
    pub aspect: String,
    /// Scores by response, in rating units, parallel to the scored responses.
    pub scores: Vec<f64>,
}

/// A rated segment of the training set.
#[derive(Clone, Copy)]
struct Rated {
    example: usize,
    segment: usize,
    rating: f64,
}

/// The rated segments of `examples`; an error where there is none.
fn rated_segments(baseline: Baseline, examples: &[BaselineExample]) -> Result<Vec<Rated>> {
    let mut rated = Vec::new();
    for (example, record) in examples.iter().enumerate() {
        for (segment, BaselineSegment { rating, .. }) in record.segments.iter().enumerate() {
            if let Some(rating) = rating.filter(|rating| rating.is_finite()) {
                rated.push(Rated {
                    example,
                    segment,
                    rating,
                });
            }
        }
    }
    if rated.is_empty() {
        return Err(NothingRated {
            name: baseline.name().to_owned(),
        });
    }
    Ok(rated)
}

fn mean_rating(rated: &[Rated]) -> f64 {
    rated.iter().map(|segment| segment.rating).sum::<f64>() / rated.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_set_without_ratings_is_an_error() {
        let segments = vec![
            BaselineSegment {
                text: "a",
                start: 0,
                rating: None,
            },
            BaselineSegment {
                text: "b",
                start: 0,
                rating: Some(f64::NAN),
            },
        ];
        let examples = [BaselineExample {
            prompt: "p",
            response: "ab",
            segments,
        }];
        for baseline in Baseline::ALL {
            let error = baseline.fit(&examples).unwrap_err();
            assert_eq!(error.name, baseline.name());
        }
    }

    #[test]
    fn stored_weights_of_the_wrong_number_are_refused() {
        let segments = vec![BaselineSegment {
            text: "a",
            start: 0,
            rating: Some(0.5),
        }];
        let examples = [BaselineExample {
            prompt: "p",
            response: "a",
            segments,
        }];
        for baseline in [Baseline::PositionLength, Baseline::BagOfWords] {
            let stored = serde_json::to_value(baseline.fit(&examples).unwrap()).unwrap();
            serde_json::from_value::<FittedBaseline>(stored.clone()).unwrap();
            let name = stored.as_object().unwrap().keys().next().unwrap().clone();
            for list in ["/weights", "/standardizer/means", "/standardizer/scales"] {
                let mut short = stored.clone();
                let place = format!("/{name}{list}");
                let list = short.pointer_mut(&place).unwrap();
                list.as_array_mut().unwrap().pop();
                let message = serde_json::from_value::<FittedBaseline>(short)
                    .unwrap_err()
                    .to_string();
                assert!(message.contains("numbers, expected"), "{place}: {message}");
            }
        }
    }

    #[test]
    fn odd_records_get_finite_scores_from_every_baseline() {
        let one = |text, rating| BaselineExample {
            prompt: "",
            response: text,
            segments: vec![BaselineSegment {
                text,
                start: 0,
                rating,
            }],
        };
        let none = BaselineExample {
            prompt: "p",
            response: "",
            segments: vec![],
        };
        for baseline in Baseline::ALL {
            let fitted = baseline
                .fit(&[one("a b", Some(0.5)), none.clone()])
                .unwrap();
            assert_eq!(fitted.predict(&one("", None)), [0.5], "{baseline}");
            assert!(fitted.predict(&none).is_empty());
        }
    }
}
