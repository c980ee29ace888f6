//! Rows of the usual shape, read straight from their columns.
//!
//! A row is what a parser reads of a line, so that [`read_plain_from`] takes both. It builds no value of JSON but of
//! keys that are kept. Whatever is unusual, be it wrong or only in another shape, is left to [`RowBatch::take`], so that
//! there is one place that refuses.

use std::fmt;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::column_rows::{ColumnRows, Scalar};
use super::native::{EXTRA, RATERS};
use super::row_batch::{Cells, RowBatch, skip};
use super::schema::{Kind, Node};
use crate::Example;
use crate::records::plain::read_plain_from;

impl RowBatch {
    /// The example of the row at hand; `None` where it is left to [`take`](Self::take). Without `keep_meta` its `meta`
    /// is checked and left empty.
    pub(crate) fn read_straight(&self, number: usize, keep_meta: bool) -> Option<Example> {
        let shape = &self.shape;
        if !shape.is_straight {
            return None;
        }
        let row = Row {
            nodes: &shape.nodes,
            cells: &self.cells(),
            is_own: shape.note.is_some(),
            is_record: true,
        };
        let example = read_plain_from(row, number, keep_meta);
        if example.is_some() && self.columns.iter().all(ColumnRows::is_at_end) {
            return example;
        }
        self.columns.iter().for_each(ColumnRows::rewind);
        None
    }
}

/// Ends reading; it reaches nobody.
#[derive(Debug)]
struct Unusual;

impl fmt::Display for Unusual {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("unusual")
    }
}

impl std::error::Error for Unusual {}

impl serde::de::Error for Unusual {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A record, or an object in it.
struct Row<'de, 'c> {
    nodes: &'de [Node],
    cells: &'c Cells<'de>,
    /// Whether Gradus wrote the file, in which some columns have a meaning of their own.
    is_own: bool,
    is_record: bool,
}

impl<'de> Deserializer<'de> for Row<'de, '_> {
    type Error = Unusual;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unusual> {
        visitor.visit_map(Fields {
            nodes: self.nodes.iter(),
            cells: self.cells,
            is_own: self.is_own,
            is_record: self.is_record,
            current: None,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The fields of an object that are there.
struct Fields<'de, 'c> {
    nodes: std::slice::Iter<'de, Node>,
    cells: &'c Cells<'de>,
    is_own: bool,
    is_record: bool,
    /// The field whose key was read.
    current: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Fields<'de, '_> {
    type Error = Unusual;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unusual> {
        for node in self.nodes.by_ref() {
            self.cells.count(node.name.len()).ok_or(Unusual)?;
            if is_null(node, self.cells)? {
                continue;
            }
            if self.is_own && [EXTRA, RATERS].contains(&node.name.as_str()) {
                return Err(Unusual);
            }
            self.current = Some(node);
            return seed
                .deserialize(BorrowedStrDeserializer::new(&node.name))
                .map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Unusual> {
        let node = self.current.take().ok_or(Unusual)?;
        seed.deserialize(Field {
            node,
            cells: self.cells,
            is_own: self.is_own,
            is_meta: self.is_record && node.name == "meta",
        })
    }
}

/// Whether a field is not there, which is then passed over. It takes a comma at least.
#[inline]
fn is_null(node: &Node, cells: &Cells<'_>) -> Result<bool, Unusual> {
    cells.count(1).ok_or(Unusual)?;
    let definition = cells.columns[node.first].next_definition();
    let definition = definition.ok_or(Unusual)?;
    if node.optional.is_none_or(|level| definition >= level) {
        return Ok(false);
    }
    skip(node, cells).map_err(|_| Unusual)?;
    Ok(true)
}

/// A value that is there.
struct Field<'de, 'c> {
    node: &'de Node,
    cells: &'c Cells<'de>,
    is_own: bool,
    /// Whether a text is the JSON of `meta`.
    is_meta: bool,
}

impl<'de> Field<'de, '_> {
    fn visit_scalar<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unusual> {
        let column = &self.cells.columns[self.node.first];
        if column.next_definition() != Some(column.max_definition()) {
            return Err(Unusual);
        }
        self.cells.count(column.size()).ok_or(Unusual)?;
        match column.take_scalar().ok_or(Unusual)? {
            Scalar::Bool(value) => visitor.visit_bool(value),
            Scalar::Whole(value) => match u64::try_from(value) {
                Ok(value) => visitor.visit_u64(value),
                Err(_) => visitor.visit_i64(value),
            },
            Scalar::Number(value) if value.is_finite() => visitor.visit_f64(value),
            Scalar::Number(_) => Err(Unusual),
            Scalar::Text(text) if !self.is_meta => visitor.visit_borrowed_str(text),
            Scalar::Text(text) | Scalar::Json(text) => visit_json(text, visitor),
        }
    }
}

/// The value that a text of JSON is.
fn visit_json<'de, V: Visitor<'de>>(text: &'de str, visitor: V) -> Result<V::Value, Unusual> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = parser.deserialize_any(visitor).map_err(|_| Unusual)?;
    parser.end().map_err(|_| Unusual)?;
    Ok(value)
}

impl<'de> Deserializer<'de> for Field<'de, '_> {
    type Error = Unusual;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unusual> {
        match &self.node.kind {
            Kind::Leaf => self.visit_scalar(visitor),
            Kind::Group(nodes) => Row {
                nodes,
                cells: self.cells,
                is_own: self.is_own,
                is_record: false,
            }
            .deserialize_any(visitor),
            Kind::List {
                repetition,
                definition,
                element,
            } => {
                let column = &self.cells.columns[self.node.first];
                let is_empty = column.next_definition().ok_or(Unusual)? < *definition;
                if is_empty {
                    skip(self.node, self.cells).map_err(|_| Unusual)?;
                }
                visitor.visit_seq(Elements {
                    element,
                    cells: self.cells,
                    repetition: *repetition,
                    is_own: self.is_own,
                    is_at_end: is_empty,
                })
            }
            Kind::Map { .. } => Err(Unusual),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unusual> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The elements of a list that are left.
struct Elements<'de, 'c> {
    element: &'de Node,
    cells: &'c Cells<'de>,
    repetition: i16,
    is_own: bool,
    is_at_end: bool,
}

impl<'de> SeqAccess<'de> for Elements<'de, '_> {
    type Error = Unusual;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Unusual> {
        if self.is_at_end {
            return Ok(None);
        }
        // Where an element may be missing, the list is of another shape.
        if is_null(self.element, self.cells)? {
            return Err(Unusual);
        }
        let value = seed.deserialize(Field {
            node: self.element,
            cells: self.cells,
            is_own: self.is_own,
            is_meta: false,
        })?;
        self.is_at_end = self.cells.columns[self.element.first].repetition() != self.repetition;
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::Rows;
    use crate::{Example, ExampleWriter, Location, parse_example};

    /// Which rows of these records are read straight; whatever is left has to be read the other way.
    fn straight(records: &[&str]) -> Vec<bool> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.parquet");
        let place = Location::new("a", 1);
        let examples: Vec<Example> = records
            .iter()
            .map(|record| parse_example(record, &place).unwrap())
            .collect();
        let mut writer = ExampleWriter::create(&path).unwrap();
        for example in &examples {
            writer.write(example).unwrap();
        }
        writer.commit().unwrap();
        let file = fs_err::File::open(&path).unwrap().into_parts().0;
        let mut rows = Rows::open(&path, file, 1 << 20).unwrap();
        let mut rows = rows.next_batch(&path).unwrap().unwrap();
        let read = examples.iter().map(|example| {
            rows.advance(&path).unwrap();
            let read = rows.read_straight(1, true);
            if let Some(read) = &read {
                assert_eq!(read, example);
                let without = rows
                    .columns
                    .iter()
                    .all(super::super::column_rows::ColumnRows::is_at_end);
                assert!(without, "the row is passed over");
            } else {
                let record = rows.take(&path).unwrap().unwrap();
                assert_eq!(
                    crate::records::record::read_record(record, 1).unwrap(),
                    *example
                );
            }
            read.is_some()
        });
        read.collect()
    }

    #[test]
    fn usual_rows_are_read_straight_and_others_are_left() {
        let usual = [
            r#"{"id":"a","prompt":"p","response":"one two","segments":[{"start":0,"end":3,"rating":0.5},{"start":4,"end":7,"rating":null,"weight":2}],"meta":{"k":[1,null,{"a":"é"}]},"lang":"en"}"#,
            r#"{"id":"b","prompt":"q","context":"c","response":"","segments":[],"year":2024}"#,
            r#"{"id":"c","prompt":"q","response":"r","rating":{"x":1.5}}"#,
        ];
        assert_eq!(straight(&usual), [true; 3]);
        let others = [
            r#"{"id":"d","prompt":"q","response":"r","rating":[0.5,1]}"#,
            r#"{"id":"e","prompt":"q","response":"r","mixed":1}"#,
            r#"{"id":"f","prompt":"q","response":"r","mixed":"x"}"#,
            r#"{"id":"g","prompt":"q","response":"r"}"#,
        ];
        assert_eq!(straight(&others), [false, false, false, true]);
        // A key that is `null` is put back into objects only.
        assert_eq!(
            straight(&[
                r#"{"id":"h","prompt":"q","response":"r","x":1}"#,
                r#"{"id":"i","prompt":"q","response":"r","x":null}"#
            ]),
            [false; 2]
        );
    }
}
