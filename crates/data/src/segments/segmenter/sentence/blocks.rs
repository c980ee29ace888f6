//! Blocks of Markdown that the rules know from the fourth on: underlined headings, definitions of links, indented code.

use std::ops::Range;

use super::markdown::{item_text, unquoted};

/// What [`blocks`] finds in a text.
#[derive(Default)]
pub(super) struct Blocks {
    /// Headings with their underline, and definitions of links.
    pub(super) whole: Vec<Range<usize>>,
    /// Indented code, in order, each to the end of its last line.
    pub(super) code: Vec<Range<usize>>,
}

/// The line ahead.
#[derive(Default)]
struct Ahead {
    range: Range<usize>,
    is_blank: bool,
    /// Whether it begins a paragraph.
    opens: bool,
}

/// The blocks outside of the code that `in_fence` tells.
pub(super) fn blocks(text: &str, in_fence: impl Fn(usize) -> bool) -> Blocks {
    let mut blocks = Blocks::default();
    let mut ahead = Ahead {
        is_blank: true,
        ..Ahead::default()
    };
    let mut in_list = false;
    let mut indented: Option<Indented> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        let end = start + line.len();
        let is_blank = line.trim().is_empty();
        if in_fence(start) {
            blocks.code.extend(indented.take().and_then(Indented::code));
            ahead = Ahead {
                is_blank: true,
                ..Ahead::default()
            };
            start = end;
            continue;
        }
        let is_indented = line.starts_with('\t') || line.starts_with("    ");
        if !is_blank {
            let is_item = item_text(line.trim_start()).len() < line.trim_start().len();
            let goes_on = line.starts_with([' ', '\t']) || !ahead.is_blank;
            in_list = is_item || (in_list && goes_on);
            match &mut indented {
                Some(code) if is_indented => code.add(line, end),
                _ => {
                    blocks.code.extend(indented.take().and_then(Indented::code));
                    if is_indented && ahead.is_blank && !in_list {
                        indented = Some(Indented::new(start, line, end));
                    }
                }
            }
            let underlines = ahead.opens && is_underline(text, &ahead.range, line);
            if underlines {
                blocks.whole.push(ahead.range.start..range.end);
            } else {
                let content = unquoted(line).trim();
                if is_definition(content) || is_object(content) {
                    blocks.whole.push(range.clone());
                }
            }
        }
        ahead = Ahead {
            range,
            is_blank,
            opens: !is_blank && ahead.is_blank && !is_indented,
        };
        start = end;
    }
    blocks.code.extend(indented.and_then(Indented::code));
    blocks
}

/// Lines that an indentation may mark as code.
struct Indented {
    range: Range<usize>,
    lines: usize,
    /// Those with a sign that prose does not have.
    with_signs: usize,
}

impl Indented {
    fn new(start: usize, line: &str, end: usize) -> Self {
        let mut indented = Self {
            range: start..end,
            lines: 0,
            with_signs: 0,
        };
        indented.add(line, end);
        indented
    }

    fn add(&mut self, line: &str, end: usize) {
        self.lines += 1;
        self.with_signs += usize::from(has_sign_of_code(line.trim()));
        self.range.end = end;
    }

    /// The lines, if at least half of them look like code: a novel indents, too.
    fn code(self) -> Option<Range<usize>> {
        (2 * self.with_signs >= self.lines).then_some(self.range)
    }
}

fn has_sign_of_code(line: &str) -> bool {
    line.contains(['=', ';', '{', '}', '[', ']', '<', '>', '_', '|', '\\', '$', '`'])
        || line.starts_with(['#', '@'])
        || line.starts_with("//")
        || line.ends_with(':')
        || line.split_whitespace().next().is_some_and(|word| word.ends_with(':'))
        || line.contains("()")
        // `print(x)`: a bracket that nothing parts from the word.
        || line
            .match_indices('(')
            .any(|(at, _)| line[..at].ends_with(|char: char| char.is_ascii_alphanumeric()))
}

/// `===` or `---` below a line that may be a title: a rule may stand below a sentence.
fn is_underline(text: &str, title: &Range<usize>, line: &str) -> bool {
    let line = line.trim_end();
    let indent = line.len() - line.trim_start_matches(' ').len();
    let sign = &line[indent..];
    let title = text[title.clone()].trim();
    let is_run = |sign_char: char| sign.chars().all(|char| char == sign_char);
    let may_be_title = item_text(title).len() == title.len()
        && !title.starts_with(['#', '>', '|'])
        && !title.ends_with([':', ',', ';']);
    indent < 4
        && may_be_title
        && ((sign.len() >= 2 && is_run('='))
            || (sign.len() >= 3 && is_run('-') && !title.ends_with(['.', '。'])))
}

/// `{"name": "A. B"}`
fn is_object(content: &str) -> bool {
    content.starts_with('{') && content.ends_with('}') && content.contains("\":")
}

/// `[name]: https://x.y "Title. Of it"`, and not a footnote (`[^1]: It is so.`).
fn is_definition(line: &str) -> bool {
    let Some((name, behind)) = line
        .strip_prefix('[')
        .and_then(|line| line.split_once("]:"))
    else {
        return false;
    };
    let behind = behind.trim_start();
    let address = behind.split_whitespace().next().unwrap_or_default();
    let is_address = address.starts_with(['<', '/', '#', '.'])
        || address.contains("://")
        || address.starts_with("www.")
        || address.starts_with("mailto:");
    let title = behind[address.len()..].trim();
    !name.is_empty()
        && !name.starts_with('^')
        && !name.contains([']', '['])
        && is_address
        && (title.is_empty() || title.starts_with(['"', '\'', '(']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Vec<&str>, Vec<&str>) {
        let found = blocks(text, |_| false);
        let texts = |ranges: &[Range<usize>]| ranges.iter().map(|r| &text[r.clone()]).collect();
        (texts(&found.whole), texts(&found.code))
    }

    #[test]
    fn a_title_is_a_line_with_an_underline() {
        for text in ["A. B\n===", "A! B?\n---", "A. B\r\n  ====="] {
            assert_eq!(of(&format!("x\n\n{text}\n\ny")).0, [text]);
        }
        for text in [
            "A. B.\n---",
            "x\nA. B\n---",
            "- A. B\n---",
            "A. B:\n===",
            "| A\n---",
            "\n---",
            "A. B\n--",
            "A. B\n--- x",
            "A\n\n---",
        ] {
            assert!(of(text).0.is_empty(), "{text}");
        }
    }

    #[test]
    fn definitions_have_an_address() {
        for text in [
            "[1]: https://x.y \"A. B\"",
            "[a. b]: <c> 'D. E'",
            "[a]: /x (T. U)",
        ] {
            assert_eq!(of(text).0, [text]);
        }
        assert_eq!(of("{\"a\": \"B. C\"}").0, ["{\"a\": \"B. C\"}"]);
        for text in [
            "[^1]: https://x.y",
            "[a]: So it is.",
            "[a]: /x is. So",
            "[]: /x",
            "{a. B}",
        ] {
            assert!(of(text).0.is_empty(), "{text}");
        }
    }

    #[test]
    fn indented_lines_with_signs_are_code() {
        let code = "    x = 1. \n\n    y(2)\n";
        assert_eq!(of(&format!("A:\n\n{code}\nB")).1, [code]);
        assert_eq!(of("\tif a:\n\t\tb. C").1, ["\tif a:\n\t\tb. C"]);
        for text in [
            "    It was late. He left.\n    He went home.\n",
            "A:\n    x = 1\n",
            "- A\n\n    x = 1\n",
            "1. A\n   b\n\n    x = 1\n",
        ] {
            assert!(of(text).1.is_empty(), "{text:?}");
        }
        assert_eq!(of("- A\n\nB\n\n    x = 1").1, ["    x = 1"]);
    }
}
