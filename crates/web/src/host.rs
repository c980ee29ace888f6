//! What a run asks of the worker that it runs in.

use js_sys::Promise;
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::Files;

#[wasm_bindgen]
extern "C" {
    /// The worker, to a run.
    pub type Host;

    /// Tells what has happened, a list of events as JSON.
    #[wasm_bindgen(method)]
    fn events(this: &Host, json: &str);

    /// Takes the state of the run, from which it can go on.
    #[wasm_bindgen(method)]
    fn keep(this: &Host, step: u32, files: Files);

    /// Gives the worker time for its messages. Resolves to whether the run should go on.
    #[wasm_bindgen(method)]
    fn breathe(this: &Host) -> Promise;
}

impl Host {
    /// Tells events, if there are any.
    pub(crate) fn tell(&self, events: &[serde_json::Value]) {
        if !events.is_empty() {
            self.events(&serde_json::Value::from(events).to_string());
        }
    }

    pub(crate) fn keep_state(&self, step: usize, files: Files) {
        self.keep(u32::try_from(step).unwrap_or(u32::MAX), files);
    }

    /// Whether to go on, once the worker has read its messages.
    pub(crate) async fn goes_on(&self) -> bool {
        let answer = JsFuture::from(self.breathe()).await;
        answer.is_ok_and(|value| value.unchecked_into::<js_sys::Boolean>().value_of())
    }
}
