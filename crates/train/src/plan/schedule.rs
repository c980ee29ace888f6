//! Shape of the learning rate.

use serde::{Deserialize, Serialize};

/// Shape of the learning rate over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Schedule {
    /// Linear from 0 to the peak over the warm-up, then linear to 0 at the last step. The default.
    #[default]
    Linear,
    /// The peak from the first step to the last; no warm-up.
    Constant,
}
