//! `gradus explain`

use std::path::Path;

use anyhow::Result;
use gradus::bundle::Offset;
use gradus::data::{ContextCounts, Example, TruncationCounts};
use gradus::device;
use gradus::eval::explain::{
    ExplainedPair, Explanation, PairKind, ResponsesExplained, explain_bundle, explain_scores,
};
use gradus::eval::{Aspect, OffsetUse, UnscoredReason};

use crate::cli::ExplainArgs;
use crate::failure::Usage;
use crate::scores::{self, Choices, ScoreInput, Scores, tell_of_context};
use crate::{records, show};

/// Default number of segments shown.
const TOP: usize = 10;
/// Characters of a line, and minimum characters of a segment's text.
const LINE: usize = 100;
const EXCERPT: usize = 12;
/// Number of ids proposed for an unknown one, and their minimum similarity.
const PROPOSED: usize = 3;
const ALIKE: f64 = 0.6;

pub(crate) fn run(args: &ExplainArgs) -> Result<()> {
    let source = ScoreInput::of(args.bundle.as_deref(), args.scores.as_deref())?;
    source.check_options(&[
        ("--cut-segments", args.cut.segments.is_some()),
        ("--offset", args.offset.offset.is_some()),
        ("--device", args.device.device.is_some()),
    ])?;
    let examples = records::read(&args.data)?;
    check_id(&examples, args)?;
    let explanation = match &source {
        ScoreInput::Bundle(directory) => of_bundle(directory, examples, args)?,
        ScoreInput::File(_) => of_scores(&source, examples, args)?,
    };
    let all = if args.id.is_some() { 0 } else { TOP };
    let top = match args.top.unwrap_or(all) {
        0 => usize::MAX,
        top => top,
    };
    if args.json {
        let mut explanation = explanation;
        explanation.segments.truncate(top);
        if let Some(found) = &mut explanation.responses {
            found.responses.truncate(top);
        }
        show::json(&explanation)
    } else {
        show_explanation(&explanation, top)
    }
}

fn of_bundle(
    directory: &Path,
    mut examples: Vec<Example>,
    args: &ExplainArgs,
) -> Result<Explanation> {
    examples.retain(|example| is_chosen(&example.id, args));
    let device = device::select(args.device.device.as_deref())?;
    let mut scorer = scores::load(directory, &device, None)?;
    if let Some(policy) = args.cut.segments {
        scorer = scorer.with_cut_segments(policy);
    }
    scorer = super::offset::chosen(scorer, directory, args.offset.offset)?;
    if scorer.offset().is_some_and(Offset::is_stacked) {
        show::status(
            "explained are the scores of the model alone, by which it learned; the bundle's are stacked with a baseline",
        );
        scorer = scorer.with_offset(OffsetUse::Drop);
    }
    tell_of_context(&scorer, ContextCounts::of(&examples));
    let training = scorer.manifest().training.as_ref();
    let loss = training.and_then(|training| training.loss());
    if let Some(loss) = loss.filter(|loss| *loss != "mse") {
        show::status(&format!(
            "trained with the loss `{loss}`; explained is the squared error"
        ));
    }
    let mut counts = TruncationCounts::default();
    let explanation = explain_bundle(&scorer, examples, args.aspects.names(), &mut counts)?;
    if counts.any() {
        show::status(&counts.to_string());
    }
    Ok(explanation)
}

fn of_scores(
    source: &ScoreInput,
    mut examples: Vec<Example>,
    args: &ExplainArgs,
) -> Result<Explanation> {
    // All of the data, as a score file is matched with all of it.
    let mut scores = Scores::load(source, &mut examples, &Choices::default())?;
    examples.retain(|example| is_chosen(&example.id, args));
    scores
        .responses
        .retain(|response| is_chosen(&response.id, args));
    show::status("scores of a file have no head, so that nothing is said of its gradient");
    let aspects: Vec<Aspect> = scores.aspects.iter().map(Aspect::named).collect();
    Ok(explain_scores(
        &scores.responses,
        &examples,
        &aspects,
        args.aspects.names(),
        scores.aggregation,
    )?)
}

/// Whether to explain a record: the named one, or all.
fn is_chosen(id: &str, args: &ExplainArgs) -> bool {
    args.id.as_deref().is_none_or(|chosen| chosen == id)
}

/// Refuses an id that the data does not have.
fn check_id(examples: &[Example], args: &ExplainArgs) -> Result<()> {
    let Some(id) = &args.id else {
        return Ok(());
    };
    if examples.iter().any(|example| example.id == *id) {
        return Ok(());
    }
    let data = args.data.display();
    let error = Usage::new(format!("{data}: found no record with the id `{id}`"));
    let names: Vec<String> = near(id, examples)
        .iter()
        .map(|id| format!("`{id}`"))
        .collect();
    let error = if names.is_empty() {
        error
    } else {
        error.with_hint(format!("did you mean {}?", names.join(", ")))
    };
    Err(error.into())
}

/// The ids most similar to an unknown one.
fn near(id: &str, examples: &[Example]) -> Vec<String> {
    let mut likeness: Vec<(f64, &str)> = examples
        .iter()
        .map(|example| {
            (
                strsim::normalized_damerau_levenshtein(id, &example.id),
                example.id.as_str(),
            )
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    likeness.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    likeness.truncate(PROPOSED);
    likeness.into_iter().map(|(_, id)| id.to_owned()).collect()
}

fn show_explanation(explanation: &Explanation, top: usize) -> Result<()> {
    let responses = explanation.responses.as_ref();
    // If only responses are rated, a list of unrated segments is useless.
    if explanation.pairs + explanation.rated_without_score > 0 || responses.is_none() {
        show_segments(explanation, top)?;
    }
    responses.map_or(Ok(()), |found| show_responses(found, explanation, top))
}

fn show_segments(explanation: &Explanation, top: usize) -> Result<()> {
    let shown = explanation.segments.len().min(top);
    let columns = columns(explanation);
    let header: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let rows = explanation.segments.iter().take(top).map(|pair| {
        let cells = columns.iter().map(|column| (column.cell)(pair));
        cells.collect()
    });
    if shown > 0 {
        let table = show::table(&header, rows);
        show::line(&with_texts(&table, &explanation.segments[..shown]))?;
    }
    if shown < explanation.segments.len() {
        let all = explanation.segments.len();
        show::line(&format!("the worst {shown} of {all}; `--top 0` shows all"))?;
    }
    show::line(&total(explanation))
}

/// The responses that are rated as a whole.
fn show_responses(found: &ResponsesExplained, explanation: &Explanation, top: usize) -> Result<()> {
    let mut header = vec!["record", "aspect"];
    if !explanation.identity_scale {
        header.extend(["rating", "as rating"]);
    }
    header.extend(["target", "score", "error", "error²", "loss", "gradient"]);
    let rows = found.responses.iter().take(top).map(|response| {
        let mut row = vec![
            show::shortened(&response.id, 18),
            show::shortened(&response.aspect, 12),
        ];
        if !explanation.identity_scale {
            row.push(show::short(Some(response.rating)));
            row.push(show::short(response.rating_units_score));
        }
        let share = response.share;
        row.extend([
            three(Some(response.target)),
            three(response.score),
            three(share.map(|share| share.error)),
            three(share.map(|share| share.squared_error)),
            percent(share.and_then(|share| share.loss_share)),
            signed(share.map(|share| share.gradient)),
        ]);
        row
    });
    show::line(&format!("\nresponses\n{}", show::table(&header, rows)))?;
    let all = found.responses.len();
    if top < all {
        show::line(&format!("the worst {top} of {all}; `--top 0` shows all"))?;
    }
    let pairs = found.pairs;
    let mut text = match (found.loss, found.objective) {
        (Some(loss), Some(objective)) => {
            format!("loss {loss:.5}, J {objective:+.5} over {pairs} rated responses")
        }
        _ => "loss -, J -: no response is both rated and scored".into(),
    };
    if found.rated_without_score > 0 {
        text = format!(
            "{text}; {} rated without a score",
            found.rated_without_score
        );
    }
    show::line(&text)
}

/// A table with the text of segments at the end of each line, as far as it fits.
fn with_texts(table: &str, segments: &[ExplainedPair]) -> String {
    let length = |line: &str| line.chars().count();
    let width = table.lines().map(length).max().unwrap_or(0);
    let room = LINE.saturating_sub(width + 2).max(EXCERPT);
    let texts = std::iter::once(String::new()).chain(
        segments
            .iter()
            .map(|pair| show::shortened(&text(pair), room)),
    );
    let lines = table.lines().zip(texts).map(|(line, text)| {
        let line = format!("{line:<width$}  {text}");
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A column of the table: the first is aligned left, the others right.
struct Column {
    name: &'static str,
    cell: fn(&ExplainedPair) -> String,
}

fn columns(explanation: &Explanation) -> Vec<Column> {
    let column = |name, cell| Column { name, cell };
    let aspects = explanation
        .segments
        .windows(2)
        .any(|two| two[0].aspect != two[1].aspect);
    let mut columns = vec![column("record #segment", |pair| {
        format!("{} #{}", show::shortened(&pair.id, 18), pair.segment)
    })];
    if aspects {
        columns.push(column("aspect", |pair| show::shortened(&pair.aspect, 12)));
    }
    if !explanation.identity_scale {
        columns.push(column("rating", |pair| show::short(pair.rating)));
        columns.push(column("as rating", |pair| {
            show::short(pair.rating_units_score)
        }));
    }
    columns.extend([
        column("target", |pair| three(pair.target)),
        column("score", |pair| three(pair.score)),
        column("error", |pair| three(pair.share.map(|share| share.error))),
        column("error²", |pair| {
            three(pair.share.map(|share| share.squared_error))
        }),
        column("loss", |pair| {
            percent(pair.share.and_then(|share| share.loss_share))
        }),
        column("gradient", |pair| {
            signed(pair.share.map(|share| share.gradient))
        }),
        column("head", |pair| {
            percent(pair.share.and_then(|share| share.head_gradient_share))
        }),
    ]);
    columns
}

/// A segment's text. If it is not in the loss, the reason precedes it.
fn text(pair: &ExplainedPair) -> String {
    let words: Vec<&str> = pair.text.split_whitespace().collect();
    let reason = match (pair.kind(), pair.unscored) {
        (_, Some(UnscoredReason::Truncated)) => "[truncated] ",
        (_, Some(UnscoredReason::NoTokens)) => "[no token] ",
        (_, Some(_)) => "[no score] ",
        (PairKind::Unrated, None) => "[unrated] ",
        (_, None) => "",
    };
    format!("{reason}{}", words.join(" "))
}

fn three(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.3}"))
}

fn signed(gradient: Option<f64>) -> String {
    gradient.map_or_else(|| "-".into(), |gradient| format!("{gradient:+.1e}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", 100.0 * share))
}

/// The sums, and counts of pairs that are not in them.
fn total(explanation: &Explanation) -> String {
    let Explanation {
        pairs,
        total_weight,
        rated_without_score,
        unrated,
        ..
    } = explanation;
    let mut text = match (explanation.loss, explanation.objective) {
        (Some(loss), Some(objective)) => {
            format!("loss {loss:.5}, J {objective:+.5} over {pairs} rated segments")
        }
        _ => "loss -, J -: no segment is both rated and scored".into(),
    };
    if (total_weight - *pairs as f64).abs() > 1e-9 {
        text = format!("{text} of weight {total_weight}");
    }
    if *rated_without_score > 0 {
        text = format!("{text}; {rated_without_score} rated without a score");
    }
    if *unrated > 0 {
        text = format!("{text}; {unrated} unrated");
    }
    text
}
