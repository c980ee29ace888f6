//! The weights of a module where they are, to be read without waiting for the device.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Int, Tensor};
use burn_store::burn_pack::Tensor as PackTensor;

use crate::error::{ModelError, Result};

/// Parameters on their device, one after the other.
#[derive(Default)]
pub(super) struct DeviceWeights(HashMap<u64, Tensor<1>>);

impl DeviceWeights {
    pub(super) fn of<M: Module>(module: &M) -> Self {
        let mut weights = Self::default();
        module.visit(&mut weights);
        weights
    }

    /// The values of a parameter; errors name `path` and `tensor`.
    pub(super) async fn read(
        &self,
        path: &Path,
        tensor: &str,
        parameter: &PackTensor,
    ) -> Result<Vec<f32>> {
        let failed = |reason: String| ModelError::ReadBack {
            path: path.into(),
            tensor: tensor.to_owned(),
            reason,
        };
        let weight = parameter.param_id.and_then(|id| self.0.get(&id));
        let weight = weight.ok_or_else(|| failed("the module does not show it".to_owned()))?;
        let data = weight.clone().into_data_async().await;
        let data = data.map_err(|error| failed(error.to_string()))?;
        Ok(data.iter::<f32>().collect())
    }

    fn insert(&mut self, id: ParamId, weight: Tensor<1>) {
        self.0.insert(id.val(), weight);
    }
}

impl ModuleVisitor for DeviceWeights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.insert(param.id, param.val().flatten(0, D - 1));
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.insert(param.id, param.val().float().flatten(0, D - 1));
    }
}
