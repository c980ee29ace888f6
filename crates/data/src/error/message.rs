//! Parts of messages that depend on what is there.

use std::path::{Path, PathBuf};

use crate::location::display_path;

pub(super) fn segmenter_names() -> String {
    let own = crate::registered_segmenters();
    let own: Vec<String> = own.iter().map(gradus_parts::usage).collect();
    if own.is_empty() {
        return "delimiter:TEXT or tokens:N with N of 1 or more".to_owned();
    }
    format!(
        "delimiter:TEXT, tokens:N with N of 1 or more, {}",
        own.join(", ")
    )
}

pub(super) fn parquet_problem(
    path: &Path,
    column: Option<&String>,
    row: Option<usize>,
    reason: &str,
) -> String {
    let column = column.map_or_else(String::new, |column| format!(", column `{column}`"));
    let row = row.map_or_else(String::new, |row| format!(", from row {row} on"));
    format!("{}{column}{row}: {reason}", display_path(path))
}

pub(super) fn format_names() -> String {
    let own = crate::registered_formats();
    let own = own.iter().map(|known| known.kind);
    let all = crate::Format::ALL.into_iter().map(crate::Format::name);
    all.chain(own).collect::<Vec<_>>().join(", ")
}

pub(super) fn tokenizer_place(path: Option<&PathBuf>) -> String {
    path.map_or_else(|| "tokenizer".to_owned(), |path| path.display().to_string())
}
