//! What the decoders have in common. A family of them is a file of its own beside this folder.

mod config;
mod family;
mod module;

pub use config::DecoderConfig;
pub(super) use family::{DecoderFamily, Habits, shared_heads};
pub use module::Decoder;
