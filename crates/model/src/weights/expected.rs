//! The tensors a module needs, without initializing its weights.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor};
use burn_store::burn_pack::Error as PackError;
use burn_store::{ModuleAdapter, ModuleContext, bridge};

/// Names and shapes of a module's float parameters, as `adapter` writes them.
///
/// Reads only names and shapes, so lazy parameters are not initialized and loading draws no random
/// numbers.
pub(crate) fn expected_tensors<M: Module>(
    module: &M,
    adapter: &dyn ModuleAdapter,
) -> BTreeMap<String, Vec<usize>> {
    let mut visitor = Visitor {
        adapter,
        path: Vec::new(),
        containers: Vec::new(),
        tensors: BTreeMap::new(),
    };
    module.visit(&mut visitor);
    visitor.tensors
}

struct Visitor<'a> {
    adapter: &'a dyn ModuleAdapter,
    path: Vec<String>,
    containers: Vec<String>,
    tensors: BTreeMap<String, Vec<usize>>,
}

/// Whether a container is part of parameter names. Enum variants are not, so that a bundle does not
/// depend on the Rust types of the encoder families.
pub(super) fn has_name(container: &str) -> bool {
    !container.starts_with("Enum:")
}

impl ModuleVisitor for Visitor<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.containers.push(container.to_owned());
        if has_name(container) {
            self.path.push(name.to_owned());
        }
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.containers.pop();
        if has_name(container) {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let never_read = || Err(PackError::ValidationError("a shape without data".into()));
        let tensor = bridge::deferred(
            self.path.join("."),
            DType::F32,
            param.lazy_shape(),
            None,
            never_read,
        );
        let tensor = self
            .adapter
            .adapt(tensor, ModuleContext::new(&self.containers));
        self.tensors
            .insert(tensor.name.clone(), tensor.shape.to_vec());
    }
}
