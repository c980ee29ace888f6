//! Heads of other programs by name.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use gradus_model::encoder::BertConfig;
use gradus_model::{
    ConfigProblem, EncoderConfig, HeadConfig, NamedHead, Pooling, RewardModelConfig, ScoreHead,
    register_head,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{random_numbers, rows, scores};

/// A scaled linear function.
#[derive(Module, Debug)]
struct Scaled {
    linear: Linear,
    #[module(skip)]
    factor: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default = "one")]
    factor: f64,
}

fn one() -> f64 {
    1.0
}

impl ScoreHead for Scaled {
    fn forward(&self, pooled: Tensor<3>) -> Tensor<3> {
        self.linear.forward(pooled) * self.factor
    }

    fn with_bias(mut self, bias: &[f32]) -> Self {
        let bias = Tensor::from_floats(bias, &self.linear.weight.device());
        self.linear.bias = Some(Param::from_tensor(bias / self.factor));
        self
    }
}

impl NamedHead for Scaled {
    type Settings = Settings;
    const KIND: &'static str = "scaled";
    const ABOUT: &'static str = "A scaled linear function";
    const VERSION: u32 = 3;

    fn check(settings: &Settings) -> Result<(), ConfigProblem> {
        let fine = settings.factor > 0.0;
        ConfigProblem::unless(fine, "head.scaled.factor", settings.factor, "above 0")
    }

    fn init(settings: &Settings, d_input: usize, num_aspects: usize, device: &Device) -> Self {
        Self {
            linear: LinearConfig::new(d_input, num_aspects).init(device),
            factor: settings.factor,
        }
    }
}

fn read(text: &str) -> HeadConfig {
    register_head::<Scaled>().unwrap();
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_model_with_a_named_head_has_its_settings_and_starts_at_a_bias() {
    let device = Device::flex();
    let model = |text: &str| {
        let encoder = EncoderConfig::Bert(BertConfig::small(200));
        let config = RewardModelConfig {
            head: read(text).resolved().unwrap(),
            ..RewardModelConfig::new(encoder, Pooling::Mean, 2)
        };
        config.check().unwrap();
        let json = serde_json::to_value(&config.head).unwrap();
        assert_eq!(
            (&json["kind"], &json["version"]),
            (&json!("scaled"), &json!(3))
        );
        let _generator = random_numbers();
        device.seed(1);
        config.init(&device).with_head_bias(&[0.5, -0.5])
    };
    let (one, three) = (
        model(r#"{"kind": "scaled"}"#),
        model(r#"{"kind": "scaled", "factor": 3.0}"#),
    );
    assert!(one.head().get::<Scaled>().is_some() && !one.is_linear_in_pooled());
    let pairs = scores(&one, &rows(), 0).concat();
    let pairs = pairs.into_iter().zip(scores(&three, &rows(), 0).concat());
    for (aspect, (one, three)) in pairs.enumerate() {
        let bias = if aspect % 2 == 0 { 0.5 } else { -0.5 };
        let (one, three) = (one - bias, three - bias);
        assert!((three - 3.0 * one).abs() < 1e-5, "{one} {three}");
        assert!(one.abs() > 1e-4, "the head ignores its input");
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    for (text, words) in [
        (
            r#"{"kind": "scale"}"#,
            &[
                "`scale`, which is not known to this program",
                "`scaled`",
                "`linear`",
            ][..],
        ),
        (
            r#"{"kind": "scaled", "version": 4}"#,
            &["version 4", "version 3"],
        ),
        (
            r#"{"kind": "scaled", "factor": 0.0}"#,
            &["factor", "above 0"],
        ),
        (r#"{"kind": "scaled", "fact": 1.0}"#, &["fact"]),
    ] {
        let message = read(text).check().unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
    assert_eq!(
        "scaled".parse::<HeadConfig>().unwrap(),
        read(r#"{"kind": "scaled"}"#).resolved().unwrap()
    );
    assert!("scaled:2".parse::<HeadConfig>().is_err());
}

#[test]
fn a_name_of_this_crate_is_taken() {
    #[derive(Module, Debug)]
    struct Taken {
        linear: Linear,
    }
    impl ScoreHead for Taken {
        fn forward(&self, pooled: Tensor<3>) -> Tensor<3> {
            self.linear.forward(pooled)
        }
    }
    impl NamedHead for Taken {
        type Settings = ();
        const KIND: &'static str = "mlp";
        const ABOUT: &'static str = "";
        fn init((): &(), d_input: usize, num_aspects: usize, device: &Device) -> Self {
            Self {
                linear: LinearConfig::new(d_input, num_aspects).init(device),
            }
        }
    }
    let error = register_head::<Taken>().unwrap_err().to_string();
    assert!(error.starts_with("head `mlp`"), "{error}");
}
