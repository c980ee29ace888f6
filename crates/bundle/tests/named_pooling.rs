//! Bundles with a pooling of another program.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gradus_bundle::{Aggregation, Bundle, Manifest};
use gradus_data::TextConfig;
use gradus_model::encoder::BertConfig;
use gradus_model::{
    EncoderConfig, NamedPooling, Pooling, RewardModelConfig, SegmentPooling, TokenStates,
    register_pooling,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The mean, repeated and scaled.
#[derive(Module, Debug)]
struct Repeated {
    #[module(skip)]
    times: usize,
    #[module(skip)]
    factor: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    times: usize,
    #[serde(default = "one")]
    factor: f64,
}

fn one() -> f64 {
    1.0
}

impl SegmentPooling for Repeated {
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let mean = states.mean_of(states.in_segments()) * self.factor;
        mean.repeat_dim(2, self.times)
    }
}

impl NamedPooling for Repeated {
    type Settings = Settings;
    const KIND: &'static str = "repeated";
    const ABOUT: &'static str = "The mean, repeated";
    const VERSION: u32 = 2;

    fn d_output(settings: &Settings, d_model: usize) -> usize {
        settings.times * d_model
    }

    fn init(settings: &Settings, _d_model: usize, _device: &Device) -> Self {
        Self {
            times: settings.times,
            factor: settings.factor,
        }
    }
}

#[test]
fn a_bundle_keeps_a_named_pooling_with_version_and_all_settings() {
    register_pooling::<Repeated>().unwrap();
    let pooling: Pooling = serde_json::from_value(json!({"kind": "repeated", "times": 3})).unwrap();
    let encoder = EncoderConfig::Bert(BertConfig::small(50));
    let config = RewardModelConfig::new(encoder, pooling.resolved().unwrap(), 1);
    let device = Device::flex();
    let bundle = Bundle {
        manifest: Manifest::new(TextConfig::default(), Aggregation::Mean),
        model: config.init(&device),
        config,
        tokenizer: gradus_data::word_level_tokenizer(["word"]).unwrap(),
        recalibration: None,
        offset: None,
    };
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("bundle");
    bundle.save(&directory, false, &[]).unwrap();
    let json = fs_err::read(directory.join("config.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let full = json!({"kind": "repeated", "version": 2, "times": 3, "factor": 1.0});
    assert_eq!(json["pooling"], full);
    let loaded = Bundle::load(&directory, &device).unwrap();
    assert_eq!(loaded.config, bundle.config);
    let pooling = loaded.model.pooling().get::<Repeated>().unwrap();
    assert_eq!((pooling.times, pooling.factor), (3, 1.0));
}
