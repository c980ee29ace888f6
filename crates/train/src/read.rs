//! Reads values off a device without waiting for it: in a browser nothing may wait, and whoever may does so once,
//! around everything.

use burn::tensor::kind::Basic;
use burn::tensor::{Element, Tensor};

use crate::{Result, TrainError};

/// The values of a tensor.
///
/// # Errors
/// [`TrainError::Device`] if the computation failed on the device.
pub(crate) async fn values<E: Element, const D: usize, K: Basic>(
    tensor: Tensor<D, K>,
) -> Result<Vec<E>> {
    let data = tensor.into_data_async().await;
    let data = data.map_err(|error| TrainError::Device {
        reason: error.to_string(),
    })?;
    Ok(data.iter::<E>().collect())
}

/// A sum of one value; 0 without one.
pub(crate) async fn sum_of(sum: Option<Tensor<1>>) -> Result<f64> {
    let Some(sum) = sum else {
        return Ok(0.0);
    };
    let values: Vec<f64> = values(sum).await?;
    Ok(values.into_iter().sum())
}
