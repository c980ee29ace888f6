//! A comparison of generators as a page.

use anyhow::Result;
use gradus::eval::generators::{Gap, GapVerdict, MeanInterval};
use gradus::eval::report::drawing::{
    Chart, Document, Ink, IntervalChart, IntervalRow, Section, Table, ToneSentence,
};

use super::AspectComparison;
use super::table::{GAPS, GENERATORS, brackets, gap, generator, pair};
use crate::cli::CompareGeneratorsArgs;
use crate::commands::intervals;

/// What is drawn for each row: with ratings first, since that is the answer.
const SERIES: [(&str, Ink, &str); 2] = [
    ("corrected by ratings", Ink::Model, "model dot"),
    ("of the scores alone", Ink::Other, "other dot"),
];

/// The whole page.
pub(super) fn document(
    comparisons: &[AspectComparison],
    args: &CompareGeneratorsArgs,
) -> Result<Document> {
    let rated = args.rated.as_ref().map_or_else(
        || "none: the gaps are the judge\u{2019}s, and its bias is unknown".to_owned(),
        |path| path.display().to_string(),
    );
    let mut facts = vec![
        ("Judge", args.bundle.display().to_string()),
        ("Answers", args.answers.display().to_string()),
        ("Rated answers", rated),
        ("Generator", args.by.clone()),
    ];
    if let Some(first) = comparisons.first() {
        facts.push(("Response score", first.aggregation.clone()));
        facts.push(intervals::fact(&first.bootstrap, "prompts"));
    }
    Ok(Document {
        kicker: "Gradus comparison of generators",
        title: args.answers.display().to_string(),
        facts,
        sections: comparisons.iter().map(section).collect::<Result<_>>()?,
    })
}

fn section(comparison: &AspectComparison) -> Result<Section> {
    let report = &comparison.report;
    let charts = [gaps_chart(&report.gaps)?, means_chart(comparison)?];
    Ok(Section {
        name: comparison.aspect.clone(),
        sentences: report.gaps.iter().map(sentence).collect(),
        tables: vec![
            Table::new(
                "Generators: mean over prompts",
                &GENERATORS,
                report.generators.iter().map(generator),
            ),
            Table::new(
                "Gaps: mean over prompts that both answer",
                &GAPS,
                report.gaps.iter().map(gap),
            ),
        ],
        charts: charts.into_iter().flatten().collect(),
        notes: vec![
            brackets(comparison),
            "score: what the judge gives. judge\u{2019}s bias: mean of score minus rating over the rated prompts. \
             corrected: the mean rating over all prompts, estimated from the scores of all and the ratings of \
             some (prediction-powered inference); it holds whatever the bias is."
                .into(),
        ],
    })
}

/// A verdict without ratings is the judge's opinion, which is no good news.
fn sentence(gap: &Gap) -> ToneSentence {
    let good = match (gap.verdict, gap.corrected.is_some()) {
        (GapVerdict::First | GapVerdict::Second, rated) => Some(rated),
        _ => None,
    };
    ToneSentence {
        good,
        text: gap.sentence.clone(),
    }
}

fn gaps_chart(gaps: &[Gap]) -> Result<Option<Chart>> {
    let rows = gaps.iter().map(|gap| IntervalRow {
        name: pair(gap),
        figures: vec![
            gap.corrected.as_ref().map(|found| ends(&found.mean)),
            gap.judged
                .as_ref()
                .map(|found| (found.estimate, Some([found.low, found.high]))),
        ],
    });
    let chart = IntervalChart {
        title: "Gaps",
        caption: "The first generator minus the second. An interval that crosses the dashed line at 0 tells neither \
                  from the other."
            .into(),
        label: "gap",
        series: &SERIES,
        rows: rows.collect(),
        lines: &[0.0],
        shares: false,
    };
    Ok(chart.draw()?)
}

fn means_chart(comparison: &AspectComparison) -> Result<Option<Chart>> {
    let rows = comparison
        .report
        .generators
        .iter()
        .map(|found| IntervalRow {
            name: found.name.clone(),
            figures: vec![
                found.corrected.as_ref().map(|found| ends(&found.mean)),
                found.score.as_ref().map(ends),
            ],
        });
    let chart = IntervalChart {
        title: "Generators",
        caption: "The mean of each. Where the intervals of ratings and scores lie apart, the judge is biased.".into(),
        label: "score or rating",
        series: &SERIES,
        rows: rows.collect(),
        lines: &[],
        shares: false,
    };
    Ok(chart.draw()?)
}

fn ends(found: &MeanInterval) -> (f64, Option<[f64; 2]>) {
    (found.estimate, Some([found.low, found.high]))
}
