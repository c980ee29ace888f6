//! What every encoder offers.

use std::fmt;

use burn::tensor::{Bool, Int, Tensor};

use super::Encoder;
use crate::erased::{AnyModule, PartModule, module_around};

/// A module that gives every token of a sequence a state.
///
/// For layers to be frozen and to have rates of their own, its fields are called `embeddings` and
/// `layers` (a `Vec`, from the lowest).
pub trait TokenEncoder: PartModule {
    /// One state per token. A state depends neither on padding nor on the other rows of the batch.
    ///
    /// # Shapes
    /// - `token_ids`, `type_ids` (0 for the prompt, 1 for the response), `mask_pad` (true for padding):
    ///   `[batch_size, seq_length]`
    /// - `read`: `[batch_size, num_spans, 2]`, first token and one past the last; only the states in
    ///   these spans have to be computed, where there are some
    /// - returns: `[batch_size, seq_length, d_model]`; what stands at padding and outside of `read` has
    ///   no meaning, and is finite
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3>;

    /// The embeddings and the states of every layer, from the lowest, whose last are those of
    /// [`forward`](Self::forward). Default: `None`, for an encoder that keeps no states of lower layers.
    ///
    /// # Shapes
    /// As [`forward`](Self::forward), for each of the result.
    fn layer_states(
        &self,
        token_ids: Tensor<2, Int>,
        type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Option<Vec<Tensor<3>>> {
        let _ = (token_ids, type_ids, mask_pad, read);
        None
    }
}

/// A [`TokenEncoder`] of another program.
#[derive(Clone)]
pub struct OwnEncoder {
    module: AnyModule,
    forward: Forward,
}

type Forward = fn(
    &AnyModule,
    Tensor<2, Int>,
    Tensor<2, Int>,
    Tensor<2, Bool>,
    Option<Tensor<3, Int>>,
) -> Tensor<3>;

module_around!(OwnEncoder);

impl<E: TokenEncoder> From<E> for Encoder {
    fn from(encoder: E) -> Self {
        Self::Own(OwnEncoder {
            module: AnyModule::new(encoder),
            forward: |module, token_ids, type_ids, mask_pad, read| {
                let encoder = module.get::<E>().expect("the type that it was made of");
                encoder.forward(token_ids, type_ids, mask_pad, read)
            },
        })
    }
}

impl OwnEncoder {
    /// The module in it, if it is of this type.
    pub fn get<E: TokenEncoder>(&self) -> Option<&E> {
        self.module.get()
    }

    pub(super) fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        type_ids: Tensor<2, Int>,
        mask_pad: Tensor<2, Bool>,
        read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        (self.forward)(&self.module, token_ids, type_ids, mask_pad, read)
    }
}

impl fmt::Debug for OwnEncoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.module.fmt(formatter)
    }
}
