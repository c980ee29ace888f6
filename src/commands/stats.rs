//! `gradus data stats`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use gradus::data::{DatasetStats, LengthStats, RatingStats};

use crate::show;

pub(crate) fn run(file: &Path, json: bool) -> Result<()> {
    let stats = DatasetStats::read(file)?;
    if json {
        return show::json(&stats);
    }
    show::line(&format!(
        "{} examples, {} segments ({} unrated), {} distinct prompts ({} used more than once)",
        stats.examples,
        stats.segments,
        stats.unrated_segments,
        stats.distinct_prompts,
        stats.repeated_prompts
    ))?;
    if stats.repeated_ids > 0 {
        let repeated = stats.repeated_ids;
        show::line(&format!("{repeated} ids are used more than once"))?;
    }
    if let Some(weights) = stats.weights {
        show::line(&format!("weights other than 1: {weights}"))?;
    }
    show::line(&format!("\n{}", lengths(&stats)))?;
    show::line(&format!("\n{}", ratings("aspect", &stats.aspects)))?;
    if !stats.response_aspects.is_empty() {
        let table = ratings("aspect of whole responses", &stats.response_aspects);
        show::line(&format!("\n{table}"))?;
    }
    Ok(())
}

fn lengths(stats: &DatasetStats) -> String {
    let lengths = [
        ("characters of a response", &stats.response_chars),
        ("characters of a segment", &stats.segment_chars),
        ("segments of a response", &stats.segments_per_response),
    ];
    let rows = lengths.into_iter().filter_map(|(name, lengths)| {
        let LengthStats { min, mean, max } = lengths.as_ref()?;
        Some(vec![
            name.to_string(),
            min.to_string(),
            format!("{mean:.1}"),
            max.to_string(),
        ])
    });
    show::table(&["length", "min", "mean", "max"], rows)
}

/// One line for each aspect; `of` is the head of the first column.
fn ratings(of: &str, aspects: &BTreeMap<String, RatingStats>) -> String {
    let rows = aspects.iter().map(|(name, ratings)| {
        let numbers = [ratings.min, ratings.mean, ratings.max, ratings.sd];
        let head = [
            name.clone(),
            ratings.count.to_string(),
            ratings.distinct.to_string(),
        ];
        let cells = numbers.iter().map(|value| show::number(Some(*value)));
        let histogram = ratings.histogram.counts.iter().map(u64::to_string);
        let histogram: Vec<String> = histogram.collect();
        head.into_iter()
            .chain(cells)
            .chain([histogram.join(" ")])
            .collect()
    });
    let header = [
        of,
        "ratings",
        "distinct",
        "min",
        "mean",
        "max",
        "sd",
        "histogram",
    ];
    show::table(&header, rows)
}
