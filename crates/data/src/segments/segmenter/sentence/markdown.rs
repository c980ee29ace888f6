//! What Markdown keeps together in a line: headings, rows of tables, links; and environments of LaTeX.

use std::ops::Range;

use super::Rules;
use super::unbroken::paragraphs;

/// Longest text, in bytes, of an environment.
const LONGEST_ENVIRONMENT: usize = 1 << 13;

/// Headings (`## Title. With a stop`) and rows of tables, without the line break behind them.
pub(super) fn lines(text: &str) -> Vec<Range<usize>> {
    let mut kept = Vec::new();
    let mut start = 0;
    let mut previous: Option<Range<usize>> = None;
    let mut in_table = false;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        let content = unquoted(line).trim();
        let has_cells = content.contains('|');
        in_table &= has_cells;
        if has_cells && is_delimiter_row(content) && !in_table {
            // The line ahead holds the names of the columns.
            kept.extend(
                previous
                    .take()
                    .filter(|ahead| text[ahead.clone()].contains('|')),
            );
            in_table = true;
        }
        let is_row = content.len() > 2 && content.starts_with('|') && content.ends_with('|');
        if in_table || is_row || is_heading(content) {
            kept.push(range.clone());
        }
        previous = Some(range);
    }
    kept.sort_by_key(|range| range.start);
    kept.dedup();
    kept
}

fn is_heading(content: &str) -> bool {
    let title = content.trim_start_matches('#');
    let level = content.len() - title.len();
    (1..=6).contains(&level) && title.starts_with([' ', '\t'])
}

/// `|---|:-:|` below the names of the columns.
fn is_delimiter_row(content: &str) -> bool {
    let cells = content.strip_prefix('|').unwrap_or(content);
    let cells = cells.strip_suffix('|').unwrap_or(cells);
    cells.split('|').all(|cell| {
        let cell = cell.trim();
        let cell = cell.strip_prefix(':').unwrap_or(cell);
        let cell = cell.strip_suffix(':').unwrap_or(cell);
        !cell.is_empty() && cell.bytes().all(|byte| byte == b'-')
    })
}

/// Longest name, in bytes, to which the title of a link refers.
const LONGEST_NAME: usize = 256;

/// Links and pictures: `[Title. Part](address)`, from the fourth rules on also `[Title. Part][name]`, each within a line.
pub(super) fn links(text: &str, rules: Rules) -> Vec<Range<usize>> {
    let mut links = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut open = Vec::new();
        // The first `)` that lies ahead.
        let mut closing = line.find(')');
        for (at, char) in line.char_indices() {
            if closing.is_some_and(|closing| closing <= at) {
                closing = line[at + char.len_utf8()..]
                    .find(')')
                    .map(|length| at + char.len_utf8() + length);
            }
            match char {
                '[' => open.push(at),
                ']' => {
                    let from = open.pop();
                    let is_link = line[at + 1..].starts_with('(');
                    if let (Some(from), Some(closing), true) = (from, closing, is_link) {
                        let from = from - usize::from(line[..from].ends_with('!'));
                        links.push(start + from..start + closing + 1);
                    } else if rules >= Rules::Fourth
                        && let (Some(from), Some(name)) = (from, line[at + 1..].strip_prefix('['))
                        && let window = &name[..floor_char_boundary(name, LONGEST_NAME)]
                        && let Some(length) = window.find(']')
                    {
                        links.push(start + from..start + at + length + 3);
                    }
                }
                _ => {}
            }
        }
        start += line.len();
    }
    links
}

/// `\begin{align} … \end{align}` within a paragraph.
pub(super) fn environments(text: &str) -> Vec<Range<usize>> {
    let mut environments: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for part in paragraphs(text, Rules::Third) {
        let mut searched = 0;
        for (at, opening) in part.match_indices("\\begin{") {
            if at < searched {
                continue;
            }
            let behind = &part[at + opening.len()..];
            let name = behind.find('}').filter(|length| *length <= 32);
            let Some(name) = name.map(|length| &behind[..length]) else {
                continue;
            };
            let closing = format!("\\end{{{name}}}");
            let window = &behind[..floor_char_boundary(behind, LONGEST_ENVIRONMENT)];
            if let Some(length) = window.find(&closing) {
                searched = at + opening.len() + length + closing.len();
                environments.push(start + at..start + searched);
            }
        }
        start += part.len();
    }
    environments
}

/// The largest place of up to `limit` bytes that parts no character.
fn floor_char_boundary(text: &str, limit: usize) -> usize {
    let mut at = limit.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A line without the signs of a quotation.
pub(super) fn unquoted(line: &str) -> &str {
    let mut content = line.trim_start_matches([' ', '\t']);
    while let Some(quoted) = content.strip_prefix('>') {
        content = quoted.trim_start_matches([' ', '\t']);
    }
    content
}

/// A line without the mark of an item: `- `, `2. `.
pub(super) fn item_text(line: &str) -> &str {
    let unnumbered = line.trim_start_matches(|char: char| char.is_ascii_digit());
    let is_numbered = (1..=9).contains(&(line.len() - unnumbered.len()));
    let behind = if is_numbered {
        unnumbered.strip_prefix(['.', ')'])
    } else {
        line.strip_prefix(['-', '*', '+'])
    };
    match behind {
        Some(behind) if behind.starts_with([' ', '\t']) => unquoted(behind),
        _ => line,
    }
}

/// Behind the first line that is empty or holds only white space, which is not the first of the text.
pub(super) fn blank_line(text: &str) -> Option<usize> {
    let mut end = 0;
    for (position, line) in text.split_inclusive('\n').enumerate() {
        end += line.len();
        if position > 0 && line.ends_with('\n') && line.trim().is_empty() {
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<'a>(ranges: &[Range<usize>], text: &'a str) -> Vec<&'a str> {
        ranges.iter().map(|range| &text[range.clone()]).collect()
    }

    #[test]
    fn headings_and_rows_of_tables_are_lines_to_keep() {
        for (text, expected) in [
            ("# A. B\r\nc\n", &["# A. B"][..]),
            ("#no\n####### no\n> ## A", &["> ## A"]),
            (
                "a | b\n--- | :-:\nc | d\ne\nf | g",
                &["a | b", "--- | :-:", "c | d"],
            ),
            ("| a. b |\ntext | text\n||", &["| a. b |"]),
            ("a\n---\nb | c", &[]),
        ] {
            assert_eq!(kept(&lines(text), text), expected);
        }
    }

    #[test]
    fn links_lie_within_a_line() {
        for (text, expected) in [
            (
                "See [A. B](c.d). And ![x](y)",
                &["[A. B](c.d)", "![x](y)"][..],
            ),
            ("[![a](b)](c)", &["![a](b)", "[![a](b)](c)"]),
            ("[a]\n(b) ](c) [d](e [f] [g]", &[]),
            ("[A. B][c] [D. E][] [f]", &["[A. B][c]", "[D. E][]"]),
        ] {
            assert_eq!(kept(&links(text, Rules::Fourth), text), expected);
        }
    }

    #[test]
    fn an_environment_ends_with_its_own_name() {
        let text = "\\begin{a} \\begin{b} x. Y \\end{b} \\end{a} \\begin{c} \\end{d}";
        assert_eq!(
            kept(&environments(text), text),
            ["\\begin{a} \\begin{b} x. Y \\end{b} \\end{a}"]
        );
    }

    #[test]
    fn a_blank_line_may_hold_white_space() {
        for (text, end) in [("a\n\nb", 3), ("a\r\n \t\r\nb", 7), ("\n\nb", 2)] {
            assert_eq!(blank_line(text), Some(end), "{text:?}");
        }
        assert_eq!(blank_line("a\nb\n"), None);
        assert_eq!(blank_line("a\n "), None);
    }
}
