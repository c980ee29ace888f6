//! Examples that are programs of their own: a sweep, and training of two parts.

use std::path::Path;
use std::process::Command;

use crate::support::binary;

/// What an example prints, with this directory for temporary files.
fn printed(example: &str, place: &Path) -> String {
    let output = Command::new(binary(example))
        .env("TMPDIR", place)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The number that ends a line.
fn last_number(line: &str) -> f64 {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[cfg(unix)]
#[test]
fn a_sweep_names_the_bundle_with_the_least_error() {
    let place = tempfile::tempdir().unwrap();
    let text = printed("sweep", place.path());
    let mut lines: Vec<&str> = text.lines().collect();
    let best = lines.pop().unwrap();
    assert!(lines.len() >= 2, "{text}");
    let least = lines.iter().map(|line| last_number(line)).reduce(f64::min);
    assert_eq!(Some(last_number(best)), least, "{text}");
    let bundle = best.strip_prefix("best: ").unwrap();
    let (bundle, _) = bundle.rsplit_once(", MSE ").unwrap();
    assert!(Path::new(bundle).starts_with(place.path()), "{text}");
    gradus::bundle::Bundle::load(Path::new(bundle), &gradus::device::select(None).unwrap())
        .unwrap();
}

#[test]
fn models_trained_apart_and_averaged_learn() {
    let place = tempfile::tempdir().unwrap();
    let text = printed("federated", place.path());
    let losses: Vec<f64> = text.lines().map(last_number).collect();
    assert_eq!(losses.len(), 4, "{text}");
    assert!(
        losses.is_sorted_by(|earlier, later| later < earlier),
        "{text}"
    );
}
