//! Gathers rows of a matrix and scatters them back.

use std::sync::Arc;

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;

use super::buffer::{last, tensor, values};
use super::embedding;
use super::kernel::Kernel;
use super::rows::{MANY, by_rows, per_task, zeroed};

/// Indices of selected rows of a matrix, ascending and distinct.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Places {
    chosen: Arc<[usize]>,
    rows: usize,
}

impl Places {
    /// Selects the rows `chosen` of `rows` rows.
    ///
    /// # Panics
    /// If the indices are not ascending and below `rows`.
    pub(crate) fn new(chosen: Vec<usize>, rows: usize) -> Self {
        let ascend = chosen.is_sorted_by(|left, right| left < right);
        assert!(
            ascend && chosen.last().is_none_or(|last| *last < rows),
            "places among {rows} rows, each once and in order"
        );
        Self {
            chosen: chosen.into(),
            rows,
        }
    }

    /// Number of selected rows.
    fn count(&self) -> usize {
        self.chosen.len()
    }

    /// Whether all rows are selected.
    pub(crate) fn are_all(&self) -> bool {
        self.count() == self.rows
    }

    /// `[.., width]` to `[1, chosen, width]`.
    fn gather(&self, x: &FlexTensor) -> FlexTensor {
        let width = last(x);
        let gathered = gather(values(x), self, width);
        tensor(gathered, [1, self.count(), width].into())
    }
}

/// Gathers the selected rows: `[.., width]` to `[1, chosen, width]`.
#[derive(Debug, Clone)]
pub(crate) struct FusedGather(pub(crate) Places);

impl Kernel<1> for FusedGather {
    /// The places, and the shape of `x`.
    type Saved = (Places, Shape);

    fn forward_saved(self, [x]: [FlexTensor; 1]) -> (FlexTensor, Self::Saved) {
        let Self(places) = self;
        (places.gather(&x), (places, x.shape()))
    }

    fn backward(
        (places, shape): Self::Saved,
        gradient: &FlexTensor,
        _needed: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        let values = scatter(values(gradient), &places, last(gradient));
        [Some(tensor(values, shape))]
    }
}

/// Scatters the selected rows, with zeros elsewhere: `[1, chosen, width]` to `[1, rows, width]`.
#[derive(Debug, Clone)]
pub(crate) struct FusedScatter(pub(crate) Places);

impl Kernel<1> for FusedScatter {
    type Saved = Places;

    fn forward_saved(self, [x]: [FlexTensor; 1]) -> (FlexTensor, Places) {
        let (Self(places), width) = (self, last(&x));
        let scattered = scatter(values(&x), &places, width);
        (tensor(scattered, [1, places.rows, width].into()), places)
    }

    fn backward(
        places: Places,
        gradient: &FlexTensor,
        _needed: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        [Some(places.gather(gradient))]
    }
}

/// The selected rows of `values`, `[rows, width]`.
fn gather(values: &[f32], places: &Places, width: usize) -> Vec<f32> {
    assert_eq!(values.len(), places.rows * width, "a matrix of all rows");
    embedding::forward(values, &places.chosen, width)
}

/// The inverse of [`gather`], with zeros in the other rows.
fn scatter(values: &[f32], places: &Places, width: usize) -> Vec<f32> {
    let count = places.count();
    assert_eq!(values.len(), count * width, "a matrix of the chosen rows");
    let task = per_task(places.rows, MANY);
    let [out] = by_rows(places.rows, task, [width], |rows, [out]| {
        let out = zeroed(out);
        let first = places.chosen.partition_point(|place| *place < rows.start);
        let chosen = places.chosen[first..].iter().enumerate();
        for (index, place) in chosen.take_while(|(_, place)| **place < rows.end) {
            let value = (first + index) * width;
            let place = (place - rows.start) * width;
            out[place..place + width].copy_from_slice(&values[value..value + width]);
        }
        [out]
    });
    out
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values are copied")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chosen_rows_come_together_and_go_back() {
        let places = Places::new(vec![0, 2], 4);
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let gathered = gather(&values, &places, 2);
        assert_eq!(gathered, [1.0, 2.0, 5.0, 6.0]);
        let scattered = scatter(&gathered, &places, 2);
        assert_eq!(scattered, [1.0, 2.0, 0.0, 0.0, 5.0, 6.0, 0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "places among 3 rows, each once and in order")]
    fn a_row_that_is_chosen_twice_is_refused() {
        let _ = Places::new(vec![1, 1], 3);
    }

    proptest! {
        // More rows than a task has.
        #[test]
        fn every_row_is_found_again(chosen in proptest::collection::vec(any::<bool>(), 0..300)) {
            let chosen = &chosen;
            let of = |wanted: bool| (0..chosen.len()).filter(move |&row| chosen[row] == wanted);
            let values: Vec<f32> = (0..chosen.len()).map(|row| 1.0 + row as f32).collect();
            let places = Places::new(of(true).collect(), values.len());
            let back = scatter(&gather(&values, &places, 1), &places, 1);
            prop_assert!(of(true).all(|row| back[row] == values[row]));
            prop_assert!(of(false).all(|row| back[row] == 0.0));
        }
    }
}
