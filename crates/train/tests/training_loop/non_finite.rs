//! Losses and gradients that are not numbers.

use gradus_data::TokenizedExample;
use gradus_train::{Begin, Schedule, TrainConfig, TrainError};

use crate::support::{Attempt, alone, data_of, examples, losses, place, settings, whole};

/// In the order given, five to a batch: batches of 0-4, 5-9, 10-14, 15-19, 20.
fn in_order() -> TrainConfig {
    TrainConfig {
        shuffle: false,
        bucketing: false,
        ..settings()
    }
}

fn poisoned(numbers: &[usize]) -> Vec<TokenizedExample> {
    let mut examples = examples(21);
    for &number in numbers {
        examples[number].segments[0].targets[0] = Some(f32::NAN);
    }
    examples
}

#[test]
fn a_poisoned_batch_is_passed_over_counted_and_named() {
    let _alone = alone();
    let data = data_of(poisoned(&[7]));
    let (_keep, directory) = place();
    let config = in_order();
    let attempt = Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin: Begin::New,
        stop_at: None,
    };
    let (fitted, seen) = attempt.run();
    let history = fitted.unwrap().history;
    assert_eq!(history.skipped, seen.skipped);
    let steps: Vec<usize> = history.skipped.iter().map(|log| log.step).collect();
    assert_eq!(steps, [2, 7], "once an epoch");
    let log = &history.skipped[0];
    assert_eq!((log.what.as_str(), log.value.as_str()), ("loss", "NaN"));
    assert_eq!(log.ids, ["x5", "x6", "x7", "x8", "x9"]);
    assert_eq!(log.poisoned, ["x7"]);
    let steps: Vec<usize> = history.steps.iter().map(|log| log.step).collect();
    assert_eq!(steps, [1, 3, 4, 5, 6, 8, 9, 10]);
    assert!(history.steps.iter().all(|log| log.loss.is_finite()));
    assert!(
        history
            .validations
            .iter()
            .all(|log| log.valid_loss.is_finite())
    );
}

#[test]
fn a_skipped_step_leaves_the_weights_alone() {
    let _alone = alone();
    let config = TrainConfig {
        epochs: 1,
        schedule: Schedule::Constant,
        ..in_order()
    };
    let skipped = whole(&data_of(poisoned(&[20])), &config);
    let mut without = examples(21);
    without.pop();
    let without = whole(&data_of(without), &config);
    assert_eq!(losses(&skipped), losses(&without));
}

#[test]
fn too_many_in_a_row_end_the_run_with_cause_batch_and_checkpoint() {
    let _alone = alone();
    let data = data_of(poisoned(&[10, 12, 15, 20]));
    let (_keep, directory) = place();
    let config = TrainConfig {
        max_skipped_steps: 2,
        checkpoint_every: 1,
        ..in_order()
    };
    let attempt = || Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin: Begin::New,
        stop_at: None,
    };
    let (error, seen) = attempt().run();
    let error = error.unwrap_err();
    assert!(!error.is_input());
    let message = error.to_string();
    for part in [
        "step 5 (epoch 1): loss is NaN",
        "3 steps in a row",
        "batch of ids: x20",
        "targets that are not finite: x20",
        "last good checkpoint",
        "step-000002",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(error.hint().unwrap().contains("learning rate"));
    assert_eq!(seen.checkpoints, [1, 2]);
    // The last good checkpoint is whole: the run goes on from it, to the same end.
    let resumed = Attempt {
        begin: Begin::Resume,
        ..attempt()
    };
    let (again, seen) = resumed.run();
    assert_eq!(seen.resumed_at, Some(2));
    assert_eq!(again.unwrap_err().to_string(), message);
}

#[test]
fn an_exploding_learning_rate_ends_the_run_and_pushes_out_no_checkpoint() {
    let _alone = alone();
    let data = data_of(examples(21));
    let (_keep, directory) = place();
    let config = TrainConfig {
        checkpoint_every: 1,
        learning_rate: Some(1e30),
        head_learning_rate: 1e30,
        ..in_order()
    };
    let attempt = Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin: Begin::New,
        stop_at: None,
    };
    let (error, seen) = attempt.run();
    let error = error.unwrap_err();
    let TrainError::NonFinite {
        step,
        in_a_row,
        ids,
        poisoned,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((*step, *in_a_row), (5, 4));
    assert_eq!(ids[..], ["x20"]);
    assert!(poisoned.is_empty(), "the ratings are not at fault: {error}");
    assert!(seen.checkpoints.is_empty(), "{seen:?}");
    assert!(
        seen.notes[0].contains("no checkpoint at step 1"),
        "{seen:?}"
    );
}
