//! The values of a chart as a table, for screen readers and exact reading.

use maud::{Markup, html};

/// A small table of the numbers in a chart.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// An explanation of a row, if a row summarizes several marks.
    note: Option<&'static str>,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Numbers {
    /// The first column is the name of the row, the others are numbers.
    pub fn new(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        Self {
            note: None,
            head: head.iter().map(|&name| name.to_owned()).collect(),
            rows: rows.into_iter().collect(),
        }
    }

    /// Sets the explanation of a row.
    #[must_use]
    pub fn with_note(self, note: &'static str) -> Self {
        Self {
            note: Some(note),
            ..self
        }
    }

    /// The folded table; `title` is the title of the chart.
    pub fn markup(&self, title: &str) -> Markup {
        html! {
            details.numbers {
                summary { "Numbers" span.hidden { " of the chart " (title) } }
                // It must be focusable to be scrolled without a mouse.
                div.scroll tabindex="0" role="region" aria-label={ "Numbers of the chart " (title) } {
                    table {
                        @if let Some(note) = self.note { caption { small { (note) } } }
                        thead {
                            tr {
                                @for name in &self.head { th scope="col" { (name) } }
                            }
                        }
                        tbody {
                            @for row in &self.rows {
                                tr {
                                    @for (index, cell) in row.iter().enumerate() {
                                        @if index == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The cells, for tests.
    #[cfg(test)]
    pub(super) fn rows(&self) -> Vec<Vec<&str>> {
        let rows = self.rows.iter();
        rows.map(|row| row.iter().map(String::as_str).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_name_and_text_stays_text() {
        let rows = [vec!["<b>".to_owned(), "0.5".to_owned()]];
        let numbers = Numbers::new(&["part", "RMSE"], rows).with_note("A line for each part.");
        let markup = numbers.markup("Error & more").into_string();
        for part in [
            "<details class=\"numbers\"><summary>Numbers",
            "of the chart Error &amp; more",
            "<th scope=\"col\">RMSE</th>",
            "<th scope=\"row\">&lt;b&gt;</th><td>0.5</td>",
            "A line for each part.",
        ] {
            assert!(markup.contains(part), "missing `{part}` in {markup}");
        }
        assert!(!markup.contains("<details class=\"numbers\" open"));
    }
}
