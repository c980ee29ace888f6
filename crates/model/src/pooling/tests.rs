use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Bool, Device, Distribution, Int, TensorData, Tolerance};
use proptest::prelude::*;

use super::*;

/// Two rows of four tokens with two features.
fn hidden(device: &Device) -> Tensor<3> {
    Tensor::from_data(
        [
            [[1.0, 8.0], [3.0, 6.0], [5.0, -1.0], [7.0, 0.5]],
            [[-1.0, -2.0], [-3.0, -4.0], [9.0, 9.0], [9.0, 9.0]],
        ],
        device,
    )
}

fn pool(pooling: &Pooling, hidden: Tensor<3>, spans: Tensor<3, Int>) -> Tensor<3> {
    let [_, _, d_model] = hidden.dims();
    let device = hidden.device();
    let query: Vec<f32> = (0..d_model).map(|k| 0.3 - 0.5 * k as f32).collect();
    let query = Tensor::<1>::from_floats(query.as_slice(), &device);
    let queries = |query: Tensor<1>| {
        let scaled = |by: f64| query.clone() * by;
        Tensor::stack(vec![scaled(0.1), scaled(-0.2), scaled(0.3), scaled(0.0)], 0)
    };
    let pooler = match pooling {
        Pooling::Attention => AttentionPooling::with_query(query).into(),
        Pooling::MultiAttention => MultiAttentionPooling::with_queries(queries(query)).into(),
        kind => Pooler::new(kind, d_model, &device),
    };
    pooler.forward(TokenStates::of_responses(hidden, spans))
}

#[test]
fn attention_is_a_softmax_over_the_segment_and_the_mean_at_birth() {
    let device = Device::flex();
    let weight = |h: [f64; 2]| ((0.3 * h[0] - 0.2 * h[1]) / 2f64.sqrt()).exp();
    let (first, second) = (weight([3.0, 6.0]), weight([5.0, -1.0]));
    let expected = (3.0 * first + 5.0 * second) / (first + second);
    let pooled = pool(&Pooling::Attention, hidden(&device), spans(&device));
    let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
    assert!((f64::from(pooled[0]) - expected).abs() < 1e-5, "{pooled:?}");
    let newborn = |kind| {
        let pooler = Pooler::new(&kind, 2, &device);
        let states = TokenStates::of_responses(hidden(&device), spans(&device));
        pooler.forward(states).into_data()
    };
    newborn(Pooling::Attention)
        .assert_approx_eq::<f32>(&newborn(Pooling::Mean), Tolerance::absolute(1e-6));
}

#[test]
fn attention_survives_scores_that_are_far_apart() {
    let device = Device::flex();
    let hidden = hidden(&device) * 1e5;
    let pooled = pool(&Pooling::Attention, hidden, spans(&device));
    let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
    assert!(pooled.iter().all(|value| value.is_finite()), "{pooled:?}");
}

#[test]
fn several_queries_give_an_average_each() {
    let device = Device::flex();
    let mean = |weight: fn(f64) -> f64| {
        // Products of the two states of the first segment with the query (0.3, -0.2).
        let (first, second) = (weight(0.3 * 3.0 - 0.2 * 6.0), weight(0.3 * 5.0 + 0.2));
        (3.0 * first + 5.0 * second) / (first + second)
    };
    let pooled = pool(&Pooling::MultiAttention, hidden(&device), spans(&device));
    assert_eq!(pooled.dims(), [2, 2, 8]);
    let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
    let expected = [
        mean(|product| (0.1 * product).exp()),
        mean(|product| (-0.2 * product).exp()),
        mean(|product| (0.3 * product).exp()),
        4.0,
    ];
    for (query, expected) in expected.into_iter().enumerate() {
        let found = f64::from(pooled[2 * query]);
        assert!((found - expected).abs() < 1e-5, "{query}: {found}");
    }
    let newborn = MultiAttentionPooling::new(64, &device);
    let spread = newborn.queries().var(1).sqrt().into_data();
    for spread in spread.iter::<f32>() {
        assert!((0.01..0.03).contains(&spread), "{spread}");
    }
}

#[test]
fn context_is_the_segment_beside_prompt_and_response() {
    let device = Device::flex();
    let states = TokenStates {
        hidden: hidden(&device),
        segment_spans: Tensor::from_data([[[2, 3], [0, 0]], [[1, 2], [0, 0]]], &device),
        type_ids: Tensor::from_data([[0, 0, 1, 1], [1, 1, 0, 0]], &device),
        mask_pad: Tensor::from_data([[false; 4], [false, false, true, true]], &device),
    };
    let pooled = Pooler::new(&Pooling::Context, 2, &device).forward(states);
    let expected = TensorData::from([
        // Segment, prompt, response, segment · prompt, segment · response.
        [
            [5.0, -1.0, 2.0, 7.0, 6.0, -0.25, 10.0, -7.0, 30.0, 0.25],
            [0.0; 10],
        ],
        // No prompt.
        [
            [-3.0, -4.0, 0.0, 0.0, -2.0, -3.0, 0.0, 0.0, 6.0, 12.0],
            [0.0; 10],
        ],
    ]);
    let tolerance = Tolerance::<f32>::absolute(1e-5);
    pooled.into_data().assert_approx_eq(&expected, tolerance);
}

fn spans(device: &Device) -> Tensor<3, Int> {
    Tensor::from_data([[[1, 3], [3, 4]], [[0, 2], [0, 0]]], device)
}

#[test]
fn each_kind_pools_the_tokens_of_the_segment_only() {
    let device = Device::flex();
    for (pooling, expected) in [
        (
            Pooling::Mean,
            [[[4.0, 2.5], [7.0, 0.5]], [[-2.0, -3.0], [0.0, 0.0]]],
        ),
        (
            Pooling::Last,
            [[[5.0, -1.0], [7.0, 0.5]], [[-3.0, -4.0], [0.0, 0.0]]],
        ),
        (
            Pooling::First,
            [[[3.0, 6.0], [7.0, 0.5]], [[-1.0, -2.0], [0.0, 0.0]]],
        ),
        (
            Pooling::Max,
            [[[5.0, 6.0], [7.0, 0.5]], [[-1.0, -2.0], [0.0, 0.0]]],
        ),
    ] {
        let pooled = pool(&pooling, hidden(&device), spans(&device)).into_data();
        pooled.assert_approx_eq::<f32>(&TensorData::from(expected), Tolerance::absolute(1e-6));
    }
}

/// The gradient of a fixed weighted sum of the pooled states, weights 1, 2, 3, ..
fn objective(pooling: &Pooling, hidden: Tensor<3>, spans: Tensor<3, Int>) -> Tensor<1> {
    let pooled = pool(pooling, hidden, spans);
    let shape = pooled.dims();
    let num_weights = i64::try_from(shape.iter().product::<usize>()).unwrap();
    let weights = Tensor::<1, Int>::arange(1..num_weights + 1, &pooled.device());
    (pooled * weights.float().reshape(shape)).sum()
}

#[test]
fn gradients_agree_with_finite_differences() {
    let plain = Device::flex();
    let autodiff = plain.clone().autodiff();
    let values: Vec<f32> = hidden(&plain).into_data().try_into_vec().unwrap();
    for pooling in Pooling::ALL {
        // Sums and maxima alone are piecewise linear functions of the states.
        let (step, tolerance) = match pooling {
            Pooling::Attention => (0.02, 0.05),
            Pooling::MultiAttention => (0.02, 0.2),
            Pooling::Context => (0.25, 0.05),
            _ => (0.25, 1e-3),
        };
        let input = hidden(&autodiff).require_grad();
        let gradients = objective(pooling, input.clone(), spans(&autodiff)).backward();
        let gradient: Vec<f32> = input
            .grad(&gradients)
            .unwrap()
            .into_data()
            .try_into_vec()
            .unwrap();
        for index in 0..values.len() {
            let shifted = |by: f32| {
                let mut values = values.clone();
                values[index] += by;
                let hidden = Tensor::from_data(TensorData::new(values, [2, 4, 2]), &plain);
                objective(pooling, hidden, spans(&plain)).into_scalar::<f32>()
            };
            let difference = (shifted(step) - shifted(-step)) / (2.0 * step);
            assert!(
                (gradient[index] - difference).abs() < tolerance,
                "{pooling:?}, value {index}: gradient {}, difference {difference}",
                gradient[index]
            );
        }
    }
}

#[test]
fn a_batch_of_absent_segments_pools_to_zeros_with_a_zero_gradient() {
    let device = Device::flex().autodiff();
    for pooling in Pooling::ALL {
        let input = hidden(&device).require_grad();
        let pooled = pool(pooling, input.clone(), Tensor::zeros([2, 3, 2], &device));
        let gradients = pooled.clone().square().sum().backward();
        let pooled: Vec<f32> = pooled.into_data().try_into_vec().unwrap();
        assert_eq!(pooled, vec![0.0; 6 * pooling.d_output(2)], "{pooling:?}");
        let gradient: Vec<f32> = input
            .grad(&gradients)
            .unwrap()
            .into_data()
            .try_into_vec()
            .unwrap();
        assert_eq!(gradient, [0.0; 16], "{pooling:?}");
    }
}

/// The mean, gated by the prompt.
#[derive(Module, Debug)]
struct PromptGate {
    gate: Linear,
}

impl SegmentPooling for PromptGate {
    fn reads_prompt(&self) -> bool {
        true
    }
    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let prompt = states.mean_of(states.in_prompt());
        states.mean_of(states.in_segments()) * sigmoid(self.gate.forward(prompt))
    }
}

#[test]
fn a_pooling_of_another_program_sees_prompt_and_padding() {
    let device = Device::flex();
    let pooler = Pooler::from(PromptGate {
        gate: LinearConfig::new(2, 2).init(&device),
    });
    assert!(pooler.reads_prompt() && !Pooler::new(&Pooling::Mean, 2, &device).reads_prompt());
    assert!(pooler.get::<PromptGate>().is_some() && pooler.get::<MeanPooling>().is_none());
    let pool = |hidden: Tensor<3>| {
        let type_ids = Tensor::<2, Int>::from_data([[0, 1, 1, 1], [1, 1, 0, 0]], &device);
        let padding = [[false; 4], [false, false, true, true]];
        pooler.forward(TokenStates {
            mask_pad: Tensor::<2, Bool>::from_data(padding, &device),
            segment_spans: spans(&device),
            type_ids,
            hidden,
        })
    };
    let changed = |row: usize, token: usize| {
        let mark = Tensor::<3>::ones([1, 1, 2], &device);
        let moved = hidden(&device).slice_assign([row..row + 1, token..token + 1, 0..2], mark);
        let (before, after) = (pool(hidden(&device)), pool(moved));
        let difference = (before - after).abs().sum_dim(2).sum_dim(1);
        difference.into_data().iter::<f32>().collect::<Vec<_>>()
    };
    let is_zero = |value: f32| value.abs() < f32::MIN_POSITIVE;
    // A token of the prompt moves the segments of its own response.
    let prompt = changed(0, 0);
    assert!(!is_zero(prompt[0]) && is_zero(prompt[1]));
    // Padding moves nothing, though its type is that of the prompt.
    assert!(changed(1, 3).into_iter().all(is_zero));
}

#[test]
fn names_are_lowercase_words() {
    let names = serde_json::to_string(Pooling::ALL).unwrap();
    let expected = r#"["mean","last","first","max","attention","multi-attention","context"]"#;
    assert_eq!(names, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn tokens_outside_of_a_segment_do_not_matter(
        start in 0_i32..5, length in 1_i32..5, padding in 0_i32..4,
    ) {
        let device = Device::flex();
        let inside = Tensor::<3>::random([1, length, 3], Distribution::Default, &device);
        let before = Tensor::random([1, start, 3], Distribution::Default, &device);
        let after = Tensor::random([1, padding, 3], Distribution::Default, &device);
        for pooling in Pooling::ALL.iter().filter(|pooling| **pooling != Pooling::Context) {
            let alone = Tensor::from_data([[[0, length]]], &device);
            let alone = pool(pooling, inside.clone(), alone);
            let mut parts = vec![inside.clone()];
            if start > 0 { parts.insert(0, before.clone()); }
            if padding > 0 { parts.push(after.clone()); }
            let within = Tensor::from_data([[[start, start + length]]], &device);
            let within = pool(pooling, Tensor::cat(parts, 1), within);
            within.into_data().assert_approx_eq::<f32>(
                &alone.into_data(), Tolerance::absolute(1e-6));
        }
    }
}
