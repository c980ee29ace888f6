//! Divides a text into consecutive pieces, and finds their spans.

use std::ops::Range;

use crate::CharSpan;

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
        // Byte-level tokens can share a character, in which there is no cut.
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

/// The spans of consecutive pieces, without the white space around each.
pub(super) fn trimmed_spans(pieces: &[&str]) -> Vec<CharSpan> {
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

/// Pieces that end with a blank line or at the end of the text.
pub(super) fn paragraph_pieces(text: &str) -> Vec<&str> {
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

/// Pieces that end with `delimiter` or at the end of the text. No piece is only a delimiter, unless the text is.
pub(super) fn delimiter_pieces<'a>(text: &'a str, delimiter: &str) -> Vec<&'a str> {
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

/// The mandatory line breaks of Unicode. `\r\n` counts as two breaks with an empty piece in between, which is not a segment.
pub(super) fn is_line_break(char: char) -> bool {
    matches!(
        char,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}
