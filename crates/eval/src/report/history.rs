//! The log of the training run, as far as a report shows it.

use serde::Deserialize;

/// The log that a bundle keeps as `history.json`. Keys that are not shown here are not read.
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
    /// Whether no epoch before was better.
    #[serde(default)]
    pub best: bool,
}

/// JSON has no NaN: a loss that was none is written as `null`.
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
