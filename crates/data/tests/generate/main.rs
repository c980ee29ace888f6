//! The generated data set from outside: what it looks like, whether its ratings are true, and
//! whether they can be had without reading prompt and response together.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod ridge;
mod rules;
mod shape;
mod shortcuts;

use gradus_data::{DEFAULT_ASPECT, Example, GeneratorConfig, generate};

fn examples(count: usize, seed: u64) -> Vec<Example> {
    let config = GeneratorConfig {
        examples: count,
        seed,
        ..GeneratorConfig::default()
    };
    generate(&config).unwrap()
}

fn ratings(example: &Example) -> impl Iterator<Item = f64> {
    let segments = example.segments.iter();
    segments.map(|segment| segment.ratings[DEFAULT_ASPECT])
}
