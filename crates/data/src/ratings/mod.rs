//! Ratings: of several raters, and on another scale.

mod raters;
mod scale;

pub use raters::*;
pub(crate) use scale::mean_and_sd;
pub use scale::*;
