//! Progress on standard error.

use std::path::Path;
use std::time::Duration;

use gradus::train::{EpochLog, SkippedStep, StepLog, TrainObserver, ValidLog};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::show;

/// A progress bar over `total` items on standard error; hidden if that is not a terminal.
pub(crate) fn bar(total: usize, unit: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    let template = format!("{{bar:32}} {{human_pos}}/{{human_len}} {unit} {{msg}} eta {{eta}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A counter for work of unknown size.
pub(crate) fn counter(unit: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let template = format!("{{spinner}} {{human_pos}} {unit} {{per_sec}} {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Number of lines that report the steps of a run without a terminal.
const STEP_LINES: usize = 20;

/// Shows a training run: a progress bar on a terminal, or a few lines elsewhere, and one line per
/// epoch.
pub(crate) struct TrainProgress {
    bar: Option<ProgressBar>,
    total_steps: usize,
    epochs: usize,
}

impl TrainProgress {
    pub(crate) fn new() -> Self {
        Self {
            bar: None,
            total_steps: 0,
            epochs: 0,
        }
    }

    /// Prints a line above the bar.
    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| show::status(line)),
            None => show::status(line),
        }
    }
}

impl TrainObserver for TrainProgress {
    fn on_start(&mut self, total_steps: usize, epochs: usize) {
        self.total_steps = total_steps;
        self.epochs = epochs;
        self.bar = Some(bar(total_steps, "steps"));
    }

    fn on_step(&mut self, step: &StepLog) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("loss {:.4}", step.loss));
            bar.set_position(step.step as u64);
            if bar.is_hidden()
                && step
                    .step
                    .is_multiple_of(self.total_steps.div_ceil(STEP_LINES))
            {
                let (step, total, loss) = (step.step, self.total_steps, step.loss);
                show::status(&format!("step {step}/{total}  loss {loss:.5}"));
            }
        }
    }

    fn on_epoch(&mut self, epoch: &EpochLog) {
        let line = format!(
            "epoch {}/{}  train loss {:.5}  valid loss {:.5}  J {:+.5}  {:.0} tokens/s  {:.0} s",
            epoch.epoch,
            self.epochs,
            epoch.train_loss,
            epoch.valid_loss,
            epoch.rating_objective,
            epoch.tokens_per_second,
            epoch.train_seconds + epoch.valid_seconds,
        );
        self.line(&line);
        if let Some(bar) = self.bar.as_ref().filter(|_| epoch.epoch == self.epochs) {
            bar.finish_and_clear();
        }
    }

    fn on_valid(&mut self, valid: &ValidLog) {
        let metrics = valid.metrics.iter().filter_map(|(name, value)| {
            let shown = ["pearson", "spearman"].contains(&name.as_str());
            shown.then(|| format!("  {name} {}", show::number(*value)))
        });
        self.line(&format!(
            "step {}: valid loss {:.5}{}{}",
            valid.step,
            valid.valid_loss,
            metrics.collect::<String>(),
            if valid.best {
                "  best so far, saved"
            } else {
                ""
            },
        ));
    }

    fn on_skip(&mut self, skipped: &SkippedStep) {
        let SkippedStep {
            step,
            what,
            value,
            ids,
            poisoned,
            ..
        } = skipped;
        let poisoned = if poisoned.is_empty() {
            String::new()
        } else {
            format!("; non-finite targets: {}", poisoned.join(", "))
        };
        let ids = ids.join(", ");
        self.line(&format!(
            "step {step} skipped: {what} is {value}; ids in the batch: {ids}{poisoned}"
        ));
    }

    fn on_resume(&mut self, checkpoint: &Path, step: usize, epoch: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(step as u64);
            bar.reset_eta();
        }
        let from = checkpoint.display();
        self.line(&format!(
            "resumed after step {step} in epoch {epoch}: {from}"
        ));
    }

    fn on_note(&mut self, note: &str) {
        self.line(note);
    }
}
