//! Packs the tokens of a batch without padding.

use burn::tensor::{Bool, Int, Tensor};

use super::kernel::run;
use super::packed::{PackedTokens, Rows};
use super::places::{FusedGather, FusedScatter, Places};
use crate::Reach;

/// Positions of a batch's real tokens, and which of them are wanted from the last layer.
#[derive(Debug, Clone)]
pub(crate) struct Packing {
    batch_size: usize,
    seq_length: usize,
    /// The real tokens among all tokens of the batch.
    real: Places,
    keys: PackedTokens,
    /// The wanted tokens among the real ones.
    wanted: Places,
    queries: PackedTokens,
    /// The wanted tokens among all tokens of the batch.
    back: Places,
}

impl Packing {
    pub(crate) fn new(mask_pad: Tensor<2, Bool>, read: Option<Tensor<3, Int>>) -> Self {
        let [batch_size, seq_length] = mask_pad.dims();
        let padding = mask_pad.into_data();
        let mut real: Vec<bool> = padding.iter::<bool>().map(|padding| !padding).collect();
        if !real.contains(&true) {
            // A tensor cannot be empty, so compute all tokens.
            real.fill(true);
        }
        let is_read = read.map(|read| within(read, batch_size, seq_length));
        let mut wanted: Vec<bool> = match is_read {
            Some(is_read) => real.iter().zip(is_read).map(|(a, b)| *a && b).collect(),
            None => real.clone(),
        };
        if !wanted.contains(&true) {
            wanted.clone_from(&real);
        }
        let wanted_of_real = real.iter().zip(&wanted).filter(|(real, _)| **real);
        let wanted_of_real: Vec<bool> = wanted_of_real.map(|(_, wanted)| *wanted).collect();
        Self {
            batch_size,
            seq_length,
            real: places(&real),
            keys: PackedTokens::new(&real, seq_length),
            wanted: places(&wanted_of_real),
            queries: PackedTokens::new(&wanted, seq_length),
            back: places(&wanted),
        }
    }

    pub(crate) fn pack(&self, states: Tensor<3>) -> Tensor<3> {
        gather(states, &self.real)
    }

    pub(crate) fn wanted(&self, states: Tensor<3>) -> Tensor<3> {
        gather(states, &self.wanted)
    }

    pub(crate) fn unpack(&self, wanted: Tensor<3>) -> Tensor<3> {
        let [_, _, d_model] = wanted.dims();
        let dims = [self.batch_size, self.seq_length, d_model];
        if self.back.are_all() {
            return wanted.reshape(dims);
        }
        let scatter = FusedScatter(self.back.clone());
        run::<1, 3>(scatter, [wanted.into_dispatch()]).reshape(dims)
    }

    /// All tokens attend to their row, within `reach`.
    pub(crate) fn rows(&self, reach: Reach) -> Rows {
        Rows {
            queries: self.keys.clone(),
            keys: self.keys.clone(),
            reach,
        }
    }

    /// The wanted tokens attend to the same keys as in `rows`.
    pub(crate) fn wanted_rows(&self, rows: &Rows) -> Rows {
        Rows {
            queries: self.queries.clone(),
            ..rows.clone()
        }
    }
}

/// Gathers rows: `[.., d_model]` to `[1, places, d_model]`.
fn gather(states: Tensor<3>, places: &Places) -> Tensor<3> {
    let [rows, length, d_model] = states.dims();
    if places.are_all() {
        return states.reshape([1, rows * length, d_model]);
    }
    run(FusedGather(places.clone()), [states.into_dispatch()])
}

/// Which tokens are in any span of their row.
fn within(spans: Tensor<3, Int>, batch_size: usize, seq_length: usize) -> Vec<bool> {
    let [_, num_spans, _] = spans.dims();
    let spans: Vec<i64> = spans.into_data().iter::<i64>().collect();
    let mut inside = vec![false; batch_size * seq_length];
    let place = |token: i64| usize::try_from(token).unwrap_or(0).min(seq_length);
    let rows = inside.chunks_mut(seq_length.max(1));
    for (inside, spans) in rows.zip(spans.chunks((2 * num_spans).max(1))) {
        for span in spans.chunks_exact(2) {
            let (start, end) = (place(span[0]), place(span[1]));
            inside[start.min(end)..end].fill(true);
        }
    }
    inside
}

fn places(chosen: &[bool]) -> Places {
    let rows = (0..chosen.len()).filter(|&row| chosen[row]);
    Places::new(rows.collect(), chosen.len())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn packing(padding: [[i32; 4]; 2], read: Option<[[[i32; 2]; 2]; 2]>) -> Packing {
        let device = Device::flex();
        let mask = Tensor::<2, Int>::from_data(padding, &device).bool();
        Packing::new(mask, read.map(|read| Tensor::from_data(read, &device)))
    }

    /// The states of a batch are the numbers of its tokens.
    fn states() -> Tensor<3> {
        Tensor::<1, Int>::arange(0..8, &Device::flex())
            .float()
            .reshape([2, 4, 1])
    }

    fn values(states: Tensor<3>) -> Vec<f32> {
        states.into_data().try_into_vec().unwrap()
    }

    #[test]
    fn only_real_tokens_are_packed_and_only_those_that_are_read_wanted() {
        let padding = [[0, 0, 0, 1], [1, 0, 0, 0]];
        let packing = packing(padding, Some([[[1, 2], [0, 0]], [[0, 2], [3, 4]]]));
        let packed = packing.pack(states());
        assert_eq!(values(packed.clone()), [0.0, 1.0, 2.0, 5.0, 6.0, 7.0]);
        let rows = packing.rows(Reach::default());
        let real = [true, true, true, false, false, true, true, true];
        assert_eq!(rows.keys, PackedTokens::new(&real, 4));
        assert_eq!(rows.queries, rows.keys);
        let wanted = packing.wanted(packed);
        assert_eq!(values(wanted.clone()), [1.0, 5.0, 7.0]);
        let wanted_rows = packing.wanted_rows(&rows);
        let read = [false, true, false, false, false, true, false, true];
        assert_eq!(wanted_rows.queries, PackedTokens::new(&read, 4));
        assert_eq!(wanted_rows.keys, rows.keys);
        let back = packing.unpack(wanted);
        assert_eq!(back.dims(), [2, 4, 1]);
        assert_eq!(values(back), [0.0, 1.0, 0.0, 0.0, 0.0, 5.0, 0.0, 7.0]);
    }

    #[test]
    fn all_is_wanted_where_nothing_is_said_of_it_or_nothing_is_read() {
        let padding = [[0, 0, 0, 1], [0, 0, 0, 0]];
        for read in [None, Some([[[0, 0]; 2]; 2])] {
            let packing = packing(padding, read);
            let wanted = packing.wanted(packing.pack(states()));
            assert_eq!(wanted.dims(), [1, 7, 1]);
            let expected = [0.0, 1.0, 2.0, 0.0, 4.0, 5.0, 6.0, 7.0];
            assert_eq!(values(packing.unpack(wanted)), expected);
        }
    }

    #[test]
    fn a_batch_of_nothing_but_padding_stays_as_it_is() {
        let packing = packing([[1; 4]; 2], None);
        let packed = packing.pack(states());
        assert_eq!(packed.dims(), [1, 8, 1]);
        assert_eq!(values(packing.unpack(packed)), values(states()));
    }
}
