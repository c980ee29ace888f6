//! Tags and comments of HTML, and the heads of callouts, which the fourth rules read as brackets.

use std::borrow::Cow;

use super::super::pieces::is_line_break;

/// Longest tag, in bytes.
const LONGEST_TAG: usize = 1 << 10;

/// Brackets in the place of characters of two, three and four bytes.
pub(super) const WIDE: [char; 3] = ['«', '❨', '🙶'];

/// Names of tags that stand inside a line. What another tag closes ends a line.
pub(super) const INLINE: &[&str] = &[
    "a", "abbr", "b", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "label",
    "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "td", "th", "time", "tt",
    "u", "var",
];

/// `text` with a bracket in the place of each character of a tag or comment, as long in bytes: `(` of one that opens, `)` of others, and a
/// line break for the last of one that ends a line. `is_code` holds positions of no tags.
pub(super) fn as_brackets(text: &str, is_code: impl Fn(usize) -> bool) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut copied = 0;
    let mut comments_end = true;
    let mut at = 0;
    while let Some(next) = text[at..].find(['<', '[']) {
        let start = at + next;
        at = start + 1;
        if is_code(start) {
            continue;
        }
        let tag = if text[start..].starts_with('[') {
            callout(text, start)
        } else if text[start..].starts_with("<!--") {
            let comment = comments_end.then(|| comment(&text[start..])).flatten();
            comments_end = comment.is_some();
            comment
        } else {
            tag(&text[start..])
        };
        let Some(tag) = tag else {
            continue;
        };
        masked.push_str(&text[copied..start]);
        let end = start + tag.length - usize::from(tag.ends_line);
        masked.extend(text[start..end].chars().map(|char| match char.len_utf8() {
            1 if tag.opens => '(',
            1 => ')',
            2 => WIDE[0],
            3 => WIDE[1],
            _ => WIDE[2],
        }));
        masked.push_str(if tag.ends_line { "\n" } else { "" });
        at = start + tag.length;
        copied = at;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    Cow::Owned(masked)
}

struct Tag {
    length: usize,
    opens: bool,
    ends_line: bool,
}

/// `[!NOTE]`, which heads a quotation in a line of its own.
fn callout(text: &str, start: usize) -> Option<Tag> {
    let inside = text[start..].strip_prefix("[!")?;
    let behind = inside.trim_start_matches(|char: char| char.is_ascii_alphabetic());
    let rest = behind.strip_prefix(']')?.trim_start_matches([' ', '\t']);
    let ahead = text[..start].trim_end_matches(['>', ' ', '\t']);
    let is_alone = rest.is_empty() || rest.starts_with(is_line_break);
    let is_first = ahead.is_empty() || ahead.ends_with(is_line_break);
    (behind.len() < inside.len() && is_alone && is_first).then_some(Tag {
        length: inside.len() - behind.len() + "[!]".len(),
        opens: true,
        ends_line: false,
    })
}

fn comment(text: &str) -> Option<Tag> {
    let length = text.find("-->")? + 3;
    Some(Tag {
        length,
        opens: false,
        ends_line: false,
    })
}

/// The tag at the start of `text`: `<p>`, `</p>`, `<a href="x">`; not `<x and y>`, and no address.
fn tag(text: &str) -> Option<Tag> {
    let inside = text.strip_prefix('<')?;
    let (closes, named) = match inside.strip_prefix('/') {
        Some(named) => (true, named),
        None => (false, inside),
    };
    let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    let behind = named.trim_start_matches(is_name);
    let name = &named[..named.len() - behind.len()];
    if !name.starts_with(|char: char| char.is_ascii_alphabetic()) {
        return None;
    }
    let ahead = text.len() - behind.len();
    let length = ahead + end_of_attributes(behind)?;
    let attributes = text[ahead..length - 1].trim_end_matches('/').trim();
    if !(attributes.is_empty() || (!closes && attributes.contains('='))) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let breaks = matches!(&*name, "br" | "hr");
    let is_void = breaks || matches!(&*name, "img" | "input" | "wbr");
    Some(Tag {
        length,
        opens: !closes && !is_void,
        ends_line: breaks || (closes && !INLINE.contains(&&*name)),
    })
}

/// Behind the `>` that ends a tag, which no `>` in quotation marks does.
fn end_of_attributes(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate().take(LONGEST_TAG) {
        match (byte, quote) {
            (b'>', None) => return Some(at + 1),
            (b'<' | b'\n', _) => return None,
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_brackets_of_their_length() {
        for (text, expected) in [
            ("<p>A.</p>B", "(((A.)))\nB"),
            ("A<br/>B<hr>", "A))))\nB)))\n"),
            ("<a href=\"é>b\">C</a>.", "(((((((((«((((C))))."),
            ("<!-- 語.\n\n😀 -->C", ")))))❨)))🙶))))C"),
            ("> [!NOTE] \n> A", "> ((((((( \n> A"),
            ("</THINK >x<img src=a>", "))))))))\nx)))))))))))"),
        ] {
            assert_eq!(as_brackets(text, |_| false), expected);
            assert_eq!(as_brackets(text, |_| false).len(), text.len());
        }
        for text in [
            "if a <b and c> d",
            "<https://x.y>",
            "<a.b@c.d>",
            "a < b > c",
            "<p",
            "<!-- A",
            "<1>",
            "</p x>",
            "[!NOTE] A",
            "A [!NOTE]",
            "[!]",
            "<a b=\"c>d\n",
        ] {
            assert_eq!(as_brackets(text, |_| false), text);
        }
        assert_eq!(as_brackets("`<p>`", |_| true), "`<p>`");
    }
}
