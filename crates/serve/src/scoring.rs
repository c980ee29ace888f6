//! From records to scores: what all routes share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::http::StatusCode;
use gradus_data::{Example, ReadLimits};
use gradus_eval::token_rewards::{Placement, TokenSpans};
use gradus_eval::{EvalError, ExampleScores, PreparedExample};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use crate::event::Observer;
use crate::metrics::Metrics;
use crate::models::{Model, Models};
use crate::phase::{Phase, Phases};
use crate::queue::Queue;
use crate::refusal::Refusal;
use crate::settings::{ScoringSettings, Settings};
use crate::{DropIns, Key, Limits};

/// Bytes of text that are tokenized at once where the request is read, as the way to another thread takes
/// longer than they do: a millisecond at most. Longer texts would keep other requests waiting.
pub(crate) const SHORT: usize = 2048;

/// What every route can reach.
pub(crate) struct Service {
    pub(crate) models: Models,
    pub(crate) queue: Queue,
    pub(crate) limits: Limits,
    pub(crate) phases: Phases,
    pub(crate) key: Option<Key>,
    /// Whether everybody may ask, but only from this machine.
    pub(crate) is_local: bool,
    pub(crate) observer: Observer,
    pub(crate) drop_ins: DropIns,
    pub(crate) metrics: Metrics,
}

/// Records with their scores, all by one bundle.
pub(crate) struct Scored {
    pub(crate) model: Arc<Model>,
    pub(crate) records: Vec<ScoredRecord>,
}

/// A record with its segments and their scores.
pub(crate) struct ScoredRecord {
    pub(crate) example: Example,
    pub(crate) scores: ExampleScores,
    /// Tokens that the model has read.
    pub(crate) tokens: usize,
}

impl ScoredRecord {
    /// One number for each token of a policy, of an aspect by its place.
    pub(crate) fn rewards(
        &self,
        spans: &TokenSpans,
        placement: Placement,
        aspect: usize,
    ) -> Vec<f64> {
        let segments = self.example.segments.iter().zip(&self.scores.segments);
        let segments = segments
            .map(|(segment, score)| (segment.span, score.scores().map(|scores| scores[aspect])));
        spans.rewards(
            placement,
            &self.example.response,
            &segments.collect::<Vec<_>>(),
        )
    }
}

/// A record in the queue.
pub(crate) struct Entered {
    example: Example,
    tokens: usize,
    scores: oneshot::Receiver<Result<ExampleScores, Refusal>>,
}

/// Tells the thread that tokenizes when the client is gone.
struct Presence(Arc<AtomicBool>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Service {
    /// Scores the records of a request. `place` names a record in messages by its number.
    pub(crate) async fn score(
        self: &Arc<Self>,
        records: Vec<Example>,
        settings: &Settings,
        place: impl Fn(usize) -> String + Send + 'static,
    ) -> Result<Scored, Refusal> {
        let model = self.model(settings)?;
        if records.len() > self.limits.max_records {
            let found = format!("{} records", records.len());
            let expected = format!("at most {} in one request", self.limits.max_records);
            return Err(Refusal::too_large(found, expected)
                .with_hint("send them in several requests, or to /v1/score as lines"));
        }
        let places = self.queue.reserve(records.len())?;
        let work = self.enter_and_wait(
            records,
            settings.scoring.clone(),
            Arc::clone(&model),
            places,
            place,
        );
        let records = timeout(self.limits.request_timeout, work)
            .await
            .map_err(|_| self.late())??;
        Ok(Scored { model, records })
    }

    /// The bundle that a request asks for, if requests are answered yet.
    pub(crate) fn model(&self, settings: &Settings) -> Result<Arc<Model>, Refusal> {
        if self.phases.now() == Phase::Loading {
            return Err(Refusal::loading());
        }
        self.models.get(settings.model.as_deref())
    }

    async fn enter_and_wait(
        self: &Arc<Self>,
        records: Vec<Example>,
        settings: ScoringSettings,
        model: Arc<Model>,
        mut places: OwnedSemaphorePermit,
        place: impl Fn(usize) -> String + Send + 'static,
    ) -> Result<Vec<ScoredRecord>, Refusal> {
        let gone = Arc::new(AtomicBool::new(false));
        let _presence = Presence(Arc::clone(&gone));
        let bytes: usize = records.iter().map(text_bytes).sum();
        let (service, wanted) = (Arc::clone(self), settings.clone());
        let asked = Arc::clone(&model);
        let enter = move || {
            let mut entered = Vec::with_capacity(records.len());
            for (number, example) in records.into_iter().enumerate() {
                if gone.load(Ordering::Relaxed) {
                    break;
                }
                let own = places
                    .split(1)
                    .expect("a place was reserved for every record");
                let record = service.enter(example, &asked, &wanted, own);
                entered.push(record.map_err(|refusal| refusal.in_place(&place(number)))?);
            }
            Ok::<_, Refusal>(entered)
        };
        let entered: Vec<Entered> = if bytes <= SHORT {
            enter()?
        } else {
            let entered = tokio::task::spawn_blocking(enter);
            entered.await.map_err(|error| self.panicked(error))??
        };
        let mut scored = Vec::with_capacity(entered.len());
        for record in entered {
            scored.push(record.scored(&model, &settings).await?);
        }
        Ok(scored)
    }

    /// Cuts and tokenizes a record and puts it into the queue.
    pub(crate) fn enter(
        &self,
        mut example: Example,
        model: &Arc<Model>,
        settings: &ScoringSettings,
        place: OwnedSemaphorePermit,
    ) -> Result<Entered, Refusal> {
        let started = Instant::now();
        let limits = ReadLimits {
            max_text_bytes: self.limits.max_text_bytes,
            ..ReadLimits::default()
        };
        limits
            .check(&example)
            .map_err(|error| Refusal::of_record(&error))?;
        let prepared = prepare(model, &mut example, settings)
            .map_err(|error| Refusal::of_scoring(&error, &example.id))?;
        self.metrics.tokenized(started.elapsed());
        let tokens = prepared.num_tokens();
        let scores = self.queue.enter(prepared, Arc::clone(model), place);
        Ok(Entered {
            example,
            tokens,
            scores,
        })
    }

    fn late(&self) -> Refusal {
        let seconds = self.limits.request_timeout.as_secs_f64();
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not scored within {seconds} s"),
        )
        .with_hint("ask again later, or send fewer records at once")
        .with_retry_after(1)
    }

    /// A panic of a thread that tokenizes.
    pub(crate) fn panicked(&self, error: tokio::task::JoinError) -> Refusal {
        if let Ok(panic) = error.try_into_panic() {
            let message = crate::queue::panic_message(panic.as_ref());
            (self.observer)(crate::Event::Panic { message });
        }
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the tokenizer failed on this request",
        )
    }
}

/// The length of what is tokenized.
fn text_bytes(example: &Example) -> usize {
    let context = example.context.as_ref().map_or(0, String::len);
    example.prompt.len() + context + example.response.len()
}

/// Cuts a record, where it has no segments, and tokenizes it.
fn prepare(
    model: &Model,
    example: &mut Example,
    settings: &ScoringSettings,
) -> Result<PreparedExample, EvalError> {
    let mut preparer = model.scorer.preparer().clone();
    let stride = settings.stride.of_trained(preparer.stride());
    preparer = preparer.with_stride(stride);
    match &settings.segmenter {
        Some(segmenter) => preparer.segment_by(segmenter, example)?,
        None => preparer.segment(example)?,
    }
    preparer.prepare(example)
}

impl Entered {
    /// Waits for the scores, and makes them what the settings say.
    pub(crate) async fn scored(
        self,
        model: &Model,
        settings: &ScoringSettings,
    ) -> Result<ScoredRecord, Refusal> {
        let mut scores = self.scores.await.map_err(|_| dropped())??;
        let aggregation = settings
            .aggregation
            .unwrap_or_else(|| model.scorer.aggregation());
        model.scorer.finish(&mut scores, aggregation, settings.raw);
        Ok(ScoredRecord {
            example: self.example,
            scores,
            tokens: self.tokens,
        })
    }
}

/// The queue was closed before the record was scored.
fn dropped() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the server ended before this was scored",
    )
    .with_retry_after(1)
}

#[cfg(test)]
impl Service {
    /// A service that has one bundle to load and loads none.
    pub(crate) fn for_tests() -> Self {
        let sources = [crate::BundleSource::parse("m=nowhere").unwrap()];
        let observer: Observer = Arc::new(|_| {});
        let (limits, device) = (Limits::default(), burn::tensor::Device::flex());
        let models = Models::new(
            &sources,
            (device, None, None),
            limits.max_batch_tokens,
            Arc::clone(&observer),
        );
        Self {
            models: models.unwrap(),
            queue: Queue::new(limits.queue, limits.max_batch_tokens),
            limits,
            phases: Phases::new(),
            key: None,
            is_local: true,
            observer,
            drop_ins: DropIns::default(),
            metrics: Metrics::new(),
        }
    }
}
