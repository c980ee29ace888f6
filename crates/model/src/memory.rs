//! Parameter counts and memory estimates.

use burn::tensor::Device;
use burn_store::IdentityAdapter;
use serde::Serialize;

use crate::encoder::{EncoderConfig, EncoderSizes, LayerBlocks};
use crate::lora::LoraConfig;
use crate::reward_model::RewardModelConfig;
use crate::weights::expected_tensors;
use gradus_kernels as kernels;

/// Parameter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ParameterCounts {
    /// The whole model.
    pub total: usize,
    /// Embedding tables.
    pub embeddings: usize,
    /// The encoder's layers and final norm.
    pub layers: usize,
    /// Pooling and head.
    pub head: usize,
    /// Adapters. In a bundle with adapters, these and the head are the trainable parameters.
    pub adapters: usize,
}

/// Estimated bytes of main or device memory, from the tensors each block keeps. Blocks are fused on
/// the `cpu` device, where they keep no attention scores, and composed of Burn's operations
/// elsewhere. What an encoder of another program keeps, it says itself
/// ([`values_per_token`](crate::NamedEncoder::values_per_token)), or the shapes of its weights give a rough number.
/// The estimate includes loading, which briefly takes twice the size of the weights.
/// Training estimates add 25 % for memory the allocator retains. The program itself needs about 50
/// MB more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MemoryEstimate {
    /// The weights as 32-bit floats.
    pub weights: usize,
    /// Scoring a batch.
    pub scoring: usize,
    /// A training step of all parameters: weights, gradients, two moments, and saved activations.
    pub training: usize,
    /// A training step with adapters of rank 8.
    pub training_adapters: usize,
    /// A training step of the head alone.
    pub training_head: usize,
}

/// Bytes of a 32-bit float.
const FLOAT: f64 = size_of::<f32>() as f64;

impl RewardModelConfig {
    /// Counts the parameters without initializing any.
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
            let size = shape
                .iter()
                .fold(1, |size: usize, &d| size.saturating_mul(d));
            counts.total = counts.total.saturating_add(size);
            let part = if path.contains(".lora.") {
                &mut counts.adapters
            } else if path.contains(".embeddings.") {
                &mut counts.embeddings
            } else if path.starts_with("encoder.") {
                &mut counts.layers
            } else {
                &mut counts.head
            };
            *part = part.saturating_add(size);
        }
        counts
    }

    /// Memory for batches of `batch_size` sequences of `seq_length` tokens.
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
        // In floating point, so that no configuration overflows.
        let num_tokens = batch_size as f64 * seq_length as f64;
        let layer = self.layer(batch_size, seq_length, device);
        let bytes = |floats: f64| FLOAT * num_tokens * floats;
        let weights = FLOAT * counts.total as f64;
        let learned = |parameters: usize| 3.0 * FLOAT * parameters as f64;
        let scoring = weights + weights.max(bytes(layer.passing));
        let spared = |bytes: f64| bytes + bytes / 4.0;
        let own = match &self.encoder {
            EncoderConfig::Own(own) => own
                .values_per_token(seq_length)
                .or_else(|| Some(self.widths(device))),
            _ => None,
        };
        let kept = own.unwrap_or(sizes.num_layers as f64 * layer.kept + layer.working);
        let kept = bytes(kept);
        MemoryEstimate {
            weights: whole(weights),
            scoring: whole(scoring),
            training: whole(spared(weights + learned(counts.total) + kept)),
            training_adapters: whole(spared(weights + 4.0 * FLOAT * adapters as f64 + kept)),
            training_head: whole(scoring + learned(counts.head)),
        }
    }
}

/// How many values per token an operation with a weight keeps, as a multiple of the widths of its input and output:
/// both, and what a norm, an activation and a sum beside it keep.
const KEPT_PER_WIDTH: f64 = 3.0;

/// Converts to whole bytes, saturating.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and a cast stops at the greatest"
)]
fn whole(bytes: f64) -> usize {
    bytes as usize
}

impl RewardModelConfig {
    /// A rough number of values per token that a training step of an encoder keeps, from the shapes of its weights.
    fn widths(&self, device: &Device) -> f64 {
        let model = self.init_lazy(device);
        let tensors = expected_tensors(&model, &IdentityAdapter);
        let weights = tensors.iter().filter(|(path, shape)| {
            let is_layer = path.starts_with("encoder.") && !path.contains(".embeddings.");
            is_layer && shape.len() > 1
        });
        let widths = weights.map(|(_, shape)| (shape[0] as f64) + (shape[1] as f64));
        KEPT_PER_WIDTH * widths.sum::<f64>()
    }

    fn layer(&self, batch_size: usize, seq_length: usize, device: &Device) -> LayerValues {
        let sizes = self.encoder.sizes();
        match self.encoder.blocks() {
            _ if !kernels::are_fused(device) => LayerValues::composed(&sizes, seq_length),
            LayerBlocks::Plain => LayerValues::fused(&sizes),
            LayerBlocks::Gated => LayerValues::gated(&sizes),
            LayerBlocks::Disentangled => LayerValues::disentangled(&sizes, batch_size),
            LayerBlocks::Composed => LayerValues::composed(&sizes, seq_length),
        }
    }
}

/// Number of floats per token in one layer.
struct LayerValues {
    /// Activations held at the same time in inference.
    passing: f64,
    /// Activations saved for the backward pass.
    kept: f64,
    /// Temporary tensors of one layer's backward pass.
    working: f64,
}

impl LayerValues {
    /// Blocks composed of Burn's operations.
    fn composed(sizes: &EncoderSizes, seq_length: usize) -> Self {
        let (d_model, d_feed_forward) = (sizes.d_model as f64, sizes.d_feed_forward as f64);
        // Queries, keys, values, attention output, norms and sums, the two or three wide states of
        // the feed-forward block; scores, their exponentials, and these after dropout.
        let scores = sizes.num_heads as f64 * seq_length as f64;
        let kept = 12.0 * d_model + 4.0 * d_feed_forward + 3.0 * scores;
        Self {
            passing: kept / 2.0,
            kept,
            working: 0.0,
        }
    }

    /// Fused blocks: input, queries, keys, values, attention output, both norms and the state
    /// between them, and one wide state.
    fn fused(sizes: &EncoderSizes) -> Self {
        let (d_model, d_feed_forward) = (sizes.d_model as f64, sizes.d_feed_forward as f64);
        Self {
            passing: 5.0 * d_model + d_feed_forward,
            kept: 8.0 * d_model + d_feed_forward + sizes.num_heads as f64,
            working: 6.0 * d_model + 2.0 * d_feed_forward,
        }
    }

    /// Fused blocks with disentangled attention, whose position tables the rows of a batch share:
    /// position keys and queries, their products by distance, and partial sums of their gradients.
    fn disentangled(sizes: &EncoderSizes, batch_size: usize) -> Self {
        let plain = Self::fused(sizes);
        // At most two positions per token of a row.
        let tables = 4.0 * sizes.d_model as f64;
        let rows = batch_size.max(1) as f64;
        Self {
            passing: plain.passing + 2.0 * tables / rows,
            kept: plain.kept + tables / rows,
            working: plain.working + 2.0 * tables,
        }
    }

    /// Fused blocks with a gate, which keep a second wide state. Overestimates grouped-query
    /// attention.
    fn gated(sizes: &EncoderSizes) -> Self {
        let plain = Self::fused(sizes);
        let d_feed_forward = sizes.d_feed_forward as f64;
        Self {
            passing: plain.passing + d_feed_forward,
            kept: plain.kept + d_feed_forward,
            working: plain.working + d_feed_forward,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::{BertConfig, EncoderConfig, PublishedConfig};
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
    fn the_estimate_for_minilm_is_near_what_was_measured() {
        let device = Device::flex();
        if !kernels::are_fused(&device) {
            return;
        }
        let mut bert = BertConfig::new(30_522, 384, 6, 12);
        bert.d_feed_forward = 1536;
        let config = RewardModelConfig::new(EncoderConfig::Bert(bert), Pooling::Mean, 1);
        // `gradus bench --mode train --length N --batch-size 16 --json`, peak memory in bytes.
        for (length, measured) in [
            (64, 0.655e9),
            (128, 0.843e9),
            (256, 1.116e9),
            (512, 1.854e9),
        ] {
            let estimate = config.memory(16, length, &device).training as f64;
            let ratio = estimate / measured;
            assert!((0.9..1.1).contains(&ratio), "{length}: {ratio}");
        }
        let scoring = config.memory(16, 256, &device).scoring as f64 / 0.251e9;
        assert!((0.7..1.1).contains(&scoring), "{scoring}");
    }

    #[test]
    fn the_estimates_for_larger_shapes_are_near_what_was_measured() {
        let device = Device::flex();
        if !kernels::are_fused(&device) {
            return;
        }
        let modernbert = serde_json::json!({
            "vocab_size": 50_368, "hidden_size": 768, "num_hidden_layers": 22,
            "num_attention_heads": 12, "intermediate_size": 1152,
        });
        let qwen = serde_json::json!({
            "vocab_size": 151_936, "hidden_size": 896, "num_hidden_layers": 24,
            "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864,
            "max_position_embeddings": 32_768, "rope_theta": 1e6,
        });
        let deberta = serde_json::json!({
            "vocab_size": 8000, "hidden_size": 768, "num_hidden_layers": 6,
            "num_attention_heads": 12, "intermediate_size": 3072, "relative_attention": true,
            "position_buckets": 256, "share_att_key": true, "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": false,
        });
        // `gradus bench --mode train --length 256 --batch-size 4`, peak memory in bytes: of
        // everything, and of adapters.
        for (family, keys, everything, adapters) in [
            ("modernbert", modernbert, 4.07e9, 1.82e9),
            ("qwen2", qwen, 12.71e9, 4.77e9),
            ("deberta-v2", deberta, 1.37e9, 0.69e9),
        ] {
            let serde_json::Value::Object(keys) = keys else {
                unreachable!()
            };
            let encoder = EncoderConfig::from_published(family, &PublishedConfig::new(keys));
            let encoder = encoder.unwrap().unwrap();
            let config = RewardModelConfig::new(encoder, Pooling::Mean, 1);
            let memory = config.memory(4, 256, &device);
            for (estimate, measured) in [
                (memory.training, everything),
                (memory.training_adapters, adapters),
            ] {
                let ratio = estimate as f64 / measured;
                assert!((0.9..1.1).contains(&ratio), "{family}: {ratio}");
            }
        }
    }

    #[test]
    fn sizes_beyond_any_memory_stop_at_the_greatest_number() {
        let device = Device::flex();
        let mut bert = BertConfig::new(usize::MAX / 2, 8, 2, 2);
        bert.d_feed_forward = usize::MAX / 4;
        let config = RewardModelConfig::new(EncoderConfig::Bert(bert), Pooling::Mean, 1);
        assert_eq!(config.parameters(&device).total, usize::MAX);
        let memory = config.memory(usize::MAX, usize::MAX, &device);
        assert_eq!(memory.weights, usize::MAX);
        assert_eq!(memory.training, usize::MAX);
        assert!(config.check().is_err());
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
