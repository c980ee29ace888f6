//! Rotary positions in published configurations.

use serde_json::{Value, json};

use super::{Rotary, RotaryScaling};
use crate::encoder::checks;
use crate::encoder::config_keys::ConfigNote;
use crate::encoder::hugging_face::{PublishedConfig, same};
use crate::error::ConfigProblem;

const SCALINGS: &str = "\"default\", \"linear\", \"llama3\" or \"yarn\"";

/// `config.json` keys with the parameters. transformers uses the first that is not empty.
const OBJECTS: [&str; 2] = ["rope_scaling", "rope_parameters"];

/// Parameters of every scaling type.
const SHARED: [&str; 4] = ["rope_type", "type", "rope_theta", PARTIAL];

const PARTIAL: &str = "partial_rotary_factor";
const ORIGINAL: &str = "original_max_position_embeddings";

/// Additional parameters of a scaling type.
fn own_keys(name: &str) -> &'static [&'static str] {
    match name {
        "linear" => &["factor"],
        "llama3" => &["factor", "low_freq_factor", "high_freq_factor", ORIGINAL],
        "yarn" => &[
            "factor",
            "beta_fast",
            "beta_slow",
            "attention_factor",
            "mscale",
            "mscale_all_dim",
            "truncate",
            ORIGINAL,
        ],
        _ => &[],
    }
}

/// The object that is used, and its key.
fn counting(
    config: &PublishedConfig,
) -> Result<Option<(&'static str, PublishedConfig)>, ConfigProblem> {
    for key in OBJECTS {
        if let Some(inner) = config.object(key)?
            && inner.entries().next().is_some()
        {
            return Ok(Some((key, inner)));
        }
    }
    Ok(None)
}

/// `rope_type`, or `type` as older files call it, and its value.
fn kind(inner: &PublishedConfig) -> Result<(&'static str, String), ConfigProblem> {
    let key = match inner.value("rope_type") {
        None if inner.value("type").is_some() => "type",
        _ => "rope_type",
    };
    Ok((key, inner.nullable(key, "default".to_owned(), SCALINGS)?))
}

impl Rotary {
    /// Reads a published configuration: `rope_scaling`, or `rope_parameters` if that is missing or
    /// empty, and `rope_theta` beside it.
    ///
    /// # Errors
    /// A value out of range, or an unsupported scaling type.
    pub(in crate::encoder) fn from_published(
        config: &PublishedConfig,
        theta: f64,
    ) -> Result<Self, ConfigProblem> {
        config.only(PARTIAL, 1.0)?;
        let positions = config.size_or("max_position_embeddings", 2048)?;
        let theta = config.positive_or("rope_theta", theta)?;
        let Some((key, inner)) = counting(config)? else {
            return Ok(Self {
                theta,
                scaling: RotaryScaling::None,
            });
        };
        // The value beside the object takes precedence over the one in it.
        let original = match config.value(ORIGINAL) {
            Some(_) => Some(config.size(ORIGINAL)?),
            None => None,
        };
        Self::from_object(&inner, theta, positions, original).map_err(|problem| problem.inside(key))
    }

    /// Reads one object of parameters; `original` is the number of positions before scaling, if the
    /// file has it outside the object.
    pub(in crate::encoder) fn from_object(
        inner: &PublishedConfig,
        theta: f64,
        positions: usize,
        original: Option<usize>,
    ) -> Result<Self, ConfigProblem> {
        inner.only(PARTIAL, 1.0)?;
        let (key, name) = kind(inner)?;
        let original = || match original {
            Some(original) => Ok(original),
            None => inner.nullable_size(ORIGINAL, positions),
        };
        let positive = |key, default| inner.nullable(key, default, checks::POSITIVE);
        let scaling = match name.as_str() {
            "default" => RotaryScaling::None,
            "linear" => RotaryScaling::Linear {
                factor: inner.positive("factor")?,
            },
            "llama3" => RotaryScaling::Llama3 {
                factor: inner.positive("factor")?,
                low_frequency_factor: inner.positive("low_freq_factor")?,
                high_frequency_factor: inner.positive("high_freq_factor")?,
                original_positions: original()?,
            },
            "yarn" => {
                inner.only("truncate", true)?;
                let factor = inner.positive("factor")?;
                RotaryScaling::Yarn {
                    factor,
                    beta_fast: positive("beta_fast", 32.0)?,
                    beta_slow: positive("beta_slow", 1.0)?,
                    attention_factor: positive("attention_factor", strength(inner, factor)?)?,
                    original_positions: original()?,
                }
            }
            _ => return Err(ConfigProblem::new(key, format!("{name:?}"), SCALINGS)),
        };
        refuse_objects(inner, &name)?;
        let rotary = Self {
            theta: inner.nullable("rope_theta", theta, checks::POSITIVE)?,
            scaling,
        };
        rotary.check()?;
        Ok(rotary)
    }

    /// Ignored keys about rotary positions that may change results.
    pub(in crate::encoder) fn notes(config: &PublishedConfig) -> Vec<ConfigNote> {
        let Ok(Some((used, inner))) = counting(config) else {
            return Vec::new();
        };
        let mut notes = Self::object_notes(used, &inner);
        let whole = config.value(used);
        for other in OBJECTS.into_iter().filter(|key| *key != used) {
            if let Some(value) = config.value(other)
                && Some(value) != whole
                && value.as_object().is_some_and(|keys| !keys.is_empty())
            {
                let why = format!("`{used}` takes precedence, as in transformers");
                notes.push(ConfigNote::new(other, value, why));
            }
        }
        for (key, wins) in [("rope_theta", used), (ORIGINAL, "config.json")] {
            let (outside, inside) = (config.value(key), inner.value(key));
            if let (Some(outside), Some(inside)) = (outside, inside)
                && !same(outside, inside)
            {
                let why = format!("`{used}` has {inside}; the value in {wins} takes precedence");
                notes.push(ConfigNote::new(key, outside, why));
            }
        }
        notes
    }

    /// Keys of one object that its scaling type does not use.
    pub(in crate::encoder) fn object_notes(
        place: &str,
        inner: &PublishedConfig,
    ) -> Vec<ConfigNote> {
        let Ok((read, name)) = kind(inner) else {
            return Vec::new();
        };
        let idle = |(key, value): &(&str, &Value)| {
            let known = SHARED.contains(key) || own_keys(&name).contains(key);
            let other_name = *key == "type" && read != "type" && value.as_str() != Some(&name);
            !value.is_null() && (!known || other_name)
        };
        let idle = inner.entries().filter(idle).map(|(key, value)| {
            let why = format!("rotary positions of the type \"{name}\" do not use it");
            ConfigNote::new(format!("{place}.{key}"), value, why)
        });
        idle.collect()
    }
}

/// Default attention factor; the two `mscale` keys apply only together.
fn strength(inner: &PublishedConfig, factor: f64) -> Result<f64, ConfigProblem> {
    let scale = |key| inner.nullable(key, 0.0, "a number");
    let (own, all): (f64, f64) = (scale("mscale")?, scale("mscale_all_dim")?);
    let strength = |scale: f64| 0.1 * scale * factor.max(1.0).ln() + 1.0;
    Ok(if own == 0.0 || all == 0.0 {
        strength(1.0)
    } else {
        strength(own) / strength(all)
    })
}

/// Refuses parameters per layer type in a family with one set for all layers; read as one set, they
/// would have no effect.
fn refuse_objects(inner: &PublishedConfig, name: &str) -> Result<(), ConfigProblem> {
    let object = inner.entries().find(|(_, value)| value.is_object());
    match object {
        None => Ok(()),
        Some((key, value)) => {
            let expected = format!("one set of parameters of the type \"{name}\"");
            Err(ConfigProblem::new(key, value, expected))
        }
    }
}

impl Rotary {
    /// The `rope_parameters` of a published configuration.
    pub(in crate::encoder) fn to_published(self) -> Value {
        let mut keys = match self.scaling {
            RotaryScaling::None => json!({"rope_type": "default"}),
            RotaryScaling::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
            RotaryScaling::Llama3 {
                factor,
                low_frequency_factor,
                high_frequency_factor,
                original_positions,
            } => json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low_frequency_factor,
                "high_freq_factor": high_frequency_factor,
                "original_max_position_embeddings": original_positions,
            }),
            RotaryScaling::Yarn {
                factor,
                beta_fast,
                beta_slow,
                attention_factor,
                original_positions,
            } => json!({
                "rope_type": "yarn",
                "factor": factor,
                "beta_fast": beta_fast,
                "beta_slow": beta_slow,
                "attention_factor": attention_factor,
                "original_max_position_embeddings": original_positions,
            }),
        };
        keys["rope_theta"] = self.theta.into();
        keys
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::encoder::rotary) fn published(keys: Value) -> Result<Rotary, ConfigProblem> {
        let Value::Object(keys) = keys else {
            unreachable!()
        };
        Rotary::from_published(&PublishedConfig::new(keys), 10_000.0)
    }

    #[test]
    fn older_files_name_theta_outside() {
        let expected = Rotary {
            theta: 1e6,
            scaling: RotaryScaling::None,
        };
        for keys in [
            json!({"rope_theta": 1e6}),
            json!({"rope_theta": 1e6, "rope_scaling": null}),
            json!({"rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}}),
        ] {
            assert_eq!(published(keys).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        for (keys, message) in [
            (
                json!({"rope_scaling": {"type": "dynamic", "factor": 2.0}}),
                "`rope_scaling.type` is \"dynamic\", expected \"default\", \"linear\", \"llama3\" or \"yarn\"",
            ),
            (
                json!({"rope_parameters": {"rope_type": "longrope"}}),
                "`rope_parameters.rope_type` is \"longrope\", expected \"default\", \"linear\", \"llama3\" or \"yarn\"",
            ),
            (
                json!({"rope_scaling": {"type": "linear"}}),
                "`rope_scaling.factor` is missing, expected a number above 0",
            ),
            (
                json!({"rope_scaling": {"type": "linear", "factor": 0.5}}),
                "`rope_scaling.factor` is 0.5, expected a number of at least 1",
            ),
            (
                json!({"rope_scaling": {"type": "yarn", "factor": 2.0, "truncate": false}}),
                "`rope_scaling.truncate` is false, expected true",
            ),
            (
                json!({"rope_parameters": {"full_attention": {"rope_theta": 5.0}}}),
                "`rope_parameters.full_attention` is {\"rope_theta\":5.0}, expected one set \
                 of parameters of the type \"default\"",
            ),
            (
                json!({"partial_rotary_factor": 0.5}),
                "`partial_rotary_factor` is 0.5, expected 1.0",
            ),
        ] {
            assert_eq!(published(keys).unwrap_err().to_string(), message);
        }
    }

    fn notes(keys: Value) -> Vec<String> {
        let Value::Object(keys) = keys else {
            unreachable!()
        };
        let notes = Rotary::notes(&PublishedConfig::new(keys));
        notes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_passed_over_is_told() {
        let linear = json!({"rope_type": "linear", "factor": 2.0, "rope_theta": 7.0});
        assert!(notes(json!({"rope_scaling": linear, "rope_parameters": linear})).is_empty());
        assert!(notes(json!({"rope_scaling": {}, "rope_theta": 5.0})).is_empty());
        for (keys, expected) in [
            (
                json!({"rope_scaling": linear, "rope_parameters": {"rope_type": "default"}}),
                "`rope_parameters` is {\"rope_type\":\"default\"}: `rope_scaling` takes precedence, as in \
                 transformers",
            ),
            (
                json!({"rope_parameters": linear, "rope_theta": 9.0}),
                "`rope_theta` is 9.0: `rope_parameters` has 7.0; the value in rope_parameters takes precedence",
            ),
            (
                json!({"rope_scaling": {"type": "default", "factor": 4.0}}),
                "`rope_scaling.factor` is 4.0: rotary positions of the type \"default\" do not use it",
            ),
            (
                json!({"rope_scaling": {"type": "linear", "rope_type": "default"}}),
                "`rope_scaling.type` is \"linear\": rotary positions of the type \"default\" do not use \
                 it",
            ),
        ] {
            assert_eq!(notes(keys), [expected]);
        }
    }
}
