//! A batch in pieces is the batch.

use gradus_data::TokenizedExample;
use gradus_train::Freeze;
use gradus_train::{Fitted, TrainConfig};

use crate::support::{alone, data_of, examples, losses, settings, weights, whole};

/// A tenth of the other tests' learning rate. The bias of the attention keys has no gradient but
/// rounding, which AdamW scales up to steps of the full rate; it changes no score.
fn slow() -> TrainConfig {
    TrainConfig {
        learning_rate: Some(3e-4),
        head_learning_rate: 3e-4,
        ..settings()
    }
}

fn assert_close(found: &Fitted, expected: &Fitted, tolerance: f64) {
    let (a, b) = (losses(found), losses(expected));
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() < tolerance, "{a} {b}");
    }
    let (a, b) = (weights(&found.model), weights(&expected.model));
    for (a, b) in a.iter().zip(&b) {
        assert!(f64::from(a - b).abs() < tolerance, "{a} {b}");
    }
}

#[test]
fn four_pieces_of_eight_equal_a_batch_of_thirty_two() {
    let _alone = alone();
    let data = data_of(examples(96));
    let config = TrainConfig {
        batch_size: 32,
        ..slow()
    };
    let expected = whole(&data, &config);
    assert_eq!(expected.history.steps.len(), 6);
    for size in [8, 5, 1] {
        let pieces = TrainConfig {
            micro_batch_size: Some(size),
            ..config.clone()
        };
        assert_close(&whole(&data, &pieces), &expected, 1e-5);
    }
    let uncut = TrainConfig {
        micro_batch_size: Some(32),
        ..config
    };
    assert!(weights(&whole(&data, &uncut).model) == weights(&expected.model));
}

/// Leaves a rating only in the segments for which `keep` says so.
fn rated_where(keep: impl Fn(usize) -> bool) -> Vec<TokenizedExample> {
    let mut examples = examples(16);
    for (number, example) in examples.iter_mut().enumerate() {
        for segment in example.segments.iter_mut().skip(usize::from(keep(number))) {
            segment.targets = vec![None];
            segment.weight = 0.0;
        }
        if keep(number) {
            example.segments[0].weight = 1.0 + f32::from(u8::try_from(number % 3).unwrap());
        }
    }
    examples
}

#[test]
fn the_loss_does_not_depend_on_how_ratings_spread_over_the_pieces() {
    let _alone = alone();
    // Every fourth example is rated: one in each piece, or all of them in the first.
    let even = rated_where(|number| number.is_multiple_of(4));
    let mut packed = even.clone();
    packed.sort_by_key(|example| example.segments[0].weight <= 0.0);
    let config = TrainConfig {
        epochs: 1,
        batch_size: 16,
        micro_batch_size: Some(4),
        shuffle: false,
        bucketing: false,
        ..slow()
    };
    let even = whole(&data_of(even), &config);
    let packed = whole(&data_of(packed), &config);
    assert_eq!(even.history.steps[0].rated, 4);
    assert!(even.history.steps[0].loss > 0.0);
    assert_close(&packed, &even, 1e-5);
    let (packed, even) = (packed.history.steps[0].loss, even.history.steps[0].loss);
    assert!((packed - even).abs() < 1e-7, "{packed} {even}");
}

#[test]
fn checkpointed_gradients_are_the_gradients() {
    let _alone = alone();
    let data = data_of(examples(21));
    // With a frozen encoder, its states come from inference.
    for freeze in [Freeze::Nothing, Freeze::Encoder] {
        let plain = TrainConfig {
            freeze,
            ..settings()
        };
        let expected = whole(&data, &plain);
        let config = TrainConfig {
            gradient_checkpointing: true,
            ..plain
        };
        // The same operations, some of them twice: nothing rounds differently.
        let found = whole(&data, &config);
        assert_eq!(losses(&found), losses(&expected), "{freeze}");
        assert!(
            weights(&found.model) == weights(&expected.model),
            "{freeze}"
        );
    }
}
