//! Calls of attention and of rotary positions.

use burn::backend::Dispatch;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};

use super::{AttentionOptions, DisentangledOptions, FusedOps, Rows, draw, is_ours, norm_options};
use crate::ops::rotate::Turns;
use crate::ops::{AddNorm, Attend, Disentangled, Distances, Projections, Side};

pub(in crate::ops) fn attention_norm(
    layers: Projections<'_>,
    attend: Attend,
    norm: AddNorm<'_>,
    x: &Tensor<3>,
    rows: &Rows,
) -> Option<Tensor<3>> {
    let Projections {
        query,
        key,
        value,
        output,
    } = layers;
    let bias = |layer: &Linear| Some(layer.bias.as_ref()?.val().into_dispatch());
    let weight = |layer: &Linear| layer.weight.val().into_dispatch();
    let beta = norm.norm.beta.as_ref()?;
    if !is_ours(x) {
        return None;
    }
    assert!(
        rows.queries == rows.keys,
        "the tokens of a block look at each other: its mask is not of some of them"
    );
    let [_, width] = query.weight.dims();
    // Drawn in the order in which the composition draws.
    let attention = attention_options(attend, width, &x.device(), rows.clone());
    Some(Tensor::from_dispatch(Dispatch::fused_attention_norm(
        x.clone().into_dispatch(),
        weight(query),
        bias(query)?,
        weight(key),
        bias(key)?,
        weight(value),
        bias(value)?,
        weight(output),
        bias(output)?,
        norm.norm.gamma.val().into_dispatch(),
        beta.val().into_dispatch(),
        attention,
        norm_options(norm, &x.device()),
    )))
}

/// For queries of a width.
fn attention_options(
    attend: Attend,
    width: usize,
    device: &Device,
    rows: Rows,
) -> AttentionOptions {
    let d_head = width / attend.num_heads;
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    let scale = (1.0 / (d_head as f64).sqrt()) as f32;
    AttentionOptions {
        num_heads: attend.num_heads,
        num_key_value_heads: attend.num_key_value_heads,
        scale,
        dropout: draw(attend.dropout, device),
        rows,
    }
}

pub(in crate::ops) fn rotate(
    states: Tensor<3>,
    turns: Turns,
    rows: &Rows,
    side: Side,
) -> Tensor<3> {
    let tokens = match side {
        Side::Query => &rows.queries,
        Side::Key => &rows.keys,
    };
    let positions = tokens.positions().clone();
    let [_, _, width] = states.dims();
    assert!(
        width.is_multiple_of(2 * turns.pairs),
        "heads of {} features in a width of {width}",
        2 * turns.pairs
    );
    let states = states.into_dispatch();
    Tensor::from_dispatch(Dispatch::fused_rotate(states, turns, positions))
}

pub(in crate::ops) fn attention(
    options: Attend,
    query: Tensor<3>,
    key: Tensor<3>,
    value: Tensor<3>,
    rows: Rows,
) -> Tensor<3> {
    let [_, _, width] = query.dims();
    let options = attention_options(options, width, &query.device(), rows);
    Tensor::from_dispatch(Dispatch::fused_attention(
        query.into_dispatch(),
        key.into_dispatch(),
        value.into_dispatch(),
        options,
    ))
}

pub(in crate::ops) fn disentangled(
    options: Disentangled,
    [query, key, value]: [Tensor<3>; 3],
    tables: [Option<Tensor<3>>; 2],
    distances: &Distances,
    rows: Rows,
) -> Tensor<3> {
    let Disentangled { num_heads, dropout } = options;
    let terms = tables.each_ref().map(Option::is_some);
    let [_, _, width] = query.dims();
    let scale = options.scale(width, &tables);
    let (position_key, position_query) = match tables {
        [Some(keys), Some(queries)] => (keys, queries),
        // One stands in for the other, which is not read.
        [Some(table), None] | [None, Some(table)] => (table.clone(), table),
        [None, None] => {
            let plain = Attend {
                num_heads,
                num_key_value_heads: num_heads,
                dropout,
            };
            return attention(plain, query, key, value, rows);
        }
    };
    #[expect(clippy::cast_possible_truncation, reason = "scores are f32")]
    let attention = AttentionOptions {
        num_heads,
        num_key_value_heads: num_heads,
        scale: scale as f32,
        dropout: draw(dropout, &query.device()),
        rows,
    };
    Tensor::from_dispatch(Dispatch::fused_disentangled(
        query.into_dispatch(),
        key.into_dispatch(),
        value.into_dispatch(),
        position_key.into_dispatch(),
        position_query.into_dispatch(),
        DisentangledOptions {
            attention,
            terms,
            distances: distances.rows.clone(),
        },
    ))
}
