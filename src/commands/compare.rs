//! `gradus compare`

use std::path::Path;

use anyhow::Result;
use gradus::data::{Example, visible_code, visible_markdown};
use gradus::eval::bootstrap::Bootstrap;
use gradus::eval::compare::{CompareOptions, Comparison, ComparisonReport, System, compare};
use gradus::eval::{AspectCounts, EvalError, JudgedAspect, UnscoredCounts};
use serde::Serialize;

use crate::cli::CompareArgs;
use crate::failure::Usage;
use crate::scores::{Choices, check_any_rating};
use crate::{records, show};

use super::intervals::check_resamples;
use super::systems::{NamedSystem, ScoredSystem};

/// Fewest resamples that an interval can be read off.
pub(super) const FEWEST_RESAMPLES: usize = 100;

/// The comparison in one aspect, for programs.
#[derive(Serialize)]
pub(super) struct AspectComparison {
    aspect: String,
    /// The ratings that systems are compared on.
    ratings: Ratings,
    /// Responses of the data, judged or not.
    examples: usize,
    /// What each system was given and scored, in the order of the command line.
    coverage: Vec<Coverage>,
    #[serde(flatten)]
    report: ComparisonReport,
}

/// What is rated.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ratings {
    /// Segments.
    Segments,
    /// Whole responses.
    Responses,
}

impl Ratings {
    fn noun(self) -> &'static str {
        match self {
            Self::Segments => "segments",
            Self::Responses => "responses",
        }
    }
}

/// How much of the rated data a system scores.
#[derive(Serialize)]
struct Coverage {
    name: String,
    path: String,
    #[serde(flatten)]
    counts: AspectCounts,
}

pub(crate) fn run(args: &CompareArgs) -> Result<()> {
    let options = options(args)?;
    let (data, systems) = args.paths.split_last().expect("clap asks for three");
    let systems = NamedSystem::parse_all(systems)?;
    let choices = Choices {
        stride: args.stride.stride,
        cut_segments: args.cut.segments,
        device: args.device.device.as_deref(),
        ..Choices::default()
    };
    let examples = records::read(data)?;
    check_any_rating(&examples)?;
    let scored: Vec<ScoredSystem> = systems
        .into_iter()
        .map(|system| system.score(&examples, &choices))
        .collect::<Result<_>>()?;
    for system in &scored {
        let unscored = UnscoredCounts::of_responses(&system.responses).total();
        if unscored > 0 {
            show::status(&format!(
                "{}: {unscored} of {} responses have no score",
                system.name,
                examples.len()
            ));
        }
    }
    let mut comparisons = Vec::new();
    for aspect in aspects(&scored, args.aspects.names())? {
        comparisons.extend(compare_aspect(&scored, aspect, examples.len(), &options)?);
    }
    check_pairs(&comparisons)?;
    if args.format.json {
        return show::json(&comparisons);
    }
    show_comparisons(&comparisons, args.format.markdown)
}

pub(super) fn show_comparisons(comparisons: &[AspectComparison], markdown: bool) -> Result<()> {
    for (index, comparison) in comparisons.iter().enumerate() {
        if index > 0 {
            show::line("")?;
        }
        show_comparison(comparison, markdown)?;
    }
    Ok(())
}

/// Compares bundles with the same aspects, by their scores without recalibration, on every aspect that the examples
/// rate.
pub(super) fn compare_bundles(
    bundles: &[(&str, &Path)],
    examples: &[Example],
    choices: &Choices<'_>,
    options: &CompareOptions,
) -> Result<Vec<AspectComparison>> {
    let scored: Vec<ScoredSystem> = bundles
        .iter()
        .map(|&(name, path)| NamedSystem::of(name, path).score(examples, choices))
        .collect::<Result<_>>()?;
    let mut comparisons = Vec::new();
    for aspect in aspects(&scored, None)? {
        if rates(examples, aspect) {
            comparisons.extend(compare_aspect(&scored, aspect, examples.len(), options)?);
        }
    }
    check_pairs(&comparisons)?;
    Ok(comparisons)
}

/// Whether a segment or a response is rated on the aspect.
pub(super) fn rates(examples: &[Example], aspect: &str) -> bool {
    examples.iter().any(|example| {
        let mut segments = example.segments.iter();
        example.ratings.contains_key(aspect)
            || segments.any(|segment| segment.ratings.contains_key(aspect))
    })
}

fn options(args: &CompareArgs) -> Result<CompareOptions> {
    let CompareArgs {
        significance,
        resamples,
        ..
    } = *args;
    if !(significance > 0.0 && significance < 1.0) {
        let message = format!("--significance: found {significance}, expected above 0 and below 1");
        return Err(Usage::new(message).into());
    }
    check_resamples(resamples)?;
    if resamples < FEWEST_RESAMPLES {
        let message =
            format!("--resamples: found {resamples}, expected at least {FEWEST_RESAMPLES}");
        return Err(Usage::new(message).into());
    }
    Ok(CompareOptions {
        metric: args.metric.parse()?,
        significance,
        bootstrap: Bootstrap {
            resamples,
            seed: args.seed,
            ..Bootstrap::default()
        },
        ..CompareOptions::default()
    })
}

/// The aspects to compare: those that are named, or those that every system scores, which then
/// have to be the same.
fn aspects<'a>(systems: &'a [ScoredSystem], named: Option<&'a [String]>) -> Result<Vec<&'a str>> {
    for system in systems {
        let known = &system.aspects;
        let mut unknown = named.into_iter().flatten();
        if let Some(found) = unknown.find(|named| !known.contains(named)) {
            let error = EvalError::UnknownAspect {
                found: found.clone(),
                known: known.join(", "),
            };
            return Err(anyhow::Error::from(error).context(format!("`{}`", system.name)));
        }
    }
    if let Some(named) = named {
        return Ok(named.iter().map(String::as_str).collect());
    }
    let sorted = |system: &'a ScoredSystem| {
        let mut names: Vec<&str> = system.aspects.iter().map(String::as_str).collect();
        names.sort_unstable();
        names
    };
    let first = sorted(&systems[0]);
    if let Some(other) = systems.iter().find(|system| sorted(system) != first) {
        let message = format!(
            "`{}` scores {}, `{}` scores {}: found different aspects, expected the same",
            systems[0].name,
            first.join(", "),
            other.name,
            sorted(other).join(", ")
        );
        let error = Usage::new(message).with_hint("name what all score with --aspects");
        return Err(error.into());
    }
    Ok(systems[0].aspects.iter().map(String::as_str).collect())
}

/// Compares on the ratings of segments and on those of whole responses, where there are some.
fn compare_aspect(
    scored: &[ScoredSystem],
    aspect: &str,
    examples: usize,
    options: &CompareOptions,
) -> Result<Vec<AspectComparison>> {
    let mut comparisons = Vec::new();
    for ratings in [Ratings::Segments, Ratings::Responses] {
        let systems: Vec<System> = scored
            .iter()
            .map(|system| judged(system, aspect, ratings))
            .collect();
        if systems[0].judged.counts.rated == 0 {
            continue;
        }
        let coverage = scored
            .iter()
            .zip(&systems)
            .map(|(scored, system)| Coverage {
                name: system.name.clone(),
                path: scored.path.display().to_string(),
                counts: system.judged.counts,
            });
        comparisons.push(AspectComparison {
            aspect: aspect.to_owned(),
            ratings,
            examples,
            coverage: coverage.collect(),
            report: compare(&systems, options)?,
        });
    }
    if comparisons.is_empty() {
        let message =
            format!("{aspect}: found no segment and no response of the data that is rated on it");
        let error = Usage::new(message)
            .with_hint("`gradus data stats` shows what is rated, and on which aspects");
        return Err(error.into());
    }
    Ok(comparisons)
}

/// Refuses systems that do not score one rated segment or response in common.
fn check_pairs(comparisons: &[AspectComparison]) -> Result<()> {
    if comparisons.iter().any(|found| found.report.pairs > 0) {
        return Ok(());
    }
    let scored = comparisons.iter().flat_map(|comparison| {
        let noun = comparison.ratings.noun();
        let systems = comparison.coverage.iter();
        systems.map(move |system| format!("`{}` {} {noun}", system.name, system.counts.scored))
    });
    let scored: Vec<String> = scored.collect();
    Err(Usage::new(format!(
        "found nothing rated that every system scores, expected at least one segment or response; scored: {}",
        scored.join(", ")
    ))
    .with_hint("compare systems on data that each of them has scored")
    .into())
}

/// The scores of a system beside the ratings of segments or of responses.
fn judged(system: &ScoredSystem, aspect: &str, ratings: Ratings) -> System {
    let place = system.aspects.iter().position(|name| name == aspect);
    let place = place.expect("every system scores the aspect");
    let responses = &system.responses;
    System {
        name: system.name.clone(),
        judged: match ratings {
            Ratings::Segments => JudgedAspect::collect(responses, place, aspect),
            Ratings::Responses => {
                JudgedAspect::collect_responses(responses, place, aspect, system.aggregation)
            }
        },
    }
}

fn show_comparison(comparison: &AspectComparison, markdown: bool) -> Result<()> {
    let AspectComparison {
        aspect,
        coverage,
        report,
        ..
    } = comparison;
    let aspect = if markdown {
        visible_markdown(aspect)
    } else {
        aspect.clone()
    };
    let rated = coverage[0].counts.rated;
    let left_out = rated - report.pairs;
    let noun = comparison.ratings.noun();
    let mut head = format!(
        "{aspect}: {} of {rated} rated {noun} compared",
        report.pairs
    );
    if comparison.ratings == Ratings::Segments {
        head = format!("{head}, in {} responses", report.responses);
    }
    if left_out > 0 {
        head = format!("{head}; {left_out} left out because a system does not score them");
    }
    show::line(&head)?;
    show::line(&format!("\n{}", table(&systems(comparison), markdown)))?;
    show::line(&format!("\n{}", table(&pairs(report), markdown)))?;
    show::line("")?;
    for comparison in &report.comparisons {
        if markdown {
            show::line(&format!("- {}", markdown_sentence(comparison)))?;
        } else {
            show::line(&comparison.sentence)?;
        }
    }
    Ok(())
}

/// The verdict with the names of the systems as code that they cannot end.
fn markdown_sentence(comparison: &Comparison) -> String {
    let names = [&comparison.a, &comparison.b];
    names
        .into_iter()
        .fold(comparison.sentence.clone(), |text, name| {
            text.replace(&format!("`{name}`"), &visible_code(name))
        })
}

/// Header and rows.
type Cells = (Vec<String>, Vec<Vec<String>>);

fn table((header, rows): &Cells, markdown: bool) -> String {
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    if markdown {
        show::markdown_table(&header, rows.clone())
    } else {
        show::table(&header, rows.iter().cloned())
    }
}

/// A row per system, best first.
fn systems(comparison: &AspectComparison) -> Cells {
    let AspectComparison {
        coverage, report, ..
    } = comparison;
    let header = [
        "system",
        report.metric.label(),
        "scored",
        "missing",
        "left out",
    ];
    let rows = report.systems.iter().map(|system| {
        let of_system = coverage
            .iter()
            .find(|coverage| coverage.name == system.name);
        let count = |f: fn(&AspectCounts) -> usize| {
            of_system.map_or_else(|| "-".into(), |coverage| f(&coverage.counts).to_string())
        };
        vec![
            show::shortened(&system.name, 40),
            show::number(system.value),
            count(|counts| counts.scored),
            count(|counts| counts.unscored.total()),
            system.pairs_left_out.to_string(),
        ]
    });
    (header.map(str::to_owned).to_vec(), rows.collect())
}

/// A row per pair, in the order in which the systems were given: difference, interval, and the p of
/// each test.
fn pairs(report: &ComparisonReport) -> Cells {
    let corrected = report.comparisons.len() > 1;
    let mut header = vec!["pair", "diff.", "95 % interval", "p"];
    if corrected {
        header.push("corr.");
    }
    header.extend(["t-test", "Wilcoxon", "win/tie/loss"]);
    let rows = report.comparisons.iter().map(|pair| {
        let p = |value: Option<f64>| value.map_or_else(|| "-".into(), |p| format!("{p:.4}"));
        let difference = pair.difference.as_ref();
        let mut row = vec![
            format!(
                "{} - {}",
                show::shortened(&pair.a, 9),
                show::shortened(&pair.b, 9)
            ),
            difference.map_or_else(
                || "-".into(),
                |interval| format!("{:+.4}", interval.estimate),
            ),
            difference.map_or_else(
                || "-".into(),
                |interval| format!("{:+.4} to {:+.4}", interval.low, interval.high),
            ),
            p(pair.bootstrap_p),
        ];
        if corrected {
            row.push(p(pair.adjusted_p));
        }
        row.extend([
            p(pair.t_test.map(|test| test.p)),
            p(pair.wilcoxon.map(|test| test.p)),
            format!("{}/{}/{}", pair.wins, pair.ties, pair.losses),
        ]);
        row
    });
    (
        header.into_iter().map(str::to_owned).collect(),
        rows.collect(),
    )
}
