//! A score does not depend on the batch it is computed in.

use burn::module::Module;
use burn::tensor::{Device, Tensor, Tolerance};
use gradus_model::{Pooling, RewardModelConfig, SegmentInput, TokenStates};

use crate::support::{assert_close, batch, random_model, random_numbers, rows, scores};

#[test]
fn a_score_is_the_same_alone_and_in_a_padded_batch() {
    for pooling in Pooling::ALL {
        let (_, model) = random_model(2, pooling.clone());
        let together = scores(&model, &rows(), 6);
        for (row, together) in rows().into_iter().zip(together) {
            assert_close(&scores(&model, &[row], 0)[0], &together, 1e-5);
        }
    }
}

#[test]
fn a_score_does_not_depend_on_the_order_of_the_batch() {
    let (_, model) = random_model(2, Pooling::Mean);
    let forwards = scores(&model, &rows(), 0);
    let reversed: Vec<_> = rows().into_iter().rev().collect();
    let mut backwards = scores(&model, &reversed, 0);
    backwards.reverse();
    assert_close(&forwards.concat(), &backwards.concat(), 1e-5);
}

#[test]
fn states_that_nothing_reads_are_left_out_without_a_trace() {
    let device = Device::flex();
    for pooling in Pooling::ALL {
        let (_, model) = random_model(2, pooling.clone());
        let input = batch(&rows(), 3, &device);
        let pooled = model.pooled(input.clone());
        let SegmentInput {
            token_ids,
            type_ids,
            mask_pad,
            response_spans: _,
            segment_spans,
        } = input;
        let (ids, types, pad) = (token_ids, type_ids.clone(), mask_pad.clone());
        let expected = model.pooling().forward(TokenStates {
            hidden: model.encoder().forward(ids, types, pad),
            segment_spans,
            type_ids,
            mask_pad,
        });
        let tolerance = Tolerance::<f32>::absolute(1e-5);
        pooled
            .into_data()
            .assert_approx_eq(&expected.into_data(), tolerance);
    }
}

#[test]
fn the_scores_of_the_test_model_differ_from_each_other() {
    // Otherwise the tests above would show nothing.
    let (_, model) = random_model(2, Pooling::Mean);
    let scores = scores(&model, &rows(), 0).concat();
    assert!(scores.iter().enumerate().all(|(index, score)| {
        scores[..index]
            .iter()
            .all(|other| (score - other).abs() > 1e-4)
    }));
}

#[test]
fn the_same_seed_gives_the_same_model() {
    let [first, second] = [(); 2].map(|()| random_model(2, Pooling::Mean).1);
    assert_eq!(scores(&first, &rows(), 0), scores(&second, &rows(), 0));
}

#[test]
fn a_clone_made_before_the_first_use_has_the_same_weights() {
    let (_, model) = random_model(1, Pooling::Mean);
    let copy = model.clone();
    assert_eq!(scores(&model, &rows(), 0), scores(&copy, &rows(), 0));
}

#[test]
fn dropout_acts_in_training_only() {
    let (config, _) = random_model(1, Pooling::Mean);
    let _generator = random_numbers();
    let device = Device::flex().autodiff();
    for (hidden, attention) in [(0.5, 0.0), (0.0, 0.5)] {
        let encoder = config.encoder.clone().with_dropout(hidden, attention);
        let model = RewardModelConfig {
            encoder,
            ..config.clone()
        }
        .init(&device);
        let train = || -> Vec<f32> {
            model
                .forward(batch(&rows(), 0, &device))
                .into_data()
                .try_into_vec()
                .unwrap()
        };
        assert_ne!(train(), train());
        let inference = model.valid();
        assert_eq!(
            scores(&inference, &rows(), 0),
            scores(&inference, &rows(), 0)
        );
    }
}

#[test]
fn the_head_starts_from_its_bias() {
    let (_, model) = random_model(2, Pooling::Mean);
    let model = model.with_head_bias(&[0.25, -3.0]);
    let pooled = Tensor::zeros([1, 1, 16], &Device::flex());
    let scores: Vec<f32> = model
        .head()
        .forward(pooled)
        .into_data()
        .try_into_vec()
        .unwrap();
    assert_eq!(scores, [0.25, -3.0]);
}

#[test]
fn a_head_bias_set_for_training_is_trained() {
    let device = Device::flex().autodiff();
    let (config, _) = random_model(1, Pooling::Mean);
    let _generator = random_numbers();
    let model = config.init(&device).with_head_bias(&[0.5]);
    let loss = model.forward(batch(&rows(), 0, &device)).sum();
    let gradients = burn::optim::GradientsParams::from_grads(loss.backward(), &model);
    // Embeddings 5, layers 16 each, head 2.
    assert_eq!(gradients.len(), 5 + 2 * 16 + 2);
}
