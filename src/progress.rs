//! Progress on standard error.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gradus::data::ReadProgress;
use gradus::train::{EpochLog, SkippedStep, StepLog, TrainObserver, ValidLog};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

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

/// Reading that is over sooner shows nothing.
const QUIET: Duration = Duration::from_secs(1);
/// Between two looks at what is read.
const TICK: Duration = Duration::from_millis(200);
/// Between two lines where standard error is no terminal.
const INTERVAL: Duration = Duration::from_secs(30);

/// Shows how far the reading of files is, and how long it still takes: on a terminal as a line that
/// changes, elsewhere as a line every half minute. A thread looks, so that it goes on where a file is read in one
/// call.
pub(crate) struct Reading {
    watched: Arc<Watched>,
    /// Ends the thread when it is gone.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Watched {
    unit: &'static str,
    progress: ReadProgress,
    count: AtomicU64,
    start: Instant,
    /// When putting together what was read was first seen, and the share that was done.
    making: OnceLock<(Instant, f64)>,
    bar: OnceLock<ProgressBar>,
}

impl Reading {
    /// `unit` is what is counted, such as `records`.
    pub(crate) fn new(unit: &'static str, progress: ReadProgress) -> Self {
        let watched = Arc::new(Watched {
            unit,
            progress,
            count: AtomicU64::new(0),
            start: Instant::now(),
            making: OnceLock::new(),
            bar: OnceLock::new(),
        });
        let (end, ended) = mpsc::channel();
        let looking = Arc::clone(&watched);
        // A system that refuses the thread reads as well without a line about it.
        let thread = thread::Builder::new().spawn(move || looking.watch(&ended));
        Self {
            watched,
            end: Some(end),
            thread: thread.ok(),
        }
    }

    /// Counts `count` more.
    pub(crate) fn add(&mut self, count: usize) {
        let count = count as u64;
        self.watched.count.fetch_add(count, Ordering::Relaxed);
    }

    /// Prints a line of its own.
    pub(crate) fn line(&self, line: &str) {
        match self.watched.bar.get() {
            Some(bar) => bar.suspend(|| show::status(line)),
            None => show::status(line),
        }
    }
}

impl Watched {
    fn watch(&self, ended: &Receiver<()>) {
        let (mut wait, mut told) = (QUIET, self.start);
        while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = TICK;
            let text = self.text(self.start.elapsed().as_secs_f64());
            let bar = self.bar.get_or_init(|| {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                    bar.set_style(style);
                }
                bar
            });
            if bar.is_hidden() && told.elapsed() >= INTERVAL {
                told = Instant::now();
                show::status(&text);
            }
            bar.set_message(text);
            bar.tick();
        }
    }

    fn text(&self, elapsed: f64) -> String {
        let count = self.count.load(Ordering::Relaxed);
        let share = self.progress.share().filter(|&share| share > 0.0);
        let left = share.map_or_else(String::new, |share| {
            let left = show::duration(elapsed * (1.0 - share) / share);
            format!(", {:.0} %, {left} left", 100.0 * share)
        });
        // What has its records put together, such as a table, counts none while it is read.
        if count == 0 {
            return if share == Some(1.0) {
                format!("read, putting {} together{}", self.unit, self.making())
            } else {
                format!("reading{left}")
            };
        }
        let rate = count as f64 / elapsed.max(1e-9);
        format!("{} {}, {rate:.0}/s{left}", HumanCount(count), self.unit)
    }
}

impl Watched {
    /// How much is put together of what was read, and the time left, where that is known.
    fn making(&self) -> String {
        let Some(made) = self.progress.made_share() else {
            return String::new();
        };
        let (start, first) = self.making.get_or_init(|| (Instant::now(), made));
        making_text(start.elapsed().as_secs_f64(), *first, made)
    }
}

/// How much is done, after so many seconds in which it grew from `first`.
fn making_text(elapsed: f64, first: f64, made: f64) -> String {
    let share = format!(", {:.0} %", 100.0 * made);
    if made <= first {
        return share;
    }
    let left = show::duration(elapsed * (1.0 - made) / (made - first));
    format!("{share}, {left} left")
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say to its end, and a panic in it is reported as any other.
            let _ = thread.join();
        }
        if let Some(bar) = self.watched.bar.get() {
            bar.finish_and_clear();
        }
    }
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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use gradus::data::ExampleReader;
    use gradus::data::import::{Format, ImportOptions, import};

    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_bytes_left() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let line = "{\"prompt\":\"p\",\"response\":\"r\"}\n";
        for _ in 0..100_000 {
            file.write_all(line.as_bytes()).unwrap();
        }
        let mut reader = ExampleReader::open(file.path()).unwrap();
        let mut reading = Reading::new("records", reader.progress());
        reading.add(reader.by_ref().take(50_000).count());
        let text = reading.watched.text(10.0);
        // What is read ahead counts as read.
        assert!(text.starts_with("50,000 records, 5000/s, 5"), "{text}");
        assert!(text.ends_with(" s left"), "{text}");
        let stream = ExampleReader::new(std::io::Cursor::new(line), "stream").unwrap();
        let mut reading = Reading::new("records", stream.progress());
        assert_eq!(reading.watched.text(1.0), "reading");
        reading.add(stream.count());
        assert_eq!(reading.watched.text(1.0), "1 records, 1/s");
    }

    #[test]
    fn what_is_read_in_one_call_is_followed_by_its_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("table.csv");
        let row = "x,prompt,response,0,8,1\n";
        let text = format!("id,prompt,response,start,end,rating\n{row}");
        fs_err::write(&path, text).unwrap();
        let options = ImportOptions::default();
        let reading = Reading::new("records", options.progress.clone());
        assert_eq!(reading.watched.text(1.0), "reading");
        let examples = import(&path, Format::SpanCsv, &options).unwrap();
        assert_eq!(reading.watched.text(1.0), "read, putting records together");
        assert_eq!(examples.count(), 1);
    }

    #[test]
    fn putting_records_together_has_its_own_time_left() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let answer = r#"{"text":"Nice. Wrong.","spans":[],"answer":"accept","prompt":"p","_input_hash":1,"_session_id":"a"}"#;
        writeln!(file, "{answer}").unwrap();
        let options = ImportOptions::default();
        let reading = Reading::new("records", options.progress.clone());
        let examples = import(file.path(), Format::Prodigy, &options).unwrap();
        let text = reading.watched.text(1.0);
        assert_eq!(text, "read, putting records together, 100 %");
        assert_eq!(examples.count(), 1);
        // A half in 3 s.
        assert_eq!(making_text(3.0, 0.25, 0.75), ", 75 %, 2 s left");
    }
}
