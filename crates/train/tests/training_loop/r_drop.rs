//! Two passes over a batch, each with its own dropout.

use gradus_train::TrainConfig;

use crate::support::{alone, data, losses, settings, whole};

#[test]
fn the_loss_of_a_step_grows_with_the_weight_of_what_the_passes_differ_by() {
    let _alone = alone();
    let first_loss = |r_drop| {
        let config = TrainConfig {
            r_drop,
            dropout: 0.3,
            epochs: 1,
            ..settings()
        };
        losses(&whole(&data(), &config))[0]
    };
    let [one, two, three] = [1.0, 2.0, 3.0].map(|weight| first_loss(Some(weight)));
    assert!(two - one > 1e-4, "{one} {two}: both passes are the same");
    assert!(
        ((three - two) - (two - one)).abs() < 1e-5,
        "{one} {two} {three}"
    );
    // At weight 0, the mean of both passes is left, not the loss of the first.
    let none = first_loss(None);
    assert!((none - (2.0 * one - two)).abs() > 1e-6, "{none}");
}
