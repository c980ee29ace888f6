//! Selects the segments that all systems score.

use super::System;
use crate::metrics::same;
use crate::{Aggregation, EvalError, JudgedSegment, Level, ResponsePairs, Result};
use std::collections::HashMap;

/// The scores of all systems on the segments that all of them score.
#[derive(Clone, Debug)]
pub struct SharedPairs {
    /// The pairs of each system, in the given order.
    pub systems: Vec<ResponsePairs>,
    /// Number of segments, or of whole responses.
    pub pairs: usize,
}

impl SharedPairs {
    /// Selects the segments that every system scores.
    ///
    /// # Errors
    /// [`EvalError::DifferentRatings`] if two systems have different ratings.
    pub fn of(systems: &[System], midpoint: Option<f64>) -> Result<Self> {
        let mut seen: HashMap<(usize, usize), Place> = HashMap::new();
        for (system, System { judged, .. }) in systems.iter().enumerate() {
            for response in &judged.responses {
                for segment in &response.segments {
                    let place = seen
                        .entry((response.index, segment.index))
                        .or_insert(Place {
                            rating: segment.rating,
                            first: system,
                            systems: 0,
                        });
                    place.systems += 1;
                    place.check(systems, system, response.index, segment)?;
                }
            }
        }
        let by_all =
            |response: usize, segment: usize| seen[&(response, segment)].systems == systems.len();
        let systems: Vec<ResponsePairs> = systems
            .iter()
            .map(|system| {
                let judged = system.judged.retained(by_all);
                let midpoint = judged.midpoint(midpoint);
                judged.pairs(Level::Segment, Aggregation::default(), midpoint)
            })
            .collect();
        let pairs = systems.first().map_or(0, ResponsePairs::len);
        Ok(Self { systems, pairs })
    }
}

/// A segment: its rating, the system that gave it first, and the number of systems that score it.
struct Place {
    rating: f64,
    first: usize,
    systems: usize,
}

impl Place {
    fn check(
        &self,
        systems: &[System],
        system: usize,
        response: usize,
        segment: &JudgedSegment,
    ) -> Result<()> {
        if same(self.rating, segment.rating) {
            return Ok(());
        }
        Err(EvalError::DifferentRatings {
            system: systems[system].name.clone(),
            other: systems[self.first].name.clone(),
            response,
            segment: segment.index,
            found: segment.rating,
            expected: self.rating,
        })
    }
}
