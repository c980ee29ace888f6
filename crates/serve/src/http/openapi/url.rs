//! What may stand in a URL.

use utoipa::IntoParams;

use super::bodies::stride;

/// The bundle in the URL.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes URLs")]
pub(in crate::http) struct UrlModel {
    /// The name of the bundle; default: the first.
    model: Option<String>,
}

/// Settings of scoring in the URL.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes URLs")]
pub(in crate::http) struct UrlScoring {
    /// How scores of segments become that of the response; default: as the bundle says.
    aggregation: Option<String>,
    /// Without recalibration.
    raw: Option<bool>,
    /// Windows over long responses begin at multiples of this many tokens; `none` cuts such a response;
    /// default: as the bundle was trained.
    #[param(schema_with = stride, required = false)]
    stride: Option<serde_json::Value>,
    /// How a response without segments is cut; default: as the bundle says.
    segmenter: Option<String>,
}

/// The placement of rewards in the URL.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes URLs")]
pub(in crate::http) struct UrlPlacement {
    /// How scores become rewards of tokens.
    #[param(pattern = "^(end|spread|constant|difference)$")]
    placement: Option<String>,
}
