//! What is learned and what stays as it was.

use std::fmt;
use std::str::FromStr;

use burn::module::{Flag, Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{RegressionLearner, Result, TrainConfig, TrainError};

/// The part of the encoder that is not learned. No gradient is computed for it, no dropout acts in
/// it, and its weights stay bit for bit what they were.
///
/// As text: `none`, `embeddings`, `layers:N`, `encoder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Freeze {
    /// All is learned, the default.
    #[default]
    Nothing,
    /// The embeddings.
    Embeddings,
    /// The embeddings and this many layers above them, at least 1.
    Layers(usize),
    /// The whole encoder: what is learned is the head, and the query of attention pooling.
    Encoder,
}

impl Freeze {
    /// Whether a parameter at this path belongs to the frozen part.
    fn covers(self, path: &str) -> bool {
        if !path.contains(ENCODER) {
            return false;
        }
        match self {
            Self::Nothing => false,
            Self::Encoder => true,
            Self::Embeddings => path.contains(EMBEDDINGS),
            Self::Layers(count) => {
                path.contains(EMBEDDINGS) || layer_of(path).is_some_and(|layer| layer < count)
            }
        }
    }
}

/// Where the encoder's parameters stand in a [`RegressionLearner`].
pub(crate) const ENCODER: &str = "model.encoder";
pub(crate) const EMBEDDINGS: &str = ".embeddings.";
/// What the paths of adapters hold.
const ADAPTER: &str = ".lora.";

/// The layer of a parameter of the encoder, from 0.
fn layer_of(path: &str) -> Option<usize> {
    let (_, rest) = path.split_once(".layers.")?;
    rest.split('.').next()?.parse().ok()
}

/// Layers of the encoder of a learner.
pub(crate) fn num_layers<M: Module>(module: &M) -> usize {
    let layers = paths(module)
        .into_iter()
        .filter(|(path, _)| path.contains(ENCODER));
    layers
        .filter_map(|(path, _)| layer_of(&path))
        .max()
        .map_or(0, |last| last + 1)
}

/// Freezes what `config` says, for the whole run or its first epochs, and the matrices that have
/// adapters.
///
/// # Errors
/// [`TrainError::Setting`] where more layers are to be frozen than there are.
pub(crate) fn freeze(
    learner: RegressionLearner,
    config: &TrainConfig,
    total_steps: usize,
) -> Result<RegressionLearner> {
    let layers = num_layers(&learner);
    if let Freeze::Layers(count) = config.freeze
        && count > layers
    {
        return Err(TrainError::Setting {
            name: "freeze",
            found: format!("`{}`, the encoder has {layers} layers", config.freeze),
            expected: "no more layers than there are",
        });
    }
    let paths = paths(&learner);
    let ids = |frozen: &dyn Fn(&str) -> bool| -> ParamGroup {
        let frozen = paths.iter().filter(|(path, _)| frozen(path));
        ParamGroup::from_ids(frozen.map(|(_, id)| *id).collect())
    };
    let mut learner = learner;
    if config.freeze != Freeze::Nothing {
        learner = learner.freeze_group(ids(&|path| config.freeze.covers(path)));
    }
    if paths.iter().any(|(path, _)| path.contains(ADAPTER)) {
        // Dropout goes on: the adapters learn under it.
        let bases = ids(&|path| path.contains(ENCODER) && !path.contains(ADAPTER));
        learner = learner.set_require_grad_group(bases, false);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the steps"
    )]
    let first_steps = (config.freeze_epochs / config.epochs as f64 * total_steps as f64) as usize;
    Ok(learner.with_frozen_steps(match config.freeze {
        Freeze::Encoder => usize::MAX,
        _ => first_steps,
    }))
}

/// Paths of all parameters and training flags.
fn paths<M: Module>(module: &M) -> Vec<(String, ParamId)> {
    #[derive(Default)]
    struct Paths {
        path: Vec<String>,
        found: Vec<(String, ParamId)>,
    }
    impl ModuleVisitor for Paths {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.push((self.path.join("."), param.id));
        }
        fn visit_flag(&mut self, flag: &Param<Flag>) {
            self.found.push((self.path.join("."), flag.id));
        }
    }
    let mut visitor = Paths::default();
    module.visit(&mut visitor);
    visitor.found
}

impl fmt::Display for Freeze {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("none"),
            Self::Embeddings => formatter.write_str("embeddings"),
            Self::Layers(count) => write!(formatter, "layers:{count}"),
            Self::Encoder => formatter.write_str("encoder"),
        }
    }
}

impl FromStr for Freeze {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self> {
        let freeze = match text.split_once(':') {
            None if text == "none" => Some(Self::Nothing),
            None if text == "embeddings" => Some(Self::Embeddings),
            None if text == "encoder" => Some(Self::Encoder),
            Some(("layers", count)) => {
                let count = count.parse().ok().filter(|&count: &usize| count > 0);
                count.map(Self::Layers)
            }
            _ => None,
        };
        freeze.ok_or_else(|| TrainError::Setting {
            name: "freeze",
            found: format!("`{text}`"),
            expected: "`none`, `embeddings`, `layers:N` with N above 0, or `encoder`",
        })
    }
}

impl TryFrom<String> for Freeze {
    type Error = TrainError;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Freeze> for String {
    fn from(freeze: Freeze) -> Self {
        freeze.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_and_read_as_text() {
        for text in ["none", "embeddings", "layers:3", "encoder"] {
            assert_eq!(text.parse::<Freeze>().unwrap().to_string(), text);
        }
        for text in ["layers", "layers:0", "layers:x", "head", ""] {
            assert!(text.parse::<Freeze>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_frozen_layer_is_not_taken_for_another_of_the_same_digits() {
        let path = |layer| format!("model.encoder.Bert.layers.{layer}.attention.query.weight");
        assert!(Freeze::Layers(2).covers(&path(1)));
        assert!(!Freeze::Layers(2).covers(&path(2)) && !Freeze::Layers(2).covers(&path(11)));
        assert!(Freeze::Layers(2).covers("model.encoder.Bert.embeddings.word.weight"));
        assert!(!Freeze::Encoder.covers("model.head.output.weight"));
    }
}
