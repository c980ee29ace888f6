//! The files of models and bundles.

use burn::tensor::Device;
use gradus::data::{ChatTemplate, Example, TextConfig, SegmentTokenizer};
use gradus::bundle::Bundle;
use gradus::model::{EncoderConfig, Head, HeadConfig, Pooling, PretrainedEncoder, RewardModelConfig};

use crate::place::file;

/// Layers that are made of a configuration; more take time and nothing else.
const FEW_LAYERS: usize = 4;

/// `manifest.json`.
pub fn manifest(data: &[u8]) {
    let path = file("bundle/manifest.json", data);
    let directory = path.parent().expect("a bundle");
    assert!(
        Bundle::load(directory, &Device::flex()).is_err(),
        "it has no other file"
    );
}

/// `config.json` of a bundle.
pub fn bundle_config(data: &[u8]) {
    if let Ok(config) = serde_json::from_slice::<RewardModelConfig>(data)
        && config.check().is_ok()
    {
        size_up(&config);
    }
}

/// `config.json` of a published model, of any family.
pub fn model_config(data: &[u8]) {
    let path = file("published/config.json", data);
    let directory = path.parent().expect("a model");
    if let Ok(pretrained) = PretrainedEncoder::open(directory) {
        let encoder: &EncoderConfig = pretrained.config();
        let _ = encoder.to_published();
        size_up(&RewardModelConfig::new(encoder.clone(), Pooling::Mean, 1));
    }
}

/// Builds the model without drawing a weight.
fn size_up(config: &RewardModelConfig) {
    if config.encoder.sizes().num_layers <= FEW_LAYERS {
        let device = Device::flex();
        let _ = config.memory(usize::MAX, usize::MAX, &device);
    }
}

/// A file of weights, header and values.
pub fn safetensors(data: &[u8]) {
    let path = file("weights/model.safetensors", data);
    let head = Head::new(HeadConfig::Linear, 2, 1, &Device::flex());
    let _ = head.load(&path);
}

/// The index of weights in several files, one of which is there.
pub fn shard_index(data: &[u8]) {
    let header = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    file(
        "shards/one.safetensors",
        &[&length[..], header, &[0; 4]].concat(),
    );
    let config = br#"{"model_type":"bert","vocab_size":9,"hidden_size":2,"num_hidden_layers":1,
        "num_attention_heads":1,"intermediate_size":2}"#;
    file("shards/config.json", config);
    let path = file("shards/model.safetensors.index.json", data);
    let directory = path.parent().expect("a model");
    let pretrained = PretrainedEncoder::open(directory).expect("a configuration");
    assert!(
        pretrained.check_weights(&Device::flex()).is_err(),
        "one tensor is no model"
    );
}

fn example() -> Example {
    Example {
        id: "a".into(),
        prompt: "Why is the sky blue? [SEP] <s>".into(),
        context: Some("Über 🦀\u{200d}\u{301} \u{fdfa}".into()),
        response: "Rayleigh  scattering.\n\nIt is\tstronger for short waves, 3.5 times!".into(),
        ..Example::default()
    }
}

/// `tokenizer.json`, and what it makes of texts.
pub fn tokenizer(data: &[u8]) {
    let config = TextConfig::default();
    let max_length = config.max_length;
    if let Ok(tokenizer) = SegmentTokenizer::new(data, config) {
        let mut example = example();
        if tokenizer.segment_response(&mut example).is_ok()
            && let Ok(tokenized) = tokenizer.tokenize(&example, &mut Default::default())
        {
            assert!(tokenized.token_ids.len() <= max_length);
            for segment in &tokenized.segments {
                assert!(segment.tokens.end <= tokenized.token_ids.len());
            }
        }
    }
}

/// A chat template, parsed and run.
pub fn chat_template(data: &[u8]) {
    let Ok(template) = std::str::from_utf8(data) else {
        return;
    };
    let template = ChatTemplate {
        source: "input".into(),
        template: template.into(),
        tokens: [("bos_token".to_owned(), "<s>".to_owned())].into(),
    };
    if template.check().is_ok() {
        let _ = template.render(&example().prompt);
    }
}
