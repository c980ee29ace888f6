//! A page of sections with sentences, tables and charts, for reports of other things than an evaluation.

use maud::{Markup, html};

use super::charts::Chart;
use super::page::{figure, frame};

/// A page in the style of the reports.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// What kind of page it is, above the title.
    pub kicker: &'static str,
    /// The title.
    pub title: String,
    /// What it was made of: names and values.
    pub facts: Vec<(&'static str, String)>,
    /// The parts, in order.
    pub sections: Vec<Section>,
}

/// A part of a [`Document`].
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Its name, also in the navigation.
    pub name: String,
    /// What is to be read first.
    pub sentences: Vec<ToneSentence>,
    /// Tables of figures.
    pub tables: Vec<Table>,
    /// Charts.
    pub charts: Vec<Chart>,
    /// What the figures mean, in small print.
    pub notes: Vec<String>,
}

/// A sentence with its tone.
#[derive(Clone, Debug)]
pub struct ToneSentence {
    /// Whether it is good or bad news; `None` for neither.
    pub good: Option<bool>,
    /// The text.
    pub text: String,
}

/// A table. The first column names the row, the others are figures.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it shows.
    pub caption: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// The rows, as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these rows.
    pub fn new(
        caption: impl Into<String>,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        Self {
            caption: caption.into(),
            header: header.iter().map(|&name| name.to_owned()).collect(),
            rows: rows.into_iter().collect(),
        }
    }
}

impl Document {
    /// The page, as HTML in UTF-8 that loads nothing. Texts are escaped, including invisible characters and those that
    /// reorder others.
    pub fn html(&self) -> String {
        let links: Vec<(String, String)> = self
            .sections
            .iter()
            .enumerate()
            .map(|(index, section)| (format!("section-{index}"), section.name.clone()))
            .collect();
        let head = html! {
            p.kicker { (self.kicker) }
            h1 { bdi { (self.title) } }
            dl.facts { @for (name, value) in &self.facts { dt { (name) } dd { bdi { (value) } } } }
        };
        let main = html! {
            @for (index, section) in self.sections.iter().enumerate() { (section.markup(index)) }
        };
        let page = frame(&self.title, &head, &links, &main).into_string();
        gradus_data::visible_lines(&page).into_owned()
    }
}

impl Section {
    fn markup(&self, index: usize) -> Markup {
        html! {
            section id={ "section-" (index) } {
                h2 { bdi { (self.name) } }
                @if !self.sentences.is_empty() {
                    ul.reading {
                        @for sentence in &self.sentences { li class=[sentence.class()] { (coded(&sentence.text)) } }
                    }
                }
                @for table in &self.tables { (table.markup()) }
                @if !self.charts.is_empty() {
                    div.charts { @for chart in &self.charts { (figure(chart)) } }
                }
                @for note in &self.notes { p.note { (coded(note)) } }
            }
        }
    }
}

impl ToneSentence {
    fn class(&self) -> Option<&'static str> {
        self.good.map(|good| if good { "good" } else { "bad" })
    }
}

impl Table {
    fn markup(&self) -> Markup {
        html! {
            div.scroll {
                table {
                    caption { (self.caption) }
                    thead { tr { @for name in &self.header { th scope="col" { (name) } } } }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (index, cell) in row.iter().enumerate() {
                                    @if index == 0 { th scope="row" { bdi { (cell) } } } @else { (figure_cell(cell)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A text whose parts between backticks are code.
fn coded(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

/// A figure; the interval in brackets behind it stands below, so that columns are narrow.
fn figure_cell(cell: &str) -> Markup {
    let interval = cell
        .strip_suffix(']')
        .and_then(|cell| cell.split_once(" ["));
    html! {
        td {
            @match interval {
                Some((figure, ends)) => { (figure) span.range { "[" (ends) "]" } },
                None => { (cell) },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_on_the_page_and_text_stays_text() {
        let section = Section {
            name: "facts <b>".into(),
            sentences: vec![ToneSentence {
                good: Some(false),
                text: "It `i<s` \u{202e}bad.".into(),
            }],
            tables: vec![Table::new(
                "Flags",
                &["name", "precision"],
                [vec!["<i>".into(), "0.9 [0.8, 1.0]".into()]],
            )],
            notes: vec!["In brackets: intervals.".into()],
            ..Section::default()
        };
        let page = Document {
            kicker: "Gradus threshold",
            title: "a & b".into(),
            facts: vec![("Data", "valid.jsonl".into())],
            sections: vec![section],
        }
        .html();
        for part in [
            "<title>a &amp; b",
            "<dt>Data</dt><dd><bdi>valid.jsonl</bdi></dd>",
            "<a href=\"#section-0\"><bdi>facts &lt;b&gt;</bdi></a>",
            "<section id=\"section-0\"><h2><bdi>facts &lt;b&gt;</bdi></h2>",
            "<li class=\"bad\">It <code>i&lt;s</code> ",
            "<caption>Flags</caption>",
            "<th scope=\"row\"><bdi>&lt;i&gt;</bdi></th><td>0.9<span class=\"range\">[0.8, 1.0]</span></td>",
            "<p class=\"note\">In brackets: intervals.</p>",
        ] {
            assert!(page.contains(part), "missing `{part}` in {page}");
        }
        assert!(!page.contains('\u{202e}') && !page.contains("<figure"));
    }
}
