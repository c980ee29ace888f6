//! Comparing texts, and showing untrusted text.

mod fold;
mod visible;

pub use fold::*;
pub use visible::*;
