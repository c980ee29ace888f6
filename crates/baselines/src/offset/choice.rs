//! Which baseline, if any, the ratings of an aspect follow.

use std::fmt;

use gradus_data::Example;
use serde::Serialize;

use super::cross_fit::rated_prompts;
use super::kinds::name;
use super::{OffsetKind, OffsetKinds};
use crate::{Baseline, BaselineExample, Places};

/// How many standard errors a baseline must be better by on the validation split.
const STANDARD_ERRORS: f64 = 1.0;

/// The baseline that is worth adding to the scores of each aspect, if one is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OffsetChoice {
    /// One entry per aspect.
    pub aspects: Vec<AspectChoice>,
}

/// The choice for an aspect.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AspectChoice {
    /// Name of the aspect.
    pub aspect: String,
    /// The baseline; `None` if none pays.
    pub kind: Option<OffsetKind>,
    /// What it was chosen by.
    pub verdict: Verdict,
}

/// What a choice follows from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// The mean squared errors of these predictions on the rated segments of the validation split.
    Compared {
        /// That of the mean training rating.
        mean: f64,
        /// That of position and length.
        position_length: f64,
        /// That of the bag of words.
        bag_of_words: f64,
    },
    /// No segment of the training split is rated.
    NoTraining,
    /// All rated segments of the training split have the same prompt, so none of them can have an offset from a fit to
    /// other prompts.
    OnePrompt,
    /// No segment of the validation split is rated.
    NoValidation,
}

impl OffsetChoice {
    /// Chooses for each aspect on its own: from the mean training rating to position and length, and from there to the
    /// bag of words, a step is taken if the next one, fitted to `train`, has a mean squared error on the rated segments
    /// of `valid` that is lower by more than one standard error (of the difference, over responses).
    pub fn of(aspects: &[String], train: &[Example], valid: &[Example]) -> Self {
        let of_aspect = |aspect: &String| {
            let [train, valid] =
                [train, valid].map(|split| BaselineExample::of_aspect(aspect, split));
            let (kind, verdict) = choose(&train, &valid);
            AspectChoice {
                aspect: aspect.clone(),
                kind,
                verdict,
            }
        };
        Self {
            aspects: aspects.iter().map(of_aspect).collect(),
        }
    }

    /// The baselines of the aspects; none if none pays for any.
    pub fn kinds(&self) -> Option<OffsetKinds> {
        let first = self.aspects.first()?.kind;
        if self.aspects.iter().all(|one| one.kind == first) {
            return first.map(OffsetKinds::All);
        }
        let kinds = self.aspects.iter();
        let kinds = kinds.map(|one| (one.aspect.clone(), one.kind));
        Some(OffsetKinds::ByAspect(kinds.collect()))
    }
}

/// `relevance bag-of-words (MSE on valid: mean 0.21, position+length 0.2, bag-of-words 0.15), tone none (…)`.
impl fmt::Display for OffsetChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, one) in self.aspects.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let AspectChoice {
                aspect,
                kind,
                verdict,
            } = one;
            write!(formatter, "{comma}{aspect} {} ({verdict})", name(*kind))?;
        }
        Ok(())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compared {
                mean,
                position_length,
                bag_of_words,
            } => write!(
                formatter,
                "MSE on valid: mean {mean:.4}, position+length {position_length:.4}, bag-of-words {bag_of_words:.4}"
            ),
            Self::NoTraining => formatter.write_str("no rated segment in train"),
            Self::OnePrompt => formatter.write_str("rated segments of one prompt only in train"),
            Self::NoValidation => formatter.write_str("no rated segment in valid"),
        }
    }
}

/// The choice for the aspect whose ratings these are.
fn choose(
    train: &[BaselineExample<'_>],
    valid: &[BaselineExample<'_>],
) -> (Option<OffsetKind>, Verdict) {
    let is_rated = |example: &BaselineExample<'_>| {
        let mut segments = example.segments.iter();
        segments.any(|segment| segment.rating.is_some_and(f64::is_finite))
    };
    match rated_prompts(train).len() {
        0 => return (None, Verdict::NoTraining),
        1 => return (None, Verdict::OnePrompt),
        _ => {}
    }
    if !valid.iter().any(is_rated) {
        return (None, Verdict::NoValidation);
    }
    let errors = Baseline::ALL.map(|baseline| Errors::of(baseline, train, valid));
    let [Some(mean), Some(position_length), Some(bag_of_words)] = errors else {
        return (None, Verdict::NoTraining);
    };
    let verdict = Verdict::Compared {
        mean: mean.mean(),
        position_length: position_length.mean(),
        bag_of_words: bag_of_words.mean(),
    };
    let (mut kind, mut best) = (None, &mean);
    for (next, errors) in [
        (OffsetKind::PositionLength, &position_length),
        (OffsetKind::BagOfWords, &bag_of_words),
    ] {
        if errors.are_less_than(best) {
            (kind, best) = (Some(next), errors);
        }
    }
    (kind, verdict)
}

/// Squared errors on the rated segments of a split: number and sum of each response with one.
struct Errors(Vec<(f64, f64)>);

impl Errors {
    /// Those of a baseline that is fitted to `train`; none if nothing there is rated.
    fn of(
        baseline: Baseline,
        train: &[BaselineExample<'_>],
        valid: &[BaselineExample<'_>],
    ) -> Option<Self> {
        let fitted = baseline.fit_by(Places::Text, train).ok()?;
        let of_response = |example: &BaselineExample<'_>| {
            let predicted = fitted.predict(example);
            let pairs = predicted.iter().zip(&example.segments);
            let errors = pairs.filter_map(|(predicted, segment)| {
                let rating = segment.rating.filter(|rating| rating.is_finite())?;
                Some((rating - predicted).powi(2))
            });
            errors.fold((0.0, 0.0), |(count, sum), error| (count + 1.0, sum + error))
        };
        let of_responses = valid.iter().map(of_response);
        Some(Self(of_responses.filter(|one| one.0 > 0.0).collect()))
    }

    fn mean(&self) -> f64 {
        let count: f64 = self.0.iter().map(|one| one.0).sum();
        self.0.iter().map(|one| one.1).sum::<f64>() / count
    }

    /// Whether their mean is less than that of `other`, on the same segments, by more than noise.
    fn are_less_than(&self, other: &Self) -> bool {
        let responses = self.0.len() as f64;
        let segments: f64 = self.0.iter().map(|one| one.0).sum();
        let difference = other.mean() - self.mean();
        // The mean is a ratio of sums over responses, and its deviations are those of each response from it.
        let pairs = self.0.iter().zip(&other.0);
        let deviations = pairs.map(|(own, other)| (other.1 - own.1 - difference * own.0).powi(2));
        let variance = deviations.sum::<f64>() * responses / (responses - 1.0);
        let error = variance.sqrt() / segments;
        // With one response the error is not a number, and nothing is known.
        difference > 0.0 && difference > STANDARD_ERRORS * error
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gradus_data::{CharSpan, Segment};

    use super::*;
    use crate::features::fnv1a;

    /// Responses of three segments, each with a good or a bad word, and a rating that `rate` makes of the place, of
    /// whether the word is good, and of noise around 0.
    fn examples(
        prefix: &str,
        count: usize,
        rate: impl Fn(usize, bool, f64) -> f64,
    ) -> Vec<Example> {
        let one = |k: usize| {
            let bits = |place: usize, salt: &str| {
                fnv1a(&[prefix, &k.to_string(), &place.to_string(), salt]) >> 20
            };
            let is_good = |place: usize| bits(place, "word").is_multiple_of(2);
            let words = (0..3).map(|place| if is_good(place) { "fine" } else { "poor" });
            let segments = (0..3).map(|place| {
                let noise = (bits(place, "noise") % 1000) as f64 / 500.0 - 1.0;
                let rating = rate(place, is_good(place), noise);
                Segment {
                    ratings: BTreeMap::from([("good".to_owned(), rating)]),
                    ..Segment::unrated(CharSpan::new(place * 5, place * 5 + 4))
                }
            });
            Example {
                prompt: format!("{prefix} {k}"),
                response: words.collect::<Vec<_>>().join(" "),
                segments: segments.collect(),
                ..Example::default()
            }
        };
        (0..count).map(one).collect()
    }

    fn chosen(train: &[Example], valid: &[Example]) -> AspectChoice {
        let mut choice = OffsetChoice::of(&["good".to_owned()], train, valid);
        choice.aspects.remove(0)
    }

    fn chosen_for(rate: impl Fn(usize, bool, f64) -> f64 + Copy) -> Option<OffsetKind> {
        let choice = chosen(&examples("train", 120, rate), &examples("valid", 60, rate));
        assert!(matches!(choice.verdict, Verdict::Compared { .. }));
        choice.kind
    }

    fn at(place: usize) -> f64 {
        f64::from(u8::from(place == 2))
    }

    fn of_word(is_good: bool) -> f64 {
        f64::from(u8::from(is_good))
    }

    #[test]
    fn the_narrowest_baseline_that_ratings_follow_is_chosen_and_none_for_noise() {
        assert_eq!(chosen_for(|_, _, noise| noise), None);
        for equal in [0.5, 0.1, 0.3, 0.7] {
            assert_eq!(chosen_for(|_, _, _| equal), None, "no rating differs");
        }
        let position = Some(OffsetKind::PositionLength);
        assert_eq!(chosen_for(|place, _, noise| at(place) + noise), position);
        assert_eq!(chosen_for(|place, _, _| at(place)), position);
        let words = Some(OffsetKind::BagOfWords);
        assert_eq!(
            chosen_for(|_, is_good, noise| of_word(is_good) + noise),
            words
        );
        let both = |place, is_good, noise| at(place) + of_word(is_good) + noise;
        assert_eq!(chosen_for(both), words);
    }

    #[test]
    fn a_baseline_that_is_better_by_less_than_noise_is_not_chosen() {
        // In some responses the place tells the rating, in nearly as many it misleads.
        let train = examples("train", 120, |place, _, _| at(place));
        let mut valid = examples("follows", 18, |place, _, _| at(place));
        valid.extend(examples("misleads", 12, |place, _, _| {
            0.5 - 0.17 * at(place)
        }));
        let choice = chosen(&train, &valid);
        let Verdict::Compared {
            mean,
            position_length,
            ..
        } = choice.verdict
        else {
            panic!("{choice:?}")
        };
        assert!(position_length < mean, "{mean} {position_length}");
        assert_eq!(choice.kind, None);
        // One response alone says nothing of noise.
        let alone = chosen(&train, &examples("one", 1, |place, _, _| at(place)));
        assert_eq!(alone.kind, None);
    }

    #[test]
    fn each_aspect_has_its_own() {
        let rated_twice = |prefix, count| {
            let mut all = examples(prefix, count, |place, _, noise| at(place) + noise);
            let others = examples(prefix, count, |_, _, noise| noise);
            for (one, other) in all.iter_mut().zip(others) {
                for (segment, other) in one.segments.iter_mut().zip(other.segments) {
                    let rating = other.ratings["good"];
                    segment.ratings.insert("other".to_owned(), rating);
                }
            }
            all
        };
        let (train, valid) = (rated_twice("train", 120), rated_twice("valid", 60));
        let aspects = ["other", "good"].map(str::to_owned);
        let choice = OffsetChoice::of(&aspects, &train, &valid);
        let kinds = choice.kinds().unwrap();
        assert_eq!(kinds.to_string(), "good position+length, other none");
        let told = choice.to_string();
        assert!(
            told.starts_with("other none (MSE on valid: mean 0.3")
                && told.contains("), good position+length ("),
            "{told}"
        );
        let good = OffsetChoice::of(&aspects[1..], &train, &valid).kinds();
        assert_eq!(good, Some(OffsetKinds::All(OffsetKind::PositionLength)));
        assert_eq!(
            OffsetChoice::of(&aspects[..1], &train, &valid).kinds(),
            None
        );
    }

    #[test]
    fn without_anything_to_choose_by_there_is_none_and_the_reason_is_told() {
        let rated = |prefix, count| examples(prefix, count, |place, _, _| at(place));
        let unrated = || {
            let mut all = rated("unrated", 9);
            for segment in all.iter_mut().flat_map(|one| &mut one.segments) {
                segment.ratings.clear();
            }
            all
        };
        let mut same = rated("train", 9);
        for (k, one) in same.iter_mut().enumerate() {
            one.prompt = if k % 2 == 0 { "the same" } else { " The  same" }.to_owned();
        }
        for (train, valid, reason) in [
            (unrated(), rated("valid", 9), "no rated segment in train"),
            (rated("train", 9), unrated(), "no rated segment in valid"),
            (rated("train", 9), Vec::new(), "no rated segment in valid"),
            (
                same,
                rated("valid", 9),
                "rated segments of one prompt only in train",
            ),
        ] {
            let choice = chosen(&train, &valid);
            assert_eq!(
                (choice.kind, choice.verdict.to_string()),
                (None, reason.to_owned())
            );
        }
    }
}
