//! A model without a bundle scores as the same model in a bundle.

#![allow(clippy::unwrap_used, reason = "a test")]

use burn::tensor::{Device, Tensor};
use gradus_bundle::{Bundle, Manifest};
use gradus_data::{AspectSpec, Example, RatingScale, TextConfig, word_level_tokenizer};
use gradus_eval::{Aggregation, Scorer, scored_responses};
use gradus_model::encoder::BertConfig;
use gradus_model::{
    EncoderConfig, Output, Pooling, RewardModel, RewardModelConfig, SegmentInput, SegmentModel,
};

/// A model of another program, around one of this.
#[derive(burn::module::Module, Debug)]
struct Around {
    inner: RewardModel,
}

impl SegmentModel for Around {
    fn raw(&self, input: SegmentInput) -> Tensor<3> {
        self.inner.raw(input)
    }

    fn output(&self) -> Output {
        self.inner.output()
    }
}

fn example(id: &str, response: &str) -> Example {
    Example {
        id: id.into(),
        prompt: "one two?".into(),
        response: response.into(),
        ..Example::default()
    }
}

#[test]
fn a_model_without_a_bundle_scores_as_in_one() {
    let device = Device::flex();
    let vocabulary = word_level_tokenizer(["one two three . ?"]).unwrap();
    let text = TextConfig {
        max_length: 32,
        aspects: vec![AspectSpec {
            name: "quality".into(),
            scale: RatingScale::MinMax { min: 1.0, max: 5.0 },
        }],
        ..TextConfig::default()
    };
    device.seed(3);
    let encoder = EncoderConfig::Bert(BertConfig::small(20));
    let config = RewardModelConfig {
        output: Output::Sigmoid,
        ..RewardModelConfig::new(encoder, Pooling::Mean, 1)
    };
    let inner = config.init(&device);
    let bundle = Bundle {
        manifest: Manifest::new(text, Aggregation::Min),
        config,
        model: inner.clone(),
        tokenizer: vocabulary,
        recalibration: None,
        offset: None,
    };
    let tokenizer = bundle.segment_tokenizer().unwrap();
    let in_bundle = Scorer::new(bundle, &device).unwrap();
    let own = Scorer::of_model(Around { inner }, tokenizer, Aggregation::Min, &device);
    assert_eq!(own.aspects().collect::<Vec<_>>(), ["quality"]);

    let mut examples = [
        example("a", "One two. Three two one."),
        example("b", "Two. One. Three three."),
        example("c", ""),
    ];
    for example in &mut examples {
        own.segment(example).unwrap();
    }
    let (scored, counts) = scored_responses(&own, &examples).unwrap();
    let (expected, expected_counts) = scored_responses(&in_bundle, &examples).unwrap();
    assert_eq!(scored, expected);
    assert_eq!(counts, expected_counts);
    let scores: Vec<f64> = scored[1].segment_scores(0).collect();
    // In rating units, behind the sigmoid.
    assert!(scores.len() == 3 && scores.iter().all(|score| (1.0..=5.0).contains(score)));
    assert_eq!(
        own.score(&examples).unwrap()[1].response[0],
        scores.iter().copied().reduce(f64::min)
    );
}
