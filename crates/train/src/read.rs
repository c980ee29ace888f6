//! Reads values off a device without waiting for it: in a browser nothing may wait, and whoever may does so once,
//! around everything.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

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
    #[cfg(test)]
    slow::READS.set(slow::READS.get() + 1);
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

/// Values that a device was asked for.
pub(crate) enum Reading {
    /// It answered at once.
    Done(Result<Vec<f64>>),
    /// It will answer once it has done all that it was given before.
    UnderWay(UnderWay),
}

/// Values that will come.
pub(crate) type UnderWay = Pin<Box<dyn Future<Output = Result<Vec<f64>>> + Send>>;

impl Reading {
    /// Asks the device of a tensor for its values now, so that what it is given later does not have to be done first.
    pub(crate) fn begin(tensor: Tensor<1>) -> Self {
        let mut reading: UnderWay = Box::pin(values(tensor));
        #[cfg(test)]
        if slow::IS_SLOW.get() {
            return Self::UnderWay(reading);
        }
        // A future does nothing before it is polled.
        match reading
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(values) => Self::Done(values),
            Poll::Pending => Self::UnderWay(reading),
        }
    }
}

/// A processor that pretends to be a device that answers late, and the number of its answers.
#[cfg(test)]
pub(crate) mod slow {
    use std::cell::Cell;

    thread_local! {
        pub(crate) static IS_SLOW: Cell<bool> = const { Cell::new(false) };
        pub(crate) static READS: Cell<usize> = const { Cell::new(0) };
    }
}
