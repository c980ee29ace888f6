//! The part of the training log that a report shows.

use serde::Deserialize;

/// The log in `history.json` of a bundle. Other keys are ignored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct History {
    /// Every step, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Every epoch, in order.
    #[serde(default)]
    pub epochs: Vec<Epoch>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Step {
    /// Step of the run, from 1.
    pub step: usize,
    /// Loss of the batch, in target units.
    #[serde(deserialize_with = "number_or_null")]
    pub loss: f64,
}

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Epoch {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Steps done so far in the run.
    pub step: usize,
    /// Loss on the validation split, in target units.
    #[serde(deserialize_with = "number_or_null")]
    pub valid_loss: f64,
    /// Whether it is the best epoch so far.
    #[serde(default)]
    pub best: bool,
}

/// JSON has no NaN, so `null` means a loss that is not finite.
fn number_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_keys_and_losses_that_are_no_number_do_not_matter() {
        let json = r#"{"steps":[{"step":1,"epoch":1,"loss":null,"tokens":9},{"step":2,"loss":0.5}],
            "epochs":[{"epoch":1,"step":2,"valid_loss":0.25,"train_loss":0.5,"best":true}],"more":{}}"#;
        let history: History = serde_json::from_str(json).unwrap();
        assert!(history.steps[0].loss.is_nan());
        assert_eq!(
            history.epochs,
            [Epoch {
                epoch: 1,
                step: 2,
                valid_loss: 0.25,
                best: true
            }]
        );
    }
}
