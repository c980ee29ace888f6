//! What is not prose, in which a full stop ends nothing: code, formulas, addresses.

use std::ops::Range;

use super::super::pieces::is_line_break;
use super::Rules;
use super::markdown;

/// Ranges that no sentence ends inside of.
pub(super) struct Unbroken {
    /// In order, without overlap.
    ranges: Vec<Range<usize>>,
    /// Where blocks of code begin, in order.
    code: Vec<usize>,
}

impl Unbroken {
    pub(super) fn new(text: &str, rules: Rules) -> Self {
        let fences = fences(text, rules);
        let mut ranges = addresses(text);
        ranges.extend(bracketed(text, rules));
        if rules == Rules::Third {
            ranges.extend(markdown::lines(text));
            ranges.extend(markdown::links(text));
            ranges.extend(markdown::environments(text));
        }
        // A fence holds whatever lies inside of it.
        ranges.retain(|range| {
            let ahead = fences.partition_point(|fence| fence.start <= range.start);
            ahead == 0 || fences[ahead - 1].end <= range.start
        });
        let code = fences.iter().map(|fence| fence.start).collect();
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
            (Rules::Third, Some(_)) => markdown::unquoted(line).trim(),
            (Rules::Third, None) => markdown::item_text(markdown::unquoted(line)).trim(),
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
        Rules::Third => (&PAIRS[..], &['\\', '$', '`', '<'][..]),
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
            Rules::Third => markdown::blank_line(rest),
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
