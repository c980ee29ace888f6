use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::import::fields::not_allowed;
use crate::import::importer::Parsed;
use crate::import::options::ImportOptions;
use crate::records::Lines;
use crate::records::field::{Checked, missing};
use crate::{
    CharSpan, DEFAULT_ASPECT, DataError, Example, Location, RecordError, RecordProblem, Result,
    Segment, mean_rating,
};

const OPEN: &str = "<v>";
const CLOSE: &str = "</v>";

/// The columns in use, each under any of its published names.
const COLUMNS: [&[&str]; 8] = [
    &["system"],
    &["doc"],
    &["seg_id", "globalSegId"],
    &["rater"],
    &["source"],
    &["target"],
    &["category"],
    &["severity"],
];

/// An error that a rater marked, or the statement that there is none.
struct MarkedError {
    /// System, document, segment and rater: what one judgment is about.
    key: [String; 4],
    source: String,
    target: String,
    /// Where the error is marked in the target.
    span: Option<CharSpan>,
    category: String,
    severity: String,
    rating: f64,
}

/// A table, one example for each translation: a system, document and segment, with the rating of every
/// rater.
///
/// The rows of a judgment need not follow each other, so the table is read whole.
pub(in crate::import) fn read(
    path: &Path,
    options: &ImportOptions,
    _notes: &mut Vec<String>,
) -> Result<Vec<Parsed>> {
    let mut lines = Lines::open(path, options.limits, &options.progress)?;
    if !lines.advance()? {
        return Ok(Vec::new());
    }
    let torn = |location: &Location, error| DataError::Torn {
        location: location.clone(),
        error: Box::new(error),
    };
    let header = lines.text().and_then(Columns::new);
    let columns = header.map_err(|error| torn(lines.location(), error))?;
    let mut judgments: Vec<(Location, Checked<Vec<MarkedError>>)> = Vec::new();
    let mut places: HashMap<[String; 4], usize> = HashMap::new();
    while lines.advance()? {
        let location = lines.location().clone();
        // A row that cannot be assigned leaves it open which judgment lacks an error.
        let cells = lines.text().and_then(|line| columns.cells(line));
        let cells = cells.map_err(|error| torn(&location, error))?;
        let key = [0, 1, 2, 3].map(|column| cells[column].clone());
        let row = parse_row(cells, options);
        match places.entry(key) {
            Entry::Vacant(place) => {
                place.insert(judgments.len());
                judgments.push((location, row.map(|row| vec![row])));
            }
            Entry::Occupied(place) => {
                let judgment = &mut judgments[*place.get()];
                if let Ok(rows) = &mut judgment.1 {
                    match row.and_then(|row| same_texts(rows, row)) {
                        Ok(row) => rows.push(row),
                        // The rest of a judgment without one of its errors would be too kind.
                        Err(error) => *judgment = (location, Err(error)),
                    }
                }
            }
        }
    }
    let mut ids = HashSet::new();
    let parsed = translations(judgments).into_iter();
    Ok(parsed
        .map(|(location, judgments)| {
            let example = judgments.map(|judgments| {
                let rater = judgments[0][0].key[3].clone();
                let mut example = example(judgments);
                if !ids.insert(example.id.clone()) {
                    // The same segment with another text.
                    example.id = format!("{}/{rater}", example.id);
                }
                example
            });
            (location, example)
        })
        .collect())
}

/// The judgments of each translation side by side, where its first one stood; those that are wrong
/// by themselves.
fn translations(
    judgments: Vec<(Location, Checked<Vec<MarkedError>>)>,
) -> Vec<(Location, Checked<Vec<Vec<MarkedError>>>)> {
    let mut found: Vec<(Location, Checked<Vec<Vec<MarkedError>>>)> = Vec::new();
    let mut places: HashMap<[String; 5], usize> = HashMap::new();
    for (location, rows) in judgments {
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                found.push((location, Err(error)));
                continue;
            }
        };
        // Raters of another text rate another translation.
        let [system, doc, segment, _] = rows[0].key.clone();
        let texts = [rows[0].source.clone(), rows[0].target.clone()];
        let [source, target] = texts;
        match places.entry([system, doc, segment, source, target]) {
            Entry::Vacant(place) => {
                place.insert(found.len());
                found.push((location, Ok(vec![rows])));
            }
            Entry::Occupied(place) => {
                if let Ok(judgments) = &mut found[*place.get()].1 {
                    judgments.push(rows);
                }
            }
        }
    }
    found
}

/// Where the columns stand, and how many there are.
struct Columns {
    places: [usize; 8],
    count: usize,
}

impl Columns {
    fn new(header: &str) -> Checked<Self> {
        let names: Vec<&str> = header.trim_end_matches(['\r', '\n']).split('\t').collect();
        let mut places = [0; 8];
        for (place, wanted) in places.iter_mut().zip(COLUMNS) {
            // The first of the published names that is there.
            let found = wanted.iter().find(|name| names.contains(*name));
            let found =
                found.ok_or_else(|| missing(wanted[0], "a column of that name in the header"))?;
            let mut standing = (0..names.len()).filter(|&column| names[column] == *found);
            *place = standing.next().unwrap_or_default();
            if standing.next().is_some() {
                return Err(not_allowed(*found, "two columns of that name", "one"));
            }
        }
        Ok(Self {
            places,
            count: names.len(),
        })
    }

    fn cells(&self, line: &str) -> Checked<[String; 8]> {
        let found: Vec<&str> = line.trim_end_matches(['\r', '\n']).split('\t').collect();
        let short = self.places.iter().position(|&place| place >= found.len());
        if let Some(short) = short {
            return Err(missing(
                COLUMNS[short][0],
                "a cell for each column of the header",
            ));
        }
        if found.len() != self.count {
            let expected = format!("{}, as in the header", self.count);
            return Err(not_allowed("", format!("{} cells", found.len()), expected));
        }
        Ok(self.places.map(|column| unquote(found[column])))
    }
}

fn parse_row(cells: [String; 8], options: &ImportOptions) -> Checked<MarkedError> {
    let [
        system,
        doc,
        segment,
        rater,
        source,
        target,
        category,
        severity,
    ] = cells;
    let (target, span) = unmark(&target, "target")?;
    let (source, _) = unmark(&source, "source")?;
    if target.is_empty() {
        return Err(RecordError::new("target", RecordProblem::EmptyText));
    }
    let default = match &options.rating_map {
        Some(_) => 0.0,
        None => -weight(&category, &severity)?,
    };
    Ok(MarkedError {
        key: [system, doc, segment, rater],
        source,
        target,
        span,
        rating: options.rate(severity.as_str(), default, || "severity".to_owned())?,
        category,
        severity,
    })
}

/// A cell as it was before quotation marks were put around it and those inside doubled.
///
/// Some of the published tables are written so and some are not. A cell that was has doubled marks
/// inside, since it would not have been quoted without any; one that was not keeps its marks.
fn unquote(cell: &str) -> String {
    let inside = cell.strip_prefix('"').and_then(|c| c.strip_suffix('"'));
    match inside.map(|inside| (inside, inside.replace("\"\"", ""))) {
        Some((inside, rest)) if rest.len() < inside.len() && !rest.contains('"') => {
            inside.replace("\"\"", "\"")
        }
        _ => cell.to_owned(),
    }
}

/// A text without its marks, and the part between them.
fn unmark(text: &str, field: &str) -> Checked<(String, Option<CharSpan>)> {
    let (opened, closed) = (text.matches(OPEN).count(), text.matches(CLOSE).count());
    let parts = text
        .split_once(OPEN)
        .and_then(|(before, rest)| Some((before, rest.split_once(CLOSE)?)));
    match parts {
        None if opened + closed == 0 => Ok((text.to_owned(), None)),
        Some((before, (inside, after))) if opened == 1 && closed == 1 => {
            let start = before.chars().count();
            let end = start + inside.chars().count();
            // An empty mark is a place, such as that of a missing word.
            let span = (start < end).then_some(CharSpan { start, end });
            Ok((format!("{before}{inside}{after}"), span))
        }
        _ => {
            let found = format!("{opened} of `{OPEN}` and {closed} of `{CLOSE}`");
            Err(not_allowed(
                field,
                found,
                "at most one of each, in this order",
            ))
        }
    }
}

/// Weights of WMT: minor 1, major 5, critical 10; a translation that is none 25; punctuation 0.1.
fn weight(category: &str, severity: &str) -> Checked<f64> {
    let weight = match severity.to_lowercase().as_str() {
        "no-error" | "no error" | "neutral" => 0.0,
        "minor" if category.eq_ignore_ascii_case("fluency/punctuation") => 0.1,
        "minor" => 1.0,
        "major" if category.to_lowercase().starts_with("non-translation") => 25.0,
        "major" => 5.0,
        "critical" => 10.0,
        _ => {
            let expected = "no-error, neutral, minor, major or critical";
            return Err(not_allowed("severity", format!("`{severity}`"), expected));
        }
    };
    Ok(weight)
}

/// Rows of one judgment have the same texts, marks apart.
fn same_texts(rows: &[MarkedError], row: MarkedError) -> Checked<MarkedError> {
    if let Some(first) = rows.first() {
        for (field, a, b) in [
            ("source", &first.source, &row.source),
            ("target", &first.target, &row.target),
        ] {
            if a != b {
                let expected = "the text of the earlier rows of this system, segment and rater";
                return Err(not_allowed(field, "another text", expected));
            }
        }
    }
    Ok(row)
}

/// A translation with one rating of each rater; at least one judgment of at least one row.
fn example(judgments: Vec<Vec<MarkedError>>) -> Example {
    // Not -0, which is what no error would add up to.
    let rating = |rows: &Vec<MarkedError>| rows.iter().map(|row| row.rating).sum::<f64>() + 0.0;
    let ratings: Vec<f64> = judgments.iter().map(rating).collect();
    let raters: Vec<String> = judgments
        .iter()
        .map(|rows| rows[0].key[3].clone())
        .collect();
    let errors: Vec<Value> = judgments.iter().flatten().map(error).collect();
    let mut example = Example::default();
    if let Some(row) = judgments.into_iter().flatten().next() {
        let [system, doc, segment, _] = row.key;
        example.id = format!("{system}/{doc}/{segment}");
        let meta = json!({"system": system, "doc": doc, "seg_id": segment, "raters": raters, "errors": errors});
        if let Value::Object(meta) = meta {
            example.meta = meta;
        }
        let span = CharSpan::new(0, row.target.chars().count());
        let mut segment = Segment::rated(span, mean_rating(&ratings));
        if ratings.len() > 1 {
            segment.raters.insert(DEFAULT_ASPECT.to_owned(), ratings);
        }
        example.segments = vec![segment];
        example.prompt = row.source;
        example.response = row.target;
    }
    example
}

/// An error as it is kept in `meta`.
fn error(row: &MarkedError) -> Value {
    let mut error = Map::new();
    error.insert("rater".into(), row.key[3].clone().into());
    error.insert("category".into(), row.category.clone().into());
    error.insert("severity".into(), row.severity.clone().into());
    if let Some(span) = row.span {
        error.insert("start".into(), span.start.into());
        error.insert("end".into(), span.end.into());
    }
    Value::Object(error)
}
