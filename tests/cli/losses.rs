//! Training logs as numbers, to compare runs.

use serde_json::Value;

/// Loss and gradient norm of every step, then the validation loss of every epoch.
pub(crate) fn numbers(log: &str) -> Vec<f64> {
    let log: Value = serde_json::from_str(log).unwrap();
    let history = &log["history"];
    let all = |list: &str, keys: &[&str]| -> Vec<f64> {
        let entries = history[list].as_array().unwrap().iter();
        let values = entries.flat_map(|entry| keys.iter().map(|key| entry[key].as_f64().unwrap()));
        values.collect()
    };
    let steps = all("steps", &["loss", "gradient_norm"]);
    assert!(steps.len() >= 10, "{} numbers", steps.len());
    [steps, all("epochs", &["valid_loss"])].concat()
}

/// Asserts that all numbers agree within 1e-4.
#[track_caller]
pub(crate) fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        let apart = (found - expected).abs();
        assert!(apart < 1e-4, "{k}: {found}, expected {expected}");
    }
}
