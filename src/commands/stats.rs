//! `gradus data stats`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use gradus::data::{
    DatasetStats, LengthStats, RaterAgreement, RatingStats, RecordFacts, StatsCollector, UnreadKeys,
};

use crate::progress::Reading;
use crate::{records, show};

pub(crate) fn run(file: &Path, json: bool) -> Result<()> {
    let stats = read(file)?;
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
    if stats.examples_with_context > 0 {
        let with_context = stats.examples_with_context;
        show::line(&format!("{with_context} examples have a context"))?;
    }
    if stats.repeated_ids > 0 {
        let repeated = stats.repeated_ids;
        show::line(&format!("{repeated} ids are used more than once"))?;
    }
    if stats.blank_responses > 0 {
        let blank = stats.blank_responses;
        show::line(&format!("empty responses, with nothing to score: {blank}"))?;
    }
    for (of, aspects) in [
        ("segments", &stats.aspects),
        ("responses", &stats.response_aspects),
    ] {
        for (aspect, ratings) in aspects {
            if let Some(raters) = &ratings.raters {
                show::line(&raters_line(aspect, of, raters))?;
            }
        }
    }
    if let Some(weights) = stats.weights {
        show::line(&format!("weights other than 1: {weights}"))?;
    }
    show::line(&format!("\n{}", lengths(&stats)))?;
    show::line(&format!("\n{}", ratings("aspect", &stats.aspects)))?;
    if !stats.response_aspects.is_empty() {
        let table = ratings("aspect (whole responses)", &stats.response_aspects);
        show::line(&format!("\n{table}"))?;
    }
    Ok(())
}

/// One line on the agreement of raters.
fn raters_line(aspect: &str, of: &str, raters: &RaterAgreement) -> String {
    let RaterAgreement {
        texts,
        fewest,
        most,
        rmse,
        ..
    } = raters;
    let number = if fewest == most {
        format!("{most}")
    } else {
        format!("{fewest} to {most}")
    };
    format!(
        "{aspect}: {texts} {of} have ratings from {number} raters; RMSE of a rater against the mean of the \
         others {rmse:.4}, Krippendorff's alpha {}",
        show::number(raters.alpha)
    )
}

/// Computes the statistics of a file in one pass, and warns about unknown keys.
fn read(file: &Path) -> Result<DatasetStats> {
    let mut reader = records::open(file)?
        .without_meta()
        .in_parallel(|example| (RecordFacts::of(&example), example));
    let mut collector = StatsCollector::new();
    let mut unread = UnreadKeys::new();
    let mut reading = Reading::new("records", reader.progress());
    while let Some(example) = reader.next() {
        let (facts, example) = example?;
        collector.add_with(&example, &facts, reader.number());
        unread.add(&example);
        reading.add(1);
    }
    drop(reading);
    records::tell(file, &unread.finish());
    Ok(collector.finish())
}

fn lengths(stats: &DatasetStats) -> String {
    let lengths = [
        ("characters per response", &stats.response_chars),
        ("characters per segment", &stats.segment_chars),
        ("segments per response", &stats.segments_per_response),
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

/// One line per aspect; `of` is the header of the first column.
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
