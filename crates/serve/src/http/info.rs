//! What the server serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gradus_data::RatingScale;
use serde::Serialize;

use crate::answer::json;
use crate::http::openapi::Refusals;
use crate::models::Model;
use crate::scoring::Service;

/// What the server serves.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Info {
    /// The version of gradus.
    version: &'static str,
    /// The bundles; the first answers requests that name none. Empty while they are loaded.
    models: Vec<ModelInfo>,
    /// How much a request may hold.
    limits: LimitInfo,
}

/// A bundle.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ModelInfo {
    /// What requests call it.
    name: String,
    /// SHA-256 of its manifest, which has those of its parts.
    digest: String,
    /// The names of its aspects. Answers have `score` where there is one, and `scores` where there are several.
    aspects: Vec<String>,
    /// The range of its ratings, over all aspects, where the bundle knows it.
    scale: Option<Range>,
    /// The same by aspect, of those of which it is known.
    scales: BTreeMap<String, Range>,
    /// How it cuts a response that comes without segments.
    segmenter: String,
    /// The most tokens that it reads at once, special tokens included.
    max_length: usize,
    /// How scores of segments become that of the response.
    aggregation: String,
    /// Whether its scores are recalibrated, unless a request asks for raw ones.
    recalibrated: bool,
    /// Whether the baseline that it was trained beside is added to its scores (`keep`) or not (`drop`); left out for a
    /// bundle without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<String>,
    /// Whether it judges a segment without what follows it.
    causal: bool,
}

/// The range of ratings.
#[derive(Serialize, Clone, Copy, utoipa::ToSchema)]
pub(super) struct Range {
    /// The lowest rating.
    low: f64,
    /// The highest.
    high: f64,
}

/// How much a request may hold.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct LimitInfo {
    /// Bytes of a body, and of a line of a stream.
    max_body_bytes: usize,
    /// Records of a body that is no stream.
    max_records: usize,
}

/// `GET /info`.
#[utoipa::path(
    get,
    path = "/info",
    tag = "native",
    responses((status = 200, description = "What is served", body = Info), Refusals),
    security((), ("key" = [])),
)]
pub(super) async fn info(State(service): State<Arc<Service>>) -> Response {
    let models = service.models.loaded();
    let info = Info {
        version: env!("CARGO_PKG_VERSION"),
        models: models.iter().map(|model| ModelInfo::new(model)).collect(),
        limits: LimitInfo {
            max_body_bytes: service.limits.max_body_bytes,
            max_records: service.limits.max_records,
        },
    };
    json(StatusCode::OK, &info)
}

impl ModelInfo {
    fn new(model: &Model) -> Self {
        let scorer = &model.scorer;
        let text = scorer.text_config();
        let range = |scale: RatingScale| match scale {
            RatingScale::MinMax { min, max } => Some(Range {
                low: min,
                high: max,
            }),
            RatingScale::Identity | RatingScale::Standardized { .. } => None,
        };
        let ranges = text.aspects.iter().map(|aspect| range(aspect.scale));
        let scale = whole_range(ranges.clone());
        let names = text.aspects.iter().map(|aspect| aspect.name.clone());
        let scales = names
            .zip(ranges)
            .filter_map(|(name, range)| Some((name, range?)));
        let names: Vec<String> = scorer.aspects().map(str::to_owned).collect();
        Self {
            name: model.name.clone(),
            digest: model.digest.clone(),
            aspects: names,
            scale,
            scales: scales.collect(),
            segmenter: text.segmenter.to_string(),
            max_length: text.max_length,
            aggregation: scorer.aggregation().to_string(),
            recalibrated: scorer.recalibrations().is_some(),
            offset: scorer.offset_use().map(|choice| choice.to_string()),
            causal: scorer.is_causal(),
        }
    }
}

/// The range that holds all; `None` where one is not known.
fn whole_range(ranges: impl Iterator<Item = Option<Range>>) -> Option<Range> {
    let ranges: Vec<Range> = ranges.collect::<Option<_>>()?;
    ranges.into_iter().reduce(|a, b| Range {
        low: a.low.min(b.low),
        high: a.high.max(b.high),
    })
}
