use super::*;

const BASE: &str =
    "[run]\ntrain = 'train.jsonl'\nvalid = 'valid.jsonl'\ndata.test = 'test.jsonl'\n";

fn plan(text: &str) -> Plan {
    Plan::parse(&format!("{text}\n{BASE}"), "plan.toml").unwrap()
}

fn refused(text: &str) -> String {
    let error = Plan::parse(&format!("{text}\n{BASE}"), "plan.toml").unwrap_err();
    assert!(error.is_input() && error.hint().is_some());
    error.to_string()
}

fn labels(plan: &Plan) -> Vec<(String, u64)> {
    let cells = plan.cells().iter();
    cells
        .map(|cell| (cell.labels.join(" "), cell.seed))
        .collect()
}

#[test]
fn every_combination_gets_every_seed_one_seed_after_the_other() {
    let plan = plan(
        "seeds = [3, 5]\n[grid]\ntraining.learning_rate = [2e-5, 5e-5]\nmodel.pooling = ['mean', 'last']",
    );
    let found = labels(&plan);
    assert_eq!(found.len(), 8);
    assert_eq!(found[0], ("mean 2e-5".into(), 3));
    assert_eq!(found[1], ("mean 5e-5".into(), 3));
    assert_eq!(found[7], ("last 5e-5".into(), 5));
    let cell = &plan.cells()[7];
    assert_eq!(cell.folder, "cells/4-last-5e-5/seed-5");
    assert_eq!(cell.run["training"]["learning_rate"].as_float(), Some(5e-5));
    assert_eq!(cell.run["training"]["seed"].as_integer(), Some(5));
    assert_eq!(cell.run["train"].as_str(), Some("train.jsonl"));
    assert!(!cell.run.contains_key("data"), "{:?}", cell.run);
    assert_eq!(plan.report_on(), Split::Test);
    assert_eq!(plan.reference(), ["mean", "2e-5"]);
}

const ONE_BY_ONE: &str = "
design = 'one-at-a-time'
seeds = 3
[[variation]]
axis = 'set'
name = 'a'
train = 'a.jsonl'
[[variation]]
axis = 'set'
name = 'b'
train = 'b.jsonl'
[[variation]]
axis = 'trained'
name = 'all'
[[variation]]
axis = 'trained'
name = 'LoRA'
model.lora = { rank = 8 }
[[variation]]
axis = 'head'
name = 'linear'
[[variation]]
axis = 'head'
name = 'mlp'
model.head = { mlp = { d_hidden = 4 } }
[[variation]]
axis = 'head'
name = 'probe'
command = 'probe'
";

#[test]
fn one_axis_varies_at_a_time_on_every_data_set_and_a_probe_has_one_seed() {
    let plan = plan(ONE_BY_ONE);
    let found = labels(&plan);
    let of_a: Vec<&str> = found
        .iter()
        .filter(|(label, seed)| label.starts_with('a') && *seed == 0)
        .map(|(label, _)| label.as_str())
        .collect();
    assert_eq!(
        of_a,
        ["a all linear", "a all mlp", "a all probe", "a LoRA linear"]
    );
    assert_eq!(found.len(), 2 * (3 * 3 + 1));
    assert!(plan.axes()[0].is_data && !plan.axes()[1].is_data);
}

#[test]
fn what_contradicts_itself_is_refused_with_its_place() {
    for (text, parts) in [
        (
            "sedes = 3",
            &["plan.toml", "unknown field `sedes`", "line 1"][..],
        ),
        ("tune_on = 'test'", &["tune_on", "expected \"valid\""]),
        ("tune_on = 'train'", &["train", "valid"]),
        ("metric = 'pearsn'", &["metric", "pearsn"]),
        ("seeds = []", &["seeds", "at least one"]),
        ("seeds = [1, 1]", &["seeds: found 1 twice"]),
        ("seeds = 'x'", &["a number of seeds, or a list of them"]),
        ("halving = { keep = 1.0 }", &["halving.keep", "below 1"]),
        (
            "[grid]\ntraining.epochs = 3",
            &["grid.training.epochs: found 3, expected a list"],
        ),
        ("[grid]\ntraining.epochs = []", &["epochs: found no value"]),
        (
            "[grid]\ntraining.epochs = [3, 3]",
            &["epochs: found `3` twice"],
        ),
        (
            "[grid]\ntraining.seed = [3]",
            &["`training.seed`", "`seeds`"],
        ),
        ("[grid]\noutput = ['x']", &["`output`", "own folder"]),
        (
            "[grid]\ndata.train_records = [0]",
            &["data.train_records: found 0"],
        ),
        (
            "[grid]\ndata.trian_records = [9]",
            &["data: unknown field `trian_records`"],
        ),
        (
            "[grid]\nfrom = ['one', 'two']",
            &["`from`: a plan continues no bundle", "`encoder`"],
        ),
        (
            "[[variation]]\nname = 'x'\nold_test = 'old.jsonl'",
            &["`old_test`: a plan continues no bundle"],
        ),
        ("[grid]\ncommand = ['fly']", &["command: found \"fly\""]),
        (
            "[grid]\ntraining.epochs = [1]\n[[variation]]\nname = 'long'\ntraining.epochs = 9",
            &["`training.epochs` is set by `variation`", "by `epochs`"],
        ),
        (
            "[[variation]]\ntraining.epochs = 9",
            &["variation 1: found no `name`"],
        ),
        (
            "[[variation]]\nname = 'x'\nunset = ['encoder']",
            &["`encoder` to unset, which is not set"],
        ),
        (
            "reference = { pooling = 'x' }",
            &["reference: found `pooling`"],
        ),
        (
            "reference = { epochs = '7' }\n[grid]\ntraining.epochs = [1, 2]",
            &["reference.epochs: found `7`, expected one of 1, 2"],
        ),
        (
            "seeds = 5000\n[grid]\ntraining.epochs = [1, 2, 3]",
            &["found 15000 runs, expected at most 10000"],
        ),
    ] {
        let message = refused(text);
        for part in parts {
            assert!(message.contains(part), "missing `{part}` in: {message}");
        }
    }
}

#[test]
fn without_a_test_split_the_report_is_about_the_validation_split() {
    let text = "[run]\ntrain = 'a'\nvalid = 'b'";
    assert_eq!(Plan::parse(text, "p").unwrap().report_on(), Split::Valid);
    let error = Plan::parse(&format!("report_on = 'test'\n{text}"), "p").unwrap_err();
    assert!(error.to_string().contains("data.test"), "{error}");
}

#[test]
fn a_base_is_read_and_its_settings_are_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path().join("run.toml");
    fs_err::write(&base, "train = 'a'\nvalid = 'b'\n[training]\nepochs = 1\n").unwrap();
    let text = format!(
        "base = {:?}\nrun.training.epochs = 4",
        base.display().to_string()
    );
    let plan = Plan::parse(&text, "p").unwrap();
    assert_eq!(
        plan.cells()[0].run["training"]["epochs"].as_integer(),
        Some(4)
    );
    assert_eq!(plan.cells()[0].run["train"].as_str(), Some("a"));
    assert_eq!(plan.cells()[0].folder, "cells/1/seed-0");
}
