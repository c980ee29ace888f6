use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::field::Checked;
use crate::{DataError, RecordError, RecordProblem, Result};

/// Which keys of a file stand for which keys of a record.
///
/// As text ([`FromStr`], [`Display`](fmt::Display)): `prompt=question,response=answer,-image` reads
/// `question` as `prompt`, `answer` as `response`, and leaves `image` out. Other keys stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnMap {
    /// Key of the record and key of the file.
    renamed: Vec<(String, String)>,
    left_out: Vec<String>,
}

impl ColumnMap {
    /// The keys of the file that it names.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let renamed = self.renamed.iter().map(|(_, column)| column);
        renamed.chain(&self.left_out).map(String::as_str)
    }

    /// The record under its own keys. With `all_there`, a key that the map reads has to be there, even
    /// if only as `null`.
    pub(crate) fn apply(
        &self,
        mut record: Map<String, Value>,
        all_there: bool,
    ) -> Checked<Map<String, Value>> {
        for column in &self.left_out {
            record.shift_remove(column);
        }
        let mut taken = Vec::new();
        for (key, column) in &self.renamed {
            match record.shift_remove(column) {
                Some(value) => taken.push((key, value)),
                None if all_there => {
                    let expected = "a value or null, as the column map reads it";
                    return Err(RecordError::new(
                        column,
                        RecordProblem::Missing { expected },
                    ));
                }
                None => {}
            }
        }
        for (key, value) in taken {
            if record.contains_key(key) {
                let problem = RecordProblem::NotAllowed {
                    found: "a value beside the one that the column map reads for it".into(),
                    expected: format!("one of the two: leave the other out with `-{key}`").into(),
                };
                return Err(RecordError::new(key, problem));
            }
            record.insert(key.clone(), value);
        }
        Ok(record)
    }
}

impl fmt::Display for ColumnMap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renamed = self
            .renamed
            .iter()
            .map(|(key, column)| format!("{key}={column}"));
        let left_out = self.left_out.iter().map(|column| format!("-{column}"));
        let entries: Vec<String> = renamed.chain(left_out).collect();
        formatter.write_str(&entries.join(","))
    }
}

impl FromStr for ColumnMap {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let mut map = Self::default();
        for entry in text.split(',') {
            let wrong = |expected| {
                let entry = entry.to_owned();
                Err(DataError::InvalidColumnMap { entry, expected })
            };
            let entry = entry.trim();
            match (entry.strip_prefix('-'), entry.split_once('=')) {
                (Some(column), _) if !column.is_empty() => map.left_out.push(column.to_owned()),
                (None, Some((key, column))) if !key.is_empty() && !column.is_empty() => {
                    if map.renamed.iter().any(|(known, _)| known == key) {
                        return wrong("each key once");
                    }
                    map.renamed.push((key.to_owned(), column.to_owned()));
                }
                _ => return wrong("KEY=COLUMN, or -COLUMN to leave one out"),
            }
        }
        let mut columns: Vec<&str> = map.columns().collect();
        columns.sort_unstable();
        if let Some(pair) = columns.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(DataError::InvalidColumnMap {
                entry: pair[0].to_owned(),
                expected: "each column once",
            });
        }
        Ok(map)
    }
}

impl TryFrom<String> for ColumnMap {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ColumnMap> for String {
    fn from(map: ColumnMap) -> Self {
        map.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn apply(map: &str, record: Value, all_there: bool) -> std::result::Result<Value, String> {
        let Value::Object(record) = record else {
            panic!("{record}")
        };
        let map: ColumnMap = map.parse().unwrap();
        let applied = map.apply(record, all_there);
        applied
            .map(Value::Object)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn keys_are_renamed_exchanged_and_left_out() {
        let record = json!({"question": "q", "response": "r", "prompt": "p", "image": "i", "n": 1});
        let mapped = apply("prompt=question,other=prompt,-image", record.clone(), true);
        assert_eq!(
            mapped.unwrap(),
            json!({"response": "r", "n": 1, "prompt": "q", "other": "p"})
        );
        let clash = apply("prompt=question", record, true).unwrap_err();
        assert!(
            clash.contains("field `prompt`") && clash.contains("-prompt"),
            "{clash}"
        );
    }

    #[test]
    fn a_key_that_is_not_there_is_an_error_where_it_has_to_be() {
        let missing = apply("prompt=question", json!({"response": "r"}), true).unwrap_err();
        assert!(
            missing.starts_with("field `question`: missing"),
            "{missing}"
        );
        assert_eq!(apply("prompt=question", json!({}), false), Ok(json!({})));
        assert_eq!(
            apply("a=b", json!({"b": null}), true),
            Ok(json!({"a": null}))
        );
    }

    #[test]
    fn maps_read_what_they_write() {
        let text = "prompt=question,response=answer,-image";
        assert_eq!(text.parse::<ColumnMap>().unwrap().to_string(), text);
        for text in [
            "", "a", "=b", "a=", "-", "a=b,a=c", "a=c,b=c", "a=c,-c", "a=b,",
        ] {
            let error = text.parse::<ColumnMap>().unwrap_err();
            assert!(error.to_string().starts_with("columns: found "), "{error}");
        }
    }
}
