//! Files of Burn's records.

use std::path::Path;
use std::result::Result as StdResult;

use burn::lr_scheduler::LrSchedulerRecord;
use burn::optim::OptimizerRecord;
use burn::store::{ModuleRecord, RecordError};
use fs_err::OpenOptions;

use crate::{Result, TrainError};

/// A value that can be saved as a record of Burn, in its own precision.
pub(super) trait Record: Sized {
    fn save_to(self, path: &Path) -> StdResult<(), RecordError>;
    fn load_from(path: &Path) -> StdResult<Self, RecordError>;
}

macro_rules! record {
    ($($name:ty),*) => {
        $(impl Record for $name {
            fn save_to(self, path: &Path) -> StdResult<(), RecordError> {
                self.save(path)
            }
            fn load_from(path: &Path) -> StdResult<Self, RecordError> {
                Self::load(path)
            }
        })*
    };
}

record!(ModuleRecord, OptimizerRecord, LrSchedulerRecord);

/// Writes a record and syncs it to disk.
pub(super) fn save(record: impl Record, path: &Path) -> Result<()> {
    record.save_to(path).map_err(|error| failed(path, &error))?;
    OpenOptions::new().write(true).open(path)?.sync_all()?;
    Ok(())
}

pub(super) fn load<R: Record>(path: &Path) -> Result<R> {
    R::load_from(path).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &RecordError) -> TrainError {
    TrainError::Checkpoint {
        path: path.into(),
        reason: error.to_string(),
    }
}
