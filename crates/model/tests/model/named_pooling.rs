//! Poolings of other programs by name.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gradus_model::encoder::BertConfig;
use gradus_model::{
    ConfigProblem, EncoderConfig, NamedPooling, Pooling, RewardModelConfig, SegmentPooling,
    TokenStates, register_pooling,
};
use serde::{Deserialize, Serialize};

use crate::support::{random_numbers, rows, scores};

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
    const ABOUT: &'static str = "the mean, repeated";
    const VERSION: u32 = 2;

    fn check(settings: &Settings) -> Result<(), ConfigProblem> {
        let fine = (1..=8).contains(&settings.times);
        ConfigProblem::unless(fine, "pooling.times", settings.times, "1 to 8")
    }

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

/// Another of a name that is taken.
#[derive(Module, Debug, Default)]
struct Thief {}

impl SegmentPooling for Thief {
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        states.mean_of(states.in_segments())
    }
}

impl NamedPooling for Thief {
    type Settings = ();
    const KIND: &'static str = "repeated";
    const ABOUT: &'static str = "";

    fn init((): &(), _d_model: usize, _device: &Device) -> Self {
        Self {}
    }
}

fn read(text: &str) -> Pooling {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_model_of_a_named_pooling_has_the_settings_and_a_head_of_its_width() {
    register_pooling::<Repeated>().unwrap();
    register_pooling::<Repeated>().unwrap();
    let device = Device::flex();
    let scores_of = |text: &str| {
        let pooling = read(text).resolved().unwrap();
        let encoder = EncoderConfig::Bert(BertConfig::small(200));
        let config = RewardModelConfig::new(encoder, pooling, 2);
        config.check().unwrap();
        let _generator = random_numbers();
        device.seed(1);
        let model = config.init(&device);
        assert!(model.pooling().get::<Repeated>().is_some());
        scores(&model, &rows(), 0)
    };
    let plain = scores_of(r#"{"kind":"repeated","times":3}"#);
    assert_eq!(
        plain,
        scores_of(r#"{"kind":"repeated","version":2,"factor":1.0,"times":3}"#)
    );
    assert_ne!(
        plain,
        scores_of(r#"{"kind":"repeated","times":3,"factor":0.5}"#)
    );
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    register_pooling::<Repeated>().unwrap();
    assert_eq!(register_pooling::<Thief>().unwrap_err().kind, "repeated");
    for (text, parts) in [
        (
            r#"{"kind":"my-gate"}"#,
            &["`my-gate`, which is not known to this program", "`mean`"][..],
        ),
        (
            r#"{"kind":"repeated","version":1,"times":2}"#,
            &["version 1", "version 2"],
        ),
        (
            r#"{"kind":"repeated","times":9}"#,
            &["pooling.times", "9", "1 to 8"],
        ),
        (r#"{"kind":"repeated","tmies":2}"#, &["tmies"]),
        (r#"{"kind":"repeated"}"#, &["times"]),
    ] {
        let message = read(text).check().unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    let message = serde_json::from_str::<Pooling>("\"meen\"")
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("`meen`") && message.contains("`attention`"),
        "{message}"
    );
}
