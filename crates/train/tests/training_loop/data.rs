//! Orders and sources of examples of other programs.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Mutex;

use burn::tensor::Device;
use gradus_data::{BatchSize, DataError, ExampleSource, Sampler, TokenizedExample};
use gradus_train::{
    Begin, Checkpoints, FitData, Fitted, Result, Session, StepLog, StopHandle, TrainConfig,
    TrainError, TrainObserver, Training,
};

use crate::support::{
    alone, assert_same, data, data_of, examples, losses, model, place, settings, whole,
};

/// Short examples first, and the longest of all twice; in whole batches, of which every other is empty.
#[derive(Debug)]
struct ShortFirst {
    size: usize,
}

impl Sampler for ShortFirst {
    fn id(&self) -> String {
        format!("short-first:{}", self.size)
    }

    fn batches(&self, lengths: &[usize], _size: BatchSize, _epoch: usize) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&index| lengths[index]);
        order.extend(order.last().copied());
        let batches = order.chunks(self.size).map(<[usize]>::to_vec);
        batches.flat_map(|batch| [Vec::new(), batch]).collect()
    }
}

/// Examples that are read anew each time, as from a file.
#[derive(Debug)]
struct Elsewhere {
    stored: Vec<TokenizedExample>,
    reads: Mutex<usize>,
    /// Reads after which it fails.
    fails_after: usize,
}

impl ExampleSource for Elsewhere {
    fn len(&self) -> usize {
        self.stored.len()
    }

    fn get(&self, index: usize) -> gradus_data::Result<Cow<'_, TokenizedExample>> {
        let mut reads = self.reads.lock().unwrap();
        *reads += 1;
        if *reads > self.fails_after {
            return Err(DataError::Io(std::io::Error::other("the disk is gone")));
        }
        Ok(Cow::Owned(self.stored[index].clone()))
    }
}

fn elsewhere(fails_after: usize) -> FitData {
    let source = Elsewhere {
        stored: examples(21),
        reads: Mutex::default(),
        fails_after,
    };
    FitData {
        train: source.into(),
        ..data()
    }
}

struct StopAt(usize, StopHandle);

impl TrainObserver for StopAt {
    fn on_step(&mut self, step: &StepLog) {
        if step.step == self.0 {
            self.1.stop();
        }
    }
}

fn attempt(
    sampler: ShortFirst,
    config: &TrainConfig,
    directory: &Path,
    (begin, stop_at): (Begin, usize),
) -> Result<Fitted> {
    let stop = StopHandle::new();
    let session = Session {
        stop: stop.clone(),
        checkpoints: Some(Checkpoints {
            directory: directory.to_owned(),
            begin,
            files: vec![],
        }),
        ..Session::default()
    };
    let checked = config.clone().check()?;
    Training::new(model(config.dropout), &data(), &checked, &Device::flex())
        .with_sampler(sampler)
        .with_session(session.with_observer(StopAt(stop_at, stop)))
        .fit()
}

#[test]
fn an_own_order_is_kept_resumes_to_the_same_bits_and_is_not_mixed_with_another() {
    let _alone = alone();
    let config = TrainConfig {
        dropout: 0.1,
        checkpoint_every: 1,
        ..settings()
    };
    let by = |size| ShortFirst { size };
    let (_keep, place) = place();
    let expected = attempt(by(4), &config, &place, (Begin::New, 0)).unwrap();
    // 22 examples in batches of 4, the longest of all alone at the end with its second.
    let steps = &expected.history.steps;
    assert_eq!(steps.len(), 12);
    let tokens: Vec<usize> = steps.iter().take(5).map(|step| step.tokens).collect();
    assert!(tokens.is_sorted(), "{tokens:?}");
    assert_ne!(losses(&expected), losses(&whole(&data(), &config)));

    let stopped = attempt(by(4), &config, &place, (Begin::New, 7));
    assert!(matches!(stopped, Err(TrainError::Stopped { step: 7, .. })));
    let other = attempt(by(5), &config, &place, (Begin::Resume, 0)).unwrap_err();
    assert!(
        matches!(&other, TrainError::OtherRun { key, .. } if key == "sampler"),
        "{other}"
    );
    let resumed = attempt(by(4), &config, &place, (Begin::Resume, 0)).unwrap();
    assert_same(&resumed, &expected);
}

#[test]
fn a_sampler_that_names_no_example_is_an_error() {
    #[derive(Debug)]
    struct Past;
    impl Sampler for Past {
        fn id(&self) -> String {
            "past".into()
        }
        fn batches(&self, lengths: &[usize], _size: BatchSize, _epoch: usize) -> Vec<Vec<usize>> {
            vec![vec![0, lengths.len()]]
        }
    }
    let _alone = alone();
    let config = settings().check().unwrap();
    let data = data();
    let run = Training::new(model(0.0), &data, &config, &Device::flex()).with_sampler(Past);
    let error = run.fit().unwrap_err().to_string();
    assert!(
        error.contains("the example at 21, expected a position below 21"),
        "{error}"
    );
}

#[test]
fn examples_from_elsewhere_train_to_the_same_bits_and_a_failed_read_ends_the_run() {
    let _alone = alone();
    let config = settings();
    assert_same(
        &whole(&elsewhere(usize::MAX), &config),
        &whole(&data_of(examples(21)), &config),
    );
    let checked = config.check().unwrap();
    for reads in [0, 30] {
        let data = elsewhere(reads);
        let error = Training::new(model(0.0), &data, &checked, &Device::flex())
            .fit()
            .unwrap_err();
        assert!(error.to_string().contains("the disk is gone"), "{error}");
    }
}
