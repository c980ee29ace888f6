//! Comparing texts, and showing untrusted text.

mod fold;
mod hexadecimal;
mod visible;

pub use fold::*;
pub(crate) use hexadecimal::in_hexadecimal;
pub use visible::*;
