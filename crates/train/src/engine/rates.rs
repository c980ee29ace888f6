//! Learning rates of parameters.

use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::module::ParamGroup;

use super::WarmupLinear;
use super::freeze::{EMBEDDINGS, ENCODER};
use crate::plan::{Schedule, TrainConfig};

/// Prefixes of the paths of the parameters on top of the encoder in a learner.
const HEAD: [&str; 3] = ["model.head", "model.pooling", "model.mix"];

/// Learning rates: the encoder's schedule, reduced for lower layers, and a separate one for the head.
///
/// Layer `l` of `L`, from 0, has the rate `learning_rate · decay^(L - 1 - l)` and the embeddings at
/// `learning_rate · decay^L`: layer-wise decay as in Clark et al. (2020), ELECTRA,
/// <https://arxiv.org/abs/2003.10555>.
pub(crate) fn learning_rates(
    config: &TrainConfig,
    total_steps: usize,
    num_layers: usize,
) -> ModuleLrScheduler {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share in [0, 1) of a number of steps"
    )]
    let warmup = (config.warmup * total_steps as f64) as usize;
    let of_encoder = config.peak_rate();
    let mut rates = vec![(
        ParamGroup::from_any_predicates(HEAD.to_vec()),
        config.head_learning_rate,
    )];
    if config.layer_decay < 1.0 {
        let group = |part: String| ParamGroup::from_predicates(vec![ENCODER.to_owned(), part]);
        let mut rate = of_encoder;
        for layer in (0..num_layers).rev() {
            rates.push((group(format!(".layers.{layer}.")), rate));
            rate *= config.layer_decay;
        }
        rates.push((group(EMBEDDINGS.to_owned()), rate));
    }
    let linear = |peak| WarmupLinear::new(peak, warmup, total_steps);
    match config.schedule {
        Schedule::Constant => rates.into_iter().fold(
            ModuleLrScheduler::new(of_encoder),
            |scheduler, (group, rate)| scheduler.with_group(group, rate),
        ),
        Schedule::Linear => rates.into_iter().fold(
            ModuleLrScheduler::new(linear(of_encoder)),
            |scheduler, (group, rate)| scheduler.with_group(group, linear(rate)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;

    #[test]
    fn rates_fall_from_layer_to_layer_and_the_head_has_its_own() {
        let config = TrainConfig {
            learning_rate: Some(1.0),
            head_learning_rate: 7.0,
            layer_decay: 0.5,
            schedule: Schedule::Constant,
            ..TrainConfig::default()
        };
        let rates = learning_rates(&config, 10, 12).step();
        for (path, expected) in [
            ("model.head.output.weight", 7.0),
            ("model.pooling.query", 7.0),
            ("model.encoder.Bert.layers.11.attention.query.weight", 1.0),
            ("model.encoder.Bert.layers.10.attention_norm.bias", 0.5),
            (
                "model.encoder.Bert.layers.1.attention.key.bias",
                0.5f64.powi(10),
            ),
            ("model.encoder.Bert.embeddings.word.weight", 0.5f64.powi(12)),
        ] {
            let found = rates.lr_from_param(ParamId::new(), Some(path));
            assert!((found - expected).abs() < 1e-12, "{path}: {found}");
        }
    }
}
