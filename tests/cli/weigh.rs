//! `gradus data weigh`

use crate::support::{gradus, json_of, temp_dir, write};

const RATED: &str = concat!(
    r#"{"id":"a","prompt":"p","response":"One. Two. Three.","segments":[{"start":0,"end":4,"rating":[1,1]},{"start":5,"end":9,"rating":[0,0],"weight":2},{"start":10,"end":16,"rating":1}]}"#,
    "\n",
    r#"{"id":"b","prompt":"q","response":"Four. Five.","segments":[{"start":0,"end":5,"rating":[1,0]},{"start":6,"end":11,"rating":[0,0]}]}"#,
    "\n"
);

#[test]
fn weights_follow_from_the_number_and_agreement_of_raters() {
    let directory = temp_dir();
    let path = directory.path();
    write(path, "rated.jsonl", RATED);
    // Krippendorff's alpha by hand: 8 ratings, of which 3 are 1. Observed disagreement 2 · 1 / 8, expected
    // 2 · 3 · 5 / (8 · 7): alpha = 1 - 0.25 / 0.5357 = 0.5333, and two raters weigh 2 / 1.5333.
    let ran = gradus(path, &["data", "weigh", "rated.jsonl", "weighed.jsonl"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("alpha 0.533"), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("4 segments with several raters weigh up to 1.30 times"),
        "{}",
        ran.stderr
    );
    let text = fs_err::read_to_string(path.join("weighed.jsonl")).unwrap();
    let weights: Vec<Option<f64>> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .flat_map(|record| record["segments"].as_array().unwrap().clone())
        .map(|segment| segment["weight"].as_f64())
        .collect();
    let of_two = 2.0 / (1.0 + 1.0 - 0.25 / (30.0 / 56.0));
    let expected = [
        Some(of_two),
        Some(2.0 * of_two),
        None,
        Some(of_two),
        Some(of_two),
    ];
    for (found, expected) in weights.iter().zip(expected) {
        let close = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (None, None) => true,
            _ => false,
        };
        assert!(close, "{weights:?}");
    }
    // Nothing else changed: what is read back has the same ratings of the same raters.
    let stats = |file| json_of(gradus(path, &["data", "stats", file, "--json"]));
    let raters = |file| stats(file)["aspects"].clone();
    assert_eq!(raters("rated.jsonl"), raters("weighed.jsonl"));
}

#[test]
fn data_without_several_raters_is_refused_and_nothing_is_written() {
    let directory = temp_dir();
    let path = directory.path();
    let one = r#"{"id":"a","prompt":"p","response":"One.","segments":[{"start":0,"end":4,"rating":[1,1]}]}"#;
    write(path, "rated.jsonl", one);
    let expected = ["no segment with different ratings of several raters"];
    gradus(path, &["data", "weigh", "rated.jsonl", "weighed.jsonl"]).fails(2, &expected);
    assert!(!path.join("weighed.jsonl").exists());
}
