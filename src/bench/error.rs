//! Errors of a measurement.

use gradus_data::DataError;
use gradus_eval::EvalError;
use gradus_model::ModelError;
use gradus_train::TrainError;

/// Errors of a measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The model cannot be loaded, or does not accept the rows.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Building the scorer's tokenizer failed.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Scoring failed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A row is too short for a prompt and a segment.
    #[error("rows of {length} tokens, expected at least {SHORTEST_ROW}")]
    ShortRow {
        /// The requested length.
        length: usize,
    },
}

impl BenchError {
    /// A hint for the user, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Model(error) => error.hint(),
            Self::Data(error) => error.hint(),
            Self::Eval(error) => error.hint(),
            Self::Train(error) => error.hint(),
            Self::ShortRow { .. } => None,
        }
    }

    /// Whether the user's input caused the error, not the machine or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Model(error) => error.is_input(),
            Self::Data(error) => error.is_input(),
            Self::Eval(error) => error.is_input(),
            Self::Train(error) => error.is_input(),
            Self::ShortRow { .. } => true,
        }
    }
}

/// Minimum tokens per row: two special tokens, one of the prompt, the separator, and a segment.
pub const SHORTEST_ROW: usize = 8;
