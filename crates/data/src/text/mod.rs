//! Texts as such: when two are the same, and how one that others wrote is shown.

mod fold;
mod visible;

pub use fold::*;
pub use visible::*;
