//! The axes of a plan: what varies, and the settings of each choice.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::settings::{at, get, label, leaves, merge, remove};

/// Settings that say which data a run reads. Runs on different data are not compared with each other.
const DATA: [&str; 6] = [
    "train",
    "valid",
    "columns",
    "data",
    "text.aspects",
    "text.scale",
];

/// One dimension of the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its name, in tables and on the page.
    pub name: String,
    /// Its choices, of which a plan has at least one; the first is the reference unless the plan names another.
    pub choices: Vec<Choice>,
    /// Whether a choice decides which data is read or which aspects are learned.
    pub is_data: bool,
}

/// One choice of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its name.
    pub label: String,
    /// The settings it makes.
    pub set: Table,
    /// The settings of the base that it takes away.
    pub unset: Vec<String>,
}

impl Choice {
    /// Makes the settings of this choice in `run`. Returns the settings to take away that are not there.
    pub(super) fn apply(&self, run: &mut Table) -> Option<String> {
        let missing = self.unset.iter().find(|path| !remove(run, path)).cloned();
        merge(run, &self.set);
        missing
    }

    /// The settings that it makes or takes away.
    fn paths(&self) -> impl Iterator<Item = String> {
        let set = leaves(&self.set).into_iter().map(|(path, _)| path);
        set.chain(self.unset.iter().cloned())
    }
}

/// The axes of `[grid]`: every array below it holds the values of one setting.
pub(super) fn of_grid(grid: &Table) -> Result<Vec<Axis>, String> {
    let settings = leaves(grid);
    let short = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let mut axes = Vec::new();
    for (path, value) in &settings {
        let Value::Array(values) = value else {
            return Err(format!(
                "grid.{path}: found {value}, expected a list of values"
            ));
        };
        let same = settings
            .iter()
            .filter(|(other, _)| short(other) == short(path));
        let name = if same.count() > 1 {
            path.clone()
        } else {
            short(path)
        };
        let choices = values.iter().map(|value| Choice {
            label: label(value),
            set: at(path, value.clone()),
            unset: Vec::new(),
        });
        axes.push(Axis {
            name,
            is_data: is_data(path),
            choices: choices.collect(),
        });
    }
    Ok(axes)
}

/// The axes of `[[variation]]`: those with the same `axis` are the choices of one.
pub(super) fn of_variations(variations: Vec<Table>) -> Result<Vec<Axis>, String> {
    let mut axes: Vec<Axis> = Vec::new();
    for (index, mut variation) in variations.into_iter().enumerate() {
        let place = format!("variation {}", index + 1);
        let label = text(&mut variation, "name", &place)?
            .ok_or_else(|| format!("{place}: found no `name`, expected one"))?;
        let name = text(&mut variation, "axis", &place)?.unwrap_or_else(|| "variation".into());
        let unset = match variation.remove("unset") {
            None => Vec::new(),
            Some(Value::Array(paths)) => paths
                .iter()
                .map(|path| path.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| format!("{place}: `unset` is no list of names of settings"))?,
            Some(other) => {
                return Err(format!(
                    "{place}: `unset`: found {other}, expected a list of names of settings"
                ));
            }
        };
        let choice = Choice {
            label,
            set: variation,
            unset,
        };
        match axes.iter_mut().find(|axis| axis.name == name) {
            Some(axis) => axis.choices.push(choice),
            None => axes.push(Axis {
                name,
                choices: vec![choice],
                is_data: false,
            }),
        }
    }
    for axis in &mut axes {
        axis.is_data = axis
            .choices
            .iter()
            .flat_map(Choice::paths)
            .any(|path| is_data(&path));
    }
    Ok(axes)
}

fn text(variation: &mut Table, key: &str, place: &str) -> Result<Option<String>, String> {
    match variation.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
        Some(other) => Err(format!("{place}: `{key}`: found {other}, expected a text")),
    }
}

fn is_data(path: &str) -> bool {
    let mut names = DATA.iter();
    names.any(|name| {
        path == *name
            || path
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// Refuses axes without a choice, choices of the same name, and settings that two axes make.
pub(super) fn check(axes: &[Axis]) -> Result<(), String> {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for axis in axes {
        let name = &axis.name;
        if axis.choices.is_empty() {
            return Err(format!("{name}: found no value, expected at least one"));
        }
        for (index, choice) in axis.choices.iter().enumerate() {
            let mut before = axis.choices[..index].iter();
            if before.any(|other| other.label == choice.label) {
                return Err(format!("{name}: found `{}` twice", choice.label));
            }
        }
        let own: std::collections::BTreeSet<String> =
            axis.choices.iter().flat_map(Choice::paths).collect();
        for path in own {
            if let Some(unset) = axis.choices.iter().find_map(|choice| {
                let both = choice.unset.contains(&path) && get(&choice.set, &path).is_some();
                both.then_some(&choice.label)
            }) {
                return Err(format!("{name}, `{unset}`: `{path}` is both set and unset"));
            }
            let clash = owners.iter().find(|(known, _)| overlap(known, &path));
            if let Some((known, other)) = clash {
                return Err(format!(
                    "`{path}` is set by `{name}`, and `{known}` by `{other}`: found contradicting settings, expected each in one place"
                ));
            }
        }
        let own = axis.choices.iter().flat_map(Choice::paths);
        owners.extend(own.map(|path| (path, name.as_str())));
    }
    Ok(())
}

/// Whether two paths name the same setting, or one a part of the other.
fn overlap(one: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    within(one, other) || within(other, one)
}
