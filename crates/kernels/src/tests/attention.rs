//! Attention, and rotary positions.

use super::*;
use crate::layout::Mask;

pub(super) const THREE_HEADS: Attend = Attend {
    num_heads: 3,
    num_key_value_heads: 3,
    dropout: 0.0,
};

pub(super) const BOTH_SIDES: Reach = Reach {
    causal: false,
    window: None,
};

/// Queries, keys and values from the order of a batch, and the result back to it.
pub(super) fn packed_attention(
    options: Attend,
    [query, key, value]: [Tensor<3>; 3],
    layout: &TokenLayout,
    reach: Reach,
) -> Tensor<3> {
    let query = layout.wanted(layout.pack(query));
    let (key, value) = (layout.pack(key), layout.pack(value));
    let mask = layout.wanted_mask(&layout.mask(reach));
    layout.unpack(options.forward(query, key, value, &mask))
}

/// Compares what stands where `outside` is false.
fn compare_attention(
    options: Attend,
    mask: &Tensor<2, Bool>,
    outside: Tensor<2, Bool>,
    layout: &TokenLayout,
    reach: Reach,
) {
    let [batch_size, seq_length] = mask.dims();
    let (heads, shared) = (options.num_heads, options.num_key_value_heads);
    let inputs = [heads, shared, shared]
        .map(|heads| random([batch_size, seq_length, 5 * heads], &mask.device()));
    let fused = packed_attention(options, inputs.clone(), layout, reach);
    let sight = Sight::new(mask.clone(), reach);
    let [query, key, value] = inputs.clone();
    let composed = composed::attention(options, query, key, value, &sight);
    // What stands there has no meaning.
    let outside = outside
        .unsqueeze_dim::<3>(2)
        .expand([batch_size, seq_length, 5 * heads]);
    let fused = fused.mask_fill(outside.clone(), 0.0);
    let composed = composed.mask_fill(outside, 0.0);
    compare(&inputs.each_ref(), &[], &[], &fused, &composed);
}

#[test]
fn attention_is_that_of_burn_with_padding_anywhere() {
    let device = device();
    for (batch_size, seq_length) in ROWS {
        let mask = padding(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), None);
        compare_attention(THREE_HEADS, &mask, mask.clone(), &layout, BOTH_SIDES);
    }
}

#[test]
fn attention_reaches_as_far_as_that_of_burn_and_heads_share_keys() {
    let device = device();
    let options = Attend {
        num_heads: 6,
        num_key_value_heads: 2,
        dropout: 0.0,
    };
    for (batch_size, seq_length) in [(3, 37), (2, 300)] {
        let mask = padding(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), None);
        for causal in [false, true] {
            for window in [None, Some(0), Some(7), Some(150)] {
                let reach = Reach { causal, window };
                compare_attention(options, &mask, mask.clone(), &layout, reach);
            }
        }
    }
}

#[test]
fn attention_of_wanted_tokens_is_that_of_all_of_them() {
    let device = device();
    for (batch_size, seq_length) in [(3, 37), (5, 301)] {
        let mask = padding(batch_size, seq_length, &device);
        let spans = spans(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask.clone(), Some(spans.clone()));
        let unread = unread(&spans, seq_length);
        for reach in [
            BOTH_SIDES,
            Reach {
                causal: true,
                window: Some(40),
            },
        ] {
            let outside = mask.clone().bool_or(unread.clone());
            compare_attention(THREE_HEADS, &mask, outside, &layout, reach);
        }
    }
}

/// Several heads of queries that share one of keys; no width is that of another.
#[test]
fn attention_between_its_layers_and_the_norm_is_that_of_burn() {
    let device = device();
    for (batch_size, seq_length) in [(1, 1), (3, 37), (5, 301)] {
        for (num_heads, num_key_value_heads) in [(3, 3), (6, 2)] {
            let attend = Attend {
                num_heads,
                num_key_value_heads,
                dropout: 0.0,
            };
            let (width, shared) = (5 * num_heads, 5 * num_key_value_heads);
            let layers = [
                layer(14, width, &device),
                layer(14, shared, &device),
                layer(14, shared, &device),
                layer(width, 14, &device),
            ];
            let [query, key, value, output] = layers.each_ref();
            let projections = Projections {
                query,
                key,
                value,
                output,
            };
            let norm = layer_norm_of(14, &device);
            let x = random([batch_size, seq_length, 14], &device);
            let mask = padding(batch_size, seq_length, &device);
            let layout = TokenLayout::new(mask.clone(), None);
            let (packed, rows) = (layout.pack(x.clone()), layout.mask(BOTH_SIDES));
            let Mask::Rows(rows) = rows.0 else {
                unreachable!()
            };
            let fused = flex::attention_norm(projections, attend, add(&norm), &packed, &rows);
            let fused = layout.unpack(fused.unwrap());
            let states = [query, key, value].map(|layer| layer.forward(x.clone()));
            let sight = Sight::new(mask.clone(), BOTH_SIDES);
            let [query, key, value] = states;
            let attended = composed::attention(attend, query, key, value, &sight);
            let composed = composed::add_norm(&norm, 0.0, output.forward(attended), x.clone());
            // What stands there has no meaning.
            let outside = mask.unsqueeze_dim::<3>(2).expand(x.dims());
            let composed = composed.mask_fill(outside, 0.0);
            let (weights, mut biases) = parameters(&layers.each_ref());
            biases.extend(vectors(&norm));
            compare(&[&x], &weights, &biases, &fused, &composed);
        }
    }
}

#[test]
fn a_row_of_nothing_but_padding_is_zero_and_moves_nothing() {
    let device = device();
    let x = random([2, 3, 15], &device);
    let mask = Tensor::<2, Int>::from_data([[1, 1, 1], [0, 0, 0]], &device).bool();
    let layout = TokenLayout::new(mask, None);
    let out = packed_attention(
        THREE_HEADS,
        [(); 3].map(|()| x.clone()),
        &layout,
        BOTH_SIDES,
    );
    let zeros = |values: Tensor<3>| {
        let values = values.narrow(0, 0, 1).into_data();
        values.iter::<f32>().all(|value| value == 0.0)
    };
    assert!(zeros(out.clone()));
    assert!(zeros(x.grad(&backward(out)).unwrap()));
}

/// Angles of all positions of a sequence.
pub(super) fn turns(seq_length: usize, pairs: usize) -> [Vec<f32>; 2] {
    let angles = (0..seq_length * pairs).map(|k| (k / pairs) as f32 / (1 + k % pairs) as f32);
    let angles: Vec<f32> = angles.collect();
    [f32::cos, f32::sin].map(|function| angles.iter().map(|angle| function(*angle)).collect())
}

#[test]
fn rotary_positions_are_those_of_the_composition() {
    let device = device();
    for (batch_size, seq_length) in [(3, 37), (9, 131)] {
        let mask = padding(batch_size, seq_length, &device);
        let spans = spans(batch_size, seq_length, &device);
        let layout = TokenLayout::new(mask, Some(spans));
        let [cos, sin] = turns(seq_length, 3);
        let tensors = [&cos, &sin].map(|values| {
            let data = burn::tensor::TensorData::new(values.clone(), [1, 1, seq_length, 3]);
            Tensor::<4>::from_data(data, &device)
        });
        let angles = Angles::new(cos, sin, 3, &device);
        let mask = layout.wanted_mask(&layout.mask(BOTH_SIDES));
        for side in [Side::Key, Side::Query] {
            let arranged = |states| match side {
                Side::Key => layout.pack(states),
                Side::Query => layout.wanted(layout.pack(states)),
            };
            let states = random([batch_size, seq_length, 12], &device);
            let expected = arranged(rotate::composed(states.clone(), 2, &tensors));
            let fused = angles.turn(arranged(states.clone()), 2, &mask, side);
            compare(&[&states], &[], &[], &fused, &expected);
        }
    }
}
