//! The first rules of sentences, kept for the bundles that were trained with them.

use std::ops::Range;

use super::pieces::is_line_break;
use super::unicode::sentence_ends;

/// Sentences by UAX #29, with the number that opens a line joined to its text.
pub(super) fn sentence_pieces(text: &str) -> Vec<&str> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut marker_start = None;
    let mut at = 0;
    for end in sentence_ends(text) {
        let start = marker_start.take().unwrap_or(at);
        at = end;
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
