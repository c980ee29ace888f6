use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::import::fields::not_allowed;
use crate::import::importer::Parsed;
use crate::import::options::ImportOptions;
use crate::import::spans::{SpanRow, join_spans};
use crate::import::table::{Row, Table};
use crate::import::table_number::Numbers;
use crate::records::field::{Checked, missing};
use crate::records::{fold, looks_like_column, names_a_rating};
use crate::{
    CharOffsets, CharSpan, DEFAULT_ASPECT, DataError, Example, Location, Offsets, RecordError,
    RecordProblem, Result,
};

/// Columns with a meaning; those behind the first six may be missing.
const COLUMNS: [&str; 10] = [
    "id", "prompt", "response", "start", "end", "rating", "aspect", "context", "weight", "text",
];
const NUM_NEEDED: usize = 6;
const ID: usize = 0;
const PROMPT: usize = 1;
const RESPONSE: usize = 2;
const START: usize = 3;
const END: usize = 4;
const RATING: usize = 5;
const ASPECT: usize = 6;
const CONTEXT: usize = 7;
const WEIGHT: usize = 8;
const TEXT: usize = 9;

/// The rows of one `id`.
struct Group {
    example: Example,
    rows: Vec<SpanRow>,
    /// The first row, or the one that is wrong; the example is then wrong as a whole.
    location: Location,
    error: Option<RecordError>,
}

/// A table, one example for each `id`, one rated span a row.
///
/// The rows of an example need not follow each other, so the table is read whole.
pub(in crate::import) fn read(
    path: &Path,
    options: &ImportOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<Parsed>> {
    let mut table = Table::open(
        path,
        options.limits,
        &options.progress,
        &COLUMNS[..NUM_NEEDED],
    )?;
    let Some(header) = table.next_row()? else {
        return Ok(Vec::new());
    };
    let header = Header::new(&header).map_err(|error| torn(table.location(), error))?;
    let mut numbers = Numbers::new(table.delimiter());
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    while let Some(row) = table.next_row()? {
        let location = table.location();
        header
            .check_length(&row)
            .map_err(|error| torn(location.clone(), error))?;
        let id = header.cell(&row, ID).trim();
        let place = *places.entry(id.to_owned()).or_insert_with(|| {
            groups.push(Group::new(header.example(&row), location.clone()));
            groups.len() - 1
        });
        let added = header.span_row(&row, options, &mut numbers);
        groups[place].add(&header, &row, location, added);
    }
    notes.extend(table_notes(&table, &header, &numbers));
    let unsorted = groups.iter().filter(|group| !group.is_sorted()).count();
    if unsorted > 0 {
        notes.push(format!(
            "the spans of {unsorted} ids were not in the order of the text and have been sorted"
        ));
    }
    Ok(groups.into_iter().map(Group::finish).collect())
}

fn table_notes(table: &Table, header: &Header, numbers: &Numbers) -> Vec<String> {
    let mut notes = Vec::new();
    let delimiter = table.delimiter();
    if delimiter != ',' {
        let how = if table.names_delimiter {
            "as its first line says"
        } else {
            "as its header is"
        };
        notes.push(format!("cells are parted by {delimiter:?}, {how}"));
    }
    if numbers.has_comma() {
        notes.push("ratings are written with a decimal comma".into());
    }
    let ratings: Vec<&str> = header
        .others
        .iter()
        .map(|(_, name)| name.as_str())
        .filter(|name| names_a_rating(name))
        .collect();
    if !ratings.is_empty() {
        notes.push(format!(
            "kept, but not read as a rating, which stands in `rating`: {}",
            ratings.join(", ")
        ));
    }
    for (_, name) in &header.others {
        let absent: Vec<&str> = (header.columns.iter().zip(COLUMNS))
            .filter_map(|(column, name)| column.is_none().then_some(name))
            .collect();
        if let Some(column) = looks_like_column(name, &absent) {
            notes.push(format!(
                "the column `{name}` is kept but not read; `{column}` is"
            ));
        }
    }
    notes
}

impl Group {
    fn new(example: Checked<Example>, location: Location) -> Self {
        let (example, error) = match example {
            Ok(example) => (example, None),
            Err(error) => (Example::default(), Some(error)),
        };
        Self {
            example,
            rows: Vec::new(),
            location,
            error,
        }
    }

    fn add(&mut self, header: &Header, row: &Row, location: Location, added: Checked<SpanRow>) {
        if self.error.is_some() {
            return;
        }
        match header.same_texts(row, &self.example).and(added) {
            Ok(row) => self.rows.push(row),
            Err(error) => {
                self.location = location;
                self.error = Some(error);
            }
        }
    }

    fn is_sorted(&self) -> bool {
        self.rows.is_sorted_by_key(|row| row.span.start)
            || self
                .rows
                .chunk_by(|a, b| a.aspect == b.aspect)
                .all(|rows| rows.is_sorted_by_key(|row| row.span.start))
    }

    fn finish(self) -> (Location, Checked<Example>) {
        if let Some(error) = self.error {
            return (self.location, Err(error));
        }
        if let Some(error) = mixed_aspects(&self.rows) {
            return (Location::new(self.location.path, error.0), Err(error.1));
        }
        let mut example = self.example;
        match join_spans(self.rows) {
            Ok(segments) => {
                example.segments = segments;
                (self.location, Ok(example))
            }
            Err((line, error)) => (Location::new(self.location.path, line), Err(error)),
        }
    }
}

/// A rating without an aspect beside one with: the cell may be empty because it is the same as the one above.
fn mixed_aspects(rows: &[SpanRow]) -> Option<(usize, RecordError)> {
    let mut rated = rows.iter().filter(|row| row.rating.is_some());
    let named = rated.clone().find(|row| row.names_aspect)?;
    let unnamed = rated.find(|row| !row.names_aspect)?;
    let found = format!(
        "nothing beside a rating, but `{}` in line {}",
        named.aspect, named.line
    );
    let expected = "the aspect in each row of an id, or in none";
    Some((unnamed.line, not_allowed("aspect", found, expected)))
}

/// Which column of the table holds what.
struct Header {
    columns: [Option<usize>; COLUMNS.len()],
    /// Whether a blank stands ahead of the column's name, as where a comma and a blank part the cells.
    blanks: [bool; COLUMNS.len()],
    /// Columns without a meaning.
    others: Vec<(usize, String)>,
    count: usize,
}

impl Header {
    fn new(row: &Row) -> Checked<Self> {
        let names: Vec<&str> = row.cells.iter().map(|name| name.trim()).collect();
        for (column, name) in names.iter().enumerate() {
            if !name.is_empty() && names[..column].contains(name) {
                return Err(not_allowed(*name, "two columns of that name", "one"));
            }
        }
        let columns = COLUMNS.map(|wanted| names.iter().position(|name| *name == wanted));
        for name in &names {
            let folded = fold(name);
            let known = COLUMNS
                .iter()
                .find(|known| **known == folded && *known != name);
            if let Some(known) = known {
                let expected = format!("`{known}`, in small letters");
                return Err(not_allowed("", format!("the column `{name}`"), expected));
            }
        }
        for (name, column) in COLUMNS.iter().zip(columns).take(NUM_NEEDED) {
            if column.is_none() {
                return Err(missing(
                    *name,
                    "a column of that name in the header, whose cells are parted by commas, semicolons, tabs or |",
                ));
            }
        }
        let others = names.iter().enumerate();
        let others = others.filter(|(_, name)| !COLUMNS.contains(name));
        let others = others.map(|(column, name)| (column, (*name).to_owned()));
        let is_blank = |column: usize| row.cells[column].starts_with([' ', '\t']);
        Ok(Self {
            columns,
            blanks: columns.map(|column| column.is_some_and(is_blank)),
            others: others.collect(),
            count: names.len(),
        })
    }

    fn check_length(&self, row: &Row) -> Checked<()> {
        if row.cells.len() != self.count {
            let expected = format!("{}, as in the header", self.count);
            return Err(not_allowed(
                "",
                format!("{} cells", row.cells.len()),
                expected,
            ));
        }
        let unnamed = self.others.iter().filter(|(_, name)| name.is_empty());
        for (column, _) in unnamed {
            if !row.cells[*column].is_empty() {
                let found = format!("a text in cell {}", column + 1);
                return Err(not_allowed("", found, "nothing, as its column has no name"));
            }
        }
        Ok(())
    }

    /// The cell of one of [`COLUMNS`]; empty where there is no such column.
    fn cell<'a>(&self, row: &'a Row, column: usize) -> &'a str {
        self.columns[column].map_or("", |column| &row.cells[column])
    }

    fn others(&self, row: &Row) -> Map<String, Value> {
        let others = self.others.iter().filter(|(_, name)| !name.is_empty());
        others
            .map(|(column, name)| (name.clone(), row.cells[*column].clone().into()))
            .collect()
    }

    /// An example without segments; columns without a meaning come from its first row.
    fn example(&self, row: &Row) -> Checked<Example> {
        let id = self.cell(row, ID).trim();
        if id.is_empty() {
            return Err(RecordError::new("id", RecordProblem::EmptyText));
        }
        for column in [PROMPT, RESPONSE, CONTEXT, TEXT] {
            if self.blanks[column] && self.cell(row, column).starts_with([' ', '\t']) {
                let found = "a blank ahead of the text, as ahead of the column's name";
                let expected =
                    "cells parted by the comma alone: a blank behind it belongs to the text";
                return Err(not_allowed(COLUMNS[column], found, expected));
            }
        }
        let context = self.cell(row, CONTEXT);
        Ok(Example {
            id: id.to_owned(),
            prompt: self.cell(row, PROMPT).to_owned(),
            context: (!context.is_empty()).then(|| context.to_owned()),
            response: self.cell(row, RESPONSE).to_owned(),
            meta: self.others(row),
            ..Example::default()
        })
    }

    fn same_texts(&self, row: &Row, example: &Example) -> Checked<()> {
        let context = example.context.as_deref().unwrap_or_default();
        for (column, text) in [
            (PROMPT, &*example.prompt),
            (RESPONSE, &*example.response),
            (CONTEXT, context),
        ] {
            if self.cell(row, column) != text {
                let expected = "the text of the earlier rows of this id";
                return Err(not_allowed(COLUMNS[column], "another text", expected));
            }
        }
        Ok(())
    }

    fn span_row(
        &self,
        row: &Row,
        options: &ImportOptions,
        numbers: &mut Numbers,
    ) -> Checked<SpanRow> {
        let position = |column: usize| {
            let cell = self.cell(row, column).trim();
            cell.parse().map_err(|_| {
                let expected = "a whole number of characters, 0 or more";
                not_allowed(COLUMNS[column], format!("{cell:?}"), expected)
            })
        };
        let span = CharSpan {
            start: position(START)?,
            end: position(END)?,
        };
        let span = match options.offsets {
            Offsets::Chars => span,
            unit => {
                let response = self.cell(row, RESPONSE);
                unit.to_chars(response, &CharOffsets::new(response), span, "start")?
            }
        };
        let named = self.cell(row, ASPECT).trim();
        let aspect = if named.is_empty() {
            DEFAULT_ASPECT
        } else {
            named
        };
        let rating = match self.cell(row, RATING).trim() {
            "" => None,
            cell => Some(rating(cell, row.line, options, numbers)?),
        };
        let weight = match self.cell(row, WEIGHT).trim() {
            "" => None,
            cell => {
                let expected = "a finite number, 0 or more, or nothing";
                let weight = numbers.read(cell, row.line, "weight", expected)?;
                Some(
                    weight
                        .filter(|weight| *weight >= 0.0)
                        .ok_or_else(|| not_allowed("weight", format!("{cell:?}"), expected))?,
                )
            }
        };
        let text = self.columns[TEXT].map(|column| row.cells[column].clone());
        Ok(SpanRow {
            line: row.line,
            span,
            aspect: aspect.to_owned(),
            names_aspect: !named.is_empty(),
            rating,
            weight,
            text: text.filter(|text| !text.is_empty()),
            others: self.others(row),
        })
    }
}

fn rating(cell: &str, line: usize, options: &ImportOptions, numbers: &mut Numbers) -> Checked<f64> {
    let expected = "a finite number, or nothing for an unrated span";
    let number = numbers.read(cell, line, "rating", expected)?;
    let field = || "rating".to_owned();
    match (number, &options.rating_map) {
        (Some(number), None) => Ok(number),
        (Some(number), Some(_)) => options.rate(number, number, field),
        (None, Some(_)) => options.rate(cell, f64::NAN, field),
        (None, None) => Err(not_allowed("rating", format!("{cell:?}"), expected)),
    }
}

fn torn(location: Location, error: RecordError) -> DataError {
    DataError::Torn {
        location,
        error: Box::new(error),
    }
}
