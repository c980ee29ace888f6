//! Segment-level reward models in a browser page: a bundle is loaded from its files in memory, scores records, and is
//! trained on their ratings. Nothing leaves the machine.
//!
//! What a page calls, in a worker: [`Files`], [`Model`], [`Records`], [`Run`]. Values that are more than text or bytes
//! are JSON.

mod answer;
mod data;
mod device;
mod failure;
mod figures;
mod files;
mod host;
mod info;
mod model;
mod run;
mod wish;

pub use data::Records;
pub use device::start_device;
pub use failure::panic_message;
pub use files::Files;
pub use host::Host;
pub use model::Model;
pub use run::{Run, Trained};

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of Gradus.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
