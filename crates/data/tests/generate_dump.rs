//! Temporary.
#[test]
fn dump() {
    let n: usize = std::env::var("N").unwrap().parse().unwrap();
    let config = gradus_data::GeneratorConfig {
        examples: n,
        seed: 0,
        ..Default::default()
    };
    let lines: Vec<String> = gradus_data::generate(&config)
        .unwrap()
        .iter()
        .map(|e| e.to_json().to_string())
        .collect();
    std::fs::write("/tmp/gen/dump.jsonl", lines.join("\n")).unwrap();
}
