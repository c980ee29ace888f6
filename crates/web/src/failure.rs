//! Errors as a page shows them.

use std::fmt::Display;

use wasm_bindgen::JsError;

/// The error with what to do about it.
pub(crate) trait Explain {
    fn explain(&self) -> JsError;
}

macro_rules! explained {
    ($($error:path),*) => {
        $(impl Explain for $error {
            fn explain(&self) -> JsError {
                with_hint(self, self.hint())
            }
        })*
    };
}

explained!(
    gradus_data::DataError,
    gradus_data::RecordError,
    gradus_eval::EvalError,
    gradus_model::ModelError,
    gradus_train::TrainError
);

fn with_hint(error: &dyn Display, hint: Option<String>) -> JsError {
    match hint {
        Some(hint) => JsError::new(&format!("{error}; {hint}")),
        None => JsError::new(&error.to_string()),
    }
}
