//! The input of a reward model.

use burn::tensor::{Bool, Int, Tensor};

/// Model input: a batch of tokenized responses with segment spans.
#[derive(Debug, Clone)]
pub struct SegmentInput {
    /// `[batch_size, seq_length]`, each below the encoder's vocabulary size.
    pub token_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`: 0 for the prompt, 1 for the response.
    pub type_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, true for padding.
    pub mask_pad: Tensor<2, Bool>,
    /// `[batch_size, num_spans, 2]`: first token and one past the last of the spans that can
    /// contain segments, such as each response; `None` for all tokens. The last layer computes only
    /// their states. They must not depend on the listed segments, so that scores do not either.
    pub response_spans: Option<Tensor<3, Int>>,
    /// `[batch_size, num_segments, 2]`: first token and one past the last; `(0, 0)` for absent
    /// segments of responses with fewer than `num_segments`.
    pub segment_spans: Tensor<3, Int>,
}

/// From token ids, type ids, padding mask, response spans and segment spans of a padded batch, in the shapes and the
/// order of [`SegmentInput`]'s fields.
///
/// A tuple of tensors lets crates make inputs without knowing this crate.
impl
    From<(
        Tensor<2, Int>,
        Tensor<2, Int>,
        Tensor<2, Bool>,
        Tensor<3, Int>,
        Tensor<3, Int>,
    )> for SegmentInput
{
    fn from(
        (token_ids, type_ids, mask_pad, response_spans, segment_spans): (
            Tensor<2, Int>,
            Tensor<2, Int>,
            Tensor<2, Bool>,
            Tensor<3, Int>,
            Tensor<3, Int>,
        ),
    ) -> Self {
        Self {
            token_ids,
            type_ids,
            mask_pad,
            response_spans: Some(response_spans),
            segment_spans,
        }
    }
}
