use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! span {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// First position inside the span, from 0.
            pub start: usize,
            /// First position after the span.
            pub end: usize,
        }

        impl $name {
            /// The span `start..end`.
            pub const fn new(start: usize, end: usize) -> Self {
                Self { start, end }
            }

            /// Number of positions inside; 0 for a backwards span.
            pub const fn len(self) -> usize {
                self.end.saturating_sub(self.start)
            }

            /// Whether the span has no position.
            pub const fn is_empty(self) -> bool {
                self.len() == 0
            }

            /// Whether `position` lies inside.
            pub const fn contains(self, position: usize) -> bool {
                self.start <= position && position < self.end
            }

            /// Whether both spans share a position. An empty span overlaps nothing.
            pub const fn overlaps(self, other: Self) -> bool {
                let start = if self.start > other.start { self.start } else { other.start };
                let end = if self.end < other.end { self.end } else { other.end };
                start < end
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}..{}", self.start, self.end)
            }
        }
    };
}

span! {
    /// A half-open range that counts UTF-8 bytes of a text.
    ByteSpan
}
span! {
    /// A half-open range that counts Unicode characters (scalar values) of a text, as records do.
    CharSpan
}
span! {
    /// A half-open range that counts tokens of a tokenized sequence.
    TokenSpan
}

impl ByteSpan {
    /// The text of the span; `None` past the end or off a character boundary.
    pub fn slice(self, text: &str) -> Option<&str> {
        text.get(self.start..self.end)
    }
}

impl CharSpan {
    /// The text of the span; `None` past the end or for a backwards span.
    ///
    /// Counts from the start of the text; use [`CharOffsets`] for many spans of one text.
    pub fn slice(self, text: &str) -> Option<&str> {
        let length = self.end.checked_sub(self.start)?;
        let from_start = skip_chars(text, self.start)?;
        let after = skip_chars(from_start, length)?;
        Some(&from_start[..from_start.len() - after.len()])
    }
}

/// The rest of `text` after its first `count` characters; `None` if it has fewer.
fn skip_chars(text: &str, count: usize) -> Option<&str> {
    let mut rest = text.chars();
    for _ in 0..count {
        rest.next()?;
    }
    Some(rest.as_str())
}

/// Converts between byte and character positions of one text.
///
/// Built in one pass over the text; a lookup takes at most a binary search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CharOffsets {
    /// Byte position of each character, then the length of the text in bytes.
    byte_starts: Vec<usize>,
}

impl CharOffsets {
    /// The table for `text`.
    pub fn new(text: &str) -> Self {
        let mut byte_starts: Vec<usize> = text.char_indices().map(|(byte, _)| byte).collect();
        byte_starts.push(text.len());
        Self { byte_starts }
    }

    /// Length of the text in characters.
    pub fn num_chars(&self) -> usize {
        self.byte_starts.len() - 1
    }

    /// Length of the text in bytes.
    pub fn num_bytes(&self) -> usize {
        self.byte_starts[self.num_chars()]
    }

    /// The same range in bytes; `None` if it is backwards or reaches past the end.
    pub fn to_bytes(&self, span: CharSpan) -> Option<ByteSpan> {
        if span.start > span.end {
            return None;
        }
        let start = *self.byte_starts.get(span.start)?;
        let end = *self.byte_starts.get(span.end)?;
        Some(ByteSpan { start, end })
    }

    /// The same range in characters; `None` if it is backwards, reaches past the end or cuts a
    /// character.
    pub fn to_chars(&self, span: ByteSpan) -> Option<CharSpan> {
        if span.start > span.end {
            return None;
        }
        let start = self.byte_starts.binary_search(&span.start).ok()?;
        let end = self.byte_starts.binary_search(&span.end).ok()?;
        Some(CharSpan { start, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_half_open() {
        let span = CharSpan::new(2, 5);
        assert_eq!(span.len(), 3);
        assert!(span.contains(2) && span.contains(4));
        assert!(!span.contains(1) && !span.contains(5));
    }

    #[test]
    fn touching_spans_do_not_overlap() {
        assert!(!TokenSpan::new(0, 3).overlaps(TokenSpan::new(3, 6)));
        assert!(TokenSpan::new(0, 4).overlaps(TokenSpan::new(3, 6)));
        assert!(!TokenSpan::new(2, 2).overlaps(TokenSpan::new(0, 6)));
    }

    #[test]
    fn a_backwards_span_is_empty_and_has_no_text() {
        let span = CharSpan::new(5, 2);
        assert!(span.is_empty());
        assert_eq!(span.slice("abcdefgh"), None);
        assert_eq!(CharOffsets::new("abcdefgh").to_bytes(span), None);
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        let text = "é漢😀a";
        assert_eq!(CharSpan::new(1, 3).slice(text), Some("漢😀"));
        assert_eq!(CharSpan::new(0, 5).slice(text), None);
        assert_eq!(ByteSpan::new(0, 1).slice(text), None);
        let offsets = CharOffsets::new(text);
        assert_eq!((offsets.num_chars(), offsets.num_bytes()), (4, 10));
        assert_eq!(offsets.to_chars(ByteSpan::new(0, 1)), None);
    }

    #[test]
    fn spans_are_written_as_start_and_end() {
        let span = CharSpan::new(3, 9);
        assert_eq!(
            serde_json::to_string(&span).unwrap(),
            r#"{"start":3,"end":9}"#
        );
        assert_eq!(span.to_string(), "3..9");
    }

    proptest! {
        #[test]
        fn characters_to_bytes_and_back(text in any::<String>(), a in 0_usize..64, b in 0_usize..64) {
            let offsets = CharOffsets::new(&text);
            let num_chars = text.chars().count();
            let span = CharSpan::new(a.min(b).min(num_chars), a.max(b).min(num_chars));
            let bytes = offsets.to_bytes(span).unwrap();
            prop_assert_eq!(offsets.to_chars(bytes), Some(span));
            prop_assert_eq!(bytes.slice(&text), span.slice(&text));
            prop_assert_eq!(bytes.slice(&text).unwrap().chars().count(), span.len());
        }

        #[test]
        fn bytes_to_characters_and_back(text in any::<String>(), a in 0_usize..200, b in 0_usize..200) {
            let offsets = CharOffsets::new(&text);
            let bytes = ByteSpan::new(a.min(b), a.max(b));
            if let Some(span) = offsets.to_chars(bytes) {
                prop_assert_eq!(offsets.to_bytes(span), Some(bytes));
            } else {
                prop_assert_eq!(bytes.slice(&text), None);
            }
        }

        #[test]
        fn past_the_end_is_none(text in any::<String>(), excess in 1_usize..5) {
            let num_chars = text.chars().count();
            let span = CharSpan::new(0, num_chars + excess);
            prop_assert_eq!(span.slice(&text), None);
            prop_assert_eq!(CharOffsets::new(&text).to_bytes(span), None);
        }
    }
}
