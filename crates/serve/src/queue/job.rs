//! A record that waits.

use std::sync::Arc;
use std::time::Instant;

use gradus_eval::{ExampleScores, PreparedExample};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::batch::Waiting;
use crate::models::Model;
use crate::refusal::Refusal;

/// A record that waits.
pub(super) struct Job {
    pub(super) prepared: PreparedExample,
    pub(super) model: Arc<Model>,
    pub(super) answer: oneshot::Sender<Result<ExampleScores, Refusal>>,
    pub(super) entered: Instant,
    /// Its place in the queue, which is free again when it is answered.
    pub(super) place: OwnedSemaphorePermit,
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

impl Job {
    pub(super) fn answer(self, scores: Result<ExampleScores, Refusal>) {
        drop(self.place);
        // A client that is gone needs no answer.
        let _ = self.answer.send(scores);
    }
}
