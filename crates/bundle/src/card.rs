//! The model card of a bundle: `README.md`, with the metadata of the Hugging Face Hub.
//!
//! It is made of the other files, when a bundle is saved and when these change. What was measured on other data is a
//! section of its own, which later renewals keep.

use std::fmt::Write as _;
use std::path::Path;

use gradus_baselines::OffsetKinds;
use gradus_data::{RatingScale, visible_code, visible_markdown};
use gradus_files::{MOST_BYTES, Target, read_regular};
use gradus_model::{Result, RewardModelConfig};
use serde_json::Value;

use crate::digest::digest_bytes;
use crate::manifest::{Manifest, SplitDigests, StoredManifest};
use crate::{
    Bundle, CONFIG, MANIFEST, Recalibrations, check_parts, digest_file, load_manifest, place,
    read_json, replace_recalibration, to_json,
};

/// The file of a bundle with its model card.
pub const CARD: &str = "README.md";

/// Around the section of what was measured.
const BEGIN: &str = "<!-- gradus eval -->";
const END: &str = "<!-- end of gradus eval -->";

/// What became of the card of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardRenewal {
    /// It says what the bundle says.
    Renewed,
    /// It was written by somebody else, or changed, and was left as it is.
    Foreign,
}

impl Bundle {
    /// Makes the card of the bundle in `directory` anew, after its recalibration or its thresholds have changed.
    /// `measured` is Markdown that takes the place of what was measured before; `None` keeps that.
    ///
    /// The manifest names the old card beside the new one until that is in place, so that at every moment the card belongs
    /// to the bundle.
    ///
    /// # Errors
    /// If `directory` is not a bundle, if a part is missing or foreign, if another process is writing it, or if
    /// writing fails.
    pub fn renew_card(directory: &Path, measured: Option<&str>) -> Result<CardRenewal> {
        Self::recover(directory)?;
        load_manifest(directory)?;
        let _lock = place::lock(directory, &Target::of(directory)?)?;
        let mut stored = load_manifest(directory)?;
        check_parts(directory, &stored.parts)?;
        let path = directory.join(CARD);
        let old = path.is_file().then(|| digest_file(&path)).transpose()?;
        // Manifests of older versions do not tell their own files from others.
        if stored.files.is_none() || old.as_ref().is_some_and(|old| !stored.is_card(old)) {
            return Ok(CardRenewal::Foreign);
        }
        let kept = match (measured, &old) {
            (None, Some(_)) => section(&read_regular(&path, MOST_BYTES)?),
            _ => None,
        };
        let config: RewardModelConfig = read_json(&directory.join(CONFIG))?;
        let maps = replace_recalibration::read(directory, &stored)?;
        let measured = measured.or(kept.as_deref()).unwrap_or_default();
        let text = text(&stored.manifest, &config, maps.as_ref(), measured);
        let new = digest_bytes(text.as_bytes());
        stored.previous_card = old.filter(|old| *old != new);
        let files = stored.files.get_or_insert_default();
        files.insert(CARD.to_owned(), new);
        let manifest = directory.join(MANIFEST);
        let write_manifest = |stored: &StoredManifest| -> Result<()> {
            let bytes = to_json(&manifest, stored)?;
            Ok(replace_recalibration::write(
                &manifest,
                &bytes,
                &[&manifest],
            )?)
        };
        write_manifest(&stored)?;
        replace_recalibration::write(&path, text.as_bytes(), &[&path, &manifest])?;
        if stored.previous_card.take().is_some() {
            write_manifest(&stored)?;
        }
        Ok(CardRenewal::Renewed)
    }
}

/// The card of a bundle that is saved.
pub(crate) fn of(bundle: &Bundle) -> String {
    let maps = bundle.recalibration.as_ref();
    text(&bundle.manifest, &bundle.config, maps, "")
}

/// What an older card says was measured.
fn section(card: &[u8]) -> Option<String> {
    let card = std::str::from_utf8(card).ok()?;
    let (_, behind) = card.split_once(BEGIN)?;
    let (section, _) = behind.split_once(END)?;
    Some(section.trim().to_owned())
}

fn text(
    manifest: &Manifest,
    config: &RewardModelConfig,
    maps: Option<&Recalibrations>,
    measured: &str,
) -> String {
    let mut card = metadata(manifest);
    let mut add = |text: &str| {
        card.push_str(text);
        card.push('\n');
    };
    add("# Segment-level reward model\n");
    add(&format!(
        "Gives every segment of a response a score of its own, learned by regression on segment ratings. Made by gradus {}.\n",
        visible_markdown(&manifest.gradus_version)
    ));
    add("## Use\n");
    add(
        "```sh\ngradus score . answers.jsonl        # and gradus serve, gradus eval, the Python package gradus-rm\n```\n",
    );
    add("## Scores\n");
    for line in scores(manifest, config, maps) {
        add(&format!("- {line}"));
    }
    if let Some(quantization) = &manifest.quantization {
        add("\n## Quantized\n");
        for line in quantization.lines() {
            add(&format!("- {}", visible_markdown(&line)));
        }
    }
    add("\n## Training\n");
    for line in training(manifest) {
        add(&format!("- {line}"));
    }
    add("\n## Measured\n");
    match validation(manifest) {
        Some(table) => {
            add(&table);
            if manifest.quantization.is_some() {
                add("These figures are of the weights before they were quantized.\n");
            }
        }
        None => add("Nothing was measured when it was made.\n"),
    }
    let measured = if measured.is_empty() {
        "`gradus eval BUNDLE DATA --card` writes figures on other data here."
    } else {
        measured
    };
    add(&format!("{BEGIN}\n{measured}\n{END}\n"));
    add("## Limits\n");
    for line in limits(manifest) {
        add(&format!("- {line}"));
    }
    card
}

/// The block that the hub reads.
fn metadata(manifest: &Manifest) -> String {
    let base = manifest.encoder.as_ref().map(|encoder| {
        // A string in JSON is one in YAML.
        format!("base_model: {}\n", Value::from(encoder.id.as_str()))
    });
    format!(
        "---\nlibrary_name: gradus\npipeline_tag: text-classification\ntags:\n- reward-model\n- segment-level\n\
         - regression\n{}---\n\n",
        base.unwrap_or_default()
    )
}

fn scores(
    manifest: &Manifest,
    config: &RewardModelConfig,
    maps: Option<&Recalibrations>,
) -> Vec<String> {
    let text = &manifest.text;
    let mut lines: Vec<String> = text
        .aspects
        .iter()
        .map(|aspect| {
            let name = visible_code(&aspect.name);
            let map = maps.and_then(|maps| maps.kind(&aspect.name));
            let map = map.map_or_else(String::new, |kind| format!(", {kind} recalibration"));
            format!(
                "{name}, in rating units; scale of training: {}{map}",
                scale(&aspect.scale)
            )
        })
        .collect();
    if let Some(maps) = maps {
        lines.push(format!("recalibrated on {}", visible_code(&maps.fitted_on)));
    }
    for (aspect, found) in &manifest.thresholds {
        lines.push(format!(
            "{}: a score of at most {} before recalibration is doubtful, for a {}, chosen on {}",
            visible_code(aspect),
            found.threshold,
            found.wish,
            visible_code(&found.fitted_on)
        ));
    }
    for (aspect, found) in &manifest.prediction_intervals {
        lines.push(format!(
            "{}: {} % of ratings lie at most {} from the score ({}), learned on {} ({} responses)",
            visible_code(aspect),
            percent(found.coverage),
            found.half_width,
            found.scored_with,
            visible_code(&found.fitted_on),
            found.responses
        ));
    }
    if let Some(kinds) = &manifest.offset {
        let kinds = match kinds {
            OffsetKinds::All(kind) => kind.to_string(),
            by_aspect => visible_code(&by_aspect.to_string()),
        };
        lines.push(if manifest.stacked {
            format!(
                "offset: scores are weighted sums of the model's, of a trivial baseline ({kinds}) and of the mean rating, with weights \
                 fitted to held-out ratings (`gradus inspect` shows them); `--offset drop` gives the scores of the model alone, for \
                 training a policy"
            )
        } else {
            format!(
                "offset: a trivial baseline ({kinds}) is added to what the model says, which learned the rest; `--offset \
                 drop` gives scores free of what the baseline knows, for training a policy"
            )
        });
    }
    lines.push(format!(
        "score of a response: {} of its segments; responses without segments are cut by `{}`",
        manifest.aggregation, text.segmenter
    ));
    lines.push(format!(
        "at most {} tokens are read; contexts are {}",
        text.max_length,
        if text.use_context { "read" } else { "not read" }
    ));
    lines.push(format!(
        "encoder: {}, {}",
        config.encoder.model_type(),
        if config.encoder.is_causal() && manifest.offset.is_none() {
            "which judges a segment without what follows it"
        } else if config.encoder.is_causal() {
            "which judges a segment without what follows it, unlike the baseline in the scores: those of unfinished responses are not comparable"
        } else {
            "which reads the whole response when it judges a segment: scores of unfinished responses are not comparable"
        }
    ));
    lines
}

/// A share in percent, without the digits that binary fractions add.
fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

fn scale(scale: &RatingScale) -> String {
    match scale {
        RatingScale::Identity => "identity".to_owned(),
        RatingScale::MinMax { min, max } => format!("{min} to {max} become 0 to 1"),
        RatingScale::Standardized { mean, sd } => {
            format!("mean {mean:.4}, standard deviation {sd:.4}")
        }
    }
}

fn training(manifest: &Manifest) -> Vec<String> {
    let Some(training) = &manifest.training else {
        return vec!["not known".to_owned()];
    };
    let mut lines = Vec::new();
    if let Some(encoder) = &manifest.encoder {
        lines.push(format!("from {}", visible_code(&encoder.to_string())));
    }
    if let Some(from) = &training.imported_from {
        lines.push(format!(
            "imported from {}",
            visible_code(&from.display().to_string())
        ));
    }
    let mut add_data = |of: &str, data: Option<&SplitDigests>| {
        let Some(data) = data else { return };
        for (name, digest) in [("training", &data.train), ("validation", &data.valid)] {
            lines.push(format!(
                "{name} data{of}: {} records, SHA-256 of their texts `{}`",
                digest.records, digest.sha256
            ));
        }
    };
    add_data("", training.data.as_ref());
    if let Some(from) = &training.from {
        add_data(" of the bundle before", from.data.as_ref());
        lines.push(format!(
            "continued from the bundle {}, SHA-256 of its weights `{}`",
            visible_code(&from.bundle.display().to_string()),
            from.weights
        ));
        if !from.left_behind.is_empty() {
            lines.push(format!(
                "not taken over from it, because it was fitted to other scores: {}",
                from.left_behind.join(", ")
            ));
        }
    }
    if let Some(loss) = training.loss() {
        lines.push(format!("loss: {loss}"));
    }
    let setting = |key: &str| {
        training
            .run
            .get("config")
            .and_then(|config| config.get(key))
    };
    for key in ["epochs", "batch_size", "learning_rate", "seed"] {
        if let Some(value) = setting(key) {
            lines.push(format!("{key}: {value}"));
        }
    }
    if lines.is_empty() {
        lines.push("not known".to_owned());
    }
    lines
}

/// Figures on the validation split as a table.
fn validation(manifest: &Manifest) -> Option<String> {
    let figures = manifest.validation.as_ref()?;
    let of = if manifest.stacked {
        " (scores of the model alone)"
    } else {
        ""
    };
    let mut table = format!(
        "On the validation split, by which the weights were chosen{of}:\n\n| figure | value |\n|---|---:|\n"
    );
    let mut rows = 0;
    for (name, value) in figures {
        // Where and when it was measured is no figure.
        let is_figure = !["epoch", "step", "seconds"].contains(&name.as_str());
        if let Some(value) = value.as_f64().filter(|_| is_figure) {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "| {} | {value:.4} |", visible_markdown(name));
            rows += 1;
        }
    }
    (rows > 0).then_some(table)
}

fn limits(manifest: &Manifest) -> Vec<String> {
    let mut lines = vec![
        "It knows what its raters rated, on texts like those it was trained on. Evaluate it on your own data first.".to_owned(),
        "A high score is no proof that a segment is true. Do not use it alone to decide about people, or where an error harms somebody.".to_owned(),
        "A policy that is trained against it exploits what it rewards: see `gradus audit`.".to_owned(),
    ];
    if !manifest.text.use_context {
        lines.push(
            "It reads no contexts, and cannot tell whether a segment is supported by its sources."
                .to_owned(),
        );
    }
    lines
}

impl StoredManifest {
    /// Whether a card with this digest was written by this program for this bundle.
    pub(crate) fn is_card(&self, digest: &crate::Part) -> bool {
        let current = self.files.as_ref().and_then(|files| files.get(CARD));
        current == Some(digest) || self.previous_card.as_ref() == Some(digest)
    }
}
