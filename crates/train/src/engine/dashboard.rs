//! Burn's terminal dashboard as an observer of a run.

use std::sync::Arc;

use burn::train::Interrupter;
use burn::train::metric::{
    MetricDefinition, MetricEntry, MetricId, NumericAttributes, NumericEntry, SerializedEntry,
};
use burn::train::renderer::{MetricState, MetricsRenderer, default_renderer};

use super::{EpochLog, StepLog, StopHandle, TrainObserver, ValidLog};

/// Shows a run in Burn's terminal dashboard; plain text if standard output is not a terminal.
pub struct Dashboard {
    renderer: Box<dyn MetricsRenderer>,
    interrupter: Interrupter,
    stop: StopHandle,
    loss: MetricId,
}

impl Dashboard {
    /// Opens the dashboard. Its key to stop the run uses `stop`.
    pub fn new(stop: StopHandle) -> Self {
        let interrupter = Interrupter::new();
        let mut renderer = default_renderer(interrupter.clone(), None);
        let loss = MetricId::new(Arc::new("loss".to_owned()));
        renderer.register_metric(MetricDefinition {
            metric_id: loss.clone(),
            name: Arc::new("Loss".to_owned()),
            description: None,
            attributes: NumericAttributes {
                unit: None,
                higher_is_better: false,
            }
            .into(),
        });
        Self {
            renderer,
            interrupter,
            stop,
            loss,
        }
    }

    fn value(&self, loss: f64) -> MetricState {
        let text = SerializedEntry::new(format!("{loss:.5}"), loss.to_string());
        let entry = MetricEntry::new(self.loss.clone(), text);
        MetricState::Numeric(entry, Some(NumericEntry::Value(loss)))
    }
}

impl TrainObserver for Dashboard {
    fn on_start(&mut self, total_steps: usize, epochs: usize) {
        self.renderer.start(epochs, 1, Some(total_steps), None);
        self.renderer.start_split("train", total_steps);
    }

    fn on_step(&mut self, step: &StepLog) {
        if self.interrupter.should_stop() {
            self.stop.stop();
        }
        let value = self.value(step.loss);
        self.renderer.update_train(value);
        self.renderer.update_split(step.step);
    }

    fn on_valid(&mut self, valid: &ValidLog) {
        let value = self.value(valid.valid_loss);
        self.renderer.update_valid(value);
    }

    fn on_epoch(&mut self, epoch: &EpochLog) {
        self.renderer.update_epoch(epoch.epoch);
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.renderer.end_split();
        self.renderer.end();
        // The run is over: a failure to draw its end changes nothing.
        let _ = self.renderer.on_train_end(None);
    }
}
