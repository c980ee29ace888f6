//! `gradus parts`

use anyhow::Result;
use gradus::data::{Format, Segmenter, registered_formats, registered_segmenters};
use gradus::eval::Metric;
use gradus::model::{
    EncoderConfig, Pooling, registered_encoders, registered_heads, registered_poolings,
};
use gradus::parts::{PartInfo, usage};
use gradus::train::losses;
use serde::Serialize;

use crate::show;

/// A part that run configurations and options name.
#[derive(Serialize)]
struct Part {
    role: &'static str,
    name: String,
    about: String,
}

impl Part {
    fn new(role: &'static str, name: impl Into<String>, about: &str) -> Self {
        Self {
            role,
            name: name.into(),
            about: about.into(),
        }
    }
}

/// Markdown without its marks.
fn plain(about: &str) -> String {
    about.replace(['<', '>', '`'], "")
}

/// Parts that name themselves.
fn named(role: &'static str, parts: Vec<PartInfo>) -> impl Iterator<Item = Part> {
    let parts = parts.into_iter();
    parts.map(move |part| Part::new(role, usage(&part), part.about))
}

pub(crate) fn run(json: bool) -> Result<()> {
    let poolings = Pooling::ALL
        .iter()
        .map(|pooling| Part::new("pooling", pooling.name(), pooling.about()));
    let heads = [
        ("linear", "One linear layer"),
        ("mlp:D_HIDDEN", "Two layers"),
    ];
    let heads = heads
        .into_iter()
        .map(|(name, about)| Part::new("head", name, about));
    let encoders = EncoderConfig::MODEL_TYPES
        .iter()
        .map(|family| Part::new("encoder", *family, "Hugging Face's model_type"));
    let segmenters = Segmenter::BUILT_IN
        .iter()
        .map(|(name, about)| Part::new("segmenter", *name, about));
    let formats = Format::ALL
        .iter()
        .map(|format| Part::new("format", format.name(), &plain(format.about())));
    let metrics = Metric::all()
        .into_iter()
        .map(|metric| Part::new("metric", metric.name(), metric.label()));
    let parts: Vec<Part> = named("loss", losses())
        .chain(poolings)
        .chain(named("pooling", registered_poolings()))
        .chain(heads)
        .chain(named("head", registered_heads()))
        .chain(encoders)
        .chain(named("encoder", registered_encoders()))
        .chain(segmenters)
        .chain(named("segmenter", registered_segmenters()))
        .chain(formats)
        .chain(named("format", registered_formats()))
        .chain(metrics)
        .collect();
    if json {
        return show::json(&parts);
    }
    let rows = parts
        .into_iter()
        .map(|part| vec![part.role.to_owned(), part.name, part.about]);
    show::line(&show::text_table(&["part", "name", "description"], rows))
}
