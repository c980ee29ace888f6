//! Rotary angles and frequencies.

use std::f64::consts::TAU;

use burn::tensor::Device;

use super::{Rotary, RotaryScaling};
use gradus_kernels::Angles;

impl Rotary {
    /// Cosines and sines of all angles of a sequence.
    pub(in crate::encoder) fn angles(
        &self,
        d_head: usize,
        seq_length: usize,
        device: &Device,
    ) -> Angles {
        let frequencies = self.frequencies(d_head);
        let strength = match self.scaling {
            RotaryScaling::Yarn {
                attention_factor, ..
            } => attention_factor,
            _ => 1.0,
        };
        // Angles are rounded to f32, as in the training of the published models.
        #[expect(clippy::cast_possible_truncation)]
        let angles = (0..seq_length).flat_map(|position| {
            frequencies
                .iter()
                .map(move |frequency| f64::from(position as f32 * *frequency as f32))
        });
        let angles: Vec<f64> = angles.collect();
        #[expect(clippy::cast_possible_truncation)]
        let table = |function: fn(f64) -> f64| -> Vec<f32> {
            let values = angles.iter().map(|angle| function(*angle) * strength);
            values.map(|value| value as f32).collect()
        };
        Angles::new(table(f64::cos), table(f64::sin), d_head / 2, device)
    }

    /// Angle between consecutive positions, for each pair of features.
    fn frequencies(&self, d_head: usize) -> Vec<f64> {
        let plain = (0..d_head / 2).map(|pair| self.theta.powf(-2.0 * pair as f64 / d_head as f64));
        match self.scaling {
            RotaryScaling::None => plain.collect(),
            RotaryScaling::Linear { factor } => plain.map(|frequency| frequency / factor).collect(),
            RotaryScaling::Llama3 {
                factor,
                low_frequency_factor: low,
                high_frequency_factor: high,
                original_positions,
            } => {
                let share = |frequency: f64| {
                    let turns = original_positions as f64 * frequency / TAU;
                    ((turns - low) / (high - low)).clamp(0.0, 1.0)
                };
                plain
                    .map(|frequency| mix(frequency, factor, share(frequency)))
                    .collect()
            }
            RotaryScaling::Yarn {
                factor,
                beta_fast,
                beta_slow,
                original_positions,
                ..
            } => {
                let pair_that_turns = |turns: f64| {
                    let length = original_positions as f64 / (turns * TAU);
                    d_head as f64 * length.ln() / (2.0 * self.theta.ln())
                };
                let low = pair_that_turns(beta_fast).floor().max(0.0);
                let high = pair_that_turns(beta_slow).ceil().min(d_head as f64 - 1.0);
                // Negative for lengths of a few tokens, as in transformers.
                let width = high - low;
                let width = if width == 0.0 { 0.001 } else { width };
                let share = |pair: usize| 1.0 - ((pair as f64 - low) / width).clamp(0.0, 1.0);
                plain
                    .enumerate()
                    .map(|(pair, frequency)| mix(frequency, factor, share(pair)))
                    .collect()
            }
        }
    }
}

/// Interpolates between a frequency (`share`) and the frequency divided by `factor`.
fn mix(frequency: f64, factor: f64, share: f64) -> f64 {
    frequency * share + frequency / factor * (1.0 - share)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::encoder::rotary::published::tests::published;

    #[test]
    fn frequencies_are_those_of_transformers() {
        for (parameters, expected) in [
            (
                json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
                    "rope_theta": 500_000.0}),
                [
                    1.0,
                    0.079_403_01,
                    0.004_700_754,
                    0.000_911_583_1,
                    0.000_176_776_7,
                    3.428_102e-5,
                    6.647_87e-6,
                    1.289_173e-6,
                ],
            ),
            (
                json!({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 48}),
                [
                    1.0,
                    0.197_642_4,
                    0.025,
                    0.007_905_695,
                    0.0025,
                    0.000_790_569_5,
                    0.000_25,
                    7.905_695e-5,
                ],
            ),
            (
                json!({"type": "linear", "factor": 2.0}),
                [
                    0.5,
                    0.158_113_9,
                    0.05,
                    0.015_811_39,
                    0.005,
                    0.001_581_139,
                    0.0005,
                    0.000_158_113_9,
                ],
            ),
        ] {
            let rotary = published(json!({"rope_scaling": parameters})).unwrap();
            for (found, expected) in rotary.frequencies(16).iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-6, "{rotary:?}: {found}");
            }
        }
    }

    #[test]
    fn yarn_sharpens_attention() {
        let parameters = json!({"rope_type": "yarn", "factor": 4.0});
        let rotary = published(json!({"rope_parameters": parameters})).unwrap();
        let RotaryScaling::Yarn {
            attention_factor, ..
        } = rotary.scaling
        else {
            panic!("{rotary:?}")
        };
        assert!((attention_factor - 1.138_629_436_111_989).abs() < 1e-12);
        let first = rotary.angles(8, 1, &Device::flex()).cosines()[0];
        assert!((first - 1.138_629_4).abs() < 1e-6);
    }
}
