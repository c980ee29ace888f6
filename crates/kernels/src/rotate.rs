//! Rotary position embeddings: rotate pairs of a head's features by an angle proportional to the
//! position. Su et al. (2021), <https://arxiv.org/abs/2104.09864>.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use crate::are_fused;
use crate::composed::{join_heads, split_heads};
#[cfg(feature = "flex")]
use crate::flex;
use crate::layout::{AttentionMask, Mask};

/// Cosines and sines of the rotary angles, shared by the layers of a batch. Features `i` and
/// `i + d_head / 2` of a head form a pair.
#[derive(Debug, Clone)]
pub struct Angles {
    pub(crate) turns: Turns,
    /// The same on the device for the composition, `[1, 1, seq_length, d_head / 2]`.
    tensors: Option<[Tensor<4>; 2]>,
}

/// Cosines and sines, `[seq_length, d_head / 2]` each.
#[derive(Debug, Clone)]
#[cfg_attr(
    not(feature = "flex"),
    expect(dead_code, reason = "the composition has tensors of its own")
)]
pub(crate) struct Turns {
    pub(crate) cos: Arc<[f32]>,
    pub(crate) sin: Arc<[f32]>,
    /// Pairs of features per head, `d_head / 2`.
    pub(crate) pairs: usize,
}

/// Which positions to use; they differ if not all tokens are [wanted](super::TokenLayout::wanted).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Positions of the queries.
    Query,
    /// Positions of the keys.
    Key,
}

impl Angles {
    /// # Shapes
    /// - `cos`, `sin`: `[seq_length, pairs]`, row-major
    pub fn new(cos: Vec<f32>, sin: Vec<f32>, pairs: usize, device: &Device) -> Self {
        let table = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [values.len() / pairs, pairs]);
            Tensor::<2>::from_data(data, device).unsqueeze::<4>()
        };
        let tensors = (!are_fused(device)).then(|| [table(&cos), table(&sin)]);
        let turns = Turns {
            cos: cos.into(),
            sin: sin.into(),
            pairs,
        };
        Self { turns, tensors }
    }

    /// Cosines, `[seq_length, d_head / 2]`, row-major.
    pub fn cosines(&self) -> &[f32] {
        &self.turns.cos
    }

    /// Rotates every head by the angles of its token's position.
    ///
    /// # Shapes
    /// - `states` and the result: `[.., .., num_heads · d_head]`, in the layout of `mask`
    ///
    /// # Panics
    /// If a head has another width, or `mask` is on another device.
    #[cfg_attr(
        not(feature = "flex"),
        expect(
            unused_variables,
            reason = "a composition has all tokens on both sides"
        )
    )]
    pub fn turn(
        &self,
        states: Tensor<3>,
        num_heads: usize,
        mask: &AttentionMask,
        side: Side,
    ) -> Tensor<3> {
        match (&mask.0, &self.tensors) {
            #[cfg(feature = "flex")]
            (Mask::Rows(rows), _) => flex::rotate(states, self.turns.clone(), rows, side),
            (Mask::Sight(_), Some(tensors)) => composed(states, num_heads, tensors),
            (Mask::Sight(_), None) => panic!("angles and mask are of one device"),
        }
    }
}

pub(crate) fn composed(
    states: Tensor<3>,
    num_heads: usize,
    [cos, sin]: &[Tensor<4>; 2],
) -> Tensor<3> {
    let heads = split_heads(states, num_heads);
    let [_, _, _, d_head] = heads.dims();
    let half = d_head / 2;
    let (first, second) = (
        heads.clone().narrow(3, 0, half),
        heads.narrow(3, half, half),
    );
    let turned = [
        first.clone() * cos.clone() - second.clone() * sin.clone(),
        second * cos.clone() + first * sin.clone(),
    ];
    join_heads(Tensor::cat(turned.into(), 3))
}
