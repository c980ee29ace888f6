//! Shared code of all decoders. Each decoder family has a file beside this folder.

mod config;
mod family;
mod module;

pub use config::DecoderConfig;
pub(super) use family::{DecoderFamily, Habits, shared_heads};
pub use module::Decoder;
