//! Conversions between Flex tensors and slices.

use burn::backend::TensorMetadata;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, DType, Shape};

/// The values of a [`contiguous`] tensor.
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    let start = tensor.layout().start_offset();
    &tensor.storage::<f32>()[start..start + tensor.layout().num_elements()]
}

/// A contiguous tensor; copies only if necessary.
pub(super) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// A tensor with the given values and shape.
pub(super) fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    assert_eq!(values.len(), shape.num_elements(), "values of {shape:?}");
    FlexTensor::new(
        Bytes::from_elems(values),
        Layout::contiguous(shape),
        DType::F32,
    )
}

/// Size of the last axis.
pub(super) fn last(x: &FlexTensor) -> usize {
    let shape = x.shape();
    shape[shape.num_dims() - 1]
}

/// The given gradients as tensors, each in its input's shape.
pub(super) fn gradients_of<const N: usize>(
    inputs: &[FlexTensor; N],
    found: [Option<Vec<f32>>; N],
) -> [Option<FlexTensor>; N] {
    let mut inputs = inputs.iter();
    found.map(|found| {
        let shape = inputs.next()?.shape();
        found.map(|found| tensor(found, shape))
    })
}
