//! What is not prose, in which a full stop ends nothing: code, formulas, addresses.

use std::ops::Range;

use super::super::pieces::is_line_break;
use super::Rules;
use super::blocks;
use super::markdown;

/// Ranges that no sentence ends inside of.
pub(super) struct Unbroken {
    /// In order, without overlap.
    ranges: Vec<Range<usize>>,
    /// Where blocks of code begin, and lines that begin with a formula, in order.
    code: Vec<usize>,
    /// Where blocks lie that do not go on in the next line, in order.
    blocks: Vec<Range<usize>>,
}

impl Unbroken {
    pub(super) fn new(text: &str, rules: Rules) -> Self {
        let mut fences = fences(text, rules);
        let mut ranges = addresses(text);
        let mut formulas = bracketed(text, rules);
        let mut blocks = Vec::new();
        if rules >= Rules::Third {
            blocks = markdown::lines(text);
            ranges.extend(markdown::links(text, rules));
            formulas.extend(markdown::environments(text));
        }
        let mut code = Vec::new();
        if rules >= Rules::Fourth {
            let found = blocks::blocks(text, |at| is_inside(&fences, at));
            blocks.extend(found.whole);
            fences.extend(found.code);
            fences.sort_by_key(|range| range.start);
            formulas.sort_by_key(|range| range.start);
            ranges.extend(dollars(text, &formulas));
            code.extend(
                formulas
                    .iter()
                    .filter_map(|range| opens_line(text, range.start)),
            );
        }
        ranges.extend(formulas);
        ranges.extend(blocks.iter().cloned());
        // A fence holds whatever lies inside of it.
        ranges.retain(|range| !is_inside(&fences, range.start));
        code.retain(|start| !is_inside(&fences, *start));
        code.extend(fences.iter().map(|fence| fence.start));
        code.sort_unstable();
        blocks.extend(fences.iter().cloned());
        blocks.sort_by_key(|range| range.start);
        ranges.extend(fences);
        ranges.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self {
            ranges: merged,
            code,
            blocks,
        }
    }

    /// Whether a block of code begins at `at`.
    pub(super) fn opens_code(&self, at: usize) -> bool {
        self.code.binary_search(&at).is_ok()
    }

    /// Whether a boundary at `at` would part such a range.
    pub(super) fn holds(&self, at: usize) -> bool {
        let behind = self.ranges.partition_point(|range| range.start < at);
        behind > 0 && at < self.ranges[behind - 1].end
    }

    /// Whether `at` is inside of such a range, or at its start.
    pub(super) fn has(&self, at: usize) -> bool {
        is_inside(&self.ranges, at)
    }

    /// Whether a heading, a row or the like lies ahead of `at` in its line.
    pub(super) fn ends_block(&self, at: usize) -> bool {
        at > 0 && is_inside(&self.blocks, at - 1)
    }
}

/// Whether `at` is in one of the ranges, which are in order.
fn is_inside(ranges: &[Range<usize>], at: usize) -> bool {
    let ahead = ranges.partition_point(|range| range.start <= at);
    ahead > 0 && at < ranges[ahead - 1].end
}

/// The start of the line of a formula, where it is the first of its line.
fn opens_line(text: &str, formula: usize) -> Option<usize> {
    let ahead = text[..formula].trim_end_matches([' ', '\t']);
    ahead.ends_with(is_line_break).then_some(ahead.len())
}

/// Formulas between single dollars within a line, as Pandoc tells them from money: no space is inside of a dollar,
/// and no digit behind the second; and where a digit is behind the first, a sign of a formula is between them.
fn dollars(text: &str, others: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut formulas = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive(is_line_break) {
        let mut open: Option<usize> = None;
        for (at, _) in line.match_indices('$') {
            let (ahead, behind) = (&line[..at], &line[at + 1..]);
            if ahead.ends_with(['\\', '$'])
                || behind.starts_with('$')
                || is_inside(others, start + at)
            {
                continue;
            }
            let closes = !ahead.ends_with(char::is_whitespace)
                && !behind.starts_with(|char: char| char.is_ascii_digit());
            match open {
                Some(from) if closes => {
                    let inside = &line[from + 1..at];
                    let is_amount = inside.starts_with(|char: char| char.is_ascii_digit())
                        && !inside.contains(['=', '^', '\\', '_', '<', '>', '+', '*', '/']);
                    open = is_amount.then_some(at);
                    if !is_amount {
                        formulas.push(start + from..start + at + 1);
                    }
                }
                _ => open = Some(at),
            }
            open = open.filter(|from| !line[from + 1..].starts_with(char::is_whitespace));
        }
        start += line.len();
    }
    formulas
}

/// Markdown's blocks of code, from the line that opens one to the end of the line that closes it; to the end of the
/// text where none does.
fn fences(text: &str, rules: Rules) -> Vec<Range<usize>> {
    let mut fences = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let content = match (rules, open) {
            (Rules::Second, _) => line.trim(),
            // A block may stand in a quotation or in an item, and closes without the mark of the item.
            (Rules::Third | Rules::Fourth | Rules::Fifth, Some(_)) => {
                markdown::unquoted(line).trim()
            }
            (Rules::Third | Rules::Fourth | Rules::Fifth, None) => {
                markdown::item_text(markdown::unquoted(line)).trim()
            }
        };
        let fence = content
            .trim_start_matches(|char| content.starts_with(char) && matches!(char, '`' | '~'));
        let run = &content[..content.len() - fence.len()];
        match open {
            None if run.len() >= 3 && !fence.contains('`') => open = Some((start, run)),
            Some((from, opened)) if run.starts_with(opened) && fence.is_empty() => {
                fences.push(from..end);
                open = None;
            }
            _ => {}
        }
        start = end;
    }
    fences.extend(open.map(|(from, _)| from..text.len()));
    fences
}

/// Words with `://` or `www.` inside, in ASCII.
fn addresses(text: &str) -> Vec<Range<usize>> {
    let mut addresses: Vec<Range<usize>> = Vec::new();
    let is_part = |byte: &u8| byte.is_ascii_graphic();
    for sign in ["://", "www."] {
        for (at, _) in text.match_indices(sign) {
            if addresses
                .last()
                .is_some_and(|last| at >= last.start && at < last.end)
            {
                continue;
            }
            let bytes = text.as_bytes();
            let ahead = bytes[..at]
                .iter()
                .rev()
                .take_while(|byte| is_part(byte))
                .count();
            let behind = bytes[at..].iter().take_while(|byte| is_part(byte)).count();
            addresses.push(at - ahead..at + behind);
        }
    }
    addresses
}

/// Code between backticks within a line, and formulas within a paragraph.
fn bracketed(text: &str, rules: Rules) -> Vec<Range<usize>> {
    const PAIRS: [(&str, &str); 7] = [
        ("\\[", "\\]"),
        ("\\(", "\\)"),
        ("$$", "$$"),
        ("``", "``"),
        ("`", "`"),
        // From here on by the third rules.
        ("<code>", "</code>"),
        ("<pre>", "</pre>"),
    ];
    let (pairs, signs) = match rules {
        Rules::Second => (&PAIRS[..5], &['\\', '$', '`'][..]),
        Rules::Third | Rules::Fourth | Rules::Fifth => (&PAIRS[..], &['\\', '$', '`', '<'][..]),
    };
    let mut ranges = Vec::new();
    let mut start = 0;
    for part in paragraphs(text, rules) {
        // Where no closing sign lies ahead, none is looked for until the line or paragraph ends.
        let mut hopeless_until = [0; PAIRS.len()];
        let mut line_end = 0;
        let mut at = 0;
        while let Some(next) = part[at..].find(signs) {
            at += next;
            let Some(kind) = pairs
                .iter()
                .position(|(open, _)| part[at..].starts_with(open))
            else {
                at += 1;
                continue;
            };
            let (open, close) = pairs[kind];
            let inside = at + open.len();
            if line_end < inside {
                line_end = part[inside..]
                    .find(is_line_break)
                    .map_or(part.len(), |length| inside + length);
            }
            let limit = if open.starts_with('`') {
                line_end
            } else {
                part.len()
            };
            let closing = if inside <= hopeless_until[kind] {
                None
            } else {
                part[inside..limit].find(close)
            };
            at = inside;
            if let Some(length) = closing {
                let end = inside + length + close.len();
                ranges.push(start + inside - open.len()..start + end);
                at = end;
            } else {
                hopeless_until[kind] = limit;
            }
        }
        start += part.len();
    }
    ranges
}

/// The text in parts that end with a blank line, or with the text. By the second rules a line with a carriage return
/// is not blank.
pub(super) fn paragraphs(text: &str, rules: Rules) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = match rules {
            Rules::Second => rest.find("\n\n").map(|at| at + 2),
            Rules::Third | Rules::Fourth | Rules::Fifth => markdown::blank_line(rest),
        };
        let end = end.unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_ends_where_nothing_stands_behind_its_sign() {
        let text = "```\nlet a = 1;\n```rust\nb\n```\n";
        for rules in [Rules::Second, Rules::Third] {
            assert_eq!(fences(text, rules), std::slice::from_ref(&(0..text.len())));
        }
        let text = "~~~\na\n```\nb\n~~~~\nc\n";
        for rules in [Rules::Second, Rules::Third] {
            let closed = 0..text.len() - 2;
            assert_eq!(fences(text, rules), std::slice::from_ref(&closed));
        }
    }

    #[test]
    fn a_fence_may_stand_in_a_quotation_or_an_item() {
        for text in [
            "> ```\n> a\n> ```\n",
            "- ```sh\n  a\n  ```\n",
            "2. > ~~~\n   > a\n   > ~~~\n",
        ] {
            let code = 0..text.len();
            assert_eq!(
                fences(&format!("{text}b"), Rules::Third),
                std::slice::from_ref(&code)
            );
        }
    }
}
