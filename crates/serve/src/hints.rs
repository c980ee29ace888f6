//! What a client can do about what is wrong. The hints of the libraries speak to someone who has a file and a
//! command line; a client has neither.

use gradus_data::{DataError, RecordError, RecordProblem};
use gradus_eval::EvalError;

/// What to do about a record that its reader refuses.
pub(crate) fn of_record(error: &RecordError) -> Option<String> {
    let hint = match &error.problem {
        RecordProblem::TextTooLong { .. } => {
            "send a shorter text, or start the server with another --max-text-bytes"
        }
        RecordProblem::NotAnObject { .. } | RecordProblem::NotInRatingMap { .. } => return None,
        _ => return error.hint(),
    };
    Some(hint.to_owned())
}

/// What to do about a record that cannot be cut, tokenized or scored.
pub(crate) fn of_scoring(error: &EvalError) -> Option<String> {
    match error {
        EvalError::Data(DataError::TooLong { .. }) => {
            Some("send a shorter prompt or context".to_owned())
        }
        error => error.hint(),
    }
}
