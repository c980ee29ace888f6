//! Named figures with their intervals, one row each.

use super::{Axis, Chart, Ink, Layout, Numbers, draw};
use crate::Result;
use crate::report::number::figure;

/// Longest name beside a chart, in characters.
const LONGEST: usize = 28;

/// A row: its name, and a figure with its interval for each of the series; `None` where there is none.
#[derive(Clone, Debug)]
pub struct IntervalRow {
    /// The name.
    pub name: String,
    /// Estimate, and the ends of its interval if it has one.
    pub figures: Vec<Option<(f64, Option<[f64; 2]>)>>,
}

/// What an interval chart shows.
#[derive(Clone, Debug)]
pub struct IntervalChart<'a> {
    /// The title.
    pub title: &'a str,
    /// How to read it.
    pub caption: String,
    /// The label of the figures.
    pub label: &'a str,
    /// Name and color of each series, with its class in the legend.
    pub series: &'a [(&'static str, Ink, &'static str)],
    /// Rows, from the top.
    pub rows: Vec<IntervalRow>,
    /// Figures that are marked with a dashed line.
    pub lines: &'a [f64],
    /// Whether the axis goes from 0 to 1.
    pub shares: bool,
}

impl IntervalChart<'_> {
    /// The chart; `None` if there is nothing to draw.
    ///
    /// # Errors
    /// As [`draw`].
    pub fn draw(&self) -> Result<Option<Chart>> {
        // The axis counts upwards, so that the first row comes last.
        let rows = || self.rows.iter().rev();
        let names: Vec<String> = rows().map(|row| shortened(&row.name)).collect();
        let longest = names.iter().map(|name| name.chars().count()).max();
        let left = 24 + 7 * u32::try_from(longest.unwrap_or(0)).unwrap_or(0);
        let x = if self.shares {
            Axis::between(self.label, 0.0, 1.0)
        } else {
            let figures = self.rows.iter().flat_map(|row| &row.figures).flatten();
            let ends = figures
                .flat_map(|(estimate, ends)| ends.iter().flatten().copied().chain([*estimate]));
            Axis::over(self.label, ends.chain(self.lines.iter().copied()))
        };
        let drawn = self
            .rows
            .iter()
            .any(|row| row.figures.iter().any(Option::is_some));
        let (Some(x), Some(y), true) = (x, Axis::of_names("", names), drawn) else {
            return Ok(None);
        };
        let height = 66 + 30 * u32::try_from(self.rows.len()).unwrap_or(1);
        let svg = draw(self.title, (&x, &y), Layout { height, left }, |plot| {
            for &line in self.lines {
                plot.dashes((line, y.low), (line, y.high), Ink::Third);
            }
            for (row, middle) in rows().zip(y.ticks.iter().copied()) {
                let present = row.figures.iter().zip(self.series);
                let present: Vec<_> = present
                    .filter_map(|(figure, (_, ink, _))| Some((figure.as_ref()?, *ink)))
                    .collect();
                let count = present.len() as f64;
                for (place, ((estimate, ends), ink)) in present.into_iter().enumerate() {
                    // The first series is the upper one.
                    let height = middle + 0.3 * ((count - 1.0) / 2.0 - place as f64);
                    if let Some([low, high]) = ends {
                        plot.line(&[(*low, height), (*high, height)], ink, 3.0, 0.55);
                    }
                    plot.dot((*estimate, height), 4.0, ink, 1.0);
                }
            }
        })?;
        let series = self.series.iter().enumerate();
        let shown = series.filter(|(place, _)| self.has(*place));
        let key: Vec<_> = shown.map(|(_, (name, _, class))| (*class, *name)).collect();
        Ok(Some(Chart {
            title: self.title.into(),
            caption: self.caption.clone(),
            svg,
            key: if self.series.len() > 1 {
                key
            } else {
                Vec::new()
            },
            numbers: self.numbers(),
        }))
    }

    /// Whether a row has a figure of this series.
    fn has(&self, series: usize) -> bool {
        let mut rows = self.rows.iter();
        rows.any(|row| row.figures.get(series).is_some_and(Option::is_some))
    }

    fn numbers(&self) -> Numbers {
        let mut head = vec![""];
        let shown: Vec<usize> = (0..self.series.len())
            .filter(|&place| self.has(place))
            .collect();
        for &place in &shown {
            head.extend([self.series[place].0, "from", "to"]);
        }
        let rows = self.rows.iter().map(|row| {
            let cells = shown.iter().flat_map(|&place| {
                let found = row.figures[place];
                let estimate = found.map(|(estimate, _)| estimate);
                let ends = found.and_then(|(_, ends)| ends);
                [estimate, ends.map(|ends| ends[0]), ends.map(|ends| ends[1])].map(figure)
            });
            std::iter::once(row.name.clone()).chain(cells).collect()
        });
        Numbers::new(&head, rows)
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.into();
    }
    let start: String = name.chars().take(LONGEST - 1).collect();
    format!("{start}\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: [(&str, Ink, &str); 2] = [
        ("corrected", Ink::Model, "model dot"),
        ("of the scores", Ink::Other, "other dot"),
    ];

    fn chart(rows: Vec<IntervalRow>) -> Option<Chart> {
        let chart = IntervalChart {
            title: "Gaps",
            caption: "How to read it.".into(),
            label: "gap",
            series: &SERIES,
            rows,
            lines: &[0.0],
            shares: false,
        };
        chart.draw().unwrap()
    }

    #[test]
    fn each_figure_has_a_dot_and_each_interval_a_line() {
        let row = |name: &str, figures| IntervalRow {
            name: name.into(),
            figures,
        };
        let drawn = chart(vec![
            row("a - b", vec![None, Some((0.25, Some([0.125, 0.5])))]),
            row("a - c", vec![Some((0.5, None)), Some((0.25, None))]),
        ])
        .unwrap();
        assert_eq!(drawn.svg.matches("<circle").count(), 3);
        let rows = drawn.numbers.rows();
        assert_eq!(
            rows[0],
            ["a - b", "-", "-", "-", "0.2500", "0.1250", "0.5000"]
        );
        assert_eq!(drawn.key.len(), 2);
        // What no row has is not in the legend.
        let alone = chart(vec![row("a - b", vec![None, Some((0.25, None))])]).unwrap();
        assert_eq!(alone.key, [("other dot", "of the scores")]);
        assert_eq!(alone.numbers.rows()[0], ["a - b", "0.2500", "-", "-"]);
        assert!(chart(vec![row("a - b", vec![None, None])]).is_none());
        assert!(chart(Vec::new()).is_none());
    }
}
