//! A head that reads a mix of the encoder's layers.

use burn::module::Module;
use burn::tensor::{Device, Tensor, Tolerance};
use gradus_model::{
    EncoderConfig, Pooling, RewardModel, RewardModelConfig, SegmentInput, check_exportable,
    load_encoder,
};

use crate::support::{
    assert_close, batch, golden, random_model, random_model_with, random_numbers, rows, scores,
};

fn mixed(pooling: Pooling) -> (RewardModelConfig, RewardModel) {
    random_model_with(2, pooling, |config| config.scalar_mix = true)
}

#[test]
fn the_last_state_of_all_layers_is_that_of_the_encoder() {
    let device = Device::flex();
    for family in ["bert", "roberta", "xlm-roberta"] {
        let (config, encoder, _) =
            load_encoder(&golden(&format!("tiny-{family}")), &device).unwrap();
        let SegmentInput {
            token_ids,
            type_ids,
            mask_pad,
            ..
        } = batch(&rows(), 0, &device);
        let (ids, types, pad) = (token_ids.clone(), type_ids.clone(), mask_pad.clone());
        let states = encoder.layer_states(ids, types, pad, None).unwrap();
        assert_eq!(states.len(), config.sizes().num_layers + 1, "{family}");
        let last = states.into_iter().next_back().unwrap().into_data();
        let expected = encoder.forward(token_ids, type_ids, mask_pad).into_data();
        assert_eq!(last, expected, "{family}");
    }
}

#[test]
fn a_new_mix_reads_the_mean_of_all_layers() {
    let device = Device::flex();
    let (_, model) = mixed(Pooling::Mean);
    let input = batch(&rows(), 1, &device);
    let (ids, types, pad) = (
        input.token_ids.clone(),
        input.type_ids.clone(),
        input.mask_pad.clone(),
    );
    let states = model.encoder().layer_states(ids, types, pad, None).unwrap();
    let num_states = states.len() as f64;
    let mean = states
        .into_iter()
        .reduce(|sum, states| sum + states)
        .unwrap()
        / num_states;
    let states = gradus_model::TokenStates::of_responses(mean, input.segment_spans.clone());
    let expected = model.pooling().forward(states).into_data();
    let tolerance = Tolerance::<f32>::absolute(1e-5);
    model
        .pooled(input)
        .into_data()
        .assert_approx_eq(&expected, tolerance);
    let (_, plain) = random_model(2, Pooling::Mean);
    let scores_of = |model| scores(model, &rows(), 0).concat();
    assert_ne!(scores_of(&model), scores_of(&plain));
}

#[test]
fn a_mixed_score_is_the_same_alone_and_in_a_padded_batch() {
    for pooling in [Pooling::Mean, Pooling::Context] {
        let (_, model) = mixed(pooling);
        let together = scores(&model, &rows(), 6);
        for (row, together) in rows().into_iter().zip(together) {
            assert_close(&scores(&model, &[row], 0)[0], &together, 1e-5);
        }
    }
}

#[test]
fn a_mix_is_saved_and_loaded() {
    let device = Device::flex();
    let (config, model) = mixed(Pooling::Mean);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    model.save(&path).unwrap();
    let read = config.load(&path, &device).unwrap();
    let scores_of = |model| scores(model, &rows(), 0);
    assert_eq!(scores_of(&read), scores_of(&model));
    let plain = RewardModelConfig {
        scalar_mix: false,
        ..config
    };
    let error = plain.load(&path, &device).unwrap_err().to_string();
    assert!(error.contains("mix.weights"), "{error}");
}

#[test]
fn on_a_frozen_encoder_the_mix_alone_has_a_gradient() {
    let device = Device::flex().autodiff();
    let config = mixed_config();
    let model = {
        let _generator = random_numbers();
        config.init(&device)
    };
    let loss = model
        .raw_on_frozen_encoder(batch(&rows(), 0, &device))
        .square()
        .sum();
    let gradients = loss.backward();
    let mix = model.scalar_mix().unwrap();
    let mut with_gradient = 0;
    mix.visit(&mut Count {
        gradients: &gradients,
        found: &mut with_gradient,
    });
    assert_eq!(with_gradient, 1);
    let mut in_encoder = 0;
    model.encoder().visit(&mut Count {
        gradients: &gradients,
        found: &mut in_encoder,
    });
    assert_eq!(in_encoder, 0);
}

fn mixed_config() -> RewardModelConfig {
    let (mut config, _) = random_model(1, Pooling::Mean);
    config.scalar_mix = true;
    config
}

/// Counts parameters with a gradient that is not zero.
struct Count<'a> {
    gradients: &'a burn::tensor::Gradients,
    found: &'a mut usize,
}

impl burn::module::ModuleVisitor for Count<'_> {
    fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
        let gradient = param.val().grad(self.gradients);
        let is_steep = |gradient: Tensor<D>| gradient.abs().sum().into_scalar::<f32>() > 0.0;
        *self.found += usize::from(gradient.is_some_and(is_steep));
    }
}

#[test]
fn what_cannot_be_mixed_or_exported_is_refused() {
    let device = Device::flex();
    for &family in EncoderConfig::MODEL_TYPES {
        let (encoder, _, _) = load_encoder(&golden(&format!("tiny-{family}")), &device).unwrap();
        let has_states = encoder.has_layer_states();
        assert_eq!(
            has_states,
            ["bert", "roberta", "xlm-roberta"].contains(&family)
        );
        let mut config = RewardModelConfig::new(encoder.clone(), Pooling::Mean, 1);
        config.scalar_mix = true;
        assert_eq!(config.check().is_ok(), has_states, "{family}");
        if let Err(error) = config.check() {
            let text = error.to_string();
            assert!(
                text.contains("`scalar_mix` is true with an encoder of the family"),
                "{text}"
            );
        }
        // What follows a segment is nothing for a decoder.
        let context = RewardModelConfig::new(encoder.clone(), Pooling::Context, 1).check();
        assert_eq!(context.is_err(), encoder.is_causal(), "{family}");
        if let Err(error) = context {
            let text = error.to_string();
            assert!(
                text.contains("`pooling` is `context`, expected another one"),
                "{text}"
            );
        }
    }
    let (config, model) = mixed(Pooling::Mean);
    let error = check_exportable(&config, &model).unwrap_err().to_string();
    assert!(error.contains("a mix of the encoder's layers"), "{error}");
}
