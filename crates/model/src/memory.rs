//! How many parameters a model has, and what memory it takes.

use burn::tensor::Device;
use burn_store::IdentityAdapter;
use serde::Serialize;

use crate::lora::LoraConfig;
use crate::reward_model::RewardModelConfig;
use crate::weights::expected_tensors;

/// Numbers of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ParameterCounts {
    /// All of the model.
    pub total: usize,
    /// Tables of embeddings.
    pub embeddings: usize,
    /// The encoder's layers, and the norm behind them.
    pub layers: usize,
    /// Pooling and head.
    pub head: usize,
    /// Adapters; in a bundle with adapters all that is learned besides the head.
    pub adapters: usize,
}

/// Bytes of main or device memory, estimated for blocks that Burn's operations are composed to. On
/// the `cpu` device BERT and RoBERTa need a third to a half of it in training, as no attention
/// scores are kept; reading weights takes twice their size for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MemoryEstimate {
    /// The weights as 32-bit floats.
    pub weights: usize,
    /// Scoring a batch.
    pub scoring: usize,
    /// A training step of everything: weights, gradients, two moments, and what the backward
    /// pass needs.
    pub training: usize,
    /// A training step with adapters of rank 8.
    pub training_adapters: usize,
    /// A training step of the head alone.
    pub training_head: usize,
}

/// Bytes of a 32-bit float.
const FLOAT: usize = size_of::<f32>();

impl RewardModelConfig {
    /// Counts the parameters without drawing one.
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn parameters(&self, device: &Device) -> ParameterCounts {
        let model = self.init_lazy(device);
        let mut counts = ParameterCounts {
            total: 0,
            embeddings: 0,
            layers: 0,
            head: 0,
            adapters: 0,
        };
        for (path, shape) in expected_tensors(&model, &IdentityAdapter) {
            let size: usize = shape.iter().product();
            counts.total += size;
            let part = if path.contains(".lora.") {
                &mut counts.adapters
            } else if path.contains(".embeddings.") {
                &mut counts.embeddings
            } else if path.starts_with("encoder.") {
                &mut counts.layers
            } else {
                &mut counts.head
            };
            *part += size;
        }
        counts
    }

    /// What batches of `batch_size` sequences of `seq_length` tokens take.
    ///
    /// # Panics
    /// If [`check`](Self::check) fails.
    pub fn memory(&self, batch_size: usize, seq_length: usize, device: &Device) -> MemoryEstimate {
        let plain = Self {
            lora: None,
            ..self.clone()
        };
        let counts = plain.parameters(device);
        let adapted = Self {
            lora: Some(LoraConfig::default()),
            ..self.clone()
        };
        let adapters = adapted.parameters(device).adapters;
        let sizes = self.encoder.sizes();
        let num_tokens = batch_size * seq_length;
        // What a layer makes of a token: queries, keys, values, context, norms and sums, and the
        // two or three wide states of the feed-forward block.
        let per_token = 12 * sizes.d_model + 4 * sizes.d_feed_forward;
        // Scores, their exponentials and the dropped ones.
        let per_pair = 3 * sizes.num_heads;
        let layer = FLOAT * num_tokens * (per_token + per_pair * seq_length);
        let weights = FLOAT * counts.total;
        let learned = |parameters: usize| 3 * FLOAT * parameters;
        let scoring = weights + layer / 2;
        let kept = sizes.num_layers * layer;
        MemoryEstimate {
            weights,
            scoring,
            training: weights + learned(counts.total) + kept,
            training_adapters: weights + 4 * FLOAT * adapters + kept,
            training_head: scoring + learned(counts.head),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{BertConfig, EncoderConfig};
    use crate::pooling::Pooling;

    #[test]
    fn parameters_are_counted_by_part() {
        let device = Device::flex();
        let encoder = EncoderConfig::Bert(BertConfig::new(100, 8, 2, 2));
        let mut config = RewardModelConfig::new(encoder, Pooling::Mean, 3);
        let layer = 4 * (8 * 8 + 8) + (8 * 32 + 32) + (32 * 8 + 8) + 4 * 8;
        let expected = ParameterCounts {
            total: (100 + 512 + 2 + 2) * 8 + 2 * layer + 3 * 8 + 3,
            embeddings: (100 + 512 + 2 + 2) * 8,
            layers: 2 * layer,
            head: 3 * 8 + 3,
            adapters: 0,
        };
        assert_eq!(config.parameters(&device), expected);
        config.lora = Some("4".parse().unwrap());
        assert_eq!(config.parameters(&device).adapters, 2 * 2 * (8 * 4 + 4 * 8));
    }

    #[test]
    fn what_learns_less_takes_less() {
        let device = Device::flex();
        let encoder = EncoderConfig::Bert(BertConfig::new(1000, 64, 2, 2));
        let config = RewardModelConfig::new(encoder, Pooling::Mean, 1);
        let memory = config.memory(4, 128, &device);
        assert!(memory.weights < memory.scoring && memory.scoring < memory.training_head);
        assert!(memory.training_head < memory.training_adapters);
        assert!(memory.training_adapters < memory.training);
        assert!(config.memory(8, 128, &device).training > memory.training);
    }
}
