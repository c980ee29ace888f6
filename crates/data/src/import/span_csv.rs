use std::collections::HashMap;
use std::path::Path;

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::fields::not_allowed;
use super::importer::Parsed;
use super::options::ImportOptions;
use super::source::Lines;
use crate::field::{Checked, missing};
use crate::{
    CharSpan, Compression, DEFAULT_ASPECT, DataError, Example, Location, RecordError,
    RecordProblem, Result, Segment,
};

/// Columns with a meaning; those behind the first six may be missing.
const COLUMNS: [&str; 8] = [
    "id", "prompt", "response", "start", "end", "rating", "aspect", "context",
];
const NUM_NEEDED: usize = 6;

/// Which column of the table holds what.
struct Header {
    columns: [Option<usize>; 8],
    /// Columns without a meaning, kept in `meta`.
    others: Vec<(usize, String)>,
}

/// A table, one example for each `id`, one rated span a row.
///
/// The rows of an example need not follow each other, so the table is read whole.
pub(super) fn read(path: &Path, options: &ImportOptions) -> Result<Vec<Result<Parsed>>> {
    let (compression, input) = Lines::open(path)?.into_input();
    let mut table = ReaderBuilder::new().has_headers(false).from_reader(input);
    let mut row = StringRecord::new();
    let mut header = None;
    let mut parsed: Vec<(Location, Checked<Example>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    loop {
        let more = table.read_record(&mut row);
        let line = row.position().map_or(1, csv::Position::line);
        let location = Location::new(path, usize::try_from(line).unwrap_or(usize::MAX));
        if !more.map_err(|error| table_error(error, location.clone(), compression))? {
            break;
        }
        let Some(header) = &header else {
            header = Some(Header::new(&row).map_err(|error| wrong(location, error))?);
            continue;
        };
        let id = header.cell(&row, 0).to_owned();
        match places.get(&id) {
            None => {
                places.insert(id, parsed.len());
                let example = header.example(&row);
                let example = example.and_then(|e| header.add_segment(&row, e, options));
                parsed.push((location, example));
            }
            Some(&place) => {
                let (first, example) = &mut parsed[place];
                if let Ok(before) = example {
                    let added = header
                        .same_texts(&row, before)
                        .and_then(|()| header.add_segment(&row, std::mem::take(before), options));
                    // The example is wrong as a whole, at the row that is.
                    if added.is_err() {
                        *first = location;
                    }
                    *example = added;
                }
            }
        }
    }
    let parsed = parsed.into_iter();
    Ok(parsed
        .map(|(location, example)| Ok((location, example.map(|example| vec![example]))))
        .collect())
}

impl Header {
    fn new(row: &StringRecord) -> Checked<Self> {
        let names: Vec<&str> = row.iter().map(str::trim).collect();
        let columns = COLUMNS.map(|wanted| names.iter().position(|name| *name == wanted));
        for (name, column) in COLUMNS.iter().zip(columns).take(NUM_NEEDED) {
            if column.is_none() {
                return Err(missing(*name, "a column of that name in the header"));
            }
        }
        let others = names.iter().enumerate();
        let others = others.filter(|(_, name)| !COLUMNS.contains(name));
        let others = others.map(|(column, name)| (column, (*name).to_owned()));
        Ok(Self {
            columns,
            others: others.collect(),
        })
    }

    /// The cell of one of [`COLUMNS`]; empty where there is no such column.
    fn cell<'a>(&self, row: &'a StringRecord, column: usize) -> &'a str {
        let cell = self.columns[column].and_then(|column| row.get(column));
        cell.unwrap_or_default()
    }

    /// An example without segments; columns without a meaning come from its first row.
    fn example(&self, row: &StringRecord) -> Checked<Example> {
        let id = self.cell(row, 0);
        if id.is_empty() {
            return Err(RecordError::new("id", RecordProblem::EmptyText));
        }
        let context = self.cell(row, 7);
        let others = self.others.iter();
        let meta = others.filter_map(|(column, name)| {
            let cell = row.get(*column)?;
            Some((name.clone(), cell.into()))
        });
        Ok(Example {
            id: id.to_owned(),
            prompt: self.cell(row, 1).to_owned(),
            context: (!context.is_empty()).then(|| context.to_owned()),
            response: self.cell(row, 2).to_owned(),
            meta: meta.collect(),
            ..Example::default()
        })
    }

    fn same_texts(&self, row: &StringRecord, example: &Example) -> Checked<()> {
        let context = example.context.as_deref().unwrap_or_default();
        for (column, text) in [(1, &*example.prompt), (2, &*example.response), (7, context)] {
            if self.cell(row, column) != text {
                let expected = "the text of the earlier rows of this id";
                return Err(not_allowed(COLUMNS[column], "another text", expected));
            }
        }
        Ok(())
    }

    /// The example with the span of a row; a span like the last one is another aspect of it.
    fn add_segment(
        &self,
        row: &StringRecord,
        mut example: Example,
        options: &ImportOptions,
    ) -> Checked<Example> {
        let span = CharSpan {
            start: self.position(row, 3)?,
            end: self.position(row, 4)?,
        };
        if example.segments.last().is_none_or(|last| last.span != span) {
            example.segments.push(Segment::unrated(span));
        }
        let cell = self.cell(row, 5).trim();
        let aspect = match self.cell(row, 6).trim() {
            "" => DEFAULT_ASPECT,
            aspect => aspect,
        };
        if cell.is_empty() {
            return Ok(example);
        }
        let number = cell.parse().ok().filter(|number: &f64| number.is_finite());
        let default = match (number, &options.rating_map) {
            (Some(number), _) => number,
            (None, Some(_)) => f64::NAN,
            (None, None) => {
                let expected = "a finite number, or nothing for an unrated span";
                return Err(not_allowed("rating", format!("{cell:?}"), expected));
            }
        };
        let rating = options.rate(cell, default, || "rating".to_owned())?;
        let last = example.segments.last_mut();
        let before = last.and_then(|last| last.ratings.insert(aspect.to_owned(), rating));
        match before {
            None => Ok(example),
            Some(_) => Err(not_allowed(
                "aspect",
                format!("`{aspect}` again for {span}"),
                "each aspect of a span once",
            )),
        }
    }

    fn position(&self, row: &StringRecord, column: usize) -> Checked<usize> {
        let cell = self.cell(row, column).trim();
        cell.parse().map_err(|_| {
            let expected = "a whole number of characters, 0 or more";
            not_allowed(COLUMNS[column], format!("{cell:?}"), expected)
        })
    }
}

/// A table that is torn: rows behind it cannot be told apart, so all of it is refused.
fn table_error(error: csv::Error, place: Location, compression: Compression) -> DataError {
    let line = error.position().map(csv::Position::line);
    let line = line.and_then(|line| usize::try_from(line).ok());
    let location = Location {
        line: line.unwrap_or(place.line),
        ..place
    };
    let problem = match error.into_kind() {
        ErrorKind::Io(cause) => {
            return DataError::Read {
                path: location.path,
                line: location.line,
                compression,
                cause,
            };
        }
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => not_allowed(
            "",
            format!("{len} cells"),
            format!("{expected_len}, as in the header"),
        ),
        ErrorKind::Utf8 { err, .. } => not_allowed(
            "",
            format!("bytes that are not UTF-8 in cell {}", err.field() + 1),
            "text in UTF-8",
        ),
        _ => not_allowed("", "no row", "a row of the table"),
    };
    wrong(location, problem)
}

fn wrong(location: Location, error: RecordError) -> DataError {
    DataError::Record {
        location,
        error: Box::new(error),
    }
}
