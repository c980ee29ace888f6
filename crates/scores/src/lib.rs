//! Arithmetic of segment scores that bundles name and evaluation uses. It needs no model and no tensors.
//!
//! - [`Aggregation`]: from the scores of segments to a score of the response
//! - [`Recalibration`]: a monotone map from scores to ratings; [`Linear`] or [`Isotonic`]
//! - [`Wish`]: what a threshold of low scores is to reach
//!
//! ```
//! use gradus_scores::{Aggregation, Linear, Recalibration};
//!
//! let scores = [0.9, 0.1, 0.5];
//! assert_eq!(Aggregation::Min.aggregate(&scores), Some(0.1));
//! let map = Recalibration::Linear(Linear::new(4.0, 1.0)?); // to ratings from 1 to 5
//! assert_eq!(map.apply(0.5), 3.0);
//! # Ok::<(), gradus_scores::NotMonotone>(())
//! ```

mod aggregation;
mod recalibration;
mod wish;

pub use aggregation::{Aggregation, UnknownAggregation};
pub use recalibration::{
    Isotonic, Linear, NotMonotone, Recalibration, RecalibrationKind, UnknownRecalibration,
};
pub use wish::{Wish, WrongWish};
