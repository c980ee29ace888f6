use serde_json::{Map, Value};

use crate::Example;
use crate::import::fields::Record;
use crate::import::options::ImportOptions;
use crate::import::rating_map::Label;
use crate::records::field::{Checked, list, missing};
use crate::records::read_record;

/// Stepwise supervision is shape 4 of the native records; what is added is the rating map.
pub(in crate::import) fn parse(record: Record, options: &ImportOptions) -> Checked<Example> {
    let number = record.number;
    let mut fields: Map<String, Value> = record.rest()?;
    for key in ["completions", "labels"] {
        if fields.get(key).is_none_or(Value::is_null) {
            return Err(missing(key, "a list, one entry for each step"));
        }
    }
    if options.rating_map.is_some()
        && let Some(labels) = fields.get_mut("labels")
    {
        let mut mapped = list(labels.take(), "labels")?;
        for (k, value) in mapped.iter_mut().enumerate() {
            let label = match value {
                Value::Bool(label) => Label::from(*label),
                Value::Number(label) => Label::from(label.as_f64().unwrap_or(f64::NAN)),
                // Left for the reader, which knows `null` and refuses the rest.
                _ => continue,
            };
            *value = options
                .rate(label, f64::NAN, || format!("labels[{k}]"))?
                .into();
        }
        *labels = mapped.into();
    }
    read_record(fields, number)
}
