//! The run configurations of a plan, checked before anything is started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use gradus::{RunConfig, device};
use gradus_experiment::{Cell, Plan};
use gradus_files::is_same_file;
use serde::Deserialize as _;

use super::of_cell;
use crate::commands::settings::{locate, set_some};
use crate::failure::Usage;
use crate::{records, show};

/// The configurations of the cells of a plan, in their order.
pub(super) struct Configs {
    pub(super) cells: Vec<RunConfig>,
}

impl Configs {
    /// Reads and checks the settings of every run.
    pub(super) fn of(plan: &Plan, path: &Path) -> Result<Self> {
        let cells = plan.cells().iter().map(|cell| {
            config(cell)
                .map_err(|problem| anyhow::Error::from(of_cell(path, &cell.labels, problem)))
        });
        Ok(Self {
            cells: cells.collect::<Result<_>>()?,
        })
    }

    /// Refuses unknown devices, and two places that name them.
    pub(super) fn check_devices(&self, named: &[String]) -> Result<()> {
        for name in named {
            device::select(Some(name))?;
        }
        let own = self.cells.iter().find_map(|config| config.device.as_ref());
        if let (Some(own), false) = (own, named.is_empty()) {
            return Err(Usage::new(format!(
                "--device {}: found a device in the plan, too: `{own}`, expected one place",
                named.join(",")
            ))
            .into());
        }
        Ok(())
    }

    /// Pins encoders of the Hub to their current commit, so that all runs use the same.
    pub(super) fn pin(&mut self) -> Result<()> {
        let mut pinned: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        for config in &mut self.cells {
            let Some(encoder) = &mut config.encoder else {
                continue;
            };
            if !pinned.contains_key(encoder) {
                let origin = locate(encoder)?.origin;
                let name =
                    origin.map_or_else(|| encoder.clone(), |origin| origin.to_string().into());
                if name != *encoder {
                    show::status(&format!("encoder: {}", name.display()));
                }
                pinned.insert(encoder.clone(), name);
            }
            encoder.clone_from(&pinned[encoder]);
        }
        Ok(())
    }

    /// The complete configurations as text.
    pub(super) fn texts(&self) -> Result<Vec<String>> {
        self.cells
            .iter()
            .map(|config| Ok(config.to_toml()?))
            .collect()
    }
}

/// The configuration of a run, or what is wrong with it.
fn config(cell: &Cell) -> Result<RunConfig, String> {
    let mut config = RunConfig::deserialize(toml::Value::Table(cell.run.clone()))
        .map_err(|error| error.to_string().trim().to_owned())?;
    set_some(&mut config.columns, records::columns());
    config.check().map_err(|error| error.to_string())?;
    match (&config.encoder, &config.scratch) {
        (None, None) => {
            return Err("found no encoder, expected `encoder` or a table `scratch`".into());
        }
        (Some(_), Some(_)) => {
            return Err(
                "found both an encoder and a `scratch` table, expected one: `unset = [\"encoder\"]` of a variation takes one away"
                    .into(),
            );
        }
        _ => {}
    }
    let splits = [
        ("train", config.train.as_deref()),
        ("valid", config.valid.as_deref()),
        ("data.test", cell.data.test.as_deref()),
    ];
    for (key, path) in splits {
        let Some(path) = path else {
            if key == "data.test" {
                continue;
            }
            return Err(format!("found no `{key}`, expected the split"));
        };
        if !path.exists() && !is_pattern(path) {
            return Err(format!(
                "{key}: {}: no such file, seen from the directory of this command",
                path.display()
            ));
        }
    }
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let ((one_key, one), (other_key, other)) = (splits[one], splits[other]);
        if let (Some(one), Some(other)) = (one, other)
            && is_same_file(one, other)
        {
            return Err(format!(
                "{one_key} and {other_key}: found the same file {}, expected different splits",
                one.display()
            ));
        }
    }
    Ok(config)
}

/// Whether a path names several files.
fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}
