//! Cutting a response that comes without segments.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::{CharSpan, DataError, Result};

/// How a response without segments is cut; kept in the bundle so that training and scoring cut alike.
///
/// Whatever the rule, the spans are ordered, do not overlap, neither start nor end with white space, and
/// together hold every character that is not white space. A text of white space only has no segment.
///
/// As text (command line, [`FromStr`], [`Display`](fmt::Display)): `sentence`, `line`, `paragraph`,
/// `delimiter:TEXT`, `tokens:N`. In JSON and TOML: `"sentence"`, `{"delimiter": "TEXT"}`, `{"tokens": 32}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Segmenter {
    /// The default sentence boundaries of Unicode (UAX #29, <https://www.unicode.org/reports/tr29/>).
    ///
    /// The rules know no language and no list of abbreviations:
    /// - a full stop ends a sentence unless a digit or a lower-case word follows, so `3.14`, `U.S.` inside a
    ///   sentence and `e.g. this` stay whole, but `Dr. Smith` is cut after `Dr.`;
    /// - `。`, `！` and `？` end a sentence without a space after them;
    /// - a line break always ends one, so hard-wrapped text is cut at every line.
    ///
    /// One thing is added: a number that opens a line (`1. Add three`) stays with the sentence behind it.
    #[default]
    Sentence,
    /// One segment per line that holds text.
    Line,
    /// One segment per paragraph; paragraphs are parted by lines that are empty or hold only white space.
    Paragraph,
    /// Cut behind every occurrence of this text, which stays with the segment it ends.
    ///
    /// A delimiter that nothing precedes joins the segment before it, or the one behind it where none is before.
    Delimiter(String),
    /// Runs of this many tokens of the tokenizer in use; the last may be shorter.
    ///
    /// Cutting needs the tokenizer: use [`TextEncoder::segment`](crate::TextEncoder::segment).
    Tokens(usize),
}

impl Segmenter {
    /// Cuts `text` into spans of characters.
    ///
    /// # Errors
    /// - [`DataError::InvalidSegmenter`]: an empty delimiter, or runs of zero tokens.
    /// - [`DataError::SegmenterNeedsTokenizer`]: this is [`Segmenter::Tokens`].
    pub fn segment(&self, text: &str) -> Result<Vec<CharSpan>> {
        self.check()?;
        let pieces = match self {
            Self::Sentence => sentence_pieces(text),
            Self::Line => text.split_inclusive(is_line_break).collect(),
            Self::Paragraph => paragraph_pieces(text),
            Self::Delimiter(delimiter) => delimiter_pieces(text, delimiter),
            Self::Tokens(_) => return Err(DataError::SegmenterNeedsTokenizer),
        };
        Ok(trimmed_spans(&pieces))
    }

    /// Refuses rules that cannot cut anything.
    pub(crate) fn check(&self) -> Result<()> {
        let found = match self {
            Self::Delimiter(delimiter) if delimiter.is_empty() => "an empty delimiter",
            Self::Tokens(0) => "runs of 0 tokens",
            _ => return Ok(()),
        };
        Err(DataError::InvalidSegmenter {
            found: found.to_owned(),
        })
    }
}

impl fmt::Display for Segmenter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sentence => formatter.write_str("sentence"),
            Self::Line => formatter.write_str("line"),
            Self::Paragraph => formatter.write_str("paragraph"),
            Self::Delimiter(delimiter) => write!(formatter, "delimiter:{delimiter}"),
            Self::Tokens(size) => write!(formatter, "tokens:{size}"),
        }
    }
}

impl FromStr for Segmenter {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let segmenter = match text.split_once(':') {
            None => match text {
                "sentence" => Some(Self::Sentence),
                "line" => Some(Self::Line),
                "paragraph" => Some(Self::Paragraph),
                _ => None,
            },
            Some(("delimiter", delimiter)) => Some(Self::Delimiter(delimiter.to_owned())),
            Some(("tokens", size)) => size.parse().ok().map(Self::Tokens),
            Some(_) => None,
        };
        let segmenter = segmenter.ok_or_else(|| DataError::InvalidSegmenter {
            found: format!("\"{text}\""),
        })?;
        segmenter.check()?;
        Ok(segmenter)
    }
}

/// Cuts `text` before every `size`-th token.
///
/// `token_starts` holds the first character of each token, in characters of `text`, never decreasing.
pub(crate) fn segment_by_tokens(text: &str, token_starts: &[usize], size: usize) -> Vec<CharSpan> {
    let mut cuts = token_starts
        .iter()
        .step_by(size)
        .skip(1)
        .copied()
        .peekable();
    let mut pieces = Vec::new();
    let mut piece_start = 0;
    for (position, (byte, _)) in text.char_indices().enumerate() {
        // Byte-level tokens can share a character: a cut inside of one is no cut.
        while let Some(cut) = cuts.next_if(|&cut| cut <= position) {
            if cut == position && byte > piece_start {
                pieces.push(&text[piece_start..byte]);
                piece_start = byte;
            }
        }
    }
    pieces.push(&text[piece_start..]);
    trimmed_spans(&pieces)
}

/// The spans of pieces that follow each other without a gap, white space around each left out.
fn trimmed_spans(pieces: &[&str]) -> Vec<CharSpan> {
    let mut spans = Vec::new();
    let mut start = 0;
    for piece in pieces {
        let chars = piece.chars().count();
        let text = piece.trim_start();
        let text_start = start + chars - text.chars().count();
        let text_chars = text.trim_end().chars().count();
        if text_chars > 0 {
            spans.push(CharSpan {
                start: text_start,
                end: text_start + text_chars,
            });
        }
        start += chars;
    }
    spans
}

/// Sentences by UAX #29, with the number of a list item joined to its text.
fn sentence_pieces(text: &str) -> Vec<&str> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut marker_start = None;
    for (start, sentence) in text.split_sentence_bound_indices() {
        let end = start + sentence.len();
        let start = marker_start.take().unwrap_or(start);
        let opens_a_line = text[..start].chars().next_back().is_none_or(is_line_break);
        if opens_a_line && end < text.len() && is_list_number(&text[start..end]) {
            marker_start = Some(start);
        } else {
            ranges.push(start..end);
        }
    }
    ranges.into_iter().map(|range| &text[range]).collect()
}

/// `1. ` to `999. `, not followed by a line break.
fn is_list_number(sentence: &str) -> bool {
    let Some((number, behind)) = sentence.trim_start().split_once('.') else {
        return false;
    };
    (1..=3).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && behind
            .chars()
            .all(|char| char.is_whitespace() && !is_line_break(char))
}

/// Pieces that end with a blank line, or with the text.
fn paragraph_pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut piece_start, mut line_start) = (0, 0);
    for line in text.split_inclusive('\n') {
        let line_end = line_start + line.len();
        if line.trim().is_empty() {
            pieces.push(&text[piece_start..line_end]);
            piece_start = line_end;
        }
        line_start = line_end;
    }
    pieces.push(&text[piece_start..]);
    pieces
}

/// Pieces that end with `delimiter`, or with the text; none is a bare delimiter unless the text is.
fn delimiter_pieces<'a>(text: &'a str, delimiter: &str) -> Vec<&'a str> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (mut piece_start, mut searched) = (0, 0);
    for (position, _) in text.match_indices(delimiter) {
        let end = position + delimiter.len();
        if !text[searched..position].trim().is_empty() {
            ranges.push(piece_start..end);
            piece_start = end;
        } else if let Some(previous) = ranges.last_mut() {
            previous.end = end;
            piece_start = end;
        }
        searched = end;
    }
    ranges.push(piece_start..text.len());
    ranges.into_iter().map(|range| &text[range]).collect()
}

/// The mandatory breaks of Unicode, each character by itself: `\r\n` leaves an empty piece, which is no segment.
fn is_line_break(char: char) -> bool {
    matches!(
        char,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(segmenter: &Segmenter, text: &str) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        let spans = segmenter.segment(text).unwrap();
        spans
            .iter()
            .map(|span| chars[span.start..span.end].iter().collect())
            .collect()
    }

    #[test]
    fn sentences_leave_the_space_between_them_out() {
        let spans = Segmenter::Sentence
            .segment(" It is far. Very far!  ")
            .unwrap();
        assert_eq!(
            spans,
            [
                CharSpan { start: 1, end: 11 },
                CharSpan { start: 12, end: 21 }
            ]
        );
    }

    #[test]
    fn decimal_numbers_and_lower_case_after_a_stop_do_not_end_a_sentence() {
        let cut = |text| texts(&Segmenter::Sentence, text);
        assert_eq!(
            cut("Pi is 3.14 or so. Use it."),
            ["Pi is 3.14 or so.", "Use it."]
        );
        assert_eq!(
            cut("Use a tool, e.g. this one. Then stop."),
            ["Use a tool, e.g. this one.", "Then stop."]
        );
        assert_eq!(
            cut("The U.S. economy grew. It did."),
            ["The U.S. economy grew.", "It did."]
        );
    }

    #[test]
    fn an_abbreviation_before_a_capital_ends_a_sentence() {
        assert_eq!(
            texts(&Segmenter::Sentence, "Dr. Smith came."),
            ["Dr.", "Smith came."]
        );
    }

    #[test]
    fn cjk_stops_and_line_breaks_end_a_sentence() {
        let cut = |text| texts(&Segmenter::Sentence, text);
        assert_eq!(
            cut("月は遠い。三十個分だ！本当？"),
            ["月は遠い。", "三十個分だ！", "本当？"]
        );
        assert_eq!(
            cut("no stop here\nsecond line\n\n\nthird\r\nfourth"),
            ["no stop here", "second line", "third", "fourth"]
        );
    }

    #[test]
    fn the_number_of_a_list_item_stays_with_its_text() {
        let cut = |text| texts(&Segmenter::Sentence, text);
        assert_eq!(
            cut("Steps:\n1. Add it.\n 2. Stop. Now."),
            ["Steps:", "1. Add it.", "2. Stop.", "Now."]
        );
        assert_eq!(
            cut("How many? 7. That is all."),
            ["How many?", "7.", "That is all."]
        );
        assert_eq!(cut("1.\nAlone."), ["1.", "Alone."]);
        assert_eq!(cut("1. "), ["1."]);
    }

    #[test]
    fn lines_and_paragraphs_skip_blank_ones() {
        let text = "one\r\ntwo\n \t\n\nthree\u{2028}four";
        assert_eq!(
            texts(&Segmenter::Line, text),
            ["one", "two", "three", "four"]
        );
        assert_eq!(
            texts(&Segmenter::Paragraph, text),
            ["one\r\ntwo", "three\u{2028}four"]
        );
    }

    #[test]
    fn a_delimiter_stays_with_the_segment_it_ends() {
        let cut = |text| texts(&Segmenter::Delimiter("##".to_owned()), text);
        assert_eq!(cut("a ## b## c"), ["a ##", "b##", "c"]);
        assert_eq!(cut("##a## ## b"), ["##a## ##", "b"]);
        assert_eq!(cut("## ##"), ["## ##"]);
    }

    #[test]
    fn runs_of_tokens_start_at_every_nth_token() {
        let spans = segment_by_tokens("aa bb cc dd", &[0, 3, 6, 9], 3);
        assert_eq!(
            spans,
            [
                CharSpan { start: 0, end: 8 },
                CharSpan { start: 9, end: 11 }
            ]
        );
        // Three byte tokens of one emoji cannot be parted.
        let spans = segment_by_tokens("🙂b", &[0, 0, 0, 1], 1);
        assert_eq!(
            spans,
            [CharSpan { start: 0, end: 1 }, CharSpan { start: 1, end: 2 }]
        );
    }

    #[test]
    fn segmenters_read_what_they_write() {
        for text in [
            "sentence",
            "line",
            "paragraph",
            "delimiter:\n:\n",
            "tokens:32",
        ] {
            let segmenter: Segmenter = text.parse().unwrap();
            assert_eq!(segmenter.to_string(), text);
            let json = serde_json::to_string(&segmenter).unwrap();
            assert_eq!(serde_json::from_str::<Segmenter>(&json).unwrap(), segmenter);
        }
        for text in [
            "sentences",
            "tokens:0",
            "tokens:x",
            "delimiter:",
            "tokens",
            "line:2",
            "",
        ] {
            assert!(text.parse::<Segmenter>().is_err(), "{text}");
        }
        assert!(Segmenter::Tokens(4).segment("a").is_err());
    }

    fn segmenters() -> impl Strategy<Value = Segmenter> {
        prop_oneof![
            Just(Segmenter::Sentence),
            Just(Segmenter::Line),
            Just(Segmenter::Paragraph),
            "[.a \n🙂]{1,2}".prop_map(Segmenter::Delimiter),
        ]
    }

    fn assert_covers(text: &str, spans: &[CharSpan]) -> Result<(), TestCaseError> {
        let chars: Vec<char> = text.chars().collect();
        let mut end = 0;
        for span in spans {
            prop_assert!(end <= span.start && span.start < span.end && span.end <= chars.len());
            prop_assert!(
                chars[end..span.start]
                    .iter()
                    .all(|char| char.is_whitespace())
            );
            prop_assert!(
                !chars[span.start].is_whitespace() && !chars[span.end - 1].is_whitespace()
            );
            end = span.end;
        }
        prop_assert!(chars[end..].iter().all(|char| char.is_whitespace()));
        Ok(())
    }

    proptest! {
        #[test]
        fn spans_are_ordered_and_hold_all_text(
            segmenter in segmenters(),
            text in prop_oneof![any::<String>(), "[aB1.。?! \n\r\t\u{a0}🙂é)\"]{0,60}"],
        ) {
            assert_covers(&text, &segmenter.segment(&text).unwrap())?;
        }

        #[test]
        fn runs_of_tokens_hold_all_text(
            text in "[aB. \n🙂é]{0,30}",
            mut starts in prop::collection::vec(0_usize..30, 0..20),
            size in 1_usize..5,
        ) {
            starts.sort_unstable();
            assert_covers(&text, &segment_by_tokens(&text, &starts, size))?;
        }
    }
}
