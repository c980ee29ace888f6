//! Makes untrusted text safe to show.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::iter;

/// Escapes (`\u{1b}`, `\n`) all characters that control a terminal, break the line, change the text direction, or are
/// invisible. The text of a file can then neither imitate other output nor hide.
///
/// Joiners (U+200C, U+200D) stay between letters or symbols outside of ASCII, because scripts and emoji need
/// them.
pub fn visible(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// Like [`visible`], but keeps line breaks and tabs.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    shown(text, |c| matches!(c, '\n' | '\t'))
}

/// Like [`visible`], but with JSON escapes, so that the value of the JSON does not change.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    // Outside of strings, JSON has no other such characters.
    rewritten(
        json,
        |c| matches!(c, '\n' | '\t' | '\r'),
        |out, c| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

/// Like [`visible`], for the strings of a JSON value that people read. JSON's own escapes (`\n`) stay.
pub fn visible_texts_of_json(json: &str) -> Cow<'_, str> {
    rewritten(
        json,
        |c| matches!(c, '\n' | '\t' | '\r'),
        |out, c| {
            let _ = write!(out, "\\\\u{{{:x}}}", u32::from(c));
        },
    )
}

/// One line of Markdown that shows `text` literally: visible, with all Markdown characters escaped.
pub fn visible_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        if matches!(
            c,
            '\\' | '`'
                | '*'
                | '_'
                | '{'
                | '}'
                | '['
                | ']'
                | '<'
                | '>'
                | '('
                | ')'
                | '#'
                | '!'
                | '|'
                | '~'
                | '&'
                | '$'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A Markdown code span, for file names.
pub fn visible_code(text: &str) -> String {
    let text = visible(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{text}{space}{fence}")
}

fn shown(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    rewritten(text, keep, |out, c| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    })
}

fn rewritten(
    text: &str,
    keep: impl Fn(char) -> bool,
    spell: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let before = iter::once(None).chain(text.chars().map(Some));
    let after = text.chars().skip(1).map(Some).chain(iter::once(None));
    for ((c, before), after) in text.chars().zip(before).zip(after) {
        let joins = matches!(c, '\u{200c}' | '\u{200d}') && is_joined(before) && is_joined(after);
        if is_deceptive(c) && !keep(c) && !joins {
            spell(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Whether a joiner next to this character may be needed for display.
fn is_joined(neighbor: Option<char>) -> bool {
    neighbor.is_some_and(|c| !c.is_ascii() && !is_deceptive(c) && !c.is_whitespace())
}

/// Whether a character has an effect or is invisible.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen; invisible joiners and fillers.
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
            // Zero width; direction marks.
            | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{feff}'
            // Line and paragraph breaks; direction embeddings, overrides and isolates.
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // Interlinear annotations; invisible musical controls; tag characters.
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_or_hides_is_spelled_out() {
        for (text, shown) in [
            (
                "\u{1b}[2J\u{1b}]0;title\u{7}",
                "\\u{1b}[2J\\u{1b}]0;title\\u{7}",
            ),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            (
                "a\u{202e}b\u{2066}\u{200b}\u{feff}",
                "a\\u{202e}b\\u{2066}\\u{200b}\\u{feff}",
            ),
            ("one\r\n\ttwo", "one\\r\\n\\ttwo"),
            ("a\u{200d}b", "a\\u{200d}b"),
            ("\u{e0041}\u{2028}", "\\u{e0041}\\u{2028}"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(visible_lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u{1b}");
    }

    #[test]
    fn what_is_seen_stays() {
        for text in [
            "Zürich, 東京, عربى, ไทย",
            "👩\u{200d}🔬 and 👍🏽",
            "می\u{200c}خواهم",
            "e\u{301}",
            "a\u{a0}b",
            "\\u{1b}",
        ] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn markdown_shows_what_was_written() {
        assert_eq!(
            visible_markdown("[a](http://b)|<b>\n# c"),
            "\\[a\\]\\(http://b\\)\\|\\<b\\>\\\\n\\# c"
        );
        assert_eq!(visible_code("a`b"), "``a`b``");
        assert_eq!(visible_code("`a"), "`` `a ``");
        assert_eq!(visible_code("a"), "`a`");
    }

    /// What may be left nowhere: line breaks and joiners have their places.
    fn acts(c: char) -> bool {
        is_deceptive(c) && !matches!(c, '\n' | '\u{200c}' | '\u{200d}')
    }

    proptest! {
        #[test]
        fn json_keeps_its_value(text in any::<String>(), extra in "[\u{7f}-\u{9f}\u{200b}-\u{202e}\u{e0041}a]*") {
            let value = serde_json::json!({ &extra: [&text, &extra], "b": 1 });
            let json = serde_json::to_string_pretty(&value).unwrap();
            let shown = visible_json(&json);
            prop_assert!(!shown.chars().any(acts));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
            let compact = serde_json::to_string(&extra).unwrap();
            let shown: String = serde_json::from_str(&visible_texts_of_json(&compact)).unwrap();
            prop_assert_eq!(shown, visible(&extra));
        }

        #[test]
        fn nothing_deceptive_is_left(text in any::<String>()) {
            let shown = visible(&text);
            prop_assert!(!shown.contains('\n') && !shown.chars().any(acts));
        }
    }
}
