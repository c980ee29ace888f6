//! Reads values off a device without waiting for it: in a browser nothing may wait, and whoever may does so once,
//! around everything.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::kind::Basic;
use burn::tensor::{Element, Tensor, TensorData};

use crate::{Result, TrainError};

/// The values of a tensor.
///
/// # Errors
/// [`TrainError::Device`] if the computation failed on the device.
pub(crate) async fn values<E: Element, const D: usize, K: Basic>(
    tensor: Tensor<D, K>,
) -> Result<Vec<E>> {
    Ok(data(tensor).await?.iter::<E>().collect())
}

async fn data<const D: usize, K: Basic>(tensor: Tensor<D, K>) -> Result<TensorData> {
    #[cfg(test)]
    slow::READS.set(slow::READS.get() + 1);
    let data = tensor.into_data_async().await;
    data.map_err(|error| TrainError::Device {
        reason: error.to_string(),
    })
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
    /// The processor, which has them as soon as it is asked.
    Done(Result<Vec<f64>>),
    /// Another device, which has them once it has done all that it was given before.
    UnderWay(UnderWay),
}

/// Values that will come.
pub(crate) type UnderWay = Pin<Box<dyn Future<Output = Result<Vec<f64>>> + Send>>;

impl Reading {
    /// Asks the device of a tensor for its values now, so that what it is given later does not have to be done first.
    pub(crate) fn begin(tensor: Tensor<1>) -> Self {
        let is_late = !gradus_kernels::is_cpu(&tensor.device());
        #[cfg(test)]
        let is_late = is_late || slow::IS_SLOW.get();
        // A future does nothing before it is polled.
        let mut data: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(data(tensor));
        let mut context = Context::from_waker(Waker::noop());
        match data.as_mut().poll(&mut context) {
            Poll::Ready(data) if is_late => Self::UnderWay(first_access(data)),
            Poll::Ready(data) => Self::Done(data.map(|data| data.iter().collect())),
            Poll::Pending => {
                Self::UnderWay(Box::pin(async { Ok(data.await?.iter::<f64>().collect()) }))
            }
        }
    }
}

/// Values of data that Burn copies from a device when they are first looked at: another thread does, and waits.
fn first_access(data: Result<TensorData>) -> UnderWay {
    let read = move || data.map(|data| data.iter::<f64>().collect());
    #[cfg(target_family = "wasm")]
    return Box::pin(std::future::ready(read()));
    #[cfg(not(target_family = "wasm"))]
    {
        let thread = std::thread::spawn(read);
        Box::pin(async {
            // There is no error for a copy that fails at first access, only a panic.
            thread.join().unwrap_or_else(|_| {
                Err(TrainError::Device {
                    reason: "loss and gradient norm could not be copied from it".into(),
                })
            })
        })
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
