//! Weights of a model and of a trivial baseline in one score, fitted to held-out ratings.
//!
//! Of an aspect with the mean training rating `m`, the score becomes
//!
//! ```text
//! m + a (score - m) + c (baseline - m)        a ≥ 0, c ≥ 0, a + c ≤ 1
//! ```
//!
//! so that model, baseline and mean have weights of at least 0 with a sum of 1: the non-negative stacked regressions of
//! Breiman (1996), <https://doi.org/10.1007/BF00117832>, with the mean as a third predictor.
//!
//! Weights of least squared error that are fitted to few ratings often do worse than equal ones (the forecast combination puzzle:
//! Smith and Wallis (2009), <https://doi.org/10.1111/j.1468-0084.2008.00541.x>), and the model has an advantage where its own
//! weights were chosen by the same ratings. So they are those of the highest posterior density of a Bayesian regression
//! (Diebold and Pauly (1990), <https://doi.org/10.1016/0169-2070(90)90028-A>): a priori model and
//! baseline have a third each, give or take a quarter, and the mean has the rest.
//! Ratings that scatter little around the sum outweigh that at once, noisy ones by their number.

use gradus_baselines::{AspectOffset, BaselineExample, FittedBaseline};
use gradus_data::Example;

use crate::{AspectBaselines, Baselines};

/// A priori the mean of a weight: that of one of three predictors.
const PRIOR_WEIGHT: f64 = 1.0 / 3.0;
/// A priori the standard deviation of a weight: it can be anything from 0 to 1.
const PRIOR_SPREAD: f64 = 0.25;
/// The least weight of a model that its scores are left to: the others would change little, and a score should not depend on
/// more than the model without need.
const NEARLY_ALL: f64 = 0.9;
/// The fewest rated responses that say anything.
const FEWEST_RESPONSES: usize = 10;

/// Gathers rated and scored segments, and fits the weights of every aspect to them.
pub struct Stacker<'a> {
    aspects: Vec<OfAspect<'a>>,
}

struct OfAspect<'a> {
    name: String,
    mean: f64,
    candidates: Vec<&'a FittedBaseline>,
    responses: usize,
    segments: Vec<StackedSegment>,
}

impl<'a> Stacker<'a> {
    /// A stacker for the aspects of a model, in the order of its scores, with the baselines [of the
    /// text](AspectBaselines::of_text) that were fitted to its training split. The scores of an aspect without one stay.
    pub fn new<'b>(aspects: impl Iterator<Item = &'b str>, baselines: &'a Baselines) -> Self {
        let of_aspect = |name: &str| {
            let fitted = baselines.aspects.iter().find(|one| one.aspect == name);
            OfAspect::new(name, fitted)
        };
        Self {
            aspects: aspects.map(of_aspect).collect(),
        }
    }

    /// Adds the rated segments of an example that have `scores`, one per aspect, as the model alone gives them.
    ///
    /// # Panics
    /// If there are less scores than segments, or than aspects.
    pub fn add<'b>(
        &mut self,
        example: &Example,
        scores: impl IntoIterator<Item = Option<&'b [f64]>>,
    ) {
        let scores: Vec<Option<&[f64]>> = scores.into_iter().collect();
        for (index, of) in self.aspects.iter_mut().enumerate() {
            of.add(index, example, &scores);
        }
    }

    /// The weights of every aspect.
    pub fn fit(self) -> Vec<AspectStacking> {
        self.aspects.into_iter().map(OfAspect::fit).collect()
    }
}

impl<'a> OfAspect<'a> {
    fn new(name: &str, fitted: Option<&'a AspectBaselines>) -> Self {
        let of_text = fitted.map_or(&[][..], |one| &one.of_text);
        let mut fitted = fitted.iter().flat_map(|one| &one.fitted);
        let mean = fitted.find_map(|one| match one {
            FittedBaseline::TrainMean(mean) => Some(mean.mean()),
            _ => None,
        });
        Self {
            name: name.to_owned(),
            mean: mean.unwrap_or_default(),
            candidates: of_text.iter().collect(),
            responses: 0,
            segments: Vec::new(),
        }
    }

    fn add(&mut self, index: usize, example: &Example, scores: &[Option<&[f64]>]) {
        let rating = |place: usize| {
            let rating = example.segments[place].ratings.get(&self.name).copied();
            rating.filter(|rating| rating.is_finite())
        };
        let places = 0..example.segments.len();
        let rated: Vec<(usize, f64, f64)> = places
            .filter_map(|place| {
                let score = scores[place]?[index];
                Some((place, score, rating(place)?)).filter(|_| score.is_finite())
            })
            .collect();
        if rated.is_empty() {
            return;
        }
        let read = BaselineExample::of(&self.name, example);
        let candidates = self.candidates.iter();
        let predicted: Vec<Vec<f64>> = candidates.map(|one| one.predict(&read)).collect();
        let response = self.responses;
        self.responses += 1;
        let segment = |(place, score, rating): (usize, f64, f64)| StackedSegment {
            response,
            score,
            rating,
            baselines: predicted.iter().map(|one| one[place]).collect(),
        };
        self.segments.extend(rated.into_iter().map(segment));
    }

    fn fit(self) -> AspectStacking {
        let found = stack(self.mean, &self.segments);
        let baseline = found.and_then(|found| found.baseline);
        AspectStacking {
            baseline: baseline.map(|(place, weight)| (self.candidates[place].clone(), weight)),
            model: found.map_or(1.0, |found| found.model),
            errors: found.map(|found| [found.before, found.after]),
            segments: self.segments.len(),
            aspect: self.name,
            mean: self.mean,
        }
    }
}

/// What was fitted for one aspect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AspectStacking {
    /// Name of the aspect.
    pub aspect: String,
    /// Rated and scored segments.
    pub segments: usize,
    /// The mean training rating.
    pub mean: f64,
    /// The weight of the model; 1 if its scores stay as they are, or without a segment.
    pub model: f64,
    /// The baseline that is added, with its weight.
    pub baseline: Option<(FittedBaseline, f64)>,
    /// The mean squared error of the scores before, and of the weighted sum, on the segments; `None` where nothing could be
    /// fitted.
    pub errors: Option<[f64; 2]>,
}

impl AspectStacking {
    /// What scores with these weights are made of.
    pub fn offset(&self) -> AspectOffset {
        AspectOffset::weighted(&self.aspect, self.mean, self.model, self.baseline.clone())
    }
}

/// A rated and scored segment.
#[derive(Clone, Debug, PartialEq)]
pub struct StackedSegment {
    /// Number of its response, from 0; the segments of a response stand together.
    pub response: usize,
    /// Its score.
    pub score: f64,
    /// Its rating.
    pub rating: f64,
    /// What each of the baselines predicts, in the order of [`stack`]'s argument.
    pub baselines: Vec<f64>,
}

/// Weights of one aspect, and what they are worth on the data that they were fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stacking {
    /// The weight of the model, `a`.
    pub model: f64,
    /// Place of the baseline and its weight `c`, above 0; `None` if none helps.
    pub baseline: Option<(usize, f64)>,
    /// Mean squared error of the scores before.
    pub before: f64,
    /// That of the weighted sum.
    pub after: f64,
}

/// The weights of the highest posterior density, over all baselines; `None` without a segment or a baseline.
///
/// The model stays as it is if its weight is nine tenths or more, and with less than ten responses.
///
/// # Panics
/// If segments have different numbers of baselines.
pub fn stack(mean: f64, segments: &[StackedSegment]) -> Option<Stacking> {
    let baselines = segments.first()?.baselines.len();
    let mut all = vec![Sums::default(); baselines];
    for one in segments {
        for (place, sums) in all.iter_mut().enumerate() {
            sums.add(mean, one, place);
        }
    }
    let alone = Weights::alone(&all)?;
    let responses = segments.last()?.response + 1;
    let found = Weights::likeliest(&all, alone, segments.len());
    let is_used = responses >= FEWEST_RESPONSES && found.model < NEARLY_ALL;
    let Weights {
        place,
        model,
        baseline,
    } = if is_used { found } else { alone };
    let count = segments.len() as f64;
    Some(Stacking {
        model,
        baseline: (baseline > 0.0).then_some((place, baseline)),
        before: all[0].error(1.0, 0.0) / count,
        after: all[place].error(model, baseline) / count,
    })
}

/// Weights of the model and of the baseline at a place.
#[derive(Clone, Copy)]
struct Weights {
    place: usize,
    model: f64,
    baseline: f64,
}

impl Weights {
    /// The model as it is; `None` without a baseline.
    fn alone(all: &[Sums]) -> Option<Self> {
        (!all.is_empty()).then_some(Self {
            place: 0,
            model: 1.0,
            baseline: 0.0,
        })
    }

    /// Those of the highest posterior density after `count` ratings, whose noise is what the weights of least squared error
    /// leave.
    fn likeliest(all: &[Sums], alone: Self, count: usize) -> Self {
        let least = Self::best(all, alone);
        let error = all[least.place].error(least.model, least.baseline).max(0.0);
        let noise = error / count.saturating_sub(2).max(1) as f64;
        let with_prior: Vec<Sums> = all.iter().map(|sums| sums.with_prior(noise)).collect();
        Self::best(&with_prior, alone)
    }

    /// Those of least squared error, by baseline; `alone` where no others have less.
    fn best(all: &[Sums], alone: Self) -> Self {
        let mut best = alone;
        let mut least = all[alone.place].error(alone.model, alone.baseline);
        for (place, sums) in all.iter().enumerate() {
            for (model, baseline) in sums.candidates() {
                let error = sums.error(model, baseline);
                // Without a weight on either, all scores would be equal.
                if error < least && model + baseline > 0.0 {
                    least = error;
                    best = Self {
                        place,
                        model,
                        baseline,
                    };
                }
            }
        }
        best
    }
}

/// Sums of products of score `s`, baseline `b` and rating `r`, each without the mean.
#[derive(Clone, Copy, Default)]
struct Sums {
    ss: f64,
    sb: f64,
    bb: f64,
    sr: f64,
    br: f64,
    rr: f64,
}

impl Sums {
    fn add(&mut self, mean: f64, one: &StackedSegment, place: usize) {
        let [s, b, r] = [one.score, one.baselines[place], one.rating].map(|value| value - mean);
        self.ss += s * s;
        self.sb += s * b;
        self.bb += b * b;
        self.sr += s * r;
        self.br += b * r;
        self.rr += r * r;
    }

    /// These with the prior, as squared errors of further ratings: the distance of each weight from its prior mean in prior
    /// standard deviations, times that of the noise with this variance.
    fn with_prior(&self, noise: f64) -> Self {
        let times = noise / (PRIOR_SPREAD * PRIOR_SPREAD);
        Self {
            ss: self.ss + times,
            bb: self.bb + times,
            sr: self.sr + times * PRIOR_WEIGHT,
            br: self.br + times * PRIOR_WEIGHT,
            rr: self.rr + times * 2.0 * PRIOR_WEIGHT * PRIOR_WEIGHT,
            ..*self
        }
    }

    /// The sum of squared errors.
    fn error(&self, a: f64, c: f64) -> f64 {
        self.rr
            + a * a * self.ss
            + c * c * self.bb
            + 2.0 * (a * c * self.sb - a * self.sr - c * self.br)
    }

    /// Where the least error can be: inside the triangle of weights, or on one of its sides.
    fn candidates(&self) -> Vec<(f64, f64)> {
        let part = |of: f64, by: f64| {
            if by > 0.0 {
                (of / by).clamp(0.0, 1.0)
            } else {
                0.0
            }
        };
        let side = part(
            self.sr - self.br - self.sb + self.bb,
            self.ss - 2.0 * self.sb + self.bb,
        );
        let mut found = vec![
            (part(self.sr, self.ss), 0.0),
            (0.0, part(self.br, self.bb)),
            (side, 1.0 - side),
        ];
        let determinant = self.ss * self.bb - self.sb * self.sb;
        if determinant > 0.0 {
            let a = (self.sr * self.bb - self.br * self.sb) / determinant;
            let c = (self.br * self.ss - self.sr * self.sb) / determinant;
            if a >= 0.0 && c >= 0.0 && a + c <= 1.0 {
                found.push((a, c));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gradus_data::{CharSpan, Segment};
    use proptest::prelude::*;

    use super::*;

    /// Score, baseline and rating of segments, each in a response of its own, `times` over.
    fn segments(values: &[(f64, f64, f64)], times: usize) -> Vec<StackedSegment> {
        let all = (0..times).flat_map(|_| values).enumerate();
        let segment = |(response, &(score, baseline, rating))| StackedSegment {
            response,
            score,
            rating,
            baselines: vec![baseline],
        };
        all.map(segment).collect()
    }

    #[test]
    fn weights_that_made_the_ratings_are_found() {
        let values: Vec<(f64, f64, f64)> = (0..20)
            .map(|k| {
                let (score, baseline) = (f64::from(k % 5), f64::from(k % 3));
                (
                    score,
                    baseline,
                    1.0 + 0.5 * (score - 1.0) + 0.25 * (baseline - 1.0),
                )
            })
            .collect();
        let found = stack(1.0, &segments(&values, 1)).unwrap();
        assert!((found.model - 0.5).abs() < 1e-9, "{found:?}");
        assert!((found.baseline.unwrap().1 - 0.25).abs() < 1e-9, "{found:?}");
        assert!(found.after < 1e-12 && found.before > 0.1, "{found:?}");
    }

    #[test]
    fn a_model_that_knows_nothing_gets_no_weight_and_a_perfect_one_stays() {
        let nothing = [
            (1.0, 0.0, 0.0),
            (-1.0, 1.0, 1.0),
            (1.0, 1.0, 1.0),
            (-1.0, 0.0, 0.0),
        ];
        let found = stack(0.5, &segments(&nothing, 5)).unwrap();
        assert_eq!((found.model, found.baseline), (0.0, Some((0, 1.0))));
        let perfect = nothing.map(|(noise, _, rating)| (rating, noise, rating));
        let found = stack(0.5, &segments(&perfect, 5)).unwrap();
        assert_eq!((found.model, found.baseline), (1.0, None));
        assert_eq!(stack(0.5, &[]), None);
        // Nine responses say nothing.
        let few = &segments(&nothing, 5)[..9];
        assert_eq!(stack(0.5, few).unwrap().baseline, None);
    }

    #[test]
    fn the_better_baseline_is_taken() {
        let one = |response: usize| {
            let rating = f64::from(u8::from(response.is_multiple_of(2)));
            StackedSegment {
                response,
                score: 0.5,
                rating,
                baselines: vec![1.0 - rating, rating],
            }
        };
        let all: Vec<StackedSegment> = (0..20).map(one).collect();
        let found = stack(0.5, &all).unwrap();
        assert_eq!(found.baseline, Some((1, 1.0)));
    }

    #[test]
    fn few_noisy_ratings_leave_thirds_and_many_decide() {
        // Score, baseline and noise are orthogonal, and the ratings follow the baseline: least squares gives 0 and 0.8.
        let values: Vec<(f64, f64, f64)> = (0..8)
            .map(|k| {
                let sign = |bit: i32| if k >> bit & 1 == 0 { 1.0 } else { -1.0 };
                (sign(0), sign(1), 0.8 * sign(1) + 2.0 * sign(2))
            })
            .collect();
        for times in [2, 200] {
            let found = stack(0.0, &segments(&values, times)).unwrap();
            let count = 8.0 * times as f64;
            let prior = 4.0 * count / (count - 2.0) * 16.0;
            let expected = [0.0, 0.8].map(|least| (count * least + prior / 3.0) / (count + prior));
            assert!(
                (found.model - expected[0]).abs() < 1e-9,
                "{found:?} {expected:?}"
            );
            let (_, weight) = found.baseline.unwrap();
            assert!(
                (weight - expected[1]).abs() < 1e-9,
                "{found:?} {expected:?}"
            );
        }
    }

    #[test]
    fn a_model_that_needs_hardly_anything_stays_as_it_is() {
        // The errors are 1, and the baseline knows a part of them.
        let of = |known: f64| {
            let one = |place: u8| {
                let error = if place.is_multiple_of(2) { 1.0 } else { -1.0 };
                let rating = if place < 2 { 4.0 } else { -4.0 };
                (rating + error, -error * known, rating)
            };
            segments(&[0, 1, 2, 3].map(one), 500)
        };
        assert!(stack(0.0, &of(0.05)).unwrap().model >= 1.0);
        assert!(stack(0.0, &of(2.0)).unwrap().model < 0.9);
    }

    #[test]
    fn scores_never_become_equal() {
        // The mean alone has the least error.
        let values = [(1.0, 1.0, -0.1), (-1.0, -1.0, 0.1)];
        let found = stack(0.0, &segments(&values, 10)).unwrap();
        assert!(found.model > 0.0 || found.baseline.is_some(), "{found:?}");
    }

    /// Responses of two segments, of which the second is rated high.
    fn examples() -> Vec<Example> {
        let segment = |place: usize| Segment {
            ratings: BTreeMap::from([("good".to_owned(), place as f64)]),
            ..Segment::unrated(CharSpan::new(place * 4, place * 4 + 3))
        };
        let one = |k: usize| Example {
            prompt: format!("prompt {k}"),
            response: "one two".to_owned(),
            segments: vec![segment(0), segment(1)],
            ..Example::default()
        };
        (0..10).map(one).collect()
    }

    #[test]
    fn a_baseline_of_the_text_is_added_where_there_is_one() {
        for expected in [true, false] {
            let examples = examples();
            let mut baselines = Baselines::fit(["good"], &examples).unwrap();
            if expected {
                baselines = baselines.with_places_of_text(&examples).unwrap();
            }
            let mut stacker = Stacker::new(["good", "unknown"].into_iter(), &baselines);
            for example in &examples {
                // The second segment has no score.
                stacker.add(example, [Some(&[0.5, 0.5][..]), None]);
                stacker.add(example, [Some(&[0.4, 0.5][..]), Some(&[0.5, 0.5][..])]);
            }
            let found = stacker.fit();
            let [good, unknown] = found.as_slice() else {
                panic!("{found:?}")
            };
            assert_eq!((good.segments, good.mean), (30, 0.5));
            assert_eq!(good.offset().is_none(), !expected, "{good:?}");
            assert_eq!(good.errors.is_some(), expected);
            assert!(unknown.segments == 0 && unknown.offset().is_none());
        }
    }

    proptest! {
        #[test]
        fn no_weights_of_a_grid_are_better(
            values in prop::collection::vec((-2.0..2.0, -2.0..2.0, -2.0..2.0), 1..12),
            mean in -1.0..1.0,
        ) {
            let mut sums = Sums::default();
            for one in &segments(&values, 1) {
                sums.add(mean, one, 0);
            }
            let found = Weights::best(&[sums], Weights::alone(&[sums]).unwrap());
            let error = |a: f64, c: f64| {
                let errors = values.iter().map(|&(score, baseline, rating)| {
                    (mean + a * (score - mean) + c * (baseline - mean) - rating).powi(2)
                });
                errors.sum::<f64>()
            };
            let (a, c) = (found.model, found.baseline);
            prop_assert!((error(a, c) - sums.error(a, c)).abs() < 1e-9);
            prop_assert!(a >= 0.0 && c >= 0.0 && a + c > 0.0 && a + c <= 1.0 + 1e-12);
            // Where the mean alone has the least error, nothing is taken that is worse than the model.
            let least = error(0.0, 0.0);
            for a in 0..=10 {
                for c in 0..=10 - a {
                    let at = error(f64::from(a) / 10.0, f64::from(c) / 10.0);
                    let is_mean = sums.candidates().iter().all(|&(a, c)| error(a, c) >= least - 1e-9);
                    prop_assert!(is_mean || sums.error(found.model, found.baseline) <= at + 1e-9, "{a} {c}: {at}");
                }
            }
        }
    }
}
