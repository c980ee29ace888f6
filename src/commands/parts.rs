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

/// The description of a format as those of other parts are: without links, marks and a full stop, and with a capital.
fn plain(about: &str) -> String {
    let mut text = String::new();
    let mut rest = about;
    while let Some((before, link)) = rest.split_once(" (<") {
        text.push_str(before);
        rest = link.split_once(">)").map_or("", |(_, behind)| behind);
    }
    text.push_str(rest);
    let text = text.trim_end_matches('.').replace('`', "");
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
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
        .map(|metric| Part::new("metric", metric.name(), metric.about()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_phrases_of_one_form() {
        let formats = Format::ALL.iter().map(|format| plain(format.about()));
        let metrics = Metric::all()
            .into_iter()
            .map(|metric| metric.about().to_owned());
        let poolings = Pooling::ALL
            .iter()
            .map(|pooling| pooling.about().to_owned());
        let losses = losses().into_iter().map(|loss| loss.about.to_owned());
        let segmenters = Segmenter::BUILT_IN
            .iter()
            .map(|(_, about)| (*about).to_owned());
        for about in formats
            .chain(metrics)
            .chain(poolings)
            .chain(losses)
            .chain(segmenters)
        {
            assert!(about.starts_with(char::is_uppercase), "{about}");
            assert!(
                !about.contains(['<', '`', '\n']) && !about.ends_with('.'),
                "{about}"
            );
        }
        for metric in Metric::BUILT_IN {
            assert_ne!(metric.about(), metric.name());
        }
        assert_eq!(plain("a `B` (<https://x.y>), c."), "A B, c");
    }
}
