//! Records that wait for the model, and the threads that compute.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::StatusCode;
use gradus_eval::{EvalError, ExampleScores, PreparedExample};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use crate::models::Model;
use crate::refusal::Refusal;

/// The longest that a client is told to wait, in seconds.
const MAX_RETRY_AFTER: u64 = 60;

/// A record that waits.
pub(crate) struct Job {
    prepared: PreparedExample,
    model: Arc<Model>,
    answer: oneshot::Sender<Result<ExampleScores, Refusal>>,
    entered: Instant,
    /// Its place in the queue, which is free again when it is answered.
    place: OwnedSemaphorePermit,
}

/// What the batch is made of, so that the choice can be tested without a model.
trait Waiting {
    /// What cannot be computed together has another group.
    fn group(&self) -> usize;
    fn tokens(&self) -> usize;
    /// Whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;
}

impl Waiting for Job {
    fn group(&self) -> usize {
        Arc::as_ptr(&self.model).addr()
    }

    fn tokens(&self) -> usize {
        self.prepared.num_tokens()
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// A bounded queue before the threads that compute.
pub(crate) struct Queue {
    line: Mutex<Line<Job>>,
    arrived: Condvar,
    places: Arc<Semaphore>,
    capacity: usize,
    max_batch_tokens: usize,
    /// Tokens that wait.
    waiting_tokens: AtomicU64,
    /// Batches that are being computed.
    computing: AtomicUsize,
    /// Tokens a second of the last batches.
    speed: AtomicU64,
}

/// How much of the machine a batch may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Everything: nothing else is computed or waits.
    All,
    /// What its thread has of its own.
    Own,
}

struct Line<J> {
    jobs: VecDeque<J>,
    open: bool,
}

impl<J> Line<J> {
    fn new() -> Self {
        Self {
            jobs: VecDeque::new(),
            open: true,
        }
    }

    /// Whether it is taken: not where the queue is closed.
    fn push(&mut self, job: J) -> bool {
        if self.open {
            self.jobs.push_back(job);
        }
        self.open
    }
}

impl Queue {
    pub(crate) fn new(capacity: usize, max_batch_tokens: usize) -> Self {
        Self {
            line: Mutex::new(Line::new()),
            arrived: Condvar::new(),
            places: Arc::new(Semaphore::new(capacity)),
            capacity,
            max_batch_tokens,
            waiting_tokens: AtomicU64::new(0),
            computing: AtomicUsize::new(0),
            speed: AtomicU64::new(0),
        }
    }

    /// Takes places for all records of a request, or refuses it where there are not enough.
    pub(crate) fn reserve(&self, records: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let count = u32::try_from(records).unwrap_or(u32::MAX);
        match Arc::clone(&self.places).try_acquire_many_owned(count) {
            Ok(places) => Ok(places),
            Err(TryAcquireError::NoPermits) => Err(self.full()),
            Err(TryAcquireError::Closed) => Err(ended()),
        }
    }

    /// Waits for a place, as a stream does.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.map_err(|_| ended())
    }

    /// Puts a record into the queue. Its scores are as the model gives them.
    pub(crate) fn enter(
        &self,
        prepared: PreparedExample,
        model: Arc<Model>,
        place: OwnedSemaphorePermit,
    ) -> oneshot::Receiver<Result<ExampleScores, Refusal>> {
        let (answer, scores) = oneshot::channel();
        self.waiting_tokens
            .fetch_add(prepared.num_tokens() as u64, Ordering::Relaxed);
        let job = Job {
            prepared,
            model,
            answer,
            entered: Instant::now(),
            place,
        };
        if self.line().push(job) {
            self.arrived.notify_one();
        }
        scores
    }

    /// Records that are tokenized, wait or are computed.
    pub(crate) fn depth(&self) -> usize {
        self.capacity
            .saturating_sub(self.places.available_permits())
    }

    /// Tokens a second of the last batches.
    pub(crate) fn speed(&self) -> f64 {
        self.speed.load(Ordering::Relaxed) as f64
    }

    /// Ends [`work`](Self::work) when the queue is empty.
    pub(crate) fn close(&self) {
        self.line().open = false;
        self.arrived.notify_all();
    }

    /// Computes batch after batch until the queue is closed; several threads may do so at once. `on` runs
    /// a batch on its share of the machine.
    pub(crate) fn work(
        &self,
        on: impl Fn(Share, &mut (dyn FnMut() + Send)),
        observe: impl Fn(&Batch),
    ) {
        while let Some((jobs, share)) = self.next_batch() {
            let started = Instant::now();
            let batch = Batch {
                records: jobs.len(),
                tokens: jobs.iter().map(Waiting::tokens).sum(),
                waited: jobs.iter().map(|job| started - job.entered).collect(),
                panic: None,
                seconds: 0.0,
            };
            let (mut jobs, mut computed) = (Some(jobs), Computed::default());
            on(share, &mut || {
                computed = jobs.take().map(compute).unwrap_or_default();
            });
            let seconds = started.elapsed().as_secs_f64();
            let at_once = self.computing.fetch_sub(1, Ordering::Relaxed);
            self.note_speed(batch.tokens * at_once, seconds);
            // Before anybody is answered: who has an answer finds it counted.
            observe(&Batch {
                seconds,
                panic: computed.panic,
                ..batch
            });
            for (job, scores) in computed.answers {
                job.answer(scores);
            }
        }
    }

    /// Waits for the next batch, and counts it among those that are computed.
    fn next_batch(&self) -> Option<(Vec<Job>, Share)> {
        let mut line = self.line();
        loop {
            let before = sum_of_tokens(&line.jobs);
            let batch = take_batch(&mut line.jobs, self.max_batch_tokens);
            let left = sum_of_tokens(&line.jobs);
            self.waiting_tokens
                .fetch_sub(before - left, Ordering::Relaxed);
            if !batch.is_empty() {
                let others = self.computing.fetch_add(1, Ordering::Relaxed);
                let alone = others == 0 && line.jobs.is_empty();
                return Some((batch, if alone { Share::All } else { Share::Own }));
            }
            if !line.open {
                return None;
            }
            line = self
                .arrived
                .wait(line)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn line(&self) -> MutexGuard<'_, Line<Job>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rough speed"
    )]
    fn note_speed(&self, tokens: usize, seconds: f64) {
        let now = tokens as f64 / seconds.max(1e-6);
        let before = self.speed.load(Ordering::Relaxed) as f64;
        let speed = if before > 0.0 {
            0.8 * before + 0.2 * now
        } else {
            now
        };
        self.speed.store(speed as u64, Ordering::Relaxed);
    }

    /// Status 429, with the time that the queue takes at the present speed.
    fn full(&self) -> Refusal {
        let speed = self.speed.load(Ordering::Relaxed).max(1);
        let seconds = self.waiting_tokens.load(Ordering::Relaxed).div_ceil(speed);
        let message = format!(
            "found a full queue of {} records, expected a free place",
            self.capacity
        );
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, message)
            .with_hint("ask again later, or send fewer records at once")
            .with_retry_after(seconds.clamp(1, MAX_RETRY_AFTER))
    }
}

/// What a batch was.
pub(crate) struct Batch {
    pub(crate) records: usize,
    pub(crate) tokens: usize,
    /// How long each record has waited.
    pub(crate) waited: Vec<std::time::Duration>,
    /// How long the model took.
    pub(crate) seconds: f64,
    /// What a panic said.
    pub(crate) panic: Option<String>,
}

fn sum_of_tokens(jobs: &VecDeque<Job>) -> u64 {
    jobs.iter().map(|job| job.tokens() as u64).sum()
}

/// The records of the next batch: the one that has waited longest, and of those behind it that can be
/// computed with it as many as fit, in their order. What nobody waits for is dropped.
fn take_batch<W: Waiting>(line: &mut VecDeque<W>, max_tokens: usize) -> Vec<W> {
    let (mut batch, mut left) = (Vec::new(), VecDeque::with_capacity(line.len()));
    let (mut tokens, mut full) = (0_usize, false);
    for job in line.drain(..) {
        if job.is_abandoned() {
            continue;
        }
        let together = batch
            .first()
            .is_none_or(|first: &W| first.group() == job.group());
        if !together || full {
            left.push_back(job);
            continue;
        }
        let fits = batch.is_empty() || tokens.saturating_add(job.tokens()) <= max_tokens;
        if fits {
            tokens += job.tokens();
            batch.push(job);
        } else {
            // Shorter ones behind it must not pass it by for ever.
            full = true;
            left.push_back(job);
        }
    }
    *line = left;
    batch
}

/// What each record of a batch is answered.
#[derive(Default)]
struct Computed {
    answers: Vec<(Job, Result<ExampleScores, Refusal>)>,
    /// What a panic said.
    panic: Option<String>,
}

/// Scores a batch. Where it fails, each of its records is scored alone, so that only the one at fault is refused.
fn compute(mut jobs: Vec<Job>) -> Computed {
    let model = Arc::clone(&jobs[0].model);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        model
            .scorer
            .raw_scores(jobs.iter().map(|job| &job.prepared))
    }));
    let (refusal, panic) = match outcome {
        Ok(Ok(scores)) => {
            let scores = scores.into_iter().map(Ok);
            return Computed {
                answers: jobs.into_iter().zip(scores).collect(),
                panic: None,
            };
        }
        _ if jobs.len() > 1 => {
            let mut computed = Computed::default();
            for job in jobs {
                let alone = compute(vec![job]);
                computed.answers.extend(alone.answers);
                computed.panic = alone.panic.or(computed.panic);
            }
            return computed;
        }
        Ok(Err(error)) => (unscored(&error), None),
        Err(panic) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            let refusal = Refusal::new(status, "the model failed on this record");
            (refusal, Some(panic_message(panic.as_ref())))
        }
    };
    Computed {
        answers: jobs
            .pop()
            .map(|job| (job, Err(refusal)))
            .into_iter()
            .collect(),
        panic,
    }
}

impl Job {
    fn answer(self, scores: Result<ExampleScores, Refusal>) {
        drop(self.place);
        // A client that is gone needs no answer.
        let _ = self.answer.send(scores);
    }
}

/// The bundle is at fault, not the record.
fn unscored(error: &EvalError) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn ended() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server is ending").with_retry_after(1)
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Record {
        number: usize,
        group: usize,
        tokens: usize,
        gone: bool,
    }

    impl Waiting for Record {
        fn group(&self) -> usize {
            self.group
        }

        fn tokens(&self) -> usize {
            self.tokens
        }

        fn is_abandoned(&self) -> bool {
            self.gone
        }
    }

    fn line(records: &[(usize, usize, bool)]) -> VecDeque<Record> {
        let mut line = Line::new();
        for (number, &(group, tokens, gone)) in records.iter().enumerate() {
            assert!(line.push(Record {
                number,
                group,
                tokens,
                gone,
            }));
        }
        line.jobs
    }

    fn numbers(records: &[Record]) -> Vec<usize> {
        records.iter().map(|record| record.number).collect()
    }

    #[test]
    fn a_batch_is_of_one_model_and_in_the_order_of_arrival() {
        let mut line = line(&[
            (0, 4, false),
            (1, 4, false),
            (0, 4, false),
            (0, 4, false),
            (0, 1, false),
        ]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [0, 2]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [1]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [3, 4]);
        assert!(take_batch(&mut line, 9).is_empty());
    }

    #[test]
    fn a_closed_line_takes_no_more() {
        let mut line = Line::new();
        assert!(line.push(1));
        line.open = false;
        assert!(!line.push(2));
        assert_eq!(line.jobs, [1]);
    }

    #[test]
    fn a_record_that_is_longer_than_a_batch_has_one_of_its_own() {
        let mut line = line(&[(0, 100, false), (0, 1, false)]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [0]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [1]);
    }

    #[test]
    fn what_nobody_waits_for_is_dropped() {
        let mut line = line(&[(0, 4, true), (1, 4, false), (1, 4, true)]);
        assert_eq!(numbers(&take_batch(&mut line, 9)), [1]);
        assert!(line.is_empty());
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_batch_and_none_is_passed_by_for_ever(
            records in prop::collection::vec((0_usize..3, 0_usize..20, any::<bool>()), 0..40),
            max in 1_usize..30,
        ) {
            let mut line = line(&records);
            let mut seen = Vec::new();
            loop {
                let oldest = line.iter().find(|record| !record.gone).map(|record| record.number);
                let batch = take_batch(&mut line, max);
                prop_assert_eq!(batch.first().map(|record| record.number), oldest);
                let Some(first) = batch.first() else { break };
                prop_assert!(batch.iter().all(|record| record.group == first.group && !record.gone));
                let tokens: usize = batch.iter().map(|record| record.tokens).sum();
                prop_assert!(tokens <= max || batch.len() == 1);
                seen.extend(numbers(&batch));
            }
            seen.sort_unstable();
            let expected: Vec<usize> = records.iter().enumerate().filter(|(_, record)| !record.2).map(|(number, _)| number).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
