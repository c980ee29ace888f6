//! Adapters: in training, in files, multiplied out.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Distribution, Tensor};
use gradus_model::{HeadConfig, LoraConfig, Pooling, RewardModelConfig};

use crate::support::{assert_close, random_model_with, random_numbers, rows, scores};

fn adapted(config: &mut RewardModelConfig) {
    config.lora = Some(LoraConfig {
        rank: 3,
        alpha: 5.0,
        ..LoraConfig::default()
    });
    config.head = HeadConfig::Mlp {
        d_hidden: 8,
        dropout: 0.1,
        activation: gradus_model::encoder::Activation::Gelu,
    };
}

/// Moves every parameter that starts at zero, the second factor of each adapter among them.
struct MoveZeros;

impl ModuleMapper for MoveZeros {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| {
            if value.clone().abs().max().into_scalar::<f32>() > 0.0 {
                return value;
            }
            value.random_like(Distribution::Normal(0.0, 0.3))
        })
    }
}

#[test]
fn an_adapted_model_starts_as_the_model_it_adapts() {
    let (config, plain) = random_model_with(1, Pooling::Mean, |_| ());
    let model = {
        let _generator = random_numbers();
        let lora = Some(LoraConfig::default());
        RewardModelConfig { lora, ..config }.init_with(plain.encoder().clone(), &Device::flex())
    };
    // 2 layers, 2 matrices each of 16 by 16, rank 8.
    assert_eq!(model.num_params() - plain.num_params(), 2 * 2 * 2 * 16 * 8);
    let encoded = |model: &gradus_model::RewardModel| {
        let input = crate::support::batch(&rows(), 0, &Device::flex());
        model.pooled(input).into_data()
    };
    assert_eq!(encoded(&plain), encoded(&model));
}

#[test]
fn a_model_with_adapters_comes_back_with_the_same_scores_and_merges_to_them() {
    let (config, model) = random_model_with(2, Pooling::Attention, adapted);
    let untouched = scores(&model, &rows(), 0).concat();
    let model = {
        let _generator = random_numbers();
        model.map(&mut MoveZeros)
    };
    let expected = scores(&model, &rows(), 0).concat();
    assert!(
        untouched
            .iter()
            .zip(&expected)
            .any(|(a, b)| (a - b).abs() > 1e-3)
    );
    let place = tempfile::tempdir().unwrap();
    let (first, second) = (place.path().join("a"), place.path().join("b"));
    model.save(&first).unwrap();
    let loaded = config.load(&first, &Device::flex()).unwrap();
    assert_eq!(scores(&loaded, &rows(), 0).concat(), expected);

    loaded.materialize().save(&second).unwrap();
    let plain = RewardModelConfig {
        lora: None,
        ..config
    };
    let merged = plain.load(&second, &Device::flex()).unwrap();
    assert_close(&scores(&merged, &rows(), 0).concat(), &expected, 1e-5);
}
