//! Settings of a run as a table of TOML: merging, paths such as `training.learning_rate`, and short texts.

use toml::{Table, Value};

/// Lays `over` on `under`: tables are merged, everything else is replaced.
pub(super) fn merge(under: &mut Table, over: &Table) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The value at a path.
pub(super) fn get<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let (head, rest) = path
        .split_once('.')
        .map_or((path, None), |(h, r)| (h, Some(r)));
    match (table.get(head)?, rest) {
        (value, None) => Some(value),
        (Value::Table(inner), Some(rest)) => get(inner, rest),
        _ => None,
    }
}

/// A table with this value at the path, and nothing else.
pub(super) fn at(path: &str, value: Value) -> Table {
    let (head, rest) = path
        .split_once('.')
        .map_or((path, None), |(h, r)| (h, Some(r)));
    let value = match rest {
        Some(rest) => Value::Table(at(rest, value)),
        None => value,
    };
    Table::from_iter([(head.to_owned(), value)])
}

/// Removes what lies at the path; whether there was something.
pub(super) fn remove(table: &mut Table, path: &str) -> bool {
    match path.split_once('.') {
        None => table.remove(path).is_some(),
        Some((head, rest)) => match table.get_mut(head) {
            Some(Value::Table(inner)) => remove(inner, rest),
            _ => false,
        },
    }
}

/// Paths and values below a table, down to what is no table.
pub(super) fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                let inside = leaves(inner).into_iter();
                found.extend(inside.map(|(path, value)| (format!("{key}.{path}"), value)));
            }
            value => found.push((key.clone(), value.clone())),
        }
    }
    found
}

/// A value as a label: a text without its quotes, a small or large number in powers of ten.
pub(super) fn label(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(number) if *number != 0.0 && !(1e-3..1e6).contains(&number.abs()) => {
            format!("{number:e}")
        }
        Value::Float(number) => number.to_string(),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(label).collect();
            values.join("+")
        }
        Value::Table(table) => {
            let parts = leaves(table).into_iter();
            let parts: Vec<String> = parts
                .map(|(path, value)| format!("{path} {}", label(&value)))
                .collect();
            parts.join(" ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn a_setting_replaces_only_what_it_names() {
        let mut run = table("encoder = 'a'\n[training]\nepochs = 1\nseed = 2");
        merge(&mut run, &table("training.epochs = 5"));
        assert_eq!(
            run,
            table("encoder = 'a'\n[training]\nepochs = 5\nseed = 2")
        );
        assert!(remove(&mut run, "training.seed") && !remove(&mut run, "training.seed.x"));
        assert_eq!(get(&run, "training.epochs"), Some(&Value::Integer(5)));
        assert_eq!(get(&run, "training.seed"), None);
        assert_eq!(at("a.b", 1.into()), table("a.b = 1"));
    }

    #[test]
    fn labels_are_short() {
        for (text, expected) in [
            ("2e-5", "2e-5"),
            ("0.1", "0.1"),
            ("'mean'", "mean"),
            ("{ rank = 8, alpha = 16.0 }", "alpha 16 rank 8"),
            ("['a', 'b']", "a+b"),
            ("true", "true"),
        ] {
            let value = table(&format!("x = {text}"));
            assert_eq!(label(&value["x"]), expected);
        }
    }
}
