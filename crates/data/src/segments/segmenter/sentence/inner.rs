//! Ends of sentences that Unicode does not see, by the fourth rules.

use std::ops::Range;

/// Least letters of a word that is no abbreviation.
const WORD: usize = 5;

/// Ends inside a part of the text: a word with a full stop ahead of a number (`It holds. 3 of them do.`), and the
/// question mark of Greek (`Τι κάνεις; Καλά.`). In order.
pub(super) fn ends(text: &str, part: Range<usize>) -> impl Iterator<Item = usize> {
    let inside = &text[part.clone()];
    let stops = inside.match_indices(['.', ';', '\u{37e}']);
    stops.filter_map(move |(at, sign)| {
        let behind = &inside[at + sign.len()..];
        let next = behind.trim_start_matches([' ', '\u{a0}']);
        if next.len() == behind.len() {
            return None;
        }
        let is_end = if sign == "." {
            next.starts_with(|char: char| char.is_ascii_digit()) && ends_with_word(&inside[..at])
        } else {
            next.starts_with(|char: char| is_greek(char) && char.is_uppercase())
                && inside[..at].ends_with(is_greek)
        };
        is_end.then_some(part.start + inside.len() - next.len())
    })
}

fn ends_with_word(text: &str) -> bool {
    let letters = text.chars().rev().take_while(|char| char.is_lowercase());
    let count = letters.take(WORD).count();
    let behind = text.chars().rev().skip_while(|char| char.is_lowercase());
    count == WORD && !behind.take(1).any(|char| char == '.')
}

fn is_greek(char: char) -> bool {
    matches!(char, '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}')
}
