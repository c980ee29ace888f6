//! Scores of a record as the page shows them.

use gradus_data::Example;
use gradus_eval::{Aggregation, ExampleScores, SegmentScore, UnscoredReason};
use serde_json::{Map, Value, json};

/// Segments with their scores by aspect, those of the response, and what the model has not read.
pub(crate) fn answer(
    example: &Example,
    scores: &ExampleScores,
    aspects: &[&str],
    aggregation: Aggregation,
) -> Value {
    let by_aspect = |values: &mut dyn Iterator<Item = Option<f64>>| -> Map<String, Value> {
        let names = aspects.iter().map(|&aspect| aspect.to_owned());
        names.zip(values.map(Value::from)).collect()
    };
    let segments = example.segments.iter().zip(&scores.segments);
    let segments = segments.enumerate().map(|(index, (segment, score))| {
        let values = score.scores();
        let mut of_aspects =
            (0..aspects.len()).map(|aspect| values.map(|values: &[f64]| values[aspect]));
        let doubtful = (0..aspects.len()).filter(|&aspect| scores.is_doubtful(index, aspect));
        let flags = doubtful.map(|aspect| (aspects[aspect].to_owned(), "doubtful".into()));
        let mut told = json!({
            "start": segment.span.start,
            "end": segment.span.end,
            "scores": by_aspect(&mut of_aspects),
            "cut": matches!(score, SegmentScore::Cut(_)),
            "flags": flags.collect::<Map<String, Value>>(),
        });
        if let Some(reason) = score.unscored() {
            told["unscored"] = reason.name().into();
        }
        told
    });
    let segments: Vec<Value> = segments.collect();
    let cut = &scores.truncation;
    json!({
        "segments": segments,
        "scores": by_aspect(&mut scores.response.iter().copied()),
        "unscored": scores.unscored(&example.response).map(UnscoredReason::name),
        "aggregation": aggregation.to_string(),
        "truncated": {
            "context_tokens_dropped": cut.context_tokens_dropped,
            "prompt_tokens_dropped": cut.prompt_tokens_dropped,
            "response_tokens_dropped": cut.response_tokens_dropped,
            "windows": (cut.windows > 0).then_some(cut.windows),
        },
    })
}
