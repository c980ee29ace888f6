//! Encoders of other programs by name.

use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
use burn::tensor::{Bool, Device, Int, Tensor};
use gradus_model::{
    ConfigProblem, Encoder, EncoderConfig, EncoderInput, NamedEncoder, Pooling, RewardModelConfig,
    TokenEncoder, register_encoder,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{random_numbers, rows, scores};

/// A linear function of a token's embedding.
#[derive(Module, Debug)]
struct Mapped {
    embeddings: Embedding,
    layers: Vec<Linear>,
    #[module(skip)]
    input: [usize; 2],
    #[module(skip)]
    dropout: [f64; 2],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    width: usize,
    #[serde(default)]
    causal: bool,
    #[serde(default)]
    values: Option<f64>,
}

impl TokenEncoder for Mapped {
    fn forward(
        &self,
        token_ids: Tensor<2, Int>,
        _type_ids: Tensor<2, Int>,
        _mask_pad: Tensor<2, Bool>,
        _read: Option<Tensor<3, Int>>,
    ) -> Tensor<3> {
        self.layers[0].forward(self.embeddings.forward(token_ids))
    }
}

impl NamedEncoder for Mapped {
    type Settings = Settings;
    const KIND: &'static str = "mapped";
    const ABOUT: &'static str = "A linear function of embeddings";
    const VERSION: u32 = 2;

    fn check(settings: &Settings) -> Result<(), ConfigProblem> {
        let fine = settings.width <= 8;
        ConfigProblem::unless(fine, "encoder.mapped.width", settings.width, "at most 8")
    }

    fn d_model(settings: &Settings) -> usize {
        settings.width
    }

    fn is_causal(settings: &Settings) -> bool {
        settings.causal
    }

    fn values_per_token(settings: &Settings, seq_length: usize) -> Option<f64> {
        settings.values.map(|values| values * seq_length as f64)
    }

    fn init(settings: &Settings, input: &EncoderInput, device: &Device) -> Self {
        let width = settings.width;
        Self {
            embeddings: EmbeddingConfig::new(input.vocab_size, width).init(device),
            layers: vec![LinearConfig::new(width, width).init(device)],
            input: [input.vocab_size, input.max_positions],
            dropout: [input.dropout, input.attention_dropout],
        }
    }
}

/// An encoder of 200 token ids and sequences of 64 tokens.
fn config(part: Value) -> Result<EncoderConfig, ConfigProblem> {
    register_encoder::<Mapped>().unwrap();
    EncoderConfig::own(&serde_json::from_value(part).unwrap(), 200, 64)
}

#[test]
fn a_named_encoder_has_its_settings_the_sizes_of_its_input_and_dropout() {
    let _generator = random_numbers();
    let config = config(json!({"kind": "mapped", "width": 6})).unwrap();
    let config = config.with_dropout(0.25, 0.5);
    assert_eq!((config.d_model(), config.vocab_size()), (6, 200));
    assert_eq!(config.max_positions(), 64);
    assert_eq!(config.default_pooling(), Pooling::Mean);
    config.check_sequence(64, 199, 9).unwrap();
    assert!(config.check_sequence(65, 199, 0).is_err());
    assert!(config.check_sequence(64, 200, 0).is_err());
    let json = serde_json::to_value(&config).unwrap();
    assert_eq!(
        json,
        json!({
            "kind": "mapped", "version": 2, "width": 6, "causal": false, "values": null,
            "vocab_size": 200, "max_positions": 64, "dropout": 0.25, "attention_dropout": 0.5,
        })
    );
    let read: EncoderConfig = serde_json::from_value(json).unwrap();
    assert_eq!(read, config);
    let Encoder::Own(encoder) = config.init(&Device::flex()) else {
        panic!("an encoder of this crate");
    };
    let module = encoder.get::<Mapped>().unwrap();
    assert_eq!((module.input, module.dropout), ([200, 64], [0.25, 0.5]));
}

#[test]
fn a_model_around_it_scores_and_a_causal_one_reads_the_last_token() {
    let causal = config(json!({"kind": "mapped", "width": 4, "causal": true})).unwrap();
    assert!(causal.is_causal());
    assert_eq!(causal.default_pooling(), Pooling::Last);
    let device = Device::flex();
    let _generator = random_numbers();
    device.seed(1);
    let model = RewardModelConfig::new(causal, Pooling::Mean, 1).init(&device);
    // What stands at padding does not matter.
    assert_eq!(scores(&model, &rows(), 0), scores(&model, &rows(), 5));
}

#[test]
fn memory_is_estimated_from_its_weights_or_as_it_says() {
    let device = Device::flex();
    let memory = |part: Value, seq_length: usize| {
        let config = RewardModelConfig::new(config(part).unwrap(), Pooling::Mean, 1);
        config.memory(1, seq_length, &device)
    };
    let shapes = json!({"kind": "mapped", "width": 8});
    let parameters = 200 * 8 + 8 * 8 + 8 + 8 + 1;
    let short = memory(shapes.clone(), 16);
    assert_eq!(short.weights, 4 * parameters);
    // Inputs and outputs of the one matrix, three times; a quarter more for the allocator.
    let expected = |values: usize| 5 * (4 * 4 * parameters + 4 * values) / 4;
    assert_eq!(short.training, expected(16 * 3 * 16));
    assert_eq!(memory(shapes, 32).training, expected(32 * 3 * 16));
    let said = |values| json!({"kind": "mapped", "width": 8, "values": values});
    assert_eq!(memory(said(10.0), 32).training, expected(32 * 10 * 32));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    for (part, words) in [
        (
            json!({"kind": "mapper"}),
            &[
                "`mapper`, which is not known to this program",
                "`bert`",
                "`mapped`",
            ][..],
        ),
        (
            json!({"kind": "mapped", "version": 1, "width": 4}),
            &["version 1", "version 2"],
        ),
        (
            json!({"kind": "mapped", "width": 9}),
            &["width", "9", "at most 8"],
        ),
        (json!({"kind": "mapped", "width": 0}), &["d_model", "0"]),
        (json!({"kind": "mapped", "wide": 4}), &["wide"]),
    ] {
        let message = config(part).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

#[test]
fn a_name_of_this_crate_is_taken() {
    #[derive(Module, Debug)]
    struct Taken {
        embeddings: Embedding,
    }
    impl TokenEncoder for Taken {
        fn forward(
            &self,
            token_ids: Tensor<2, Int>,
            _type_ids: Tensor<2, Int>,
            _mask_pad: Tensor<2, Bool>,
            _read: Option<Tensor<3, Int>>,
        ) -> Tensor<3> {
            self.embeddings.forward(token_ids)
        }
    }
    impl NamedEncoder for Taken {
        type Settings = ();
        const KIND: &'static str = "bert";
        const ABOUT: &'static str = "";
        fn d_model((): &()) -> usize {
            4
        }
        fn init((): &(), input: &EncoderInput, device: &Device) -> Self {
            Self {
                embeddings: EmbeddingConfig::new(input.vocab_size, 4).init(device),
            }
        }
    }
    let error = register_encoder::<Taken>().unwrap_err().to_string();
    assert!(error.starts_with("encoder `bert`"), "{error}");
}
