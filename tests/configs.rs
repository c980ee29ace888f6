//! Every run configuration in `configs/` loads and passes its own checks.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use gradus::RunConfig;

#[test]
fn every_configuration_loads() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
    let mut loaded = 0;
    for entry in fs_err::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let config = RunConfig::load(&path).unwrap_or_else(|error| panic!("{error}"));
        config
            .check()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        loaded += 1;
    }
    assert!(loaded >= 5, "found {loaded}");
}

/// Every plan in `examples/experiments/` and the settings of its runs; the data and the encoder need not be there.
#[test]
fn every_plan_of_an_experiment_loads() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/experiments");
    let mut loaded = 0;
    for entry in fs_err::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let plan = gradus_experiment::Plan::load(&path).unwrap_or_else(|error| panic!("{error}"));
        for cell in plan.cells() {
            let text = toml::to_string(&cell.run).unwrap();
            let name = format!("{}, {}", path.display(), cell.labels.join(", "));
            let config = RunConfig::parse(&text, &name).unwrap_or_else(|error| panic!("{error}"));
            config
                .check()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(config.train.is_some() && config.valid.is_some(), "{name}");
        }
        loaded += 1;
    }
    assert!(loaded >= 6, "found {loaded}");
}

#[test]
fn the_commented_defaults_are_the_defaults() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/finetune.toml");
    assert_eq!(
        RunConfig::load(path.as_ref()).unwrap(),
        RunConfig::default()
    );
}

/// The default of a key such as `training.epochs`, as text; none for what is not set.
fn default_of(table: &toml::Value, key: &str) -> Option<String> {
    let value = key.split('.').try_fold(table, |at, name| at.get(name))?;
    Some(match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Float(number) => number.to_string(),
        other => other.to_string(),
    })
}

/// Whether two texts are the same, or the same number.
fn same(found: &str, expected: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().map(f64::to_bits).ok();
    found == expected || (number(found).is_some() && number(found) == number(expected))
}

fn defaults() -> toml::Value {
    toml::from_str(&RunConfig::default().to_toml().unwrap()).unwrap()
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/run-config.md");
    let text = fs_err::read_to_string(path).unwrap();
    let defaults = defaults();
    let mut known = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        let key = cells[0].trim_matches(['|', ' ', '`']);
        if let Some(default) = default_of(&defaults, key) {
            let found = cells[1].trim_matches([' ', '`', '"']);
            let all = (key == "text.aspects" && found == "all").then_some("[]");
            let found = all.unwrap_or(found);
            assert!(
                same(found, &default),
                "{key}: {found}, the default is {default}"
            );
        }
        known.push(key.to_owned());
    }
    for (name, value) in defaults.as_table().unwrap() {
        let keys: Vec<String> = match value {
            toml::Value::Table(entries) => {
                entries.keys().map(|key| format!("{name}.{key}")).collect()
            }
            _ => vec![name.clone()],
        };
        for key in keys {
            assert!(known.contains(&key), "{key} is not in {path}");
        }
    }
}

#[test]
fn the_help_names_the_defaults() {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(["train", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let defaults = defaults();
    for key in [
        "text.max_length",
        "text.scale",
        "model.head",
        "training.checkpoint_every",
        "training.epochs",
        "training.batch_size",
        "training.head_learning_rate",
        "training.loss",
        "training.offset",
        "training.freeze",
        "training.freeze_epochs",
        "training.layer_decay",
        "training.seed",
    ] {
        let flag = format!("--{} ", key.rsplit('.').next().unwrap().replace('_', "-"));
        let (_, after) = help
            .split_once(&flag)
            .unwrap_or_else(|| panic!("no {flag}"));
        let of_flag = after.split("\n      --").next().unwrap().replace('\n', " ");
        let (_, default) = of_flag
            .split_once("[default:")
            .unwrap_or_else(|| panic!("{flag}"));
        let found = default.split(']').next().unwrap().trim();
        let expected = default_of(&defaults, key).unwrap();
        assert!(
            same(found, &expected),
            "{flag}: {found}, the default is {expected}"
        );
    }
}
