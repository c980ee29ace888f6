//! The state of a run as files in memory, where there is no file system.

use std::collections::BTreeMap;
use std::path::Path;

use burn::lr_scheduler::LrSchedulerRecord;
use burn::module::Module;
use burn::optim::OptimizerRecord;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fingerprint::Fingerprint;
use super::manifest::to_json;
use super::store::{AVERAGE, MODEL, OPTIMIZER, Restored, SCHEDULE, SETTINGS, STATE, Snapshot};
use crate::{Result, TrainError};

/// The state of a run by the names of its files.
pub type SnapshotFiles = BTreeMap<String, Vec<u8>>;

/// The best weights, which lie in a directory of their own on disk.
const BEST: &str = "best.bpk";

/// What errors call a snapshot.
const PLACE: &str = "snapshot";

pub(crate) fn snapshot_files<L: Module, M: Module, S: Serialize>(
    snapshot: &Snapshot<'_, L, M, S>,
    settings: &Fingerprint,
) -> Result<SnapshotFiles> {
    let bytes = |bytes: std::result::Result<Bytes, RecordError>| {
        bytes
            .map(|bytes| bytes.to_vec())
            .map_err(|error| failed(&error))
    };
    let json = |name: &str| Path::new(PLACE).join(name);
    let mut files = SnapshotFiles::from([
        (
            MODEL.into(),
            bytes(snapshot.learner.clone().into_record().into_bytes())?,
        ),
        (
            OPTIMIZER.into(),
            bytes(snapshot.optimizer.to_record().into_bytes())?,
        ),
        (
            SCHEDULE.into(),
            bytes(snapshot.schedule.to_record().into_bytes())?,
        ),
        (STATE.into(), to_json(snapshot.state, &json(STATE))?),
        (SETTINGS.into(), to_json(settings, &json(SETTINGS))?),
    ]);
    let others = [
        (AVERAGE, snapshot.average),
        (BEST, snapshot.best.map(|(_, best)| best)),
    ];
    for (name, module) in others {
        if let Some(module) = module {
            files.insert(
                name.into(),
                bytes(module.clone().into_record().into_bytes())?,
            );
        }
    }
    Ok(files)
}

/// Reads a snapshot of a run with these settings.
pub(crate) fn restore_files<S: DeserializeOwned>(
    mut files: SnapshotFiles,
    settings: &Fingerprint,
) -> Result<Restored<S>> {
    let found: Fingerprint = json(&take(&mut files, SETTINGS)?)?;
    if let Some(difference) = settings.difference(&found) {
        return Err(TrainError::OtherRun {
            checkpoint: PLACE.into(),
            key: difference.key,
            found: difference.found,
            expected: difference.expected,
        });
    }
    let module = |bytes: Vec<u8>| ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes));
    let optimizer = Bytes::from_bytes_vec(take(&mut files, OPTIMIZER)?);
    let schedule = Bytes::from_bytes_vec(take(&mut files, SCHEDULE)?);
    Ok(Restored {
        path: PLACE.into(),
        model: module(take(&mut files, MODEL)?).map_err(|error| failed(&error))?,
        optimizer: OptimizerRecord::from_bytes(optimizer).map_err(|error| failed(&error))?,
        schedule: LrSchedulerRecord::from_bytes(schedule).map_err(|error| failed(&error))?,
        average: (files.remove(AVERAGE).map(module).transpose()).map_err(|error| failed(&error))?,
        best: (files.remove(BEST).map(module).transpose()).map_err(|error| failed(&error))?,
        state: json(&take(&mut files, STATE)?)?,
        damaged: Vec::new(),
    })
}

fn take(files: &mut SnapshotFiles, name: &str) -> Result<Vec<u8>> {
    let file = files.remove(name);
    file.ok_or_else(|| failed(&format_args!("it has no `{name}`")))
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> TrainError {
    TrainError::Checkpoint {
        path: PLACE.into(),
        reason: error.to_string(),
    }
}
