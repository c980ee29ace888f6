//! Data, scores and settings of which no figure could be computed.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;
use gradus::data::{Example, Stride};
use gradus::eval::{ScoredResponse, Scorer, UnscoredCounts};
use gradus::model::Precision;

use super::{ScoreInput, stored_sketch, unscored};
use crate::failure::Usage;
use crate::show;

/// The scorer with the windows of `--stride`.
pub(crate) fn with_stride(scorer: Scorer, stride: Stride) -> Scorer {
    let step = stride.of_trained(scorer.text_config().stride);
    scorer.with_stride(step)
}

/// The precision if the device has such products, otherwise `f32` with a note.
pub(crate) fn usable(precision: Precision, device: &Device) -> Precision {
    let usable = precision.on(device);
    if usable != precision {
        show::status(&format!(
            "this device has no products in {precision}: computing in {usable}"
        ));
    }
    usable
}

/// Refuses data without ratings.
pub(crate) fn check_any_rating(examples: &[Example]) -> Result<()> {
    let is_rated = |example: &Example| {
        let mut segments = example.segments.iter();
        !example.ratings.is_empty() || segments.any(|segment| !segment.ratings.is_empty())
    };
    if examples.iter().any(is_rated) {
        return Ok(());
    }
    let records = examples.len();
    Err(Usage::new(format!(
        "the data has no ratings: found none in {records} records, expected at least one rated segment \
         or response"
    ))
    .with_hint(
        "`gradus data stats` shows the ratings of a file; `gradus score` scores unrated records",
    )
    .into())
}

/// Refuses scores of which there is none: no figure could be computed.
pub(super) fn check_any_score(source: &ScoreInput, responses: &[ScoredResponse]) -> Result<()> {
    let finite =
        |scores: Option<&Vec<f64>>| scores.is_some_and(|s| s.iter().any(|s| s.is_finite()));
    let is_scored = |response: &ScoredResponse| {
        let mut segments = response.segments.iter();
        finite(response.scores.as_ref()) || segments.any(|s| finite(s.scores.as_ref()))
    };
    if responses.is_empty() || responses.iter().any(is_scored) {
        return Ok(());
    }
    let (name, hint) = match source {
        ScoreInput::Bundle(path) => (
            path,
            "--stride scores responses that are longer than the bundle reads at once",
        ),
        ScoreInput::File(path) => (
            path,
            "a score file is what `gradus score BUNDLE DATA -o FILE` writes, or scores of another program by `id`",
        ),
    };
    Err(Usage::new(format!(
        "{}: found no score in {} responses ({}), expected at least one",
        name.display(),
        responses.len(),
        unscored(&UnscoredCounts::of_responses(responses))
    ))
    .with_hint(hint)
    .into())
}

/// Refuses rated data that the model was trained on: ratings lie closer to its scores than those of new texts do. `harm`
/// says what would come of it.
pub(crate) fn check_not_trained_on(
    bundle: &Path,
    valid: &Path,
    examples: &[Example],
    harm: &str,
) -> Result<()> {
    let Some(sketch) = stored_sketch(bundle)? else {
        return Ok(());
    };
    let found = sketch.shared(examples);
    if found.shared == 0 {
        return Ok(());
    }
    let about = if found.exact { "" } else { "about " };
    Err(Usage::new(format!(
        "{}: {about}{} of {} records were in the training data of the bundle; {harm}",
        valid.display(),
        found.shared,
        found.records
    ))
    .with_hint("give rated data that the model was not trained on, such as the validation split")
    .into())
}
