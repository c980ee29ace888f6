//! `gradus data audit`

use anstyle::AnsiColor;
use anyhow::Result;
use gradus::data::Example;
use gradus::eval::audit::{
    AspectAudit, AuditFacts, AuditOptions, AuditReport, AuditSplit, Feature, Finding, Grade,
    HeldOut, Reach, SplitTotals, audit_sampled,
};

use crate::cli::AuditArgs;
use crate::commands::sample::Sample;
use crate::failure::Usage;
use crate::{records, show};

/// Width of the printed text.
const WIDTH: usize = 100;
/// Most records of a split that are looked at in depth, and most bytes of their texts.
const MOST_SAMPLED: usize = 16_384;
const MOST_SAMPLED_BYTES: usize = 8 << 20;
/// Where the text of a finding starts.
const INDENT: usize = 9;

pub(crate) fn run(args: &AuditArgs) -> Result<()> {
    let options = AuditOptions {
        scale: args.scale,
        seed: args.seed,
    };
    let first = if args.valid.is_some() || args.test.is_some() {
        "train"
    } else {
        "data"
    };
    let files = [
        (first, Some(&args.data)),
        ("valid", args.valid.as_ref()),
        ("test", args.test.as_ref()),
    ];
    let files = files
        .into_iter()
        .filter_map(|(name, path)| Some((name, path?)));
    let mut totals: Vec<SplitTotals> = Vec::new();
    let mut samples: Vec<Vec<Example>> = Vec::new();
    for (name, path) in files {
        let mut split = SplitTotals::new(name, args.scale);
        let mut sample = Sample::within(MOST_SAMPLED, MOST_SAMPLED_BYTES);
        records::each(path, AuditFacts::of, |example, facts| {
            split.add(&example, &facts, &totals);
            sample.add(example);
            Ok(())
        })?;
        totals.push(split);
        samples.push(sample.finish());
    }
    let splits: Vec<AuditSplit> = (totals.iter().map(SplitTotals::name).zip(&samples))
        .map(|(name, sample)| AuditSplit::new(name, sample))
        .collect();
    let report = audit_sampled(&splits, &totals, &options)?;
    if args.json {
        show::json(&report)?;
    } else {
        show_report(&report)?;
    }
    if args.strict && report.is_flagged() {
        return Err(Usage::new(format!("the audit found {}", counts(&report))).into());
    }
    Ok(())
}

fn show_report(report: &AuditReport) -> Result<()> {
    show::line(&splits(report))?;
    show::line(&format!("\n{}", ratings(report)))?;
    if let Some(sampled) = sampled(report) {
        show::line(&format!("\n{sampled}"))?;
    }
    for (index, aspect) in report.aspects.iter().enumerate() {
        if index == 0 {
            show::line(&format!("\n{}", shortcuts(report)))?;
        }
        show::line(&verdict(aspect))?;
    }
    show::line(&format!("\nfound: {}", counts(report)))?;
    for finding in &report.findings {
        show_finding(finding)?;
    }
    Ok(())
}

/// What comes from samples, if anything does.
fn sampled(report: &AuditReport) -> Option<String> {
    let sizes = report.splits.iter().filter_map(|split| {
        let (sampled, records) = (split.sampled?, split.stats.examples);
        Some(format!("{sampled} of {records} records of {}", split.name))
    });
    let sizes: Vec<String> = sizes.collect();
    (!sizes.is_empty()).then(|| {
        let text = format!(
            "from a sample of {}: everything below but shared and repeated texts, rare and missing aspects, ratings \
             outside of --scale, blank segments, spans inside words and text outside of segments",
            sizes.join(", ")
        );
        wrap(&text, 0)
    })
}

/// A line per split: sizes and lengths.
fn splits(report: &AuditReport) -> String {
    let header = [
        "split",
        "examples",
        "prompts",
        "segments",
        "unrated",
        "a response",
        "characters",
        "outside",
    ];
    let rows = report.splits.iter().map(|split| {
        let stats = &split.stats;
        let mean = |lengths: Option<gradus::data::LengthStats>| {
            lengths.map_or_else(|| "-".into(), |lengths| format!("{:.1}", lengths.mean))
        };
        let share = |share: f64| format!("{:.1} %", 100.0 * share);
        let unrated = (stats.segments > 0)
            .then(|| share(stats.unrated_segments as f64 / stats.segments as f64));
        vec![
            split.name.clone(),
            stats.examples.to_string(),
            stats.distinct_prompts.to_string(),
            stats.segments.to_string(),
            unrated.unwrap_or_else(|| "-".into()),
            mean(stats.segments_per_response),
            mean(stats.segment_chars),
            split
                .text
                .outside_segments
                .map_or_else(|| "-".into(), share),
        ]
    });
    show::table(&header, rows)
}

/// A line per split and aspect: the ratings.
fn ratings(report: &AuditReport) -> String {
    let header = [
        "ratings",
        "split",
        "count",
        "distinct",
        "min",
        "mean",
        "max",
        "sd",
        "histogram",
    ];
    let of_aspect = |aspect: &AspectAudit| {
        let name = aspect.aspect.clone();
        let rows = report.splits.iter().map(move |split| {
            let cells = match split.stats.aspects.get(&name) {
                None => vec!["0".into(); 1]
                    .into_iter()
                    .chain(vec!["-".into(); 6])
                    .collect(),
                Some(ratings) => vec![
                    ratings.count.to_string(),
                    ratings.distinct.to_string(),
                    show::short(Some(ratings.min)),
                    show::decimals(ratings.mean, 3),
                    show::short(Some(ratings.max)),
                    show::decimals(ratings.sd, 3),
                    format!("[{}]", ratings.histogram),
                ],
            };
            [vec![name.clone(), split.name.clone()], cells].concat()
        });
        rows.collect::<Vec<_>>()
    };
    show::table(&header, report.aspects.iter().flat_map(of_aspect))
}

/// A line per shortcut, a column per aspect.
fn shortcuts(report: &AuditReport) -> String {
    let names = report.aspects.iter().map(|aspect| aspect.aspect.as_str());
    let header: Vec<&str> = std::iter::once("Pearson with the rating")
        .chain(names)
        .collect();
    let cell = |pearson: Option<f64>, reach: Reach| {
        let mark = if reach == Reach::Trap { "!" } else { "" };
        format!("{mark}{}", show::short(pearson))
    };
    let features = Feature::ALL.into_iter().map(|feature| {
        let cells = report.aspects.iter().map(|aspect| {
            let reach = aspect
                .features
                .iter()
                .find(|reach| reach.feature == feature);
            reach.map_or_else(|| "-".into(), |reach| cell(reach.pearson, reach.reach))
        });
        std::iter::once(feature.name().to_owned())
            .chain(cells)
            .collect()
    });
    let fits = HeldOut::ALL.into_iter().map(|held_out| {
        let cells = report.aspects.iter().map(|aspect| {
            let fit = aspect.fits.iter().find(|fit| fit.fit == held_out);
            // Words are what is to be read: never a trap by themselves.
            let words = held_out == HeldOut::BagOfWords;
            fit.map_or_else(
                || "-".into(),
                |fit| cell(fit.pearson, if words { Reach::Much } else { fit.reach }),
            )
        });
        std::iter::once(format!("fitted: {}", held_out.name()))
            .chain(cells)
            .collect()
    });
    show::table(&header, features.chain(fits))
}

/// What the shortcuts of an aspect come to, in a sentence.
fn verdict(aspect: &AspectAudit) -> String {
    let name = &aspect.aspect;
    let size = |pearson: Option<f64>| pearson.map_or(0.0, f64::abs);
    let strongest = aspect
        .features
        .iter()
        .filter(|reach| reach.reach != Reach::Unknown)
        .max_by(|a, b| size(a.pearson).total_cmp(&size(b.pearson)));
    let feature = strongest.map_or_else(
        || "no shortcut can be judged (too few or constant ratings, or features)".into(),
        |reach| {
            let value = show::short(reach.pearson);
            format!("`{}` alone ({value}) {}", reach.feature.name(), reach.reach)
        },
    );
    let fit = aspect
        .fits
        .iter()
        .find(|fit| fit.fit == HeldOut::PositionLength);
    let fit = fit
        .filter(|fit| fit.reach != Reach::Unknown)
        .map_or_else(String::new, |fit| {
            let value = show::short(fit.pearson);
            format!("; position + length ({value}, {}) {}", fit.how, fit.reach)
        });
    wrap(&format!("{name}: {feature}{fit}"), 2)
        .trim_end()
        .to_owned()
}

fn counts(report: &AuditReport) -> String {
    let plural = |grade: Grade| {
        let count = report.count(grade);
        format!("{count} {grade}{}", if count == 1 { "" } else { "s" })
    };
    let [problems, warnings, notes] = [Grade::Problem, Grade::Warning, Grade::Note].map(plural);
    format!("{problems}, {warnings}, {notes}")
}

fn show_finding(finding: &Finding) -> Result<()> {
    let color = match finding.grade {
        Grade::Problem => AnsiColor::Red,
        Grade::Warning => AnsiColor::Yellow,
        Grade::Note => AnsiColor::Cyan,
    };
    let style = color.on_default().bold();
    let aspect = finding.aspect.iter().map(|aspect| format!("{aspect}: "));
    let message = wrap(
        &format!("{}{}", aspect.collect::<String>(), finding.message),
        INDENT,
    );
    show::line("")?;
    show::marked_line(style, &format!("{:<INDENT$}", finding.grade), &message)?;
    let indent = " ".repeat(INDENT);
    if !finding.examples.is_empty() {
        let examples: Vec<String> = finding.examples.iter().map(ToString::to_string).collect();
        let text = wrap(&format!("for instance {}", examples.join(", ")), INDENT);
        show::line(&format!("{indent}{text}"))?;
    }
    show::line(&format!(
        "{indent}{}",
        wrap(&format!("→ {}", finding.advice), INDENT)
    ))
}

/// Breaks a text at blanks so that lines end before [`WIDTH`]; all but the first are indented.
fn wrap(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        let fits = indent + line.chars().count() + 1 + word.chars().count() <= WIDTH;
        if line.is_empty() {
            line.push_str(word);
        } else if fits {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}
