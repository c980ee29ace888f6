//! Every run configuration in `configs/` loads and passes its own checks.

use gradus::RunConfig;

#[test]
fn every_configuration_loads() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
    let mut loaded = 0;
    for entry in fs_err::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let config = RunConfig::load(&path).unwrap_or_else(|error| panic!("{error}"));
        config
            .training
            .check()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        config
            .model
            .check(&config.training)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        loaded += 1;
    }
    assert!(loaded >= 5, "found {loaded}");
}

#[test]
fn the_commented_defaults_are_the_defaults() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/finetune.toml");
    assert_eq!(
        RunConfig::load(path.as_ref()).unwrap(),
        RunConfig::default()
    );
}
