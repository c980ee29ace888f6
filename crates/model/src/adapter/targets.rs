//! The matrices that an adapter changes, according to `adapter_config.json`.

use regex::Regex;
use serde_json::Value;

use crate::encoder::PublishedConfig;
use crate::error::ConfigProblem;

/// Selects the matrices to change. peft ignores other matrices in the file; here they are refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Targets {
    /// `None` for all linear layers.
    modules: Option<Modules>,
    excluded: Option<Modules>,
    /// Layer numbers; `None` for all.
    layers: Option<Vec<usize>>,
    /// Names before the layer number; empty for any.
    layer_names: Vec<String>,
}

/// Selection of modules by a key.
#[derive(Debug, Clone)]
enum Modules {
    /// Modules with one of these names, or whose names end with a dot and one of them.
    Ends(Vec<String>),
    /// Modules whose whole names match.
    Pattern(Regex),
}

impl Modules {
    fn contain(&self, module: &str) -> bool {
        let ends = |name: &String| {
            let before = module.strip_suffix(name.as_str());
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        };
        match self {
            Self::Ends(names) => names.iter().any(ends),
            Self::Pattern(pattern) => pattern.is_match(module),
        }
    }

    /// Whether a module is listed by its whole name; it is then changed in any layer.
    fn name_whole(&self, module: &str) -> bool {
        matches!(self, Self::Ends(names) if names.iter().any(|name| name == module))
    }
}

impl Targets {
    pub(super) const KEYS: [&str; 4] = [
        "target_modules",
        "exclude_modules",
        "layers_to_transform",
        "layers_pattern",
    ];

    pub(super) fn read(config: &PublishedConfig) -> Result<Self, ConfigProblem> {
        let [modules, excluded, layers, layer_names] = Self::KEYS;
        let modules = match config.value(modules) {
            Some(Value::String(all)) if all == "all-linear" => None,
            _ => self::modules(config, modules)?,
        };
        Ok(Self {
            modules,
            excluded: self::modules(config, excluded)?,
            layers: match config.value(layers) {
                Some(Value::Number(one)) => Some(vec![number(layers, one.as_u64())?]),
                Some(Value::Array(some)) if !some.is_empty() => {
                    let some = some.iter().map(|one| number(layers, one.as_u64()));
                    Some(some.collect::<Result<_, _>>()?)
                }
                Some(Value::Array(_) | Value::Null) | None => None,
                Some(_) => return Err(numbers_expected(layers, config)),
            },
            layer_names: match config.value(layer_names) {
                Some(Value::String(one)) if is_plain(one) => vec![one.clone()],
                _ => names(config, layer_names)?.unwrap_or_default(),
            },
        })
    }

    /// The key that excludes a matrix.
    pub(super) fn refusing(&self, module: &str) -> Option<&'static str> {
        let [modules, excluded, layers, _] = Self::KEYS;
        let contain = |modules: &Modules| modules.contain(module);
        if self.excluded.as_ref().is_some_and(contain) {
            return Some(excluded);
        }
        let listed = self.modules.as_ref();
        if listed.is_some_and(|listed| !listed.contain(module)) {
            return Some(modules);
        }
        let is_whole = listed.is_some_and(|listed| listed.name_whole(module));
        let wanted = self.layers.as_ref().filter(|_| !is_whole)?;
        let is_wanted = self
            .layer(module)
            .is_some_and(|layer| wanted.contains(&layer));
        (!is_wanted).then_some(layers)
    }

    /// The layer number of a module: the last number after one of the layer names.
    fn layer(&self, module: &str) -> Option<usize> {
        let parts: Vec<&str> = module.split('.').collect();
        let places = (2..parts.len().saturating_sub(1)).rev();
        let mut numbers = places.filter_map(|at| {
            let name = parts[at - 1];
            let counts = self.layer_names.is_empty() || self.layer_names.iter().any(|n| n == name);
            parts[at].parse().ok().filter(|_| counts)
        });
        numbers.next()
    }
}

fn number(key: &'static str, number: Option<u64>) -> Result<usize, ConfigProblem> {
    let number = number.and_then(|number| usize::try_from(number).ok());
    let expected = "numbers of layers, from 0";
    number.ok_or_else(|| ConfigProblem::new(key, "another value", expected))
}

fn numbers_expected(key: &'static str, config: &PublishedConfig) -> ConfigProblem {
    let found = config.value(key).unwrap_or(&Value::Null);
    ConfigProblem::new(key, found, "numbers of layers, from 0")
}

/// The modules that a key selects, by a list or a regular expression.
fn modules(config: &PublishedConfig, key: &'static str) -> Result<Option<Modules>, ConfigProblem> {
    let Some(Value::String(pattern)) = config.value(key) else {
        return Ok(names(config, key)?.map(Modules::Ends));
    };
    let anchored = Regex::new(&format!("^(?:{pattern})$"));
    let pattern = anchored.map_err(|_| {
        let expected =
            "names of modules, or a regular expression without look-around and back-references";
        ConfigProblem::new(key, format!("{pattern:?}"), expected)
    })?;
    Ok(Some(Modules::Pattern(pattern)))
}

/// A list of names.
fn names(
    config: &PublishedConfig,
    key: &'static str,
) -> Result<Option<Vec<String>>, ConfigProblem> {
    let expected = "a list of names; regular expressions are not supported";
    let found: Option<Vec<String>> = config.nullable(key, None, expected)?;
    let found = found.filter(|names| !names.is_empty());
    match found.iter().flatten().find(|name| !is_plain(name)) {
        Some(name) => Err(ConfigProblem::new(key, format!("{name:?}"), expected)),
        None => Ok(found),
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    !name.is_empty() && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusing(keys: Value, module: &str) -> Option<&'static str> {
        let Value::Object(keys) = keys else {
            unreachable!()
        };
        Targets::read(&PublishedConfig::new(keys))
            .unwrap()
            .refusing(module)
    }

    #[test]
    fn matrices_that_the_keys_leave_out_are_named() {
        let query = "model.layers.1.self_attn.q_proj";
        for (keys, key) in [
            (json!({}), None),
            (json!({"target_modules": "all-linear"}), None),
            (json!({"target_modules": ["k_proj", "q_proj"]}), None),
            (
                json!({"target_modules": ["k_proj"]}),
                Some("target_modules"),
            ),
            (json!({"target_modules": ["proj"]}), Some("target_modules")),
            // A regular expression matches the whole name.
            (json!({"target_modules": r".*\.(q|v)_proj"}), None),
            (
                json!({"target_modules": "q_proj|k_proj"}),
                Some("target_modules"),
            ),
            (
                json!({"target_modules": r".*\.layers\.0\..*"}),
                Some("target_modules"),
            ),
            (
                json!({"exclude_modules": ".*q_proj"}),
                Some("exclude_modules"),
            ),
            (
                json!({"exclude_modules": ["q_proj"]}),
                Some("exclude_modules"),
            ),
            (json!({"layers_to_transform": 1}), None),
            (
                json!({"layers_to_transform": [0, 1], "layers_pattern": "layers"}),
                None,
            ),
            (
                json!({"layers_to_transform": [], "layers_pattern": []}),
                None,
            ),
            (
                json!({"layers_to_transform": [0]}),
                Some("layers_to_transform"),
            ),
            (
                json!({"layers_to_transform": 1, "layers_pattern": ["h"]}),
                Some("layers_to_transform"),
            ),
            (
                json!({"layers_to_transform": [0], "target_modules": [query]}),
                None,
            ),
        ] {
            assert_eq!(refusing(keys.clone(), query), key, "{keys}");
        }
    }

    #[test]
    fn an_expression_that_cannot_be_evaluated_is_refused() {
        let Value::Object(keys) = json!({"target_modules": "(?!.*lm_head).*_proj"}) else {
            unreachable!()
        };
        let problem = Targets::read(&PublishedConfig::new(keys)).unwrap_err();
        assert!(problem.to_string().contains("look-around"), "{problem}");
    }
}
