//! Parts of other programs, for the whole command line.

use gradus_model::{NamedPooling, PartConflict, register_pooling};
use gradus_train::{NamedLoss, register_loss};

/// Parts that [`cli::main_with`](crate::cli::main_with) makes known by their names, beside those of
/// Gradus.
///
/// A process that is no command line calls [`register_pooling`] and [`register_loss`] itself, before it
/// reads run configurations and bundles.
#[derive(Debug, Default)]
#[must_use]
pub struct Registry {
    parts: Vec<fn() -> Result<(), PartConflict>>,
}

impl Registry {
    /// The parts of Gradus alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a loss.
    pub fn with_loss<L: NamedLoss>(mut self) -> Self {
        self.parts.push(register_loss::<L>);
        self
    }

    /// Adds a pooling.
    pub fn with_pooling<P: NamedPooling>(mut self) -> Self {
        self.parts.push(register_pooling::<P>);
        self
    }

    /// Makes the parts known to this process.
    ///
    /// # Errors
    /// If two parts of one kind have the same name.
    pub fn install(self) -> Result<(), PartConflict> {
        self.parts.into_iter().try_for_each(|register| register())
    }
}
