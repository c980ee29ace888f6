//! Frozen parameters.

use burn::module::{Flag, Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::prelude::*;
use gradus_model::SegmentModel;

use super::RegressionLearner;
use crate::plan::{Freeze, TrainConfig};
use crate::{Result, TrainError};

/// Whether a parameter at this path belongs to the frozen part.
fn covers(freeze: Freeze, path: &str) -> bool {
    if !path.contains(ENCODER) {
        return false;
    }
    match freeze {
        Freeze::Nothing => false,
        Freeze::Encoder => true,
        Freeze::Embeddings => path.contains(EMBEDDINGS),
        Freeze::Layers(count) => {
            path.contains(EMBEDDINGS) || layer_of(path).is_some_and(|layer| layer < count)
        }
    }
}

/// Prefix of the paths of the encoder's parameters in a [`RegressionLearner`].
pub(crate) const ENCODER: &str = "model.encoder";
pub(crate) const EMBEDDINGS: &str = ".embeddings.";
/// Part of the paths of adapters.
const ADAPTER: &str = ".lora.";

/// The layer of an encoder parameter, from 0.
fn layer_of(path: &str) -> Option<usize> {
    let (_, rest) = path.split_once(".layers.")?;
    rest.split('.').next()?.parse().ok()
}

/// Number of layers of the encoder.
pub(crate) fn num_layers<M: Module>(module: &M) -> usize {
    let layers = paths(module)
        .into_iter()
        .filter(|(path, _)| path.contains(ENCODER));
    layers
        .filter_map(|(path, _)| layer_of(&path))
        .max()
        .map_or(0, |last| last + 1)
}

/// Freezes the parameters that `config` selects, for the whole run or its first epochs, and matrices with
/// adapters.
///
/// # Errors
/// [`TrainError::Setting`] for more layers than the encoder has, or a part that the model does not have.
pub(crate) fn freeze<M: SegmentModel>(
    learner: RegressionLearner<M>,
    config: &TrainConfig,
    total_steps: usize,
) -> Result<RegressionLearner<M>> {
    let layers = num_layers(&learner);
    if let Freeze::Layers(count) = config.freeze
        && count > layers
    {
        return Err(TrainError::Setting {
            name: "freeze",
            found: format!("`{}`, the encoder has {layers} layers", config.freeze),
            expected: "at most as many layers as the encoder has",
        });
    }
    let paths = paths(&learner);
    if config.freeze_epochs > 0.0 && !paths.iter().any(|(path, _)| covers(Freeze::Encoder, path)) {
        return Err(TrainError::Setting {
            name: "freeze_epochs",
            found: format!(
                "{} for a model without a field `encoder`",
                config.freeze_epochs
            ),
            expected: "0, or a model with that field",
        });
    }
    if config.freeze != Freeze::Nothing
        && !paths.iter().any(|(path, _)| covers(config.freeze, path))
    {
        return Err(TrainError::Setting {
            name: "freeze",
            found: format!(
                "`{}`, which covers no parameter of the model",
                config.freeze
            ),
            expected: "`none`, or a part that the model has",
        });
    }
    let ids = |frozen: &dyn Fn(&str) -> bool| -> ParamGroup {
        let frozen = paths.iter().filter(|(path, _)| frozen(path));
        ParamGroup::from_ids(frozen.map(|(_, id)| *id).collect())
    };
    let mut learner = learner;
    if config.freeze != Freeze::Nothing {
        learner = learner.freeze_group(ids(&|path| covers(config.freeze, path)));
    }
    if paths.iter().any(|(path, _)| path.contains(ADAPTER)) {
        // Dropout stays on, because the adapters are trained.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_layer_is_not_taken_for_another_of_the_same_digits() {
        let path = |layer| format!("model.encoder.Bert.layers.{layer}.attention.query.weight");
        assert!(covers(Freeze::Layers(2), &path(1)));
        assert!(!covers(Freeze::Layers(2), &path(2)) && !covers(Freeze::Layers(2), &path(11)));
        assert!(covers(
            Freeze::Layers(2),
            "model.encoder.Bert.embeddings.word.weight"
        ));
        assert!(!covers(Freeze::Encoder, "model.head.output.weight"));
    }
}
