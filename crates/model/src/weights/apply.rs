//! Loads the tensors of a file into a module, all or none.

use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::path::Path;

use burn::module::Module;
use burn::tensor::DType;
use burn_store::{
    BurnToPyTorchAdapter, FloatCastAdapter, IdentityAdapter, ModuleAdapter, ModuleSnapshot,
    PyTorchToBurnAdapter,
};
use safetensors::Dtype;

use super::expected::expected_tensors;
use super::file::{Damaged, StoredTensor};
use super::keys::{Key, KeyTable};
use super::mismatch::{WeightMismatch, WrongShape};
use super::report::{CastTensor, LeftTensor, LoadReport};
use crate::error::{ModelError, Result};

/// Names and layout of a file's tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Naming<'a> {
    /// As in a bundle: our names, matrices as `[d_input, d_output]`.
    Own,
    /// As in published files: their names, matrices as `[d_output, d_input]`.
    Published(&'a KeyTable),
}

/// Loads a module from the tensors of one or several files.
///
/// `place` is the file or directory named in error messages.
pub(crate) fn load_module<M: Module>(
    module: &mut M,
    place: &Path,
    tensors: Vec<StoredTensor>,
    naming: Naming<'_>,
) -> Result<LoadReport> {
    let Plan { found, left, .. } = fitting_plan(module, place, tensors, naming)?;
    let report = account(&found, left);
    apply(module, place, found, naming)?;
    Ok(report)
}

/// Checks, without reading values, whether the tensors fit the module.
pub(crate) fn check_module<M: Module>(
    module: &M,
    place: &Path,
    tensors: Vec<StoredTensor>,
    naming: Naming<'_>,
) -> Result<LoadReport> {
    let Plan { found, left, .. } = fitting_plan(module, place, tensors, naming)?;
    Ok(account(&found, left))
}

fn fitting_plan<M: Module>(
    module: &M,
    place: &Path,
    tensors: Vec<StoredTensor>,
    naming: Naming<'_>,
) -> Result<Plan> {
    let expected = expected_tensors(module, naming.writer().as_ref());
    let plan = Plan::new(tensors, naming);
    let mismatch = plan.compare(&expected, naming);
    if mismatch.is_empty() {
        return Ok(plan);
    }
    Err(ModelError::Weights {
        path: place.into(),
        mismatch: Box::new(mismatch),
    })
}

impl Naming<'_> {
    fn writer(self) -> Box<dyn ModuleAdapter> {
        match self {
            Self::Own => Box::new(IdentityAdapter),
            Self::Published(_) => Box::new(BurnToPyTorchAdapter),
        }
    }

    fn reader(self) -> Box<dyn ModuleAdapter> {
        let cast = FloatCastAdapter::to(DType::F32);
        match self {
            Self::Own => Box::new(cast),
            Self::Published(_) => Box::new(PyTorchToBurnAdapter.chain(cast)),
        }
    }

    fn locate(self, name: &str) -> Key {
        match self {
            Self::Own => Key::Ours(name.to_owned()),
            Self::Published(keys) => keys.locate(name),
        }
    }

    fn in_file(self, ours: &str) -> String {
        match self {
            Self::Own => ours.to_owned(),
            Self::Published(keys) => keys.published(ours),
        }
    }
}

/// Assignment of the file's tensors.
#[derive(Default)]
struct Plan {
    /// By the name of our parameter.
    found: BTreeMap<String, StoredTensor>,
    left: Vec<LeftTensor>,
    unexpected: Vec<String>,
    ambiguous: Vec<[String; 2]>,
}

impl Plan {
    fn new(mut tensors: Vec<StoredTensor>, naming: Naming<'_>) -> Self {
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let mut plan = Self::default();
        for tensor in tensors {
            match naming.locate(&tensor.name) {
                Key::Ours(ours) => plan.place(ours, tensor),
                Key::Split(ours) => {
                    let parts = tensor.split(ours.len());
                    ours.into_iter()
                        .zip(parts)
                        .for_each(|(ours, part)| plan.place(ours, part));
                }
                Key::Left(reason) => {
                    plan.left.push(LeftTensor {
                        name: tensor.name,
                        reason: reason.to_owned(),
                    });
                }
                Key::Unknown => plan.unexpected.push(tensor.name),
            }
        }
        plan
    }

    fn place(&mut self, ours: String, tensor: StoredTensor) {
        match self.found.get(&ours) {
            Some(first) => self.ambiguous.push([first.name.clone(), tensor.name]),
            None => {
                self.found.insert(ours, tensor);
            }
        }
    }

    fn compare(
        &self,
        expected: &BTreeMap<String, Vec<usize>>,
        naming: Naming<'_>,
    ) -> WeightMismatch {
        let mut mismatch = WeightMismatch {
            unexpected: self.unexpected.clone(),
            ambiguous: self.ambiguous.clone(),
            ..WeightMismatch::default()
        };
        for (ours, shape) in expected {
            match self.found.get(ours) {
                None => mismatch.missing.push(naming.in_file(ours)),
                Some(tensor) if tensor.file_shape() != tensor.whole(shape) => {
                    mismatch.wrong_shape.push(WrongShape {
                        name: tensor.name.clone(),
                        found: tensor.file_shape(),
                        expected: tensor.whole(shape),
                    });
                }
                Some(tensor) if !tensor.is_readable() => {
                    mismatch
                        .wrong_type
                        .push((tensor.name.clone(), tensor.dtype.to_string()));
                }
                Some(_) => {}
            }
        }
        let strangers = self
            .found
            .iter()
            .filter(|(ours, _)| !expected.contains_key(*ours));
        mismatch
            .unexpected
            .extend(strangers.map(|(_, tensor)| tensor.name.clone()));
        mismatch.unexpected.sort();
        // All parts of one tensor have the same difference.
        keep_first(&mut mismatch.missing);
        keep_first(&mut mismatch.unexpected);
        keep_first(&mut mismatch.ambiguous);
        keep_first(&mut mismatch.wrong_shape);
        keep_first(&mut mismatch.wrong_type);
        mismatch
    }
}

/// Removes repeated items.
fn keep_first<T: Clone + Eq + Hash>(list: &mut Vec<T>) {
    let mut seen = HashSet::new();
    list.retain(|item| seen.insert(item.clone()));
}

fn account(found: &BTreeMap<String, StoredTensor>, left: Vec<LeftTensor>) -> LoadReport {
    let mut used: Vec<_> = found.values().collect();
    used.sort_by(|a, b| a.name.cmp(&b.name));
    used.dedup_by(|a, b| a.name == b.name);
    let cast = used.iter().filter(|tensor| tensor.dtype != Dtype::F32);
    LoadReport {
        left,
        cast: cast
            .map(|tensor| CastTensor {
                name: tensor.name.clone(),
                from: tensor.dtype.to_string(),
            })
            .collect(),
        used: used.iter().map(|tensor| tensor.name.clone()).collect(),
    }
}

fn apply<M: Module>(
    module: &mut M,
    place: &Path,
    found: BTreeMap<String, StoredTensor>,
    naming: Naming<'_>,
) -> Result<()> {
    let damaged = Damaged::default();
    let parameters: Vec<_> = found
        .into_iter()
        .filter_map(|(ours, tensor)| tensor.into_parameter(ours, &damaged))
        .collect();
    let num_parameters = parameters.len();
    let result = module.apply(parameters, None, Some(naming.reader()), true);
    damaged.refuse(place)?;
    if result.errors.is_empty() && result.applied.len() == num_parameters {
        return Ok(());
    }
    let errors = result.errors.iter().map(ToString::to_string);
    let missing = result
        .missing
        .iter()
        .map(|(name, _)| format!("{name}: not applied"));
    Err(ModelError::Apply {
        path: place.into(),
        problems: errors.chain(missing).collect(),
    })
}
