//! The short form: `huber:0.1`.

use serde_json::{Map, Value};

use crate::PartInfo;

/// How a part is written as text: `mse`, `huber:DELTA`.
pub fn usage(part: &PartInfo) -> String {
    match part.short {
        Some(setting) => format!("{}:{}", part.kind, setting.to_uppercase()),
        None => part.kind.to_owned(),
    }
}

/// The setting after the colon of a text; `None` where the part has no such setting.
pub fn written(part: &PartInfo, setting: Option<&str>) -> Option<Map<String, Value>> {
    let mut settings = Map::new();
    match (setting, part.short) {
        (None, _) => {}
        (Some(setting), Some(key)) => {
            let value = serde_json::from_str(setting);
            settings.insert(key.into(), value.unwrap_or_else(|_| setting.into()));
        }
        (Some(_), None) => return None,
    }
    Some(settings)
}

/// The shortest form that is read back as this part: a text, or a table with a `kind`.
pub fn write(part: &PartInfo, settings: Map<String, Value>) -> Value {
    let mut entries = settings.iter();
    match (entries.next(), entries.next()) {
        (None, _) => part.kind.into(),
        (Some((key, value)), None) if part.short == Some(key) => {
            format!("{}:{}", part.kind, plain(value)).into()
        }
        _ => {
            let mut table = Map::new();
            table.insert("kind".into(), part.kind.into());
            table.extend(settings);
            Value::Object(table)
        }
    }
}

/// A value as text: a number as Rust writes it, a text without quotes.
pub fn plain(value: &Value) -> String {
    match (value.as_f64(), value.as_str()) {
        (Some(number), _) => number.to_string(),
        (_, Some(text)) => text.to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_short_form_holds_one_setting_and_a_table_any() {
        let huber = PartInfo::new("huber", "").with_short(Some("delta"));
        let settings = |value: Value| value.as_object().unwrap().clone();
        let delta = written(&huber, Some("0.1")).unwrap();
        assert_eq!(delta, settings(json!({"delta": 0.1})));
        assert_eq!(write(&huber, delta), json!("huber:0.1"));
        assert_eq!(usage(&huber), "huber:DELTA");
        assert_eq!(write(&huber, Map::new()), json!("huber"));
        let both = settings(json!({"delta": 1, "more": "x"}));
        let table = json!({"kind": "huber", "delta": 1, "more": "x"});
        assert_eq!(write(&huber, both), table);
        let mean = PartInfo::new("mean", "");
        assert_eq!(written(&mean, Some("0.1")), None);
        assert_eq!(usage(&mean), "mean");
    }
}
