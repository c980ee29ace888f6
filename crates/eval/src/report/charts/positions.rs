//! Error by position of the segment in its response.

use super::axis::Axis;
use super::palette::Ink;
use super::plot::{Layout, draw};
use super::{Chart, Numbers};
use crate::report::number::{count, plain};
use crate::slices::{Slice, SliceKey};
use crate::{Metric, Result};

/// The parts of a response, in its order; see [`SliceKey::Position`].
const PARTS: [&str; 6] = ["only", "first", "early", "middle", "late", "last"];

/// RMSE by position, with the RMSE of all segments. `None` with fewer than two positions.
///
/// # Errors
/// If the drawing library fails.
pub(in crate::report) fn positions(
    slices: &[Slice],
    overall: Option<f64>,
) -> Result<Option<Chart>> {
    let by_position: Vec<(&Slice, f64)> = PARTS
        .iter()
        .filter_map(|part| {
            let slice = slices
                .iter()
                .find(|slice| slice.key == SliceKey::Position && slice.part == *part)?;
            Some((slice, slice.values.get(Metric::RMSE)?))
        })
        .collect();
    let highest = by_position
        .iter()
        .map(|(_, rmse)| *rmse)
        .chain(overall)
        .fold(0.0, f64::max);
    let names = by_position
        .iter()
        .map(|(slice, _)| slice.part.clone())
        .collect();
    let axes = (
        Axis::of_names("position in the response", names),
        Axis::between("RMSE", 0.0, 1.12 * highest),
    );
    let ((Some(x), Some(y)), 2..) = (axes, by_position.len()) else {
        return Ok(None);
    };
    let svg = draw("Error by position", (&x, &y), Layout::default(), |plot| {
        for (index, (slice, rmse)) in by_position.iter().enumerate() {
            let left = index as f64;
            plot.block([(left + 0.18, 0.0), (left + 0.82, *rmse)], Ink::Model, 0.75);
            plot.words(&count(slice.values.count), (left + 0.5, *rmse), Ink::Muted);
        }
        if let Some(overall) = overall {
            plot.dashes((x.low, overall), (x.high, overall), Ink::Third);
        }
    })?;
    Ok(Some(Chart {
        title: "Error by position".into(),
        caption:
            "RMSE from the first segment of a response to the last, with the number of segments. \
                  Dashed: all segments."
                .to_owned(),
        svg,
        key: Vec::new(),
        numbers: numbers(&by_position, overall),
    }))
}

fn numbers(by_position: &[(&Slice, f64)], overall: Option<f64>) -> Numbers {
    let rows = by_position.iter().map(|(slice, rmse)| {
        let segments = count(slice.values.count);
        vec![slice.part.clone(), segments, plain(*rmse)]
    });
    let all = overall.map(|rmse| vec!["all".to_owned(), String::new(), plain(rmse)]);
    Numbers::new(&["position", "segments", "RMSE"], rows.chain(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MetricValues;

    fn slice(part: &str, rmse: Option<f64>) -> Slice {
        Slice {
            key: SliceKey::Position,
            part: part.into(),
            responses: 3,
            values: MetricValues {
                count: 1234,
                ..MetricValues::default().with(Metric::RMSE, rmse)
            },
        }
    }

    #[test]
    fn positions_stand_in_the_order_of_the_response() {
        let slices = [
            slice("last", Some(0.4)),
            slice("first", Some(0.2)),
            slice("middle", None),
        ];
        let chart = positions(&slices, Some(0.3)).unwrap().unwrap();
        let rows = [
            ["first", "1,234", "0.2000"],
            ["last", "1,234", "0.4000"],
            ["all", "", "0.3000"],
        ];
        assert_eq!(chart.numbers.rows(), rows);
        let svg = chart.svg;
        assert!(svg.find("first").unwrap() < svg.find("last").unwrap());
        assert!(svg.contains("1,234") && !svg.contains("\nmiddle\n"));
        assert!(positions(&slices[..1], Some(0.3)).unwrap().is_none());
    }
}
