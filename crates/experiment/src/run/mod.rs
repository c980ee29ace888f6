//! Starts the runs of an experiment, each as a process of its own, and goes on where it was.
//!
//! A process per run, because a run that fails, or that the system ends for its memory, must not end the others, and
//! because a library that fails in one run keeps no state for the next. The processes hold a pipe of this one as their
//! standard input: when this process ends, however it ends, the pipe closes, and they stop with a checkpoint.

mod child;
mod halving;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gradus_eval::Metric;

use crate::Result;
use crate::place::{CellRecord, CellState, CellTask, Experiment, Failure};
use crate::plan::Halving;
use crate::result::CellResult;

use self::child::Child;

/// How often the processes are looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// How runs are started.
#[derive(Debug)]
pub struct RunOptions<'a> {
    /// Runs at the same time, at least 1.
    pub jobs: usize,
    /// Devices that take turns; empty: the default one.
    pub devices: Vec<String>,
    /// Seconds after which no run is started, over all starts of the experiment. With a budget, settings are halved
    /// even if the plan does not say so.
    pub budget: Option<f64>,
    /// Set to stop: the runs save checkpoints and end.
    pub stop: &'a AtomicBool,
}

/// What happens meanwhile.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A run is started.
    Started(&'a CellRecord),
    /// A run is complete.
    Complete(&'a CellRecord, &'a CellResult),
    /// A run failed.
    Failed(&'a CellRecord, &'a Failure),
    /// These settings get no more seeds.
    LeftOut(&'a [Vec<String>]),
}

/// How an experiment ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Complete runs, also those of earlier starts.
    pub complete: usize,
    /// Runs that failed.
    pub failed: usize,
    /// Runs of settings that were left out.
    pub left_out: usize,
    /// Runs that were not started because the budget was spent.
    pub over_budget: usize,
    /// Whether it was stopped.
    pub stopped: bool,
}

/// Runs what has no result yet. Runs that failed before are tried again.
///
/// `command` makes the process of a run, for its folder and a device.
///
/// # Errors
/// If a process cannot be started or the directory not be written. A run that fails is none: it is noted, and counted
/// in the outcome.
pub fn run(
    experiment: &Experiment,
    options: &RunOptions<'_>,
    command: impl Fn(&Path, Option<&str>) -> Command,
    mut tell: impl FnMut(Event<'_>),
) -> Result<Outcome> {
    let record = experiment.record();
    let metric: Metric = record.metric.parse()?;
    let halving = record
        .halving
        .or(options.budget.map(|_| Halving::default()));
    let mut outcome = Outcome::default();
    let mut racing: Vec<Vec<String>> = Vec::new();
    for cell in &record.cells {
        if !racing.contains(&cell.labels) {
            racing.push(cell.labels.clone());
        }
    }
    let mut clock = Clock::start(experiment, options.budget)?;
    for (number, round) in halving::rounds(record, halving).into_iter().enumerate() {
        if outcome.over_budget > 0 {
            for index in round {
                match Experiment::state(experiment.directory(), &record.cells[index])? {
                    CellState::Complete(_) => outcome.complete += 1,
                    _ => outcome.over_budget += 1,
                }
            }
            continue;
        }
        if let (Some(halving), true) = (halving, number > 0) {
            let directory = experiment.directory();
            let kept = halving::survivors(record, directory, metric, halving, &racing)?;
            let left: Vec<Vec<String>> = racing
                .iter()
                .filter(|labels| !kept.contains(labels))
                .cloned()
                .collect();
            if !left.is_empty() {
                tell(Event::LeftOut(&left));
            }
            racing = kept;
        }
        let (cells, left): (Vec<&CellRecord>, Vec<&CellRecord>) = round
            .into_iter()
            .map(|index| &record.cells[index])
            .partition(|cell| racing.contains(&cell.labels));
        for cell in left {
            match Experiment::state(experiment.directory(), cell)? {
                CellState::Complete(_) => outcome.complete += 1,
                _ => outcome.left_out += 1,
            }
        }
        Round {
            experiment,
            options,
            command: &command,
            tell: &mut tell,
            outcome: &mut outcome,
            clock: &mut clock,
        }
        .run(cells)?;
        if outcome.stopped {
            break;
        }
    }
    clock.note()?;
    Ok(outcome)
}

/// The time that is spent, over all starts.
struct Clock<'a> {
    experiment: &'a Experiment,
    before: f64,
    start: Instant,
    budget: Option<f64>,
    /// Seconds of complete runs, by their number.
    longest: f64,
}

impl<'a> Clock<'a> {
    fn start(experiment: &'a Experiment, budget: Option<f64>) -> Result<Self> {
        Ok(Self {
            experiment,
            before: experiment.spent()?,
            start: Instant::now(),
            budget,
            longest: 0.0,
        })
    }

    fn spent(&self) -> f64 {
        self.before + self.start.elapsed().as_secs_f64()
    }

    fn note(&self) -> Result<()> {
        self.experiment.note_spent(self.spent())
    }

    /// Whether a run as long as the longest so far still ends within the budget.
    fn is_over(&self) -> bool {
        self.budget
            .is_some_and(|budget| self.spent() + self.longest > budget)
    }
}

/// Some runs, of which none waits for another.
struct Round<'a, 'e, C, T> {
    experiment: &'a Experiment,
    options: &'a RunOptions<'a>,
    command: &'a C,
    tell: &'a mut T,
    outcome: &'a mut Outcome,
    clock: &'a mut Clock<'e>,
}

impl<C, T> Round<'_, '_, C, T>
where
    C: Fn(&Path, Option<&str>) -> Command,
    T: FnMut(Event<'_>),
{
    fn run(mut self, cells: Vec<&CellRecord>) -> Result<()> {
        let mut waiting = Vec::new();
        for cell in cells {
            match Experiment::state(self.experiment.directory(), cell)? {
                CellState::Complete(result) => {
                    self.clock.longest = self.clock.longest.max(result.provenance.wall_seconds);
                    self.outcome.complete += 1;
                }
                CellState::Open | CellState::Failed(_) => waiting.push(cell),
            }
        }
        let mut waiting = waiting.into_iter();
        let mut next = waiting.next();
        let mut slots: Vec<Option<(&CellRecord, Child)>> = Vec::new();
        slots.resize_with(self.options.jobs.max(1), || None);
        loop {
            let stopping = self.options.stop.load(Ordering::Relaxed);
            for (number, slot) in slots.iter_mut().enumerate() {
                if let Some((cell, child)) = slot
                    && let Some(status) = child.ended()?
                {
                    self.end(cell, status.code(), stopping)?;
                    *slot = None;
                }
                if let (None, Some(cell), false) = (&slot, next, stopping) {
                    if self.clock.is_over() {
                        self.outcome.over_budget += 1 + waiting.len();
                        next = None;
                        continue;
                    }
                    *slot = Some((cell, self.begin(cell, number)?));
                    next = waiting.next();
                }
            }
            if slots.iter().all(Option::is_none) && (next.is_none() || stopping) {
                self.outcome.stopped |= stopping;
                return Ok(());
            }
            if stopping {
                for (_, child) in slots.iter_mut().flatten() {
                    child.ask_to_stop();
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn begin(&mut self, cell: &CellRecord, slot: usize) -> Result<Child> {
        self.experiment.forget_failure(cell)?;
        let place = cell.place(self.experiment.directory());
        let devices = &self.options.devices;
        let device = devices.get(slot % devices.len().max(1)).map(String::as_str);
        (self.tell)(Event::Started(cell));
        Child::start((self.command)(&place, device), &CellTask::log(&place))
    }

    fn end(&mut self, cell: &CellRecord, code: Option<i32>, stopping: bool) -> Result<()> {
        self.clock.note()?;
        let directory = self.experiment.directory();
        match Experiment::state(directory, cell)? {
            CellState::Complete(result) => {
                self.clock.longest = self.clock.longest.max(result.provenance.wall_seconds);
                self.outcome.complete += 1;
                (self.tell)(Event::Complete(cell, &result));
            }
            // It was asked to stop, and goes on when the experiment does.
            _ if stopping => {}
            _ => {
                let message = child::last_words(&CellTask::log(&cell.place(directory)), code);
                let failure = Failure { code, message };
                self.experiment.note_failure(cell, &failure)?;
                self.outcome.failed += 1;
                (self.tell)(Event::Failed(cell, &failure));
            }
        }
        Ok(())
    }
}
