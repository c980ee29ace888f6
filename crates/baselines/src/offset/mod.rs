//! A baseline that a model is trained beside, so that the model learns what the baseline does not know.
//!
//! Adding what a trivial predictor says to the model's score in training, and leaving it out afterwards, keeps the
//! model from learning the shortcut itself: Clark et al. (2019), "Don't Take the Easy Way Out",
//! <https://arxiv.org/abs/1909.03683>, and He et al. (2019), "Unlearn Dataset Bias in Natural Language Inference by
//! Fitting the Residual", <https://arxiv.org/abs/1908.10763>; here for regression.

mod choice;
mod cross_fit;
mod kind;
mod kinds;

pub use choice::{AspectChoice, OffsetChoice, Verdict};
pub use cross_fit::CrossFit;
pub use kind::{OffsetKind, OffsetUse, UnknownOffset};
pub use kinds::OffsetKinds;

use gradus_data::Example;
use serde::{Deserialize, Serialize};

use crate::{BaselineExample, FittedBaseline, NothingRated, Places};

/// The version of the JSON of an [`Offset`] that is one baseline for all aspects, and names it.
const ONE_KIND: u32 = 1;
/// That of an [`Offset`] whose aspects differ.
const KIND_BY_ASPECT: u32 = 2;
/// That of an [`Offset`] of either form whose baselines measure places by the text, which versions before do not know.
const BY_TEXT: u32 = 3;

/// Why there is no offset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OffsetError {
    /// No segment is rated on an aspect.
    #[error("offset of aspect `{aspect}`: found no rated segment to fit on, expected at least one")]
    NothingRated {
        /// The aspect.
        aspect: String,
    },
    /// All rated segments of an aspect have the same prompt.
    #[error(
        "offset of aspect `{aspect}`: found rated segments of one prompt, expected two or more, \
         as the offset of each prompt comes from a fit to the others"
    )]
    OnePrompt {
        /// The aspect.
        aspect: String,
    },
}

/// What is added to the scores of a model: predictions of a baseline without their mean, so that scores have the same
/// level without it. It measures places by the text ([`Places::Text`]), so that a score does not depend on which segments
/// are listed; those of older versions counted listed segments.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    format_version: u32,
    /// Which baseline it is, where that is the same for all aspects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<OffsetKind>,
    /// Whether it was added to a model that was trained without it.
    #[serde(default, skip_serializing_if = "is_false")]
    stacked: bool,
    /// One entry per aspect, in the order of the model's scores.
    pub aspects: Vec<AspectOffset>,
}

/// The offset of one aspect, in rating units.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AspectOffset {
    /// Name of the aspect.
    pub aspect: String,
    /// The mean training rating, which predictions lose.
    #[serde(default)]
    pub mean: f64,
    /// By how much predictions without the mean are multiplied, above 0.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f64,
    /// By how much the score of the model without the mean is multiplied, 0 or more; 1 unless the offset is
    /// [stacked](Offset::stacked).
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub model: f64,
    /// The fitted baseline; none for an aspect to which nothing is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<FittedBaseline>,
}

fn one() -> f64 {
    1.0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
#[expect(clippy::float_cmp, reason = "exactly the default")]
fn is_one(weight: &f64) -> bool {
    *weight == one()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Offset {
    /// An offset for a model that was trained without it: weighted sums of both, which are fitted afterwards.
    pub fn stacked(aspects: Vec<AspectOffset>) -> Self {
        let mut offset = Self::of(aspects);
        offset.stacked = true;
        offset
    }

    /// Whether it was added to a model that was trained without it: what the model says alone is then no score free of
    /// what the baseline knows.
    pub fn is_stacked(&self) -> bool {
        self.stacked
    }

    /// By how much the scores of the model are multiplied, one number per aspect; 1 unless it is stacked.
    pub fn model_weights(&self) -> impl Iterator<Item = f64> {
        self.aspects.iter().map(|one| one.model)
    }

    /// Fits the baselines to the ratings of `examples` on each aspect.
    ///
    /// # Errors
    /// [`OffsetError::NothingRated`].
    pub fn fit(
        kinds: impl Into<OffsetKinds>,
        aspects: &[String],
        examples: &[Example],
    ) -> Result<Self, OffsetError> {
        let kinds = kinds.into();
        let of_aspect = |aspect: &String| match kinds.of(aspect) {
            None => Ok(AspectOffset::none(aspect)),
            Some(kind) => {
                let examples = BaselineExample::of_aspect(aspect, examples);
                AspectOffset::fit(kind, aspect, &examples)
            }
        };
        let aspects = aspects.iter().map(of_aspect);
        Ok(Self::of(aspects.collect::<Result<_, _>>()?))
    }

    fn of(aspects: Vec<AspectOffset>) -> Self {
        let first = aspects.first().and_then(AspectOffset::kind);
        let kind = first.filter(|_| aspects.iter().all(|one| one.kind() == first));
        Self {
            format_version: BY_TEXT,
            kind,
            stacked: false,
            aspects,
        }
    }

    /// Which baseline each aspect has.
    pub fn kinds(&self) -> OffsetKinds {
        let of_aspect = |one: &AspectOffset| (one.aspect.clone(), one.kind());
        let by_aspect = || OffsetKinds::ByAspect(self.aspects.iter().map(of_aspect).collect());
        self.kind.map_or_else(by_aspect, OffsetKinds::All)
    }

    /// What is added to the scores of every segment, which are multiplied by the [weights](Self::model_weights) of the
    /// model before; by segment and aspect, in rating units. Ratings are not used.
    pub fn predict(&self, example: &Example) -> Vec<Vec<f64>> {
        by_segment(example, self.aspects.iter())
    }

    /// Checks what a file gives: the format version, and that `known`, the aspects of the model, are its aspects in
    /// the same order.
    ///
    /// # Errors
    /// The key, what was found and what was expected.
    pub fn check(&self, known: &[String]) -> Result<(), (&'static str, String, String)> {
        let expected = self.kind.map_or(KIND_BY_ASPECT, |_| ONE_KIND);
        if self.format_version != expected && self.format_version != BY_TEXT {
            let found = self.format_version.to_string();
            let with = if self.kind.is_some() {
                "with"
            } else {
                "without"
            };
            return Err((
                "format_version",
                found,
                format!("{expected}, {with} one `kind` of all aspects"),
            ));
        }
        let names: Vec<&str> = self.aspects.iter().map(|one| one.aspect.as_str()).collect();
        if names != known {
            return Err(("aspects", format!("{names:?}"), format!("{known:?}")));
        }
        self.aspects.iter().try_for_each(|one| self.check_one(one))
    }

    fn check_one(&self, one: &AspectOffset) -> Result<(), (&'static str, String, String)> {
        let found = one.baseline.as_ref().map(FittedBaseline::baseline);
        let is_known = match self.kind {
            Some(kind) => found == Some(kind.baseline()),
            // The mean would be an offset that adds nothing.
            None => found.is_none_or(|baseline| OffsetKind::of(baseline).is_some()),
        };
        if !(one.weight.is_finite() && one.weight > 0.0) {
            let found = format!("the weight {} for `{}`", one.weight, one.aspect);
            return Err(("aspects", found, "a weight above 0".to_owned()));
        }
        let weighs = !is_one(&one.model);
        if !(one.model.is_finite() && one.model >= 0.0) || (weighs && !self.stacked) {
            let found = format!("the weight {} of the model for `{}`", one.model, one.aspect);
            let expected = "0 or more, and 1 unless `stacked`".to_owned();
            return Err(("aspects", found, expected));
        }
        if is_known && one.mean.is_finite() {
            return Ok(());
        }
        let name = found.map_or("none", crate::Baseline::name);
        let expected = self
            .kind
            .map_or("a baseline", |kind| kind.baseline().name());
        Err((
            "aspects",
            format!("{name} around {} for `{}`", one.mean, one.aspect),
            format!("{expected} around a finite mean"),
        ))
    }
}

impl AspectOffset {
    /// `mean + model (score - mean) + weight (baseline - mean)` for a score of the model, with a baseline that is fitted
    /// already; without one, or with a weight of 0, only the score is multiplied.
    pub fn weighted(
        aspect: &str,
        mean: f64,
        model: f64,
        baseline: Option<(FittedBaseline, f64)>,
    ) -> Self {
        let (baseline, weight) = baseline.filter(|(_, weight)| *weight != 0.0).unzip();
        Self {
            aspect: aspect.to_owned(),
            mean,
            weight: weight.unwrap_or_else(one),
            model,
            baseline,
        }
    }

    /// Nothing that is added.
    pub fn none(aspect: &str) -> Self {
        Self {
            aspect: aspect.to_owned(),
            mean: 0.0,
            weight: one(),
            model: one(),
            baseline: None,
        }
    }

    /// Whether scores stay as they are.
    pub fn is_none(&self) -> bool {
        self.baseline.is_none() && is_one(&self.model)
    }

    /// Fits the baseline to the ratings of `examples`.
    fn fit(
        kind: OffsetKind,
        aspect: &str,
        examples: &[BaselineExample<'_>],
    ) -> Result<Self, OffsetError> {
        let baseline = kind.baseline();
        let rated = crate::rated_segments(baseline, examples);
        let nothing = |_: NothingRated| OffsetError::NothingRated {
            aspect: aspect.to_owned(),
        };
        Ok(Self {
            aspect: aspect.to_owned(),
            mean: crate::mean_rating(&rated.map_err(nothing)?),
            weight: one(),
            model: one(),
            baseline: Some(baseline.fit_by(Places::Text, examples).map_err(nothing)?),
        })
    }

    /// Which baseline it is.
    fn kind(&self) -> Option<OffsetKind> {
        let baseline = self.baseline.as_ref()?;
        OffsetKind::of(baseline.baseline())
    }

    /// What is added to the score of every segment.
    fn predict(&self, example: &BaselineExample<'_>) -> Vec<f64> {
        // What multiplying the score takes from its mean.
        let rest = (1.0 - self.model) * self.mean;
        match &self.baseline {
            None => vec![rest; example.segments.len()],
            Some(baseline) => {
                let predicted = baseline.predict(example).into_iter();
                predicted
                    .map(|value| self.weight * (value - self.mean) + rest)
                    .collect()
            }
        }
    }

    /// The score with the offset, of one without it, where [`predict`](Offset::predict) gives `added`.
    pub fn kept(&self, score: f64, added: f64) -> f64 {
        self.model * score + added
    }

    /// The score with the other choice of what becomes of the offset, of one with `choice`; `None` where that cannot be
    /// told, as scores with the offset hold nothing of a model whose weight is 0.
    pub fn other(&self, choice: OffsetUse, score: f64, added: f64) -> Option<f64> {
        match choice {
            OffsetUse::Drop => Some(self.kept(score, added)),
            OffsetUse::Keep => (self.model > 0.0).then(|| (score - added) / self.model),
        }
    }
}

/// The predictions of one offset per aspect, by segment and aspect.
fn by_segment<'a>(
    example: &Example,
    aspects: impl Iterator<Item = &'a AspectOffset>,
) -> Vec<Vec<f64>> {
    let mut all = vec![Vec::new(); example.segments.len()];
    // No rating is used, so the example is the same for all aspects.
    let unrated = BaselineExample::of("", example);
    for offset in aspects {
        for (values, value) in all.iter_mut().zip(offset.predict(&unrated)) {
            values.push(value);
        }
    }
    all
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use gradus_data::{CharSpan, Segment};

    use super::*;

    /// Two segments per response, each with a rating.
    pub(crate) fn example(prompt: &str, ratings: [f64; 2]) -> Example {
        let segment = |(start, rating): (usize, f64)| Segment {
            ratings: BTreeMap::from([("good".to_owned(), rating)]),
            ..Segment::unrated(CharSpan::new(start, start + 3))
        };
        Example {
            prompt: prompt.to_owned(),
            response: "one two".to_owned(),
            segments: [0, 4].into_iter().zip(ratings).map(segment).collect(),
            ..Example::default()
        }
    }

    pub(crate) fn aspects() -> Vec<String> {
        vec!["good".to_owned()]
    }

    #[test]
    fn the_mean_over_the_training_split_is_zero() {
        let examples: Vec<Example> = (0..12)
            .map(|k| example(&format!("prompt {k}"), [1.0, 3.0 + f64::from(k % 3)]))
            .collect();
        for kind in OffsetKind::ALL {
            let offset = Offset::fit(kind, &aspects(), &examples).unwrap();
            let all = examples.iter().flat_map(|one| offset.predict(one));
            let all: Vec<f64> = all.flatten().collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            assert!(mean.abs() < 1e-6, "{kind}: {mean}");
            // The last segment is rated higher, which the offset knows.
            assert!(all[1] - all[0] > 1.0, "{kind}: {all:?}");
        }
    }

    #[test]
    fn a_stored_offset_says_the_same_and_a_foreign_one_is_refused() {
        let examples = [example("a", [0.0, 1.0]), example("b", [0.5, 1.0])];
        for kind in OffsetKind::ALL {
            let offset = Offset::fit(kind, &aspects(), &examples).unwrap();
            let stored = serde_json::to_string(&offset).unwrap();
            let read: Offset = serde_json::from_str(&stored).unwrap();
            read.check(&aspects()).unwrap();
            assert_eq!(read.predict(&examples[0]), offset.predict(&examples[0]));
            let (key, found, expected) = read.check(&["bad".to_owned()]).unwrap_err();
            assert_eq!(
                (key, &*found, &*expected),
                ("aspects", r#"["good"]"#, r#"["bad"]"#)
            );
            let newer = stored.replace("\"format_version\":3", "\"format_version\":4");
            let newer: Offset = serde_json::from_str(&newer).unwrap();
            assert_eq!(newer.check(&aspects()).unwrap_err().0, "format_version");
        }
        let mut other = Offset::fit(OffsetKind::BagOfWords, &aspects(), &examples).unwrap();
        other.kind = Some(OffsetKind::PositionLength);
        assert!(
            other
                .check(&aspects())
                .unwrap_err()
                .1
                .starts_with("bag of words")
        );
    }

    #[test]
    fn what_is_added_does_not_depend_on_which_segments_are_listed() {
        let examples: Vec<Example> = (0..12)
            .map(|k| example(&format!("prompt {k}"), [1.0, 3.0 + f64::from(k % 3)]))
            .collect();
        for kind in OffsetKind::ALL {
            let offset = Offset::fit(kind, &aspects(), &examples).unwrap();
            let mut second = examples[0].clone();
            second.segments.remove(0);
            assert_eq!(
                offset.predict(&second)[..],
                offset.predict(&examples[0])[1..]
            );
        }
    }

    #[test]
    fn a_stacked_offset_weighs_the_model_and_only_it_does() {
        let examples = [example("a", [0.0, 1.0]), example("b", [0.5, 1.0])];
        let of_aspect = BaselineExample::of_aspect("good", &examples);
        let fitted = crate::Baseline::PositionLength.fit(&of_aspect).unwrap();
        let said = fitted.predict(&of_aspect[0]);
        let weighted = AspectOffset::weighted("good", 0.5, 0.25, Some((fitted, 0.5)));
        let offset = Offset::stacked(vec![weighted]);
        let stored = serde_json::to_string(&offset).unwrap();
        let offset: Offset = serde_json::from_str(&stored).unwrap();
        offset.check(&aspects()).unwrap();
        let added = offset.predict(&examples[0])[1][0];
        let one = &offset.aspects[0];
        let kept = one.kept(0.9, added);
        let expected = 0.5 + 0.25 * (0.9 - 0.5) + 0.5 * (said[1] - 0.5);
        assert!((kept - expected).abs() < 1e-12, "{kept}, {expected}");
        let back = one.other(OffsetUse::Keep, kept, added).unwrap();
        assert!((back - 0.9).abs() < 1e-12, "{back}");
        assert_eq!(one.other(OffsetUse::Drop, 0.9, added), Some(kept));
        // Without a weight nothing of the model is left to be told.
        let alone = AspectOffset::weighted("good", 0.5, 0.0, None);
        assert_eq!(
            Offset::stacked(vec![alone.clone()]).predict(&examples[0]),
            [[0.5], [0.5]]
        );
        assert_eq!(alone.other(OffsetUse::Keep, 0.5, 0.5), None);
        assert!(!alone.is_none() && AspectOffset::weighted("good", 0.5, 1.0, None).is_none());
        for odd in [
            stored.replace("\"stacked\":true,", ""),
            stored.replace("\"model\":0.25", "\"model\":-0.25"),
        ] {
            assert_ne!(odd, stored);
            let odd: Offset = serde_json::from_str(&odd).unwrap();
            let (key, found, _) = odd.check(&aspects()).unwrap_err();
            assert_eq!(key, "aspects");
            assert!(found.contains("of the model for `good`"), "{found}");
        }
    }

    #[test]
    fn an_aspect_without_a_rating_has_no_offset() {
        let none = Offset::fit(
            OffsetKind::PositionLength,
            &["kind".to_owned()],
            &[example("a", [0.0, 1.0])],
        );
        assert!(matches!(none, Err(OffsetError::NothingRated { aspect }) if aspect == "kind"));
    }

    #[test]
    fn aspects_may_differ_and_one_without_a_baseline_adds_nothing() {
        let rated = |prompt: &str| {
            let mut one = example(prompt, [0.0, 1.0]);
            for segment in &mut one.segments {
                segment.ratings.insert("kind".to_owned(), 0.5);
            }
            one
        };
        let examples = [rated("a"), rated("b")];
        let aspects = ["good", "kind"].map(str::to_owned);
        let kinds = OffsetKinds::ByAspect(BTreeMap::from([(
            "good".to_owned(),
            Some(OffsetKind::PositionLength),
        )]));
        let offset = Offset::fit(kinds, &aspects, &examples).unwrap();
        let stored = serde_json::to_string(&offset).unwrap();
        assert!(
            stored.starts_with(r#"{"format_version":3,"aspects""#),
            "{stored}"
        );
        let read: Offset = serde_json::from_str(&stored).unwrap();
        read.check(&aspects).unwrap();
        assert_eq!(read.kinds().to_string(), "good position+length, kind none");
        let said = read.predict(&examples[0]);
        assert_eq!(said, offset.predict(&examples[0]));
        assert!(said[1][0] > 0.1 && said[0][0] < -0.1, "{said:?}");
        assert!(
            said.iter().all(|of_segment| of_segment[1] == 0.0),
            "{said:?}"
        );
        // Out of fold, too.
        let cross_fit = CrossFit::fit(offset.kinds(), &aspects, &examples).unwrap();
        let in_training = cross_fit.predict_in_training(&examples[0]);
        assert!(in_training.iter().all(|of_segment| of_segment[1] == 0.0));
        // A mean is no offset, and a kind of all aspects is that of each.
        let mean = stored.replace(
            r#"{"aspect":"kind","mean":0.0}"#,
            r#"{"aspect":"kind","mean":0.5,"baseline":{"train_mean":{"mean":0.5}}}"#,
        );
        assert_ne!(mean, stored);
        for odd in [
            mean,
            stored.replace(
                r#""format_version":3"#,
                r#""format_version":1,"kind":"position+length""#,
            ),
        ] {
            let odd: Offset = serde_json::from_str(&odd).unwrap();
            assert_eq!(odd.check(&aspects).unwrap_err().0, "aspects");
        }
        let unnamed = stored.replace(r#""format_version":3"#, r#""format_version":1"#);
        let unnamed: Offset = serde_json::from_str(&unnamed).unwrap();
        assert_eq!(unnamed.check(&aspects).unwrap_err().0, "format_version");
    }
}
