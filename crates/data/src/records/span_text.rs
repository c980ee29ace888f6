//! The text that a record repeats for a span gives away offsets that count something else.

use std::fmt;

use serde_json::Value;

use super::field::{Checked, wrong_type};
use super::unread::fold;
use crate::{ByteSpan, CharOffsets, CharSpan, RecordError, RecordProblem, Segment};

/// Key of a segment for the text it covers.
pub(crate) const TEXT: &str = "text";

/// Under which reading a span covers the text that a record says it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanFit {
    /// Offsets in UTF-16 code units, as JavaScript counts; the span in characters.
    Utf16(CharSpan),
    /// Offsets in UTF-8 bytes; the span in characters.
    Bytes(CharSpan),
    /// Offsets from 1; the span from 0.
    FromOne(CharSpan),
    /// An end that is the last character; the span with the end behind it.
    InclusiveEnd(CharSpan),
    /// The only place in the response where the text stands.
    Elsewhere(CharSpan),
}

impl fmt::Display for SpanFit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reading, span) = match self {
            Self::Utf16(span) => ("they count UTF-16 code units", span),
            Self::Bytes(span) => ("they count bytes", span),
            Self::FromOne(span) => ("they count from 1", span),
            Self::InclusiveEnd(span) => ("the end is the last character", span),
            Self::Elsewhere(span) => {
                return write!(
                    formatter,
                    "this text stands at {span} of it and nowhere else"
                );
            }
        };
        write!(
            formatter,
            "these fit if {reading}: in characters the span is {span}"
        )
    }
}

/// Other keys that often hold it, and may hold something else; compared as [`fold`] has them.
const OTHER_NAMES: [&str; 8] = [
    "segment",
    "sentence",
    "spantext",
    "segmenttext",
    "quote",
    "content",
    "substring",
    "phrase",
];

/// Checks the segments that repeat their text. Under a name that may mean something else a text
/// counts only where another reading of the span covers it.
pub(crate) fn check_texts(response: &str, segments: &[Segment]) -> Checked<()> {
    let mut offsets = None;
    for (k, segment) in segments.iter().enumerate() {
        let field = |name: &str| format!("segments[{k}].{name}");
        let mut checked = |name: &str, text: &str| {
            let offsets = offsets.get_or_insert_with(|| CharOffsets::new(response));
            check_text(response, offsets, segment.span, text, || field(name))
        };
        for (name, value) in &segment.extra {
            let folded = fold(name);
            match value {
                Value::String(text) if folded == TEXT => checked(name, text)?,
                Value::String(text) if OTHER_NAMES.contains(&folded.as_str()) => {
                    if let Err(error) = checked(name, text)
                        && error.fits_otherwise()
                    {
                        return Err(error);
                    }
                }
                Value::Null | Value::String(_) => {}
                other if name == TEXT => {
                    return Err(wrong_type(
                        field(TEXT),
                        other,
                        "the text that the span covers",
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

impl RecordError {
    /// Whether a span would cover its text under another reading.
    fn fits_otherwise(&self) -> bool {
        matches!(
            &self.problem,
            RecordProblem::MarkedText { fit: Some(_), .. }
        )
    }
}

/// Refuses a span that does not cover `expected`.
pub(crate) fn check_text(
    response: &str,
    offsets: &CharOffsets,
    span: CharSpan,
    expected: &str,
    field: impl FnOnce() -> String,
) -> Checked<()> {
    let found = text_at(response, offsets, span).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    let problem = RecordProblem::MarkedText {
        start: span.start,
        end: span.end,
        found: shortened(found),
        expected: shortened(expected),
        fit: fit(response, offsets, span, expected).map(Box::new),
    };
    Err(RecordError::new(field(), problem))
}

/// The reading of `span` under which it covers `expected`.
pub(crate) fn fit(
    response: &str,
    offsets: &CharOffsets,
    span: CharSpan,
    expected: &str,
) -> Option<SpanFit> {
    let CharSpan { start, end } = span;
    let covers = |span: &CharSpan| text_at(response, offsets, *span) == Some(expected);
    let from_utf16 = || {
        Some(CharSpan::new(
            utf16_to_chars(response, start)?,
            utf16_to_chars(response, end)?,
        ))
    };
    let from_one = || Some(CharSpan::new(start.checked_sub(1)?, end.checked_sub(1)?));
    let elsewhere = || {
        let mut places = response.match_indices(expected);
        let (at, _) = places.next().filter(|_| !expected.is_empty())?;
        let bytes = ByteSpan::new(at, at + expected.len());
        places.next().is_none().then(|| offsets.to_chars(bytes))?
    };
    None.or_else(|| from_utf16().filter(covers).map(SpanFit::Utf16))
        .or_else(|| {
            offsets
                .to_chars(ByteSpan::new(start, end))
                .filter(covers)
                .map(SpanFit::Bytes)
        })
        .or_else(|| from_one().filter(covers).map(SpanFit::FromOne))
        .or_else(|| {
            Some(CharSpan::new(start, end.checked_add(1)?))
                .filter(covers)
                .map(SpanFit::InclusiveEnd)
        })
        .or_else(|| elsewhere().map(SpanFit::Elsewhere))
}

fn text_at<'a>(response: &'a str, offsets: &CharOffsets, span: CharSpan) -> Option<&'a str> {
    offsets.to_bytes(span)?.slice(response)
}

/// The character that starts at a position in UTF-16 code units; `None` inside one or past the end.
pub(crate) fn utf16_to_chars(text: &str, position: usize) -> Option<usize> {
    let mut units = 0;
    for (place, char) in text.chars().enumerate() {
        if units >= position {
            return (units == position).then_some(place);
        }
        units += char.len_utf16();
    }
    (units == position).then(|| text.chars().count())
}

/// A text as a message can hold it.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fit_of(response: &str, start: usize, end: usize, expected: &str) -> Option<SpanFit> {
        fit(
            response,
            &CharOffsets::new(response),
            CharSpan::new(start, end),
            expected,
        )
    }

    #[test]
    fn the_unit_that_fits_is_found() {
        let text = "Né 💩 so it is. So.";
        let right = CharSpan::new(5, 14);
        assert_eq!(
            fit_of(text, 6, 15, "so it is."),
            Some(SpanFit::Utf16(right))
        );
        assert_eq!(
            fit_of(text, 9, 18, "so it is."),
            Some(SpanFit::Bytes(right))
        );
        assert_eq!(
            fit_of("It is.", 1, 3, "It"),
            Some(SpanFit::FromOne(CharSpan::new(0, 2)))
        );
        assert_eq!(
            fit_of("It is.", 0, 1, "It"),
            Some(SpanFit::InclusiveEnd(CharSpan::new(0, 2)))
        );
        assert_eq!(
            fit_of(text, 1, 2, "so it is."),
            Some(SpanFit::Elsewhere(right))
        );
        assert_eq!(fit_of("a b a", 2, 3, "a"), None);
        assert_eq!(fit_of("a b", 0, 1, "x"), None);
        assert_eq!(fit_of("a b", 0, 1, ""), None);
    }

    proptest! {
        #[test]
        fn offsets_in_any_unit_are_told(
            ahead in "[a-z💩é ]{0,12}", inside in "[A-Z💩é]{1,6}", behind in "[a-z💩é ]{0,12}",
        ) {
            let text = format!("{ahead}{inside}{behind}");
            let offsets = CharOffsets::new(&text);
            let units = |text: &str| text.encode_utf16().count();
            let utf16 = CharSpan::new(units(&ahead), units(&ahead) + units(&inside));
            let bytes = CharSpan::new(ahead.len(), ahead.len() + inside.len());
            for span in [utf16, bytes] {
                if check_text(&text, &offsets, span, &inside, String::new).is_err() {
                    let found = fit(&text, &offsets, span, &inside);
                    prop_assert!(found.is_some(), "{span}");
                }
            }
        }
    }
}
