//! The dashboard is a feature of the build.

#[test]
#[cfg(not(feature = "dashboard"))]
fn a_build_without_the_dashboard_names_the_feature() {
    use crate::support::{gradus, temp_dir, train_arguments, trained};

    let place = temp_dir();
    let output = place.path().join("again");
    let output = output.to_str().expect("a temporary path is text");
    let arguments = train_arguments(&["--output", output, "--dashboard"]);
    gradus(trained(), &arguments).fails(2, &["no dashboard", "--features dashboard"]);
    assert!(!place.path().join("again").exists());
}
