//! The directory of the checkpoints: what is kept, what is refused.

use gradus_train::{Begin, TrainConfig, TrainError, checkpoint_file, find_checkpoints};

use crate::support::{Attempt, alone, data, names, place, settings};

#[test]
fn the_newest_checkpoints_and_the_best_weights_are_kept() {
    let _alone = alone();
    let (data, config) = (
        data(),
        TrainConfig {
            checkpoint_every: 1,
            keep_checkpoints: 3,
            ..settings()
        },
    );
    let (_keep, directory) = place();
    let attempt = Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin: Begin::New,
        stop_at: None,
    };
    let (fitted, seen) = attempt.run();
    assert_eq!(seen.checkpoints, (1..=10).collect::<Vec<_>>());
    let best = fitted.unwrap().history.best().unwrap().step;
    for (step, names) in seen.checkpoints.iter().zip(&seen.names) {
        let steps: Vec<_> = names.iter().filter(|n| n.starts_with("step-")).collect();
        let expected: Vec<_> = (step.saturating_sub(2).max(1)..=*step)
            .map(|step| format!("step-{step:06}"))
            .collect();
        assert_eq!(steps, expected.iter().collect::<Vec<_>>());
        let bests = names.iter().filter(|n| n.starts_with("best-")).count();
        assert_eq!(bests >= 1, *step >= 5, "{names:?}");
    }
    assert!(seen.names[9].contains(&format!("best-{best:06}")));
    assert!(!directory.exists());
}

#[test]
fn a_run_without_checkpoints_leaves_nothing() {
    let _alone = alone();
    let (data, config) = (
        data(),
        TrainConfig {
            checkpoint_every: 1,
            keep_checkpoints: 0,
            ..settings()
        },
    );
    let (_keep, directory) = place();
    let attempt = Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin: Begin::New,
        stop_at: Some(6),
    };
    let (error, seen) = attempt.run();
    let error = error.unwrap_err();
    assert!(
        matches!(
            error,
            TrainError::Stopped {
                step: 6,
                checkpoint: None
            }
        ),
        "{error}"
    );
    assert!(seen.checkpoints.is_empty());
    assert!(!directory.exists());
}

#[test]
fn checkpoints_of_an_unfinished_run_are_not_written_over_unless_told() {
    let _alone = alone();
    let (data, config) = (data(), settings());
    let (_keep, directory) = place();
    let attempt = |begin, stop_at| Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin,
        stop_at,
    };
    attempt(Begin::New, Some(3)).run().0.unwrap_err();
    let error = attempt(Begin::New, None).run().0.unwrap_err();
    assert!(
        matches!(error, TrainError::CheckpointsExist { .. }),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--resume"));
    assert!(directory.join("step-000003").is_dir());
    assert_eq!(find_checkpoints(&directory).unwrap(), directory);
    assert_eq!(
        checkpoint_file(&directory, "run.toml").unwrap().content,
        b"a = 1"
    );
    let (error, seen) = attempt(Begin::Over, Some(2)).run();
    error.unwrap_err();
    assert_eq!(seen.resumed_at, None);
    assert_eq!(names(&directory), ["lock", "metrics.jsonl", "step-000002"]);
}

#[test]
fn a_directory_of_other_things_is_refused_and_stays_as_it_was() {
    let _alone = alone();
    let (data, config) = (data(), settings());
    let (_keep, directory) = place();
    fs_err::create_dir(&directory).unwrap();
    fs_err::write(directory.join("thesis.tex"), "x").unwrap();
    for begin in [Begin::New, Begin::Over, Begin::Resume] {
        let attempt = Attempt {
            data: &data,
            config: &config,
            directory: &directory,
            begin,
            stop_at: None,
        };
        let error = attempt.run().0.unwrap_err();
        assert!(error.to_string().contains("thesis.tex"), "{error}");
        assert_eq!(names(&directory), ["thesis.tex"]);
    }
}

#[test]
fn there_is_nothing_to_resume_before_the_first_checkpoint() {
    let _alone = alone();
    let (data, config) = (data(), settings());
    let (_keep, directory) = place();
    let attempt = Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin: Begin::Resume,
        stop_at: None,
    };
    let error = attempt.run().0.unwrap_err();
    assert!(error.to_string().contains("no checkpoint found"), "{error}");
    assert!(!directory.exists());
}

#[test]
fn two_runs_cannot_share_a_directory() {
    let _alone = alone();
    let (data, config) = (data(), settings());
    let (_keep, directory) = place();
    fs_err::create_dir(&directory).unwrap();
    let lock = fs_err::File::create(directory.join("lock")).unwrap();
    lock.try_lock().unwrap();
    let attempt = || Attempt {
        data: &data,
        config: &config,
        directory: &directory,
        begin: Begin::New,
        stop_at: None,
    };
    let error = attempt().run().0.unwrap_err();
    assert!(matches!(error, TrainError::InUse { .. }), "{error}");
    drop(lock);
    attempt().run().0.unwrap();
}
