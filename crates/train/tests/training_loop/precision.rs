//! Training with products in bf16.

use burn::tensor::Device;
use gradus_model::TrainingPrecision;
use gradus_train::{Begin, TrainConfig, TrainError};

use crate::support::{Attempt, alone, assert_same, data, losses, place, settings, whole};

fn in_bf16() -> TrainConfig {
    TrainConfig {
        precision: TrainingPrecision::Bf16,
        ..settings()
    }
}

/// Whether this machine computes in bf16, and not in f32 instead.
fn is_computed() -> bool {
    TrainingPrecision::Bf16.on(&Device::flex()) == Some(TrainingPrecision::Bf16)
}

#[test]
fn a_run_in_bf16_learns_what_one_in_f32_learns_and_says_where_it_is_computed_in_f32() {
    let _alone = alone();
    let data = data();
    let exact = whole(&data, &settings());
    let (_keep, directory) = place();
    let attempt = Attempt {
        data: &data,
        config: &in_bf16(),
        directory: &directory,
        begin: Begin::New,
        stop_at: None,
    };
    let (found, seen) = attempt.run();
    let (exact, found) = (losses(&exact), losses(&found.unwrap()));
    assert_eq!(exact != found, is_computed());
    let note = seen
        .notes
        .iter()
        .any(|note| note.contains("training in f32"));
    assert_eq!(note, !is_computed(), "{:?}", seen.notes);
    let first = exact[0];
    assert!(
        (found[0] - first).abs() < 0.01 * first,
        "{} {first}",
        found[0]
    );
    let (last, exact) = (found.last().unwrap(), exact.last().unwrap());
    assert!((last - exact).abs() < 0.1 * exact, "{last} {exact}");
}

#[test]
fn a_run_in_bf16_goes_on_bit_for_bit_and_in_no_other_precision() {
    let _alone = alone();
    let data = data();
    for (config, other) in [(in_bf16(), settings()), (settings(), in_bf16())] {
        let expected = whole(&data, &config);
        let (_keep, directory) = place();
        let attempt = |config, begin, stop_at| {
            let attempt = Attempt {
                data: &data,
                config,
                directory: &directory,
                begin,
                stop_at,
            };
            attempt.run().0
        };
        let stopped = attempt(&config, Begin::New, Some(3)).unwrap_err();
        assert!(matches!(stopped, TrainError::Stopped { .. }));
        let refused = attempt(&other, Begin::Resume, None).unwrap_err();
        assert!(
            matches!(&refused, TrainError::OtherRun { key, .. } if key == "training.precision"),
            "{refused}"
        );
        assert_same(&attempt(&config, Begin::Resume, None).unwrap(), &expected);
    }
}
