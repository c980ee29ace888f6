//! `gradus data stats`

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use gradus::data::{
    CohensKappa, DatasetStats, LengthStats, MOST_DISTINCT_RATINGS, RaterAgreement, RatingStats,
    RecordFacts, StatsCollector, UnreadKeys, visible_markdown,
};

use crate::cli::FormatArgs;
use crate::progress::Reading;
use crate::{records, show};

pub(crate) fn run(file: &Path, format: &FormatArgs) -> Result<()> {
    let stats = read(file)?;
    if format.json {
        return show::json(&stats);
    }
    let table: Form = if format.markdown {
        |header, rows| show::markdown_table(header, rows)
    } else {
        |header, rows| show::table(header, rows.into_iter())
    };
    // Sentences are items of a list in Markdown.
    let line = |text: &str| {
        show::line(&if format.markdown {
            format!("- {}", visible_markdown(text))
        } else {
            text.to_owned()
        })
    };
    line(&format!(
        "{} examples, {} segments ({} unrated), {} distinct prompts ({} used more than once)",
        stats.examples,
        stats.segments,
        stats.unrated_segments,
        stats.distinct_prompts,
        stats.repeated_prompts
    ))?;
    if stats.examples_with_context > 0 {
        let with_context = stats.examples_with_context;
        line(&format!("{with_context} examples have a context"))?;
    }
    if stats.repeated_ids > 0 {
        line(&match stats.repeated_ids {
            1 => "1 record repeats the id of an earlier one".to_owned(),
            repeated => format!("{repeated} records repeat the id of an earlier one"),
        })?;
    }
    if stats.blank_responses > 0 {
        let blank = stats.blank_responses;
        line(&format!("empty responses, with nothing to score: {blank}"))?;
    }
    for (of, aspects) in [
        ("segments", &stats.aspects),
        ("responses", &stats.response_aspects),
    ] {
        for (aspect, ratings) in aspects {
            if let Some(raters) = &ratings.raters {
                line(&raters_line(aspect, of, raters, ratings.kappa.as_ref()))?;
            }
        }
    }
    if let Some(weights) = stats.weights {
        line(&format!("weights other than 1: {weights}"))?;
    }
    show::line(&format!("\n{}", lengths(&stats, table)))?;
    show::line(&format!("\n{}", ratings("aspect", &stats.aspects, table)))?;
    let of_responses = stats.response_aspects.values();
    if (stats.aspects.values().chain(of_responses)).any(|ratings| ratings.approximate) {
        show::line(&format!(
            "\n(~: more than {MOST_DISTINCT_RATINGS} distinct ratings, so that their number, sd and histogram are estimates)"
        ))?;
    }
    if !stats.response_aspects.is_empty() {
        let table = ratings("aspect (whole responses)", &stats.response_aspects, table);
        show::line(&format!("\n{table}"))?;
    }
    Ok(())
}

/// Header and rows as a table.
type Form = fn(&[&str], Vec<Vec<String>>) -> String;

/// One line on the agreement of raters.
fn raters_line(
    aspect: &str,
    of: &str,
    raters: &RaterAgreement,
    kappa: Option<&CohensKappa>,
) -> String {
    let RaterAgreement {
        texts,
        fewest,
        most,
        rmse,
        ..
    } = raters;
    let number = range(*fewest, *most);
    format!(
        "{aspect}: {texts} {of} have ratings from {number} raters; RMSE of a rater against the mean of the \
         others {rmse:.4}, Krippendorff's alpha {}{}",
        show::number(raters.alpha),
        kappa_in_words(kappa)
    )
}

/// `3`, or `2 to 4`.
pub(super) fn range(fewest: usize, most: usize) -> String {
    if fewest == most {
        most.to_string()
    } else {
        format!("{fewest} to {most}")
    }
}

/// Cohen's kappa and whose it is, with a comma ahead of it; nothing if there is none.
pub(super) fn kappa_in_words(kappa: Option<&CohensKappa>) -> String {
    let Some(found) = kappa else {
        return String::new();
    };
    let of = match &found.names {
        Some([one, other]) => format!("{one} and {other}"),
        None => format!("mean of {} pairs", found.pairs),
    };
    format!(", Cohen's kappa {} ({of})", show::number(Some(found.kappa)))
}

/// Computes the statistics of a file in one pass, and warns about unknown keys.
fn read(file: &Path) -> Result<DatasetStats> {
    let mut reader = records::open(file)?.in_parallel(|mut example| {
        let facts = RecordFacts::of(&example);
        // Nothing else is read of it.
        example
            .meta
            .retain(|key, _| matches!(key.as_str(), "raters" | "of_raters"));
        (facts, example)
    });
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

fn lengths(stats: &DatasetStats, table: Form) -> String {
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
    table(&["length", "min", "mean", "max"], rows.collect())
}

/// One line per aspect; `of` is the header of the first column.
fn ratings(of: &str, aspects: &BTreeMap<String, RatingStats>, table: Form) -> String {
    let rows = aspects.iter().map(|(name, ratings)| {
        let numbers = [ratings.min, ratings.mean, ratings.max, ratings.sd];
        let head = [
            name.clone(),
            ratings.count.to_string(),
            ratings.distinct_text(),
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
    table(&header, rows.collect())
}
