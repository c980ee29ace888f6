use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::CharSpan;

/// Whether each of `spans` begins or ends inside a word of `text`, by the word boundaries of Unicode (UAX #29). There
/// are boundaries at the ends of the text and between two ideographs.
pub fn parts_of_words(text: &str, spans: &[CharSpan]) -> Vec<bool> {
    let mut boundaries = HashSet::from([0]);
    let mut at = 0;
    for word in text.split_word_bounds() {
        at += word.chars().count();
        boundaries.insert(at);
    }
    let is_inside = |position: usize| position < at && !boundaries.contains(&position);
    spans
        .iter()
        .map(|span| is_inside(span.start) || is_inside(span.end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_inside_words_are_told() {
        let parts = |text: &str, start, end| parts_of_words(text, &[CharSpan::new(start, end)])[0];
        let text = "It's 3.14, née far.";
        assert!(!parts(text, 0, 9) && !parts(text, 11, 14) && !parts(text, 15, 19));
        assert!(
            parts(text, 0, 6) && parts(text, 2, 9) && parts(text, 12, 14) && parts(text, 15, 17)
        );
        assert!(!parts("月は遠い。", 1, 3));
    }
}
