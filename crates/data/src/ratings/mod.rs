//! Ratings: of several raters, and on another scale; names that are no aspects.

mod aspect_names;
mod kappa;
mod rater_weight;
mod raters;
mod scale;

pub use aspect_names::*;
pub use kappa::*;
pub use rater_weight::rater_weight;
pub use raters::*;
pub(crate) use scale::mean_and_sd;
pub use scale::*;
