//! Files that set something up.

use gradus::RunConfig;
use gradus::eval::Baselines;
use gradus::eval::calibration::Recalibrations;

/// A run configuration. What was read is written and read again.
pub fn run_config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(config) = RunConfig::parse(text, "input") {
        if let Ok(training) = config.training.clone().check() {
            let _ = config.model.clone().check(&training);
        }
        if let Ok(text) = config.to_toml() {
            let again = RunConfig::parse(&text, "written").expect("what was written");
            // Numbers that are none differ from themselves.
            if !text.contains("nan") {
                assert_eq!(again, config, "{text}");
            }
        }
    }
}

/// `recalibration.json`, and what it makes of scores.
pub fn recalibration(data: &[u8]) {
    let known = ["a".to_owned(), "b".to_owned()];
    if let Ok(read) = Recalibrations::read(data, &known, "input".as_ref()) {
        for aspect in &known {
            if let Some(map) = read.of(aspect) {
                for score in [-1e300, -1.0, 0.0, 0.3, 1.0, 1e300] {
                    assert!(!map.apply(score).is_nan(), "{map:?} of {score}");
                }
            }
        }
        let bytes = read.to_json().expect("it was JSON");
        assert_eq!(
            Recalibrations::read(&bytes, &known, "written".as_ref()).expect("what was written"),
            read
        );
    }
}

/// Trivial baselines that training keeps.
pub fn baselines(data: &[u8]) {
    let _ = serde_json::from_slice::<Baselines>(data);
}
