//! Ratings: of several raters, and on another scale; names that are no aspects.

mod agreement;
mod aspect_names;
mod kappa;
mod raters;
mod scale;

pub use agreement::*;
pub use aspect_names::*;
pub use kappa::*;
pub use raters::*;
pub(crate) use scale::mean_and_sd;
pub use scale::*;
