//! DeBERTa's disentangled attention.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use super::parts::linear;
use gradus_kernels::{self as kernels, AttentionMask, Disentangled, Distances};

/// Configuration of a [`DisentangledAttention`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DisentangledConfig {
    pub(super) d_model: usize,
    pub(super) num_heads: usize,
    /// Whether scores have a content-to-position term (`c2p`).
    pub(super) content_to_position: bool,
    /// Whether scores have a position-to-content term (`p2c`).
    pub(super) position_to_content: bool,
    /// Whether positions use the projections of the contents.
    pub(super) shared_projections: bool,
    pub(super) hidden_dropout: f64,
    pub(super) attention_dropout: f64,
    pub(super) initializer_range: f64,
}

/// Disentangled attention: scores are sums of content-to-content, content-to-position and
/// position-to-content terms. He et al. (2020), <https://arxiv.org/abs/2006.03654>.
#[derive(Module, Debug)]
pub(super) struct DisentangledAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    position_key: Option<Linear>,
    position_query: Option<Linear>,
    #[module(skip)]
    dropout: f64,
    #[module(skip)]
    position_dropout: f64,
    num_heads: usize,
    content_to_position: bool,
    position_to_content: bool,
}

/// The relative-position embeddings that a batch needs.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    /// `[1, num_rows, d_model]`
    pub(super) table: Tensor<3>,
    pub(super) distances: Distances,
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
            dropout: self.attention_dropout,
            position_dropout: self.hidden_dropout,
            num_heads: self.num_heads,
            content_to_position: self.content_to_position,
            position_to_content: self.position_to_content,
        }
    }
}

impl DisentangledAttention {
    /// Attention from the tokens `queries` to the tokens `hidden`; `queries` are all or some of
    /// `hidden`.
    ///
    /// # Shapes
    /// - `queries`, `hidden` and the result: `[.., .., d_model]`, in the layout of `mask`
    pub(super) fn forward(
        &self,
        queries: Tensor<3>,
        hidden: Tensor<3>,
        positions: &Positions,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        let query = kernels::linear(&self.query, queries);
        let key = kernels::linear(&self.key, hidden.clone());
        let value = kernels::linear(&self.value, hidden);
        let attend = Disentangled {
            num_heads: self.num_heads,
            dropout: self.dropout,
        };
        let (tables, distances) = (self.tables(positions), &positions.distances);
        let context = attend.forward([query, key, value], tables, distances, mask);
        kernels::linear(&self.output, context)
    }

    /// Position keys and position queries, `[1, num_rows, d_model]` each, if used.
    fn tables(&self, positions: &Positions) -> [Option<Tensor<3>>; 2] {
        let used = [self.content_to_position, self.position_to_content];
        if used == [false; 2] {
            return [None, None];
        }
        let table = kernels::dropout(self.position_dropout, positions.table.clone());
        let layers = [
            self.position_key.as_ref().unwrap_or(&self.key),
            self.position_query.as_ref().unwrap_or(&self.query),
        ];
        [0, 1].map(|term| used[term].then(|| kernels::linear(layers[term], table.clone())))
    }
}
