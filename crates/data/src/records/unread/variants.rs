//! Other spellings of a key that is read.

use serde_json::{Map, Value};

use super::spelling::fold;
use crate::records::field::Checked;
use crate::{RecordError, RecordProblem};

/// Keys that every written record or segment has, whether or not the input had them.
const ALWAYS_WRITTEN: [&str; 5] = ["id", "segments", "start", "end", "rating"];

/// Refuses a key that differs from a `known` key only in case, blanks, hyphens or underscores, if the
/// known key is in `object` too or would be in the written record.
pub(crate) fn refuse_variants(
    object: &Map<String, Value>,
    place: &str,
    known: &[&'static str],
) -> Checked<()> {
    for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
        let folded = fold(key);
        let Some(&read) = known.iter().find(|read| **read == folded) else {
            continue;
        };
        // A record without a rating of the response is written without the key.
        let is_written = ALWAYS_WRITTEN.contains(&read) && (read != "rating" || !place.is_empty());
        let problem = if object.contains_key(read) {
            RecordProblem::VariantKey { read }
        } else if is_written {
            RecordProblem::UnreadVariant { read }
        } else {
            continue;
        };
        let field = if place.is_empty() {
            key.clone()
        } else {
            format!("{place}.{key}")
        };
        return Err(RecordError::new(field, problem));
    }
    Ok(())
}
