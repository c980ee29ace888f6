//! Which validation is the best, and when it is enough.

use std::collections::BTreeMap;

use burn::tensor::Device;
use gradus_train::{
    EarlyStopping, Fitted, Result, Session, TrainConfig, ValidMetrics, ValidScores, fit,
};

use crate::support::{alone, data, model, settings, weights};

/// Counts validations from 1, downwards if asked to.
struct Count {
    rising: bool,
    seen: std::sync::Mutex<f64>,
}

impl ValidMetrics for Count {
    fn names(&self) -> Vec<String> {
        vec!["count".into()]
    }
    fn compute(&self, scores: &ValidScores) -> BTreeMap<String, Option<f64>> {
        assert_eq!(scores.aspects.len(), 1);
        assert_eq!(scores.aspects[0].len(), 7, "one entry per response");
        let mut seen = self.seen.lock().unwrap();
        *seen += 1.0;
        [("count".to_owned(), Some(*seen))].into()
    }
    fn goodness(&self, _name: &str, value: f64) -> f64 {
        if self.rising { value } else { -value }
    }
}

fn run(config: &TrainConfig, rising: bool) -> Result<Fitted> {
    let metrics = Count {
        rising,
        seen: std::sync::Mutex::new(0.0),
    };
    let session = Session {
        metrics: Box::new(metrics),
        ..Session::default()
    };
    let device = Device::flex();
    fit(
        model(0.0),
        &data(),
        &config.clone().check()?,
        &device,
        session,
        |_, _| Ok(()),
    )
}

fn stopping(metric: &str, patience: usize) -> TrainConfig {
    TrainConfig {
        epochs: 6,
        early_stopping: Some(EarlyStopping {
            metric: metric.into(),
            patience,
            ..EarlyStopping::default()
        }),
        ..settings()
    }
}

#[test]
fn a_metric_that_gets_worse_ends_the_run_and_the_first_weights_are_kept() {
    let _alone = alone();
    let fitted = run(&stopping("count", 2), false).unwrap();
    let history = &fitted.history;
    assert!(history.stopped_early);
    assert_eq!(history.validations.len(), 3);
    assert_eq!(history.epochs.len(), 3);
    assert_eq!(history.best().unwrap().epoch, 1);
    let one = TrainConfig {
        epochs: 6,
        early_stopping: None,
        ..settings()
    };
    let all = run(&one, false).unwrap();
    assert_eq!(all.history.validations.len(), 6);
    assert!(!all.history.stopped_early);
    assert!(
        weights(&all.model) != weights(&fitted.model),
        "the last weights were kept"
    );
}

#[test]
fn a_metric_that_gets_better_never_ends_the_run() {
    let _alone = alone();
    let fitted = run(&stopping("count", 1), true).unwrap();
    assert!(!fitted.history.stopped_early);
    assert_eq!(fitted.history.best().unwrap().epoch, 6);
    assert!(fitted.history.validations.iter().all(|valid| valid.best));
}

#[test]
fn validations_inside_an_epoch_count() {
    let _alone = alone();
    let config = TrainConfig {
        eval_every: 2,
        ..stopping("count", 2)
    };
    let history = run(&config, false).unwrap().history;
    let steps: Vec<usize> = history.validations.iter().map(|valid| valid.step).collect();
    assert_eq!(steps, [2, 4, 5]);
    assert_eq!(history.steps.len(), 5);
}

#[test]
fn a_metric_that_nobody_computes_is_refused_with_those_there_are() {
    let _alone = alone();
    let error = run(&stopping("tau", 1), true).unwrap_err();
    assert!(error.is_input());
    let error = error.to_string();
    for part in ["early_stopping.metric", "`tau`", "loss, mse, count"] {
        assert!(error.contains(part), "{error}");
    }
}
