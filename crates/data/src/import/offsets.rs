use std::fmt;
use std::str::FromStr;

use super::fields::not_allowed;
use crate::records::field::Checked;
use crate::records::utf16_to_chars;
use crate::{ByteSpan, CharOffsets, CharSpan, DataError, Result};

/// What the offsets of published spans count. As text ([`FromStr`], [`Display`](fmt::Display)): `chars`, `utf16`,
/// `bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Offsets {
    /// Unicode characters (code points), as Python counts. The default.
    #[default]
    Chars,
    /// UTF-16 code units, as JavaScript and Java count.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

impl Offsets {
    const NAMES: [(&'static str, Self); 3] = [
        ("chars", Self::Chars),
        ("utf16", Self::Utf16),
        ("bytes", Self::Bytes),
    ];

    /// The span in characters. One that counts characters is given back as it is, inside the text or not.
    pub(super) fn to_chars(
        self,
        text: &str,
        offsets: &CharOffsets,
        span: CharSpan,
        field: &str,
    ) -> Checked<CharSpan> {
        let CharSpan { start, end } = span;
        let found = match self {
            Self::Chars => return Ok(span),
            Self::Utf16 => utf16_to_chars(text, start).zip(utf16_to_chars(text, end)),
            // Each end for itself: a span that is backwards is told from one inside a character.
            Self::Bytes => {
                let place = |at| {
                    offsets
                        .to_chars(ByteSpan::new(at, at))
                        .map(|span| span.start)
                };
                place(start).zip(place(end))
            }
        };
        found
            .map(|(start, end)| CharSpan::new(start, end))
            .ok_or_else(|| {
                let unit = match self {
                    Self::Utf16 => "UTF-16 code units",
                    _ => "bytes",
                };
                let expected =
                    format!("positions between the characters of the text, counted in {unit}");
                not_allowed(field, format!("{start}..{end}"), expected)
            })
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(_, unit)| unit == self);
        formatter.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Offsets {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let unit = Self::NAMES.iter().find(|(name, _)| *name == text);
        unit.map(|(_, unit)| *unit)
            .ok_or_else(|| DataError::InvalidOffsets {
                found: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_finds_the_same_characters() {
        let text = "N\u{e9} \u{1f4a9} so";
        let offsets = CharOffsets::new(text);
        let so = CharSpan::new(5, 7);
        for (unit, start, end) in [
            (Offsets::Chars, 5, 7),
            (Offsets::Utf16, 6, 8),
            (Offsets::Bytes, 9, 11),
        ] {
            let span = CharSpan::new(start, end);
            assert_eq!(
                unit.to_chars(text, &offsets, span, "x").unwrap(),
                so,
                "{unit}"
            );
            assert_eq!(unit.to_string().parse::<Offsets>().unwrap(), unit);
        }
        for (unit, start, end) in [
            (Offsets::Utf16, 4, 8),
            (Offsets::Utf16, 6, 9),
            (Offsets::Bytes, 2, 3),
            (Offsets::Bytes, 9, 12),
        ] {
            let error = unit.to_chars(text, &offsets, CharSpan::new(start, end), "x");
            let error = error.unwrap_err().to_string();
            assert!(error.contains("between the characters"), "{unit}: {error}");
        }
        assert!("utf-16".parse::<Offsets>().is_err());
    }
}
