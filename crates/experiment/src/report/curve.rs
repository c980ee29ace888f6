//! Learning curves: the metric over the size of the training split.

use serde::Serialize;

use super::table::Table;
use crate::result::Ratings;

/// Name of the axis that a curve is drawn over.
const SIZE: &str = "train_records";

/// The metric of settings over the size of the training split.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Curve {
    /// The labels on the other axes of data, with the names of the axes.
    pub data: Vec<(String, String)>,
    /// The aspect.
    pub aspect: String,
    /// What is rated.
    pub ratings: Ratings,
    /// Name of the settings.
    pub arm: String,
    /// Whether it is a trivial baseline.
    pub is_baseline: bool,
    /// The points, by size.
    pub points: Vec<CurvePoint>,
}

/// A point of a learning curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Records of the training split that were drawn.
    pub records: f64,
    /// Mean over seeds.
    pub mean: f64,
    /// Half the width of the interval of the mean over seeds; `None` with one seed.
    pub reach: Option<f64>,
}

pub(super) fn curves(tables: &[Table]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for table in tables {
        let size = table.data.iter().find(|(axis, _)| axis.ends_with(SIZE));
        let Some(records) = size.and_then(|(_, label)| label.parse::<f64>().ok()) else {
            continue;
        };
        let rest = table.data.iter().filter(|(axis, _)| !axis.ends_with(SIZE));
        let data: Vec<(String, String)> = rest.cloned().collect();
        for arm in &table.arms {
            let Some(mean) = arm.metrics[0].mean else {
                continue;
            };
            let point = CurvePoint {
                records,
                mean,
                reach: arm.metrics[0].reach,
            };
            let same = curves.iter_mut().find(|curve| {
                curve.data == data
                    && curve.aspect == table.aspect
                    && curve.ratings == table.ratings
                    && curve.arm == arm.name
            });
            match same {
                Some(curve) => curve.points.push(point),
                None => curves.push(Curve {
                    data: data.clone(),
                    aspect: table.aspect.clone(),
                    ratings: table.ratings,
                    arm: arm.name.clone(),
                    is_baseline: arm.is_baseline,
                    points: vec![point],
                }),
            }
        }
    }
    for curve in &mut curves {
        curve
            .points
            .sort_by(|one, other| one.records.total_cmp(&other.records));
    }
    curves.retain(|curve| curve.points.len() > 1);
    curves
}
