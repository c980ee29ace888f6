//! Attention with positions.

use super::attention::BOTH_SIDES;
use super::dropout::check_direction;
use super::*;
use crate::disentangled::Distances as Map;

const THREE: Disentangled = Disentangled {
    num_heads: 3,
    dropout: 0.0,
};

/// Which terms are in the scores: at least one.
const TERMS: [[bool; 2]; 3] = [[true, false], [false, true], [true, true]];

/// Rows of a table of `2 · span` by falling distance: clipped, or as wide as their number is great.
fn distances(seq_length: usize, span: i64, widening: bool) -> Vec<usize> {
    let greatest = i64::try_from(seq_length).unwrap() - 1;
    let row = |distance: i64| {
        let size = distance.abs();
        let bucket = if widening && size > span / 2 {
            span / 2 + i64::from((size - span / 2).ilog2())
        } else {
            size
        };
        let row = (bucket * distance.signum() + span).clamp(0, 2 * span - 1);
        usize::try_from(row).unwrap()
    };
    (-greatest..=greatest).rev().map(row).collect()
}

/// The inputs: queries, keys and values, and both tables.
fn inputs(batch_size: usize, seq_length: usize, span: i64, device: &Device) -> [Tensor<3>; 5] {
    let states = [batch_size, seq_length, 15];
    let tables = [1, usize::try_from(2 * span).unwrap(), 15];
    [states, states, states, tables, tables].map(|dims| random(dims, device))
}

fn tables(inputs: &[Tensor<3>; 5], terms: [bool; 2]) -> [Option<Tensor<3>>; 2] {
    [0, 1].map(|term| terms[term].then(|| inputs[3 + term].clone()))
}

/// From the order of a batch, and the result back to it.
fn packed(inputs: &[Tensor<3>; 5], terms: [bool; 2], map: &Map, layout: &TokenLayout) -> Tensor<3> {
    let [query, key, value, ..] = inputs.clone();
    let query = layout.wanted(layout.pack(query));
    let states = [query, layout.pack(key), layout.pack(value)];
    let mask = layout.wanted_mask(&layout.mask(BOTH_SIDES));
    layout.unpack(THREE.forward(states, tables(inputs, terms), map, &mask))
}

/// Compares what stands where `outside` is false.
fn compare_positions(
    rows: &[usize],
    span: i64,
    terms: [bool; 2],
    mask: &Tensor<2, Bool>,
    outside: &Tensor<2, Bool>,
    layout: &TokenLayout,
) {
    let [batch_size, seq_length] = mask.dims();
    let device = mask.device();
    let inputs = inputs(batch_size, seq_length, span, &device);
    let fused = packed(&inputs, terms, &Map::new(rows.to_vec(), &device), layout);
    let [query, key, value, ..] = inputs.clone();
    let sight = Sight::new(mask.clone(), BOTH_SIDES);
    let tensors = Map::tensors(rows, &device);
    let states = [query, key, value];
    let composed = THREE.composed(states, tables(&inputs, terms), &tensors, &sight);
    let outside = outside.clone().unsqueeze_dim::<3>(2);
    let outside = outside.expand([batch_size, seq_length, 15]);
    let fused = fused.mask_fill(outside.clone(), 0.0);
    let composed = composed.mask_fill(outside, 0.0);
    let used = [true, true, true, terms[0], terms[1]];
    let used = inputs.iter().zip(used).filter(|(_, used)| *used);
    let used: Vec<&Tensor<3>> = used.map(|(input, _)| input).collect();
    compare(&used, &[], &[], &fused, &composed);
}

#[test]
fn positions_count_as_in_the_composition_with_padding_anywhere() {
    let device = device();
    for (batch_size, seq_length) in [(1, 1), (3, 37), (50, 9), (2, 300)] {
        let mask = padding(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), None);
        for (span, widening) in [(8, false), (64, true), (400, false)] {
            let rows = distances(seq_length, span, widening);
            for terms in TERMS {
                compare_positions(&rows, span, terms, &mask, &mask, &layout);
            }
        }
    }
}

#[test]
fn without_a_position_in_the_scores_it_is_plain_attention() {
    let device = device();
    let mask = padding(3, 37, &device);
    let layout = TokenLayout::new(mask.clone(), None);
    let rows = distances(37, 8, false);
    compare_positions(&rows, 8, [false, false], &mask, &mask, &layout);
}

#[test]
fn positions_of_wanted_tokens_are_those_of_all_of_them() {
    let device = device();
    for (batch_size, seq_length) in [(3, 37), (5, 301)] {
        let mask = padding(batch_size, seq_length, &device);
        let spans = spans(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), Some(spans.clone()));
        let outside = mask.clone().bool_or(unread(&spans, seq_length));
        let rows = distances(seq_length, 64, true);
        for terms in TERMS {
            compare_positions(&rows, 64, terms, &mask, &outside, &layout);
        }
    }
}

#[test]
fn a_row_of_nothing_but_padding_moves_nothing_by_positions() {
    let device = device();
    let inputs = inputs(2, 3, 8, &device);
    let mask = Tensor::<2, Int>::from_data([[1, 1, 1], [0, 0, 0]], &device).bool();
    let layout = TokenLayout::new(mask, None);
    let map = Map::new(distances(3, 8, false), &device);
    let out = packed(&inputs, [true; 2], &map, &layout);
    let zeros = |values: Tensor<3>| {
        let values = values.narrow(0, 0, 1).into_data();
        values.iter::<f32>().all(|value| value == 0.0)
    };
    assert!(zeros(out.clone()));
    let gradients = backward(out);
    assert!(zeros(inputs[0].grad(&gradients).unwrap()));
    assert!(!zeros(inputs[3].grad(&gradients).unwrap()));
}

#[test]
fn dropout_beside_positions_is_the_same_forwards_and_backwards() {
    let device = device();
    let inputs = inputs(2, 9, 4, &device);
    let tokens = flex::PackedTokens::new(&[true; 18], 9);
    let attend = |query: Tensor<3>, value: Tensor<3>, table: Tensor<3>| {
        let kernel = flex::FusedDisentangled {
            attention: flex::FusedAttention {
                num_heads: 3,
                num_key_value_heads: 3,
                scale: 0.25,
                // Not drawn: other tests draw from the same generator meanwhile.
                dropout: flex::Dropout {
                    probability: 0.4,
                    seed: 5,
                },
                rows: flex::Rows {
                    queries: tokens.clone(),
                    keys: tokens.clone(),
                    reach: BOTH_SIDES,
                },
                products: flex::Products::F32,
            },
            terms: [true; 2],
            distances: distances(9, 4, false).into(),
        };
        let (key, other_table) = (inputs[1].clone(), inputs[4].clone());
        let inputs = [query, key, value, table, other_table].map(Tensor::into_dispatch);
        flex::run(kernel, inputs)
    };
    let [query, other, value, table, _] = &inputs;
    let of_value = |x: Tensor<3>| attend(query.clone(), x, table.clone());
    check_direction(of_value, value, other, 1e-4);
    let of_query = |x: Tensor<3>| attend(x, value.clone(), table.clone());
    check_direction(of_query, query, other, 2e-2);
}

#[test]
fn positions_do_not_depend_on_the_number_of_threads() {
    let device = device();
    let inputs = inputs(30, 131, 64, &device);
    let layout = TokenLayout::new(padding(30, 131, &device), None);
    let map = Map::new(distances(131, 64, true), &device);
    let run = || {
        let out = packed(&inputs, [true; 2], &map, &layout);
        let gradients = backward(out.clone());
        let found = inputs
            .each_ref()
            .map(|input| input.grad(&gradients).unwrap());
        (out.into_data(), found.map(Tensor::into_data))
    };
    let one = in_pool(1, run);
    assert_eq!(one, in_pool(3, run));
}
