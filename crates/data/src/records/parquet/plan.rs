//! Which columns the records of a file need.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::cells::{Cell, Field};
use super::native::{EXTRA, Note, NullKey, NullKeys, RATERS};
use super::rating_plan::RatingPlan;

/// Keys of the author that get a column each.
const MAX_OTHERS: usize = 64;

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Plan {
    record: ObjectPlan,
    segment: ObjectPlan,
}

impl Plan {
    pub(super) fn new() -> Self {
        let text = || Cell::Text;
        Self {
            record: ObjectPlan::new(&[
                ("id", text),
                ("prompt", text),
                ("context", text),
                ("response", text),
                // Its columns are those of the other plan.
                ("segments", text),
                ("meta", || Cell::Json),
            ]),
            segment: ObjectPlan::new(&[
                ("start", || Cell::Whole),
                ("end", || Cell::Whole),
                ("weight", || Cell::Number),
            ]),
        }
    }

    /// Looks at one more record.
    pub(super) fn add(&mut self, record: &Map<String, Value>) {
        self.record.add(record);
        if let Some(Value::Array(segments)) = record.get("segments") {
            for segment in segments.iter().filter_map(Value::as_object) {
                self.segment.add(segment);
            }
        }
    }

    /// The columns.
    pub(super) fn fields(&self) -> Vec<Field> {
        if self.record.objects == 0 {
            // A file without a column is none that other programs read.
            return ["id", "prompt", "response"]
                .map(|name| Field::needed(name, Cell::Text))
                .into();
        }
        let mut fields = self.record.fields();
        for field in &mut fields {
            if field.name == "segments" {
                let mut columns = self.segment.fields();
                if columns.is_empty() {
                    // No record has a segment.
                    columns = ["start", "end"]
                        .map(|name| Field::needed(name, Cell::Whole))
                        .into();
                }
                let element = Field::needed("element", Cell::Group(columns));
                field.cell = Cell::List(Box::new(element));
            }
        }
        fields
    }

    pub(super) fn note(&self) -> Note {
        Note {
            record: self.record.null_keys(),
            segment: self.segment.null_keys(),
        }
    }

    /// The values of the columns.
    pub(super) fn shape(&self, record: &Map<String, Value>) -> Map<String, Value> {
        let mut shaped = self.record.shape(record);
        if let Some(Value::Array(segments)) = shaped.get_mut("segments") {
            for segment in segments {
                if let Value::Object(object) = segment {
                    *segment = Value::Object(self.segment.shape(object));
                }
            }
        }
        shaped
    }
}

/// A key with a meaning, and how it is written.
type FixedKey = (&'static str, fn() -> Cell);

/// The columns of records, or those of segments.
#[derive(Debug)]
struct ObjectPlan {
    /// Keys with a meaning, and how they are written.
    fixed: Vec<FixedKey>,
    objects: usize,
    /// How many objects have a value under each of them.
    present: BTreeMap<&'static str, usize>,
    rating: RatingPlan,
    /// Keys of the author in the order in which they were seen.
    others: Vec<Other>,
    /// Whether a key of the author has no column.
    has_extra: bool,
}

/// A key of the author.
#[derive(Debug)]
struct Other {
    key: String,
    /// `None` as long as only `null` was seen.
    content: Option<Content>,
    objects: usize,
    nulls: usize,
}

/// What stands under a key of the author.
#[derive(Debug, Clone, PartialEq)]
enum Content {
    Text,
    Truth,
    Whole,
    Number,
    /// An object that always has these keys, with a number or `null` under each.
    Numbers(Vec<String>),
    /// Anything else, which has no column.
    Mixed,
}

impl ObjectPlan {
    fn new(fixed: &[FixedKey]) -> Self {
        Self {
            fixed: fixed.to_vec(),
            objects: 0,
            present: BTreeMap::new(),
            rating: RatingPlan::default(),
            others: Vec::new(),
            has_extra: false,
        }
    }

    fn add(&mut self, object: &Map<String, Value>) {
        self.objects += 1;
        for (key, value) in object {
            if let Some((key, _)) = self.fixed.iter().find(|(fixed, _)| fixed == key) {
                *self.present.entry(key).or_default() += usize::from(!value.is_null());
            } else if key == "rating" {
                self.rating.add(value);
            } else {
                self.add_other(key, value);
            }
        }
    }

    fn add_other(&mut self, key: &str, value: &Value) {
        let place = self.others.iter().position(|other| other.key == key);
        let place = match place {
            Some(place) => place,
            None if self.others.len() == MAX_OTHERS => {
                self.has_extra = true;
                return;
            }
            None => {
                self.others.push(Other::new(key));
                self.others.len() - 1
            }
        };
        self.others[place].add(value);
    }

    /// Keys of the author that have a column.
    fn columns(&self) -> impl Iterator<Item = (&Other, Cell)> {
        let columns = self.others.iter();
        columns.filter_map(|other| Some((other, other.cell(self.objects)?)))
    }

    fn has_column(&self, key: &str) -> bool {
        self.columns().any(|(other, _)| other.key == key)
    }

    fn fields(&self) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut rating = Some(self.rating.fields());
        for (key, cell) in &self.fixed {
            // Ratings stand ahead of the segments, and behind the span of a segment.
            if ["segments", "weight"].contains(key) {
                fields.extend(rating.take().unwrap_or_default());
            }
            let present = self.present.get(key).copied().unwrap_or(0);
            if present > 0 {
                let optional = present < self.objects;
                fields.push(Field::new(key, cell(), optional));
            }
        }
        for (other, cell) in self.columns() {
            fields.push(Field::optional(&other.key, cell));
        }
        if self.has_extra || self.columns().count() < self.others.len() {
            fields.push(Field::optional(EXTRA, Cell::Json));
        }
        fields
    }

    fn null_keys(&self) -> NullKeys {
        let keys = self.columns().filter_map(|(other, _)| {
            let keys = match &other.content {
                Some(Content::Numbers(keys)) => keys.clone(),
                _ => Vec::new(),
            };
            let null = other.nulls > 0;
            (null || !keys.is_empty()).then(|| (other.key.clone(), NullKey { null, keys }))
        });
        keys.collect()
    }

    fn shape(&self, object: &Map<String, Value>) -> Map<String, Value> {
        let mut shaped = Map::new();
        let mut extra = Map::new();
        for (key, value) in object {
            if key == "rating" {
                self.rating.shape(value, &mut shaped);
            } else if self.fixed.iter().any(|(fixed, _)| fixed == key) || self.has_column(key) {
                shaped.insert(key.clone(), value.clone());
            } else {
                extra.insert(key.clone(), value.clone());
            }
        }
        if !extra.is_empty() {
            shaped.insert(EXTRA.into(), Value::Object(extra));
        }
        shaped
    }
}

impl Other {
    fn new(key: &str) -> Self {
        // These names have a meaning of their own as columns.
        let is_taken = [EXTRA, RATERS].contains(&key);
        Self {
            key: key.to_owned(),
            content: is_taken.then_some(Content::Mixed),
            objects: 0,
            nulls: 0,
        }
    }

    fn add(&mut self, value: &Value) {
        self.objects += 1;
        if value.is_null() {
            self.nulls += 1;
            return;
        }
        let content = Content::of(value);
        match &self.content {
            None => self.content = Some(content),
            Some(known) if *known != content => self.content = Some(Content::Mixed),
            Some(_) => {}
        }
    }

    /// The column of the key, of an object of which there are so many; `None` if it has none.
    fn cell(&self, objects: usize) -> Option<Cell> {
        // A null of a column stands for one of the two.
        if self.nulls > 0 && self.objects < objects {
            return None;
        }
        Some(match self.content.as_ref()? {
            Content::Text => Cell::Text,
            Content::Truth => Cell::Truth,
            Content::Whole => Cell::Whole,
            Content::Number => Cell::Number,
            Content::Numbers(keys) => {
                let fields = keys.iter().map(|key| Field::optional(key, Cell::Number));
                Cell::Group(fields.collect())
            }
            Content::Mixed => return None,
        })
    }
}

impl Content {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(_) => Self::Text,
            Value::Bool(_) => Self::Truth,
            Value::Number(number) if number.is_i64() => Self::Whole,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Object(members) if !members.is_empty() && members.len() <= MAX_OTHERS => {
                let is_number = |value: &Value| value.is_null() || value.is_f64();
                if !members.values().all(is_number) {
                    return Self::Mixed;
                }
                let mut keys: Vec<String> = members.keys().cloned().collect();
                keys.sort();
                Self::Numbers(keys)
            }
            _ => Self::Mixed,
        }
    }
}
