//! A loss of another program.

use crate::support::{Program, run};

/// The mean score of the segments in a file of scores.
fn mean(program: &Program, scores: &str) -> f64 {
    let lines = String::from_utf8(program.read(scores)).unwrap();
    let records = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let segments = records.flat_map(|record: serde_json::Value| {
        let segments = record["segments"].as_array().unwrap().clone();
        segments
            .into_iter()
            .map(|segment| segment["score"].as_f64())
    });
    let scores: Vec<f64> = segments.flatten().collect();
    assert!(scores.len() > 100, "{lines}");
    scores.iter().sum::<f64>() / scores.len() as f64
}

#[test]
fn a_quantile_loss_learns_low_and_high_scores() {
    let own = Program::new("own_loss");
    let of = |quantile: &str| {
        let loss = format!("{{ kind = \"pinball\", quantile = {quantile} }}");
        let training = format!("[training]\nepochs = 4\nlearning_rate = 3e-3\nloss = {loss}");
        own.write("run.toml", &run(&training));
        own.succeed(&["train", "--config", "run.toml", "--overwrite"]);
        let config = String::from_utf8(own.read("bundle/run.toml")).unwrap();
        assert!(
            config.contains(&format!("\"pinball:{quantile}\"")),
            "{config}"
        );
        own.succeed(&[
            "score",
            "bundle",
            "valid.jsonl",
            "-o",
            "scores.jsonl",
            "--overwrite",
        ]);
        mean(&own, "scores.jsonl")
    };
    let (low, high) = (of("0.1"), of("0.9"));
    assert!(low + 0.1 < high, "{low} {high}");
    assert!(own.succeed(&["parts"]).contains("pinball:QUANTILE"));
    own.refuses(
        &[
            "train",
            "--config",
            "run.toml",
            "--output",
            "x",
            "--loss",
            "pinball:2",
        ],
        &["pinball:2", "between 0 and 1"],
    );
    own.gradus_refuses(
        &[
            "train",
            "--config",
            "run.toml",
            "--output",
            "x",
            "--loss",
            "pinball:0.5",
        ],
        &["`pinball:0.5`", "`huber:DELTA`"],
    );
}
