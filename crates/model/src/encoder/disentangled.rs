//! Attention of DeBERTa: contents and relative positions meet apart.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Device, Int, Tensor};

use super::parts::linear;
use super::relative::{RelativeRows, by_pair};
use crate::ops::{self, Sight, join_heads, split_heads, weigh};

/// Sizes and probabilities of a [`DisentangledAttention`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DisentangledConfig {
    pub(super) d_model: usize,
    pub(super) num_heads: usize,
    /// Whether a query looks for keys at a position.
    pub(super) content_to_position: bool,
    /// Whether a key is looked for from a position.
    pub(super) position_to_content: bool,
    /// Whether positions go through the matrices of the contents.
    pub(super) shared_projections: bool,
    pub(super) hidden_dropout: f64,
    pub(super) attention_dropout: f64,
    pub(super) initializer_range: f64,
}

/// Disentangled attention: the score of a pair is content against content, content against
/// position and position against content. He et al. (2020), <https://arxiv.org/abs/2006.03654>.
#[derive(Module, Debug)]
pub(super) struct DisentangledAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    position_key: Option<Linear>,
    position_query: Option<Linear>,
    dropout: Dropout,
    position_dropout: Dropout,
    num_heads: usize,
    content_to_position: bool,
    position_to_content: bool,
}

/// The table of relative positions and the rows that a batch needs.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    /// `[num_rows, d_model]`: rows from `rows.start` on.
    pub(super) table: Tensor<2>,
    pub(super) rows: RelativeRows,
}

impl DisentangledConfig {
    pub(super) fn init(&self, device: &Device) -> DisentangledAttention {
        let matrix = || linear(self.d_model, self.d_model, self.initializer_range, device);
        let own = |used: bool| (used && !self.shared_projections).then(matrix);
        DisentangledAttention {
            query: matrix(),
            key: matrix(),
            value: matrix(),
            output: matrix(),
            position_key: own(self.content_to_position),
            position_query: own(self.position_to_content),
            dropout: DropoutConfig::new(self.attention_dropout).init(),
            position_dropout: DropoutConfig::new(self.hidden_dropout).init(),
            num_heads: self.num_heads,
            content_to_position: self.content_to_position,
            position_to_content: self.position_to_content,
        }
    }
}

impl DisentangledAttention {
    /// # Shapes
    /// - `hidden` and the result: `[batch_size, seq_length, d_model]`
    pub(super) fn forward(
        &self,
        hidden: Tensor<3>,
        positions: &Positions,
        sight: &Sight,
    ) -> Tensor<3> {
        let query = split_heads(ops::linear(&self.query, hidden.clone()), self.num_heads);
        let key = split_heads(ops::linear(&self.key, hidden.clone()), self.num_heads);
        let value = split_heads(ops::linear(&self.value, hidden), self.num_heads);
        let scores = self.scores(query, key, positions);
        let context = weigh(sight.onto(scores), value, &self.dropout);
        ops::linear(&self.output, join_heads(context))
    }

    /// The score of every pair of tokens.
    ///
    /// # Shapes
    /// - `query`, `key`: `[batch_size, num_heads, seq_length, d_head]`
    /// - returns: `[batch_size, num_heads, seq_length, seq_length]`
    fn scores(&self, query: Tensor<4>, key: Tensor<4>, positions: &Positions) -> Tensor<4> {
        let [_, _, _, d_head] = query.dims();
        let terms =
            1 + usize::from(self.content_to_position) + usize::from(self.position_to_content);
        let scale = 1.0 / ((d_head * terms) as f64).sqrt();
        let query = query * scale;
        let table = self.position_dropout.forward(positions.table.clone());
        let mut scores = query.clone().matmul(key.clone().transpose());
        if self.content_to_position {
            let layer = self.position_key.as_ref().unwrap_or(&self.key);
            let keys = self.by_distance(layer, table.clone(), &positions.rows.falling);
            scores = scores + by_pair(query.matmul(keys.transpose()));
        }
        if self.position_to_content {
            let layer = self.position_query.as_ref().unwrap_or(&self.query);
            let queries = self.by_distance(layer, table, &positions.rows.rising) * scale;
            // Here the key stands for the row.
            scores = scores + by_pair(key.matmul(queries.transpose())).transpose();
        }
        scores
    }

    /// What a layer makes of the positions, for every distance of the sequence.
    ///
    /// # Shapes
    /// - returns: `[1, num_heads, 2 · seq_length, d_head]`
    fn by_distance(&self, layer: &Linear, table: Tensor<2>, rows: &Tensor<1, Int>) -> Tensor<4> {
        let projected = layer.forward(table).select(0, rows.clone());
        split_heads(projected.unsqueeze::<3>(), self.num_heads)
    }
}
