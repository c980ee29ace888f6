//! Successive halving: which settings get more seeds.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_eval::Metric;

use crate::Result;
use crate::place::{CellRecord, CellState, Experiment, ExperimentRecord};
use crate::plan::{Halving, Split};

/// The runs of a round: indices of cells. Rounds have the 1st seed, the 2nd, the 3rd and 4th, the 5th to 8th, and so on.
pub(super) fn rounds(record: &ExperimentRecord, halving: Option<Halving>) -> Vec<Vec<usize>> {
    if halving.is_none() {
        return vec![(0..record.cells.len()).collect()];
    }
    let mut seeds: Vec<u64> = Vec::new();
    for cell in &record.cells {
        if !seeds.contains(&cell.seed) {
            seeds.push(cell.seed);
        }
    }
    let mut rounds = Vec::new();
    let mut from = 0;
    while from < seeds.len() {
        let to = (2 * from).max(1).min(seeds.len());
        let of_round = |cell: &CellRecord| seeds[from..to].contains(&cell.seed);
        let cells = record.cells.iter().enumerate();
        let cells = cells
            .filter(|(_, cell)| of_round(cell))
            .map(|(index, _)| index);
        rounds.push(cells.collect());
        from = to;
    }
    rounds
}

/// Settings that compete: those of the same choices on the axes of data.
fn group(record: &ExperimentRecord, labels: &[String]) -> Vec<String> {
    let axes = record.axes.iter().zip(labels);
    axes.filter(|(axis, _)| axis.is_data)
        .map(|(_, label)| label.clone())
        .collect()
}

/// The labels of the settings that go on: of those in the race on the same data, the better share by the mean of the
/// metric on the validation split, at least one, and always the reference, to which the others are compared. Settings
/// whose metric does not exist come last; a tie keeps the order of the plan.
pub(super) fn survivors(
    record: &ExperimentRecord,
    directory: &Path,
    metric: Metric,
    halving: Halving,
    racing: &[Vec<String>],
) -> Result<Vec<Vec<String>>> {
    let mut values: BTreeMap<&[String], Vec<f64>> = BTreeMap::new();
    for cell in &record.cells {
        if let CellState::Complete(result) = Experiment::state(directory, cell)?
            && let Some(value) = result.value(Split::Valid, metric)
        {
            values.entry(&cell.labels).or_default().push(value);
        }
    }
    let goodness = |labels: &[String]| {
        let values = values.get(labels)?;
        Some(metric.goodness(values.iter().sum::<f64>() / values.len() as f64))
    };
    let mut groups: BTreeMap<Vec<String>, Vec<&Vec<String>>> = BTreeMap::new();
    for labels in racing {
        groups
            .entry(group(record, labels))
            .or_default()
            .push(labels);
    }
    let mut kept = Vec::new();
    for members in groups.into_values() {
        let mut ranked = members;
        ranked.sort_by(|one, other| {
            let (one, other) = (goodness(one), goodness(other));
            let of = |value: Option<f64>| value.unwrap_or(f64::NEG_INFINITY);
            of(other).total_cmp(&of(one))
        });
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a small count"
        )]
        let count = ((ranked.len() as f64 * halving.keep).ceil() as usize).max(1);
        for (rank, labels) in ranked.into_iter().enumerate() {
            if rank < count || is_reference(record, labels) {
                kept.push(labels.clone());
            }
        }
    }
    Ok(racing
        .iter()
        .filter(|labels| kept.contains(labels))
        .cloned()
        .collect())
}

fn is_reference(record: &ExperimentRecord, labels: &[String]) -> bool {
    let mut axes = record.axes.iter().zip(labels).zip(&record.reference);
    axes.all(|((axis, label), reference)| axis.is_data || label == reference)
}
