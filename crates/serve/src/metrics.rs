//! Metrics of the server.

use std::time::Duration;

use ::metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use crate::queue::{Batch, Queue};

/// Seconds.
const TIMES: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];
/// Records or tokens.
const SIZES: [f64; 10] = [
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0,
];
/// How often histograms are tidied up, so that they do not grow.
const UPKEEP: Duration = Duration::from_secs(5);

/// The numbers of a server.
///
/// | name | kind | what |
/// |---|---|---|
/// | `gradus_requests_total{method, route, status}` | counter | requests answered; status 499: the client was gone |
/// | `gradus_request_seconds{route}` | histogram | from the head of a request to the head of its answer |
/// | `gradus_tokenize_seconds` | histogram | cutting and tokenizing a record |
/// | `gradus_queue_seconds` | histogram | how long a record waited for the model |
/// | `gradus_model_seconds` | histogram | how long the model took for a batch |
/// | `gradus_batch_tokens`, `gradus_batch_records` | histogram | size of a batch |
/// | `gradus_tokens_total`, `gradus_records_total` | counter | what the model has read |
/// | `gradus_queue_records` | gauge | records that are tokenized, wait or are computed |
/// | `gradus_tokens_per_second` | gauge | speed of the last batches |
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    tokenize: Histogram,
    queue: Histogram,
    model: Histogram,
    batch_tokens: Histogram,
    batch_records: Histogram,
    tokens: Counter,
    records: Counter,
    depth: Gauge,
    speed: Gauge,
}

static METADATA: Metadata<'static> = Metadata::new("gradus_serve", Level::INFO, None);

impl Metrics {
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &TIMES);
        let builder = builder.and_then(|builder| {
            builder.set_buckets_for_metric(Matcher::Prefix("gradus_batch_".into()), &SIZES)
        });
        let recorder = builder
            .expect("the lists of bounds are not empty")
            .build_recorder();
        let histogram = |name| recorder.register_histogram(&Key::from_static_name(name), &METADATA);
        let counter = |name| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let gauge = |name| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        Self {
            handle: recorder.handle(),
            tokenize: histogram("gradus_tokenize_seconds"),
            queue: histogram("gradus_queue_seconds"),
            model: histogram("gradus_model_seconds"),
            batch_tokens: histogram("gradus_batch_tokens"),
            batch_records: histogram("gradus_batch_records"),
            tokens: counter("gradus_tokens_total"),
            records: counter("gradus_records_total"),
            depth: gauge("gradus_queue_records"),
            speed: gauge("gradus_tokens_per_second"),
            recorder,
        }
    }

    /// A record has been cut and tokenized.
    pub(crate) fn tokenized(&self, time: Duration) {
        self.tokenize.record(time.as_secs_f64());
    }

    /// The model has computed a batch.
    pub(crate) fn computed(&self, batch: &Batch) {
        batch
            .waited
            .iter()
            .for_each(|time| self.queue.record(time.as_secs_f64()));
        self.model.record(batch.seconds);
        self.batch_tokens.record(batch.tokens as f64);
        self.batch_records.record(batch.records as f64);
        self.tokens.increment(batch.tokens as u64);
        self.records.increment(batch.records as u64);
    }

    /// A request has been answered.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, time: Duration) {
        let label = |name: &'static str, value: &str| Label::new(name, value.to_owned());
        let labels = vec![
            label("method", method),
            label("route", route),
            label("status", &status.to_string()),
        ];
        let requests = Key::from_parts("gradus_requests_total", labels);
        self.recorder
            .register_counter(&requests, &METADATA)
            .increment(1);
        let seconds = Key::from_parts("gradus_request_seconds", vec![label("route", route)]);
        self.recorder
            .register_histogram(&seconds, &METADATA)
            .record(time.as_secs_f64());
    }

    /// All numbers as text.
    pub(crate) fn render(&self, queue: &Queue) -> String {
        self.depth.set(queue.depth() as f64);
        self.speed.set(queue.speed());
        self.handle.render()
    }

    /// Tidies up for ever.
    pub(crate) async fn keep_up(&self) {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.handle.run_upkeep();
        }
    }
}
