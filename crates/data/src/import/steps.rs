use std::collections::BTreeMap;

use crate::records::field::Checked;
use crate::{CharSpan, RecordError, RecordProblem, Segment};

/// A step of a solution before the solution is put together.
pub(super) struct Step {
    /// Where it stands in the record.
    pub(super) field: String,
    pub(super) text: String,
    pub(super) ratings: BTreeMap<String, f64>,
}

/// Steps as one response, a line for each: white space around a step is left out, since whatever
/// parts steps belongs to none of them.
pub(super) fn join_steps(steps: impl IntoIterator<Item = Step>) -> Checked<(String, Vec<Segment>)> {
    let mut response = String::new();
    let mut segments = Vec::new();
    let mut num_chars = 0;
    for step in steps {
        let text = step.text.trim();
        if text.is_empty() {
            return Err(RecordError::new(step.field, RecordProblem::EmptyText));
        }
        if !response.is_empty() {
            response.push('\n');
            num_chars += 1;
        }
        let start = num_chars;
        num_chars += text.chars().count();
        response.push_str(text);
        segments.push(Segment::new(CharSpan::new(start, num_chars), step.ratings));
    }
    Ok((response, segments))
}
