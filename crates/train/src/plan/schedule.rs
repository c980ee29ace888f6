//! The learning-rate schedule.

use serde::{Deserialize, Serialize};

/// The learning-rate schedule of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Schedule {
    /// Rises linearly from 0 to the peak during the warm-up, then falls linearly to 0 at the last step. The default.
    #[default]
    Linear,
    /// The peak at every step; no warm-up.
    Constant,
}
