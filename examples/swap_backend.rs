//! The same computation on every device this build has.
//!
//! `cargo run --release --example swap_backend`
//! `cargo run --release --example swap_backend --features wgpu,ndarray`

#![allow(clippy::print_stdout, reason = "an example shows what it computes")]

use burn::tensor::{Device, Int, Tensor};
use gradus::device;
use gradus::model::encoder::BertConfig;
use gradus::model::{EncoderConfig, Pooling, RewardModelConfig, SegmentInput};

/// Scores two segments of one sequence with a randomly initialized model.
fn scores(device: &Device) -> Vec<f32> {
    device.seed(7);
    let model = RewardModelConfig::new(
        EncoderConfig::Bert(BertConfig::small(100)),
        Pooling::Mean,
        1,
    )
    .init(device);
    let output = model.forward(SegmentInput {
        token_ids: Tensor::from_data([[2, 17, 3, 25, 26, 3]], device),
        type_ids: Tensor::from_data([[0, 0, 0, 1, 1, 1]], device),
        mask_pad: Tensor::<2, Int>::zeros([1, 6], device).bool(),
        response_spans: None,
        segment_spans: Tensor::from_data([[[3, 4], [4, 5]]], device),
    });
    output.into_data().iter::<f32>().collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("compiled in: {}", device::compiled().join(", "));
    for info in device::available() {
        // Library code only takes a device. Each backend has its own random generator, so random
        // weights and their scores differ between backends; those of a trained bundle do not.
        println!(
            "{:<12} {:?}",
            info.name,
            scores(&device::select(Some(&info.name))?)
        );
    }
    Ok(())
}
