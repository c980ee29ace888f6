//! Records that wait for the model, and the threads that compute.

mod batch;
mod compute;
mod job;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::http::StatusCode;
use gradus_eval::{ExampleScores, PreparedExample};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};

use self::batch::{Waiting, take_batch};
pub(crate) use self::compute::panic_message;
use self::compute::{Computed, compute};
use self::job::Job;
use crate::models::Model;
use crate::refusal::Refusal;

/// The longest that a client is told to wait, in seconds.
const MAX_RETRY_AFTER: u64 = 60;

/// A bounded queue before the threads that compute.
pub(crate) struct Queue {
    line: Mutex<Line>,
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

/// The records that wait, in the order of arrival.
#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    /// Whether no more are taken.
    closed: bool,
}

impl Queue {
    pub(crate) fn new(capacity: usize, max_batch_tokens: usize) -> Self {
        Self {
            line: Mutex::default(),
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
        let mut line = self.line();
        // In a closed queue nobody waits for records: the job is dropped, and with it the sender of its answer.
        if !line.closed {
            line.jobs.push_back(job);
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
        self.line().closed = true;
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
            if line.closed {
                return None;
            }
            line = self
                .arrived
                .wait(line)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
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

    /// Status 429, with the time that the queue takes at the present speed; the shortest time while no batch has
    /// been computed yet.
    fn full(&self) -> Refusal {
        let waiting = self.waiting_tokens.load(Ordering::Relaxed);
        let seconds = match self.speed.load(Ordering::Relaxed) {
            0 => 1,
            speed => waiting.div_ceil(speed),
        };
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

fn ended() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server is ending").with_retry_after(1)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use gradus_data::Example;

    use super::*;

    type Scores = oneshot::Receiver<Result<ExampleScores, Refusal>>;

    /// A record as tokens of a model.
    fn prepared(model: &Model, response: &str) -> PreparedExample {
        let mut example = Example {
            prompt: "One?".into(),
            response: response.into(),
            ..Example::default()
        };
        model.scorer.segment(&mut example).unwrap();
        model.scorer.preparer().prepare(&example).unwrap()
    }

    fn enter(queue: &Queue, model: &Arc<Model>, record: PreparedExample) -> Scores {
        let place = queue.reserve(1).unwrap();
        queue.enter(record, Arc::clone(model), place)
    }

    /// Computes what waits: of each batch its records and its tokens, and what panics said.
    fn work(queue: &Queue) -> (Vec<(usize, usize)>, Vec<String>) {
        let (batches, panics) = (RefCell::default(), RefCell::default());
        queue.close();
        queue.work(
            |_, compute| compute(),
            |batch| {
                RefCell::<Vec<_>>::borrow_mut(&batches).push((batch.records, batch.tokens));
                RefCell::<Vec<_>>::borrow_mut(&panics).extend(batch.panic.clone());
            },
        );
        (batches.into_inner(), panics.into_inner())
    }

    /// The scores of a record alone.
    fn alone(model: &Model, record: &PreparedExample) -> ExampleScores {
        model.scorer.raw_scores([record]).unwrap().remove(0)
    }

    #[test]
    fn records_of_a_client_that_is_gone_are_not_computed() {
        let (queue, model) = (Queue::new(8, 4096), Arc::new(Model::for_tests()));
        let records = ["One two. Three.", "Two.", "Three. One one."];
        let records = records.map(|response| prepared(&model, response));
        let [mut first, gone, mut last] = records
            .each_ref()
            .map(|record| enter(&queue, &model, record.clone()));
        drop(gone);
        assert_eq!(queue.depth(), 3);
        let tokens = records[0].num_tokens() + records[2].num_tokens();
        assert_eq!(work(&queue).0, [(2, tokens)]);
        for (scores, record) in [(&mut first, &records[0]), (&mut last, &records[2])] {
            assert_eq!(scores.try_recv().unwrap().unwrap(), alone(&model, record));
        }
        // Its place is free as well.
        assert_eq!(queue.depth(), 0);
    }

    #[test]
    fn records_of_two_bundles_are_each_computed_by_their_own() {
        let queue = Queue::new(8, 4096);
        let models = [Model::for_tests(), Model::for_tests()].map(Arc::new);
        let record = prepared(&models[0], "One two. Three.");
        let expected = models.each_ref().map(|model| alone(model, &record));
        assert_ne!(expected[0], expected[1]);
        let order = [0, 1, 1, 0];
        let scores = order.map(|model| enter(&queue, &models[model], record.clone()));
        let tokens = 2 * record.num_tokens();
        assert_eq!(work(&queue).0, [(2, tokens), (2, tokens)]);
        for (mut scores, model) in scores.into_iter().zip(order) {
            assert_eq!(scores.try_recv().unwrap().unwrap(), expected[model]);
        }
    }

    #[test]
    fn a_record_on_which_the_model_fails_is_refused_alone() {
        let (queue, model) = (Queue::new(8, 4096), Arc::new(Model::for_tests()));
        let good = prepared(&model, "One two. Three.");
        // Tokens of another tokenizer, which this model does not know.
        let bad = prepared(&Model::with_words_for_tests(1000), "w999.");
        let scores = [&good, &bad, &good].map(|record| enter(&queue, &model, record.clone()));
        let (batches, panics) = work(&queue);
        assert_eq!((batches.len(), panics.len()), (1, 1));
        let [mut before, mut failed, mut behind] = scores;
        let refusal = failed.try_recv().unwrap().unwrap_err();
        assert_eq!(refusal.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(refusal.error.message, "the model failed on this record");
        for scores in [&mut before, &mut behind] {
            assert_eq!(scores.try_recv().unwrap().unwrap(), alone(&model, &good));
        }
    }

    #[test]
    fn a_closed_queue_takes_no_more() {
        let (queue, model) = (Queue::new(8, 4096), Arc::new(Model::for_tests()));
        queue.close();
        let record = prepared(&model, "One.");
        let mut scores = enter(&queue, &model, record);
        assert!(scores.try_recv().is_err());
        assert_eq!((work(&queue).0, queue.depth()), (vec![], 0));
    }

    #[test]
    fn a_request_that_finds_no_places_is_told_when_there_should_be_some() {
        let (queue, model) = (Queue::new(2, 4096), Arc::new(Model::for_tests()));
        let record = prepared(&model, "One.");
        let _waits = [0, 1].map(|_| enter(&queue, &model, record.clone()));
        let told = |speed: u64| {
            queue.speed.store(speed, Ordering::Relaxed);
            let refusal = queue.reserve(1).unwrap_err();
            assert_eq!(refusal.status, StatusCode::TOO_MANY_REQUESTS);
            refusal.retry_after()
        };
        let tokens = 2 * record.num_tokens() as u64;
        assert!((3..=MAX_RETRY_AFTER).contains(&tokens), "{tokens}");
        assert_eq!(told(1), Some(tokens));
        assert_eq!(told(tokens - 1), Some(2));
        // At most a second, and where no batch has been computed yet.
        assert_eq!((told(2 * tokens), told(0)), (Some(1), Some(1)));
    }
}
