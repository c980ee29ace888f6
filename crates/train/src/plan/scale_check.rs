//! Refuses ratings outside the range of a min-max scale: they are mistakes or on another scale.

use gradus_data::{AspectSpec, RatingScale, RecordSet};

use super::TrainConfig;
use crate::{Result, TrainError};

/// The ratings of an aspect with a min-max scale.
struct Found<'a> {
    aspect: &'a str,
    low: f64,
    high: f64,
    ratings: usize,
    outside: usize,
    /// Id and rating of the first outside.
    first: Option<(String, f64)>,
}

/// Refuses ratings of a split outside the scales of the aspects.
pub(super) fn check_scales<R: RecordSet + ?Sized>(
    split: &'static str,
    aspects: &[AspectSpec],
    training: &TrainConfig,
    records: &R,
) -> Result<()> {
    let with_range = aspects.iter().filter_map(|spec| match spec.scale {
        RatingScale::MinMax { min, max } => Some(Found {
            aspect: &spec.name,
            low: min,
            high: max,
            ratings: 0,
            outside: 0,
            first: None,
        }),
        _ => None,
    });
    let mut all: Vec<Found> = with_range.collect();
    if all.is_empty() {
        return Ok(());
    }
    for example in records.records()? {
        let example = example?;
        for found in &mut all {
            let segments = example.segments.iter().map(|segment| &segment.ratings);
            let whole = training.response_loss.is_some().then_some(&example.ratings);
            for ratings in segments.chain(whole) {
                if let Some(&rating) = ratings.get(found.aspect) {
                    found.add(&example.id, rating);
                }
            }
        }
    }
    for found in all {
        if let Some((id, rating)) = found.first {
            return Err(TrainError::OutsideScale {
                split,
                aspect: found.aspect.to_owned(),
                outside: found.outside,
                ratings: found.ratings,
                low: found.low,
                high: found.high,
                id,
                rating,
            });
        }
    }
    Ok(())
}

impl Found<'_> {
    fn add(&mut self, id: &str, rating: f64) {
        self.ratings += 1;
        if !(self.low..=self.high).contains(&rating) {
            self.outside += 1;
            self.first.get_or_insert_with(|| (id.to_owned(), rating));
        }
    }
}
