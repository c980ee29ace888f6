//! Rewards for the tokens of a policy.

use gradus::data::CharSpan;
use gradus::eval::token_rewards::{Placement, TokenSource};
use pyo3::prelude::*;

use crate::errors::{failed, token_error};

/// One reward for each token, given the scores of segments `(start, end, score)` in the order of the text.
#[pyfunction]
#[pyo3(signature = (response, segments, offsets, tokens, placement))]
pub(crate) fn token_rewards(
    py: Python<'_>,
    response: &str,
    segments: Vec<(usize, usize, Option<f64>)>,
    offsets: Option<Vec<(usize, usize)>>,
    tokens: Option<Vec<String>>,
    placement: &str,
) -> PyResult<Vec<f64>> {
    let placement: Placement = placement.parse().map_err(|error| failed(py, error))?;
    let span = |(start, end)| CharSpan { start, end };
    let source = match (offsets, tokens) {
        (Some(offsets), None) => TokenSource::Offsets(offsets.into_iter().map(span).collect()),
        (None, Some(tokens)) => TokenSource::Tokens(tokens),
        _ => {
            return Err(failed(
                py,
                "give either `offsets` or `tokens` of the policy",
            ));
        }
    };
    let spans = source
        .locate(response)
        .map_err(|error| token_error(py, &error))?;
    let length = response.chars().count();
    let mut before = 0;
    for (place, &(start, end, _)) in segments.iter().enumerate() {
        if start >= end || end > length || start < before {
            let message = format!(
                "segments[{place}]: found [{start}, {end}], expected spans in the order of the text, within its {length} \
                 characters"
            );
            return Err(failed(py, message));
        }
        before = end;
    }
    let segments: Vec<_> = segments
        .into_iter()
        .map(|(start, end, score)| (span((start, end)), score))
        .collect();
    Ok(spans.rewards(placement, response, &segments))
}
