//! Density of segments, score against rating.

use super::axis::Axis;
use super::palette::Ink;
use super::plot::{Layout, draw};
use super::{Chart, Numbers, quantiles};
use crate::Result;
use crate::report::number::{count, plain};

/// Number of cells along the scores.
const ROWS: usize = 36;
/// Number of cells along the ratings if they have many distinct values.
const COLUMNS: usize = 30;
/// Maximum number of distinct ratings that get one column each.
const FEW: usize = 12;

/// The number of segments with each rating and score.
///
/// # Errors
/// If the drawing library fails.
pub(in crate::report) fn density(pairs: &[(f64, f64)]) -> Result<Option<Chart>> {
    let values = || pairs.iter().flat_map(|&(score, rating)| [score, rating]);
    let (Some(x), Some(y)) = (
        Axis::over("rating", values()),
        Axis::over("score", values()),
    ) else {
        return Ok(None);
    };
    let columns = Columns::of(pairs, &x);
    let height = (y.high - y.low) / ROWS as f64;
    let mut cells = vec![0_usize; ROWS * columns.bands.len()];
    for &(score, rating) in pairs {
        let row = cell((score - y.low) / (y.high - y.low), ROWS);
        cells[columns.index(rating) * ROWS + row] += 1;
    }
    let most = cells.iter().copied().max().unwrap_or(0);
    let svg = draw(
        "Score against rating",
        (&x, &y),
        Layout {
            height: 330,
            ..Layout::default()
        },
        |plot| {
            for (index, &segments) in cells
                .iter()
                .enumerate()
                .filter(|(_, segments)| **segments > 0)
            {
                let (low, high) = columns.bands[index / ROWS];
                let bottom = y.low + (index % ROWS) as f64 * height;
                // The square root keeps cells with few segments visible.
                let opacity = 0.1 + 0.9 * (segments as f64 / most as f64).sqrt();
                plot.block(
                    [(low, bottom), (high, bottom + height)],
                    Ink::Model,
                    opacity,
                );
            }
            plot.dashes((x.low, x.low), (x.high, x.high), Ink::Third);
        },
    )?;
    Ok(Some(Chart {
        title: "Score against rating".into(),
        caption: format!(
            "Darker cells have more segments; the darkest has {}. On the dashed line, score and rating are equal.",
            count(most),
        ),
        svg,
        key: Vec::new(),
        numbers: numbers(pairs, &columns),
    }))
}

/// A summary of the scores of every column, because there are too many cells to read.
fn numbers(pairs: &[(f64, f64)], columns: &Columns) -> Numbers {
    let mut scores = vec![Vec::new(); columns.bands.len()];
    for &(score, rating) in pairs {
        scores[columns.index(rating)].push(score);
    }
    let rows = scores
        .into_iter()
        .enumerate()
        .filter_map(|(index, mut of)| {
            of.sort_unstable_by(f64::total_cmp);
            let segments = of.len();
            (segments > 0).then(|| {
                let [low, median, high] = quantiles(&of, [0.0, 0.5, 1.0]).map(plain);
                vec![columns.name(index), count(segments), low, median, high]
            })
        });
    let head = ["rating", "segments", "lowest score", "median", "highest"];
    Numbers::new(&head, rows).with_note("The scores in each column of the chart.")
}

/// The index of the cell at a share of the range.
fn cell(share: f64, cells: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is in 0..=1"
    )]
    let index = (share * cells as f64) as usize;
    index.min(cells - 1)
}

/// The columns along the ratings.
struct Columns {
    /// Left and right edge of each.
    bands: Vec<(f64, f64)>,
    /// The ratings, if each has its own column.
    targets: Option<Vec<f64>>,
    low: f64,
    high: f64,
}

impl Columns {
    fn of(pairs: &[(f64, f64)], x: &Axis) -> Self {
        let mut targets: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
        targets.sort_unstable_by(f64::total_cmp);
        targets.dedup();
        let (low, high) = (x.low, x.high);
        if targets.len() <= FEW {
            let gap = targets
                .windows(2)
                .map(|pair| pair[1] - pair[0])
                .fold(high - low, f64::min);
            let half = (0.4 * gap).clamp(0.006 * (high - low), 0.035 * (high - low));
            let bands = targets
                .iter()
                .map(|target| (target - half, target + half))
                .collect();
            return Self {
                bands,
                targets: Some(targets),
                low,
                high,
            };
        }
        let width = (high - low) / COLUMNS as f64;
        let bands = (0..COLUMNS)
            .map(|index| low + index as f64 * width)
            .map(|left| (left, left + width))
            .collect();
        Self {
            bands,
            targets: None,
            low,
            high,
        }
    }

    /// The rating of a column, or its range.
    fn name(&self, index: usize) -> String {
        if let Some(targets) = &self.targets {
            return plain(targets[index]);
        }
        let (left, right) = self.bands[index];
        format!("{} to {}", plain(left), plain(right))
    }

    fn index(&self, target: f64) -> usize {
        match &self.targets {
            Some(targets) => targets
                .partition_point(|&known| known < target)
                .min(targets.len() - 1),
            None => cell((target - self.low) / (self.high - self.low), COLUMNS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_targets_have_a_column_each_and_many_share() {
        let few: Vec<(f64, f64)> = (0..90)
            .map(|k| (f64::from(k) / 90.0, f64::from(k % 3) / 2.0))
            .collect();
        let x = Axis::between("target", -0.04, 1.04).unwrap();
        let columns = Columns::of(&few, &x);
        assert_eq!(columns.bands.len(), 3);
        assert_eq!(
            [0.0, 0.5, 1.0].map(|target| columns.index(target)),
            [0, 1, 2]
        );
        let many: Vec<(f64, f64)> = (0..90).map(|k| (0.5, f64::from(k) / 90.0)).collect();
        let columns = Columns::of(&many, &x);
        assert_eq!(columns.bands.len(), COLUMNS);
        assert_eq!(
            (columns.index(-0.04), columns.index(1.04)),
            (0, COLUMNS - 1)
        );
    }

    #[test]
    fn the_scores_of_every_column_are_summed_up() {
        let few: Vec<(f64, f64)> = (0..90)
            .map(|k| (f64::from(k) / 90.0, f64::from(k % 3) / 2.0))
            .collect();
        let chart = density(&few).unwrap().unwrap();
        let rows = chart.numbers.rows();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1], ["0.5000", "30", "0.0111", "0.5111", "0.9778"]);
        let many: Vec<(f64, f64)> = (0..90).map(|k| (0.5, f64::from(k) / 90.0)).collect();
        let chart = density(&many).unwrap().unwrap();
        let rows = chart.numbers.rows();
        assert!(rows.len() > 20 && rows.len() <= COLUMNS, "{rows:?}");
        assert!(rows[0][0].contains(" to "), "{rows:?}");
        let segments = rows.iter().map(|row| row[1].parse::<usize>().unwrap());
        assert_eq!(segments.sum::<usize>(), 90);
    }

    #[test]
    fn nothing_has_no_density_and_one_segment_has() {
        assert!(density(&[]).unwrap().is_none());
        assert!(density(&[(-1e308, 1e308)]).unwrap().is_none());
        let chart = density(&[(0.3, 0.3)]).unwrap().unwrap();
        assert!(
            chart.caption.contains("the darkest has 1."),
            "{}",
            chart.caption
        );
        assert!(!chart.svg.contains("NaN"));
    }
}
