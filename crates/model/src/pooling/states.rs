//! What a pooling reads.

use burn::tensor::{Bool, Int, Tensor, assert_shape};

use crate::row_wise::product;

/// Token states of a batch, and where prompt and segments lie in them.
#[derive(Debug, Clone)]
pub struct TokenStates {
    /// `[batch_size, seq_length, d_model]`. Without a meaning, and finite, at padding; likewise at the
    /// prompt, unless the pooling [reads it](super::SegmentPooling::reads_prompt).
    pub hidden: Tensor<3>,
    /// `[batch_size, num_segments, 2]`: first token and one past the last; `(0, 0)` for a segment
    /// without tokens. Padding lies in no segment.
    pub segment_spans: Tensor<3, Int>,
    /// `[batch_size, seq_length]`: 0 for the prompt, 1 for the response.
    pub type_ids: Tensor<2, Int>,
    /// `[batch_size, seq_length]`, true for padding.
    pub mask_pad: Tensor<2, Bool>,
}

impl TokenStates {
    /// States of responses alone, without prompts and padding.
    ///
    /// # Shapes
    /// - `hidden`: `[batch_size, seq_length, d_model]`
    /// - `segment_spans`: `[batch_size, num_segments, 2]`
    pub fn of_responses(hidden: Tensor<3>, segment_spans: Tensor<3, Int>) -> Self {
        let [batch_size, seq_length, _] = hidden.dims();
        let shape = [batch_size, seq_length];
        let type_ids = Tensor::<2, Int>::ones(shape, &hidden.device());
        Self {
            mask_pad: type_ids.clone().equal_elem(0),
            type_ids,
            segment_spans,
            hidden,
        }
    }

    /// 1 where a token lies in a segment, 0 elsewhere.
    ///
    /// # Shapes
    /// - returns: `[batch_size, num_segments, seq_length]`
    ///
    /// # Panics
    /// If the batch sizes differ.
    pub fn in_segments(&self) -> Tensor<3> {
        self.membership().float()
    }

    /// 1 where a token belongs to the prompt, 0 elsewhere: one row for all segments.
    ///
    /// # Shapes
    /// - returns: `[batch_size, 1, seq_length]`
    pub fn in_prompt(&self) -> Tensor<3> {
        self.of_type(0)
    }

    /// 1 where a token belongs to the response, whether it lies in a segment or not, 0 elsewhere: one row for
    /// all segments.
    ///
    /// # Shapes
    /// - returns: `[batch_size, 1, seq_length]`
    pub fn in_response(&self) -> Tensor<3> {
        self.of_type(1)
    }

    fn of_type(&self, type_id: i32) -> Tensor<3> {
        let of_type = self.type_ids.clone().equal_elem(type_id);
        let of_type = of_type.bool_and(self.mask_pad.clone().bool_not());
        of_type.float().unsqueeze_dim(1)
    }

    /// States added up with weights. A row does not depend, to the bit, on the other rows: use it
    /// rather than a matrix product, whose kernel may change with the number of segments.
    ///
    /// # Shapes
    /// - `weights`: `[batch_size, num_rows, seq_length]`
    /// - returns: `[batch_size, num_rows, d_model]`
    pub fn sum_of(&self, weights: Tensor<3>) -> Tensor<3> {
        product(weights, self.hidden.clone())
    }

    /// The mean of the states whose weight is 1; zeros where none is.
    ///
    /// # Shapes
    /// - `members`: `[batch_size, num_rows, seq_length]`, each 0 or 1
    /// - returns: `[batch_size, num_rows, d_model]`
    pub fn mean_of(&self, members: Tensor<3>) -> Tensor<3> {
        let num_tokens = members.clone().sum_dim(2).clamp_min(1.0);
        self.sum_of(members) / num_tokens
    }

    /// First tokens, `[batch_size, num_segments, 1]`.
    pub(super) fn starts(&self) -> Tensor<3, Int> {
        self.segment_spans.clone().narrow(2, 0, 1)
    }

    /// One past the last tokens, `[batch_size, num_segments, 1]`.
    pub(super) fn ends(&self) -> Tensor<3, Int> {
        self.segment_spans.clone().narrow(2, 1, 1)
    }

    /// `[batch_size, num_segments, seq_length]`: true where the token lies in the segment.
    pub(super) fn membership(&self) -> Tensor<3, Bool> {
        let [batch_size, seq_length, _] = self.hidden.dims();
        assert_shape!(self.segment_spans, [batch_size, _, 2]);
        let [_, num_segments, _] = self.segment_spans.dims();
        let shape = [batch_size, num_segments, seq_length];
        #[expect(clippy::cast_possible_wrap, reason = "no sequence has 2^63 tokens")]
        let positions = 0..seq_length as i64;
        let position = Tensor::<1, Int>::arange(positions, &self.segment_spans.device());
        let position = position.unsqueeze::<3>().expand(shape);
        let from_start = position.clone().greater_equal(self.starts().expand(shape));
        from_start.bool_and(position.lower(self.ends().expand(shape)))
    }

    /// `[batch_size, num_segments, 1]`: true where the segment has no token.
    pub(super) fn absent(&self) -> Tensor<3, Bool> {
        self.ends().lower_equal(self.starts())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn prompt_and_response_are_told_apart_without_padding() {
        let device = Device::flex();
        let states = TokenStates {
            hidden: Tensor::ones([2, 4, 1], &device),
            segment_spans: Tensor::from_data([[[2, 3]], [[1, 3]]], &device),
            type_ids: Tensor::from_data([[0, 1, 1, 1], [0, 1, 1, 0]], &device),
            mask_pad: Tensor::from_data([[false; 4], [false, false, false, true]], &device),
        };
        let read = |found: Tensor<3>| found.into_data();
        let expected = |rows: [[[f32; 4]; 1]; 2]| TensorData::from(rows);
        assert_eq!(
            read(states.in_prompt()),
            expected([[[1.0, 0.0, 0.0, 0.0]], [[1.0, 0.0, 0.0, 0.0]]])
        );
        // All of the response, also outside of the listed segments.
        assert_eq!(
            read(states.in_response()),
            expected([[[0.0, 1.0, 1.0, 1.0]], [[0.0, 1.0, 1.0, 0.0]]])
        );
        assert_eq!(
            read(states.in_segments()),
            expected([[[0.0, 0.0, 1.0, 0.0]], [[0.0, 1.0, 1.0, 0.0]]])
        );
    }
}
