//! The score of a segment does not depend, to the bit, on which other segments are listed.

#![expect(clippy::float_cmp, reason = "to the bit")]

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gradus_model::encoder::BertConfig;
use gradus_model::{
    EncoderConfig, HeadConfig, Pooling, RewardModel, RewardModelConfig, load_encoder,
};
use proptest::prelude::*;

use crate::support::{Row, batch, golden, random_numbers};

/// First token of a response.
const RESPONSE: i32 = 4;

/// A response of `length` tokens behind a prompt of four, with these segments.
fn row(length: i32, seed: i32, spans: Vec<[i32; 2]>) -> Row {
    let tokens = RESPONSE + length;
    Row {
        token_ids: (0..tokens).map(|t| (t * 7 + seed * 11) % 50 + 6).collect(),
        type_ids: (0..tokens).map(|t| i32::from(t >= RESPONSE)).collect(),
        spans,
    }
}

fn model_of(
    family: &str,
    pooling: Pooling,
    head: HeadConfig,
    num_aspects: usize,
    device: &Device,
) -> RewardModel {
    let directory = golden(&format!("tiny-{family}"));
    let (encoder_config, encoder, _) = load_encoder(&directory, device).unwrap();
    let mut config = RewardModelConfig::new(encoder_config, pooling, num_aspects);
    config.head = head;
    device.seed(3);
    config.init_with(encoder, device)
}

/// The bits of the scores of segment `k` of row `r`.
fn bits(model: &RewardModel, rows: &[Row], (r, k): (usize, usize)) -> Vec<u32> {
    let scores = model.forward(batch(rows, 0, &Device::flex()));
    let [_, num_segments, num_aspects] = scores.dims();
    let scores: Vec<f32> = scores.into_data().try_into_vec().unwrap();
    let start = (r * num_segments + k) * num_aspects;
    let scores = &scores[start..start + num_aspects];
    scores.iter().map(|score| score.to_bits()).collect()
}

/// Cuts `from..to` into pieces of at most `size` tokens, and at least one.
fn pieces(from: i32, to: i32, size: i32) -> Vec<[i32; 2]> {
    let starts = (from..to).step_by(usize::try_from(size.max(1)).unwrap());
    starts
        .map(|start| [start, (start + size).min(to)])
        .collect()
}

/// `chosen` among other segments, and its place.
fn with_others(chosen: [i32; 2], end: i32, size: i32) -> (Vec<[i32; 2]>, usize) {
    let before = pieces(RESPONSE, chosen[0], size);
    let place = before.len();
    let behind = pieces(chosen[1], end, size);
    ([before, vec![chosen], behind].concat(), place)
}

#[test]
fn a_score_is_the_same_whatever_is_listed_beside_it_in_every_family() {
    let _generator = random_numbers();
    let (length, chosen) = (40, [13, 19]);
    let end = RESPONSE + length;
    for &family in EncoderConfig::MODEL_TYPES {
        for (pooling, head, num_aspects) in [
            (Pooling::Mean, "linear", 1),
            (Pooling::Last, "linear", 3),
            (Pooling::First, "mlp:8", 1),
            (Pooling::Max, "mlp:70", 2),
            (Pooling::Attention, "linear", 1),
            (Pooling::MultiAttention, "linear", 1),
            (Pooling::Context, "linear", 2),
        ] {
            let head: HeadConfig = head.parse().unwrap();
            let model = model_of(
                family,
                pooling.clone(),
                head.clone(),
                num_aspects,
                &Device::flex(),
            );
            let alone = bits(&model, &[row(length, 1, vec![chosen])], (0, 0));
            for size in [1, 2, 5, 17, 40] {
                let (spans, place) = with_others(chosen, end, size);
                let found = bits(&model, &[row(length, 1, spans)], (0, place));
                assert_eq!(
                    found, alone,
                    "{family}, {pooling}, {head}, pieces of {size}"
                );
            }
            // In a batch, where other responses list few or many.
            let others = |size| {
                let rows = [(31, 2), (7, 3), (40, 4)];
                rows.map(|(length, seed)| {
                    row(length, seed, pieces(RESPONSE, RESPONSE + length, size))
                })
            };
            let in_batch = |spans, place, size| {
                let rows = [&[row(length, 1, spans)][..], &others(size)].concat();
                bits(&model, &rows, (0, place))
            };
            let expected = in_batch(vec![chosen], 0, 40);
            for size in [1, 3, 40] {
                let (spans, place) = with_others(chosen, end, 2);
                let found = in_batch(spans, place, size);
                assert_eq!(found, expected, "{family}, {pooling}, pieces of {size}");
            }
        }
    }
}

#[test]
fn a_score_is_the_same_among_hundreds_of_segments() {
    let _generator = random_numbers();
    let device = Device::flex();
    device.seed(5);
    let mut encoder = BertConfig::new(64, 48, 2, 4);
    encoder.max_positions = 700;
    let length = 660;
    for (pooling, head) in [
        (Pooling::Mean, "linear"),
        (Pooling::Attention, "mlp:40"),
        (Pooling::Last, "mlp:1"),
    ] {
        let mut config =
            RewardModelConfig::new(EncoderConfig::Bert(encoder.clone()), pooling.clone(), 1);
        config.head = head.parse().unwrap();
        let model = config.init(&device);
        for chosen in [[6, 30], [500, 540], [600, 601]] {
            let alone = bits(&model, &[row(length, 1, vec![chosen])], (0, 0));
            for size in [1, 9, 100] {
                let (spans, place) = with_others(chosen, RESPONSE + length, size);
                let found = bits(&model, &[row(length, 1, spans)], (0, place));
                assert_eq!(
                    found, alone,
                    "{pooling}, {head}, {chosen:?}, pieces of {size}"
                );
            }
        }
    }
}

/// The gradients of all parameters where only these segments of each row have a part in the loss.
fn gradients(model: &RewardModel, rows: &[Row], chosen: &[Vec<[i32; 2]>]) -> Vec<Tensor<1>> {
    struct Collect<'a>(&'a burn::tensor::Gradients, Vec<Tensor<1>>);
    impl burn::module::ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.0) {
                self.1.push(gradient.flatten(0, D - 1));
            }
        }
    }
    let scores = model.forward(batch(rows, 0, &Device::flex().autodiff()));
    let [batch_size, num_segments, num_aspects] = scores.dims();
    let mut weights = vec![0.0_f32; batch_size * num_segments * num_aspects];
    for (r, (row, chosen)) in rows.iter().zip(chosen).enumerate() {
        for span in chosen {
            let k = row.spans.iter().position(|other| other == span).unwrap();
            let start = (r * num_segments + k) * num_aspects;
            weights[start..start + num_aspects].fill(1.0);
        }
    }
    let weights = burn::tensor::TensorData::new(weights, [batch_size, num_segments, num_aspects]);
    let weights = Tensor::<3>::from_data(weights, &scores.device());
    let loss = ((scores - 0.25).square() * weights).sum();
    let gradients = loss.backward();
    let mut collect = Collect(&gradients, Vec::new());
    model.visit(&mut collect);
    collect.1
}

#[test]
fn so_are_the_gradients_of_its_loss_with_dropout_in_every_family() {
    let _generator = random_numbers();
    let device = Device::flex().autodiff();
    for &family in EncoderConfig::MODEL_TYPES {
        for (pooling, head) in [
            (Pooling::Mean, "linear"),
            (Pooling::Last, "linear"),
            (Pooling::Attention, "linear"),
            (Pooling::Max, "mlp:8"),
            (Pooling::First, "mlp:1"),
            (Pooling::Attention, "mlp:70"),
        ] {
            let pretrained =
                gradus_model::PretrainedEncoder::open(&golden(&format!("tiny-{family}"))).unwrap();
            let mut config =
                RewardModelConfig::new(pretrained.config().clone(), pooling.clone(), 1);
            config.head = head.parse().unwrap();
            let (encoder, _) = pretrained.with_dropout(0.1, 0.1).load(&device).unwrap();
            let model = config.init_with(encoder, &device);
            let chosen = [
                vec![[13, 19]],
                vec![[5, 9], [11, 12], [20, 25]],
                vec![[8, 9]],
            ];
            // Rows with other numbers of segments, between which those of the loss stand.
            let of = |sizes: [i32; 3]| {
                let rows = [(40, 1), (23, 2), (33, 3)]
                    .into_iter()
                    .zip(&chosen)
                    .zip(sizes);
                let rows: Vec<Row> = rows
                    .map(|(((length, seed), chosen), size)| {
                        let mut spans = Vec::new();
                        let mut end = RESPONSE;
                        for span in chosen {
                            spans.extend(pieces(end, span[0], size));
                            spans.push(*span);
                            end = span[1];
                        }
                        spans.extend(pieces(end, RESPONSE + length, size));
                        // None at all.
                        spans.retain(|span| size > 0 || chosen.contains(span));
                        row(length, seed, spans)
                    })
                    .collect();
                device.seed(11);
                gradients(&model, &rows, &chosen)
            };
            let expected = of([0, 0, 0]);
            assert!(expected.len() > 10, "{family}");
            for sizes in [[1, 1, 1], [6, 0, 2], [0, 40, 1]] {
                let found = of(sizes);
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.into_iter().zip(&expected) {
                    let [found, expected]: [Vec<f32>; 2] = [found, expected.clone()]
                        .map(|gradient| gradient.into_data().try_into_vec().unwrap());
                    let differ = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
                    let of = found.len();
                    assert_eq!(differ, 0, "{family}, {pooling}, {head}, {sizes:?}: of {of}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_list_gives_a_segment_the_score_it_has_alone(
        family in prop::sample::select(EncoderConfig::MODEL_TYPES.to_vec()),
        cuts in prop::collection::btree_set(0_i32..40, 2..12),
        listed in prop::collection::vec(any::<bool>(), 12),
        choice in any::<prop::sample::Index>(),
    ) {
        let _generator = random_numbers();
        let model = model_of(family, Pooling::Mean, HeadConfig::Linear, 1, &Device::flex());
        let cuts: Vec<i32> = cuts.into_iter().map(|cut| RESPONSE + cut).collect();
        let all: Vec<[i32; 2]> = cuts.windows(2).map(|cut| [cut[0], cut[1]]).collect();
        let chosen = choice.index(all.len());
        let kept = |k: usize| k == chosen || listed[k];
        let place = (0..chosen).filter(|&k| kept(k)).count();
        let some = (0..all.len()).filter(|&k| kept(k)).map(|k| all[k]).collect();
        let alone = bits(&model, &[row(40, 1, vec![all[chosen]])], (0, 0));
        let among = bits(&model, &[row(40, 1, some)], (0, place));
        prop_assert_eq!(alone, among);
    }
}
