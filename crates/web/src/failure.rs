//! Errors as a page shows them.

use std::fmt::Display;
use std::panic::set_hook;
use std::sync::{Mutex, PoisonError};

use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// What the panic said that has ended this module.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Keeps what a panic says: the module traps afterwards, and the trap says nothing.
#[wasm_bindgen(start)]
fn start() {
    set_hook(Box::new(|panic| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic.to_string());
    }));
}

/// What the panic said that has ended this module; nothing where memory ran out.
#[wasm_bindgen(js_name = panicMessage)]
pub fn panic_message() -> Option<String> {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

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
