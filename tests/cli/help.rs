//! Help texts a person can work from.

use crate::support::{gradus, temp_dir};

#[test]
fn every_command_explains_itself() {
    let directory = temp_dir();
    for command in [
        &["quickstart"][..],
        &["train"],
        &["eval"],
        &["compare"],
        &["explain"],
        &["calibrate"],
        &["threshold"],
        &["audit"],
        &["process"],
        &["process", "processbench"],
        &["process", "prmbench"],
        &["process", "best-of-n"],
        &["score"],
        &["bench"],
        &["inspect"],
        &["export"],
        &["import"],
        &["devices"],
        &["parts"],
        &["worker"],
        &["data"],
        &["data", "validate"],
        &["data", "stats"],
        &["data", "audit"],
        &["data", "split"],
        &["data", "import"],
        &["data", "convert"],
        &["data", "generate"],
    ] {
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let help = gradus(directory.path(), &arguments).succeeds();
        assert!(help.contains("Usage: gradus"), "{help}");
    }
    let top = gradus(directory.path(), &["--help"]).succeeds();
    assert!(top.contains("segment-level reward models"), "{top}");
}

#[test]
fn devices_lists_the_cpu() {
    let directory = temp_dir();
    let table = gradus(directory.path(), &["devices"]).succeeds();
    assert!(
        table.contains("cpu:0") && table.contains("default"),
        "{table}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&gradus(directory.path(), &["devices", "--json"]).succeeds()).unwrap();
    assert_eq!(
        json.as_array()
            .unwrap()
            .iter()
            .filter(|d| d["default"] == true)
            .count(),
        1
    );
}
