//! What is said of the data and the scores besides figures.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use gradus::bundle::{PredictionIntervals, ScoringChoices};
use gradus::data::{ContextCounts, Example, TextsDigest, TextsSketch};
use gradus::eval::{ScoreFile, ScoredResponse, Scorer, UnscoredCounts};

use super::stored_sketch;
use crate::show;

/// Warns if the examples are training or validation data of the bundle, or if contexts are missing
/// or not read.
pub(super) fn tell_of_data(scorer: &Scorer, directory: &Path, examples: &[Example]) -> Result<()> {
    let digest = TextsDigest::of(examples);
    let training = scorer.manifest().training.as_ref();
    let data = training.and_then(|training| training.data.as_ref());
    if data.is_some_and(|data| data.train == digest) {
        show::warning(
            "the bundle was trained on these texts: figures on them say nothing about new texts",
        );
    } else {
        if data.is_some_and(|data| data.valid == digest) {
            show::status(
                "these texts are the validation split on which the bundle's weights were chosen",
            );
        }
        tell_of_shared(directory, examples)?;
    }
    let maps = scorer.recalibrations().filter(|_| !scorer.is_raw());
    if let Some(texts) = maps.and_then(|maps| maps.texts.as_ref()) {
        tell_of_fitted(
            "the recalibration of the bundle was fitted to",
            texts,
            examples,
        );
    }
    tell_of_context(scorer, ContextCounts::of(examples));
    Ok(())
}

/// Says which prediction intervals of a bundle do not hold for scores that come about like this.
pub(crate) fn tell_of_withheld(intervals: &PredictionIntervals, choices: &ScoringChoices) {
    for (aspect, interval) in intervals {
        if let Some(why) = interval.withheld(choices) {
            show::status(&format!("{aspect}: {why}"));
        }
    }
}

/// Says how many of `examples` were among the records that something was fitted to; `fitted` says what, as in
/// `the threshold was chosen on`.
pub(crate) fn tell_of_fitted(fitted: &str, sketch: &TextsSketch, examples: &[Example]) {
    let found = sketch.shared(examples);
    if found.shared == 0 {
        return;
    }
    let about = if found.exact { "" } else { "about " };
    show::warning(&format!(
        "{fitted} {about}{} of {} records that are judged: figures on them say nothing about new ones",
        found.shared, found.records
    ));
}

/// Warns how many of the records the bundle was trained on; imported and older bundles cannot tell.
fn tell_of_shared(directory: &Path, examples: &[Example]) -> Result<()> {
    let Some(sketch) = stored_sketch(directory)? else {
        return Ok(());
    };
    let found = sketch.shared(examples);
    if found.shared > 0 {
        let about = if found.exact { "" } else { "about " };
        show::warning(&format!(
            "{about}{} of {} records were in the training data of the bundle: figures on them say \
             nothing about new texts",
            found.shared, found.records
        ));
    }
    Ok(())
}

/// Warns if contexts are missing or not read. For a model trained elsewhere it is unknown whether
/// it needs them.
pub(crate) fn tell_of_context(scorer: &Scorer, found: ContextCounts) {
    let training = scorer.manifest().training.as_ref();
    let Some(training) = training.filter(|training| training.was_trained_here()) else {
        return;
    };
    if let Some(text) = found.mismatch(scorer.text_config().use_context, training.context()) {
        show::warning(&text);
    }
}

/// Reports unused and missing scores of a score file.
pub(super) fn tell_left_out(path: &Path, file: &ScoreFile) {
    if file.missing_responses > 0 {
        show::status(&format!(
            "{}: no scores for {} of {} responses of the data; they count as not scored",
            path.display(),
            file.missing_responses,
            file.responses.len(),
        ));
    }
    if file.response_scores_left_out > 0 {
        show::status(&format!(
            "{}: `score` of {} responses left out: beside segment scores by aspect, a plain number is \
             ambiguous, and vice versa",
            path.display(),
            file.response_scores_left_out,
        ));
    }
    if !file.unrated_aspects.is_empty() {
        show::status(&format!(
            "{}: left out, because the data does not rate it or --aspects does not name it: {}",
            path.display(),
            file.unrated_aspects.join(", "),
        ));
    }
}

/// Reports ratings on aspects without scores.
pub(crate) fn tell_unscored_aspects(responses: &[ScoredResponse], aspects: &[String]) {
    let unscored = |names: BTreeSet<&String>| -> Vec<String> {
        let names = names.into_iter().filter(|name| !aspects.contains(*name));
        names.cloned().collect()
    };
    let of_responses = responses
        .iter()
        .flat_map(|response| response.ratings.keys());
    let of_segments = responses.iter().flat_map(|response| &response.segments);
    let of_segments = of_segments.flat_map(|segment| segment.ratings.keys());
    let segments = unscored(of_segments.collect());
    let responses = unscored(of_responses.collect());
    for (what, names) in [("segments", segments), ("responses", responses)] {
        if !names.is_empty() {
            show::status(&format!(
                "ratings of {what} not evaluated, because there are no scores for their aspect: {}",
                names.join(", ")
            ));
        }
    }
}

/// How many have no score, by reason.
pub(crate) fn unscored(counts: &UnscoredCounts) -> String {
    let reasons = [
        (counts.missing, "missing"),
        (counts.truncated, "truncated"),
        (counts.no_tokens, "without a token"),
        (counts.empty, "empty"),
        (counts.no_segments, "without segments"),
        (counts.not_finite, "not finite"),
        (counts.unknown, "without a reason"),
    ];
    let found = reasons.into_iter().filter(|(count, _)| *count > 0);
    let found: Vec<String> = found.map(|(count, why)| format!("{count} {why}")).collect();
    found.join(", ")
}
