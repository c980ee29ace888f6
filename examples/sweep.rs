//! A sweep: every device of this build, two learning rates each, and the best of them.
//!
//! `cargo run --release --example sweep`
//! `cargo run --release --example sweep --features wgpu,ndarray`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use gradus::data::{GeneratorConfig, generate};
use gradus::device;
use gradus::train::{EncoderSource, ScratchOptions, Session, TrainConfig, TrainingPlan, train};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let examples = generate(&GeneratorConfig {
        examples: 240,
        ..GeneratorConfig::default()
    })?;
    let (train_split, valid_split) = examples.split_at(200);
    let mut best: Option<(f64, String)> = None;
    for info in device::available() {
        let device = device::select(Some(&info.name))?;
        for learning_rate in [3e-4, 3e-3] {
            let training = TrainConfig {
                epochs: 2,
                learning_rate: Some(learning_rate),
                ..TrainConfig::default()
            };
            let name = format!(
                "gradus-sweep-{}-{learning_rate}",
                info.name.replace(':', "-")
            );
            let encoder = EncoderSource::Scratch(ScratchOptions::default());
            let output = std::env::temp_dir().join(name);
            let mut plan = TrainingPlan::new(encoder, training.check()?, &output);
            plan.overwrite = true;
            let report = train(&plan, train_split, valid_split, &device, Session::default())?;
            let reached = report
                .history
                .best()
                .map_or(f64::INFINITY, |valid| valid.valid_mse);
            println!("{:<12} {learning_rate:<7} MSE {reached:.4}", info.name);
            if best.as_ref().is_none_or(|(least, _)| reached < *least) {
                best = Some((reached, output.display().to_string()));
            }
        }
    }
    let (least, bundle) = best.ok_or("no device")?;
    println!("best: {bundle}, MSE {least:.4}");
    Ok(())
}
