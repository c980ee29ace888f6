//! A metric and callbacks of another program.

use crate::support::{Program, run};

#[test]
fn an_own_metric_stops_a_run_and_compares_bundles() {
    let own = Program::new("own_metric");
    let stopping = r#"
[training]
epochs = 3
early_stopping = { metric = "within_tenth", patience = 1 }
"#;
    own.write("run.toml", &run(stopping));
    let seen = own.succeed(&["train", "--config", "run.toml"]);
    assert!(seen.contains("within a tenth, gradients up to"), "{seen}");
    let history = own.json("bundle/history.json");
    let validations = history["validations"].as_array().unwrap();
    let values: Vec<f64> = validations
        .iter()
        .map(|valid| valid["metrics"]["within_tenth"].as_f64().unwrap())
        .collect();
    // The best validation is that of the greatest value, and the run ends behind the first that is not.
    let mut best = f64::NEG_INFINITY;
    for (valid, value) in validations.iter().zip(&values) {
        assert_eq!(
            valid["best"].as_bool().unwrap(),
            *value > best,
            "{values:?}"
        );
        best = best.max(*value);
    }

    own.write("other.toml", &run("[training]\nepochs = 1"));
    own.succeed(&["train", "--config", "other.toml", "--output", "other"]);
    let compare = [
        "compare",
        "bundle",
        "other",
        "valid.jsonl",
        "--metric",
        "within_tenth",
    ];
    let table = own.succeed(&compare);
    assert!(table.contains("within_tenth"), "{table}");
    own.gradus_refuses(&compare, &["within_tenth", "pearson"]);
    own.gradus_refuses(
        &["train", "--config", "run.toml", "--output", "x"],
        &["early_stopping.metric", "`within_tenth`"],
    );
}
