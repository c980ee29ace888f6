use std::ops::Range;

use super::super::pieces::is_line_break;

/// Longest text, in bytes, that is looked at for a mark or an abbreviation.
pub(super) const SHORT: usize = 64;

/// A boundary between two sentences, and what stands on either side of it.
pub(super) struct Joint<'a> {
    text: &'a str,
    /// The sentence ahead, white space around it left out.
    before: Range<usize>,
    /// The sentence behind, without white space ahead of it.
    behind: &'a str,
    crosses_line: bool,
}

impl<'a> Joint<'a> {
    /// The boundary at the end of `before`, which begins with text.
    pub(super) fn new(text: &'a str, before: Range<usize>, behind: Range<usize>) -> Self {
        let end = before.start + text[before.clone()].trim_end().len();
        let rest = text[behind.clone()].trim_start();
        let gap = &text[end..behind.end - rest.len()];
        Self {
            text,
            crosses_line: gap.contains(is_line_break),
            before: before.start..end,
            behind: rest,
        }
    }

    /// The whole sentence ahead, if it is short.
    pub(super) fn short_before(&self) -> Option<&'a str> {
        (self.before.len() <= SHORT).then(|| &self.text[self.before.clone()])
    }

    /// The sentence behind.
    pub(super) fn behind(&self) -> &'a str {
        self.behind
    }

    /// Whether a line ends at the boundary.
    pub(super) fn crosses_line(&self) -> bool {
        self.crosses_line
    }

    /// Whether the sentence ahead is the first text of its line.
    pub(super) fn opens_a_line(&self) -> bool {
        let ahead = self.text[..self.before.start].trim_end_matches([' ', '\t']);
        ahead.is_empty() || ahead.ends_with(is_line_break)
    }

    /// The last words of the sentence ahead, last one first. What lies further back than
    /// [`SHORT`] bytes is not looked at.
    pub(super) fn words_before(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let body = &self.text[self.before.clone()];
        let mut from = body.len().saturating_sub(SHORT);
        while !body.is_char_boundary(from) {
            from += 1;
        }
        // A word that the window cuts is none.
        let window = &body[from..];
        let window = match (from, window.split_once(char::is_whitespace)) {
            (0, _) => window,
            (_, Some((_, whole))) => whole,
            (_, None) => "",
        };
        window.split_whitespace().rev()
    }

    /// The first word behind, without the punctuation around it.
    pub(super) fn word_behind(&self) -> &'a str {
        let word = self
            .behind
            .trim_start_matches(|char: char| !char.is_alphanumeric() && !char.is_whitespace());
        let end = word.find(|char: char| !char.is_alphanumeric() && char != '\'' && char != '’');
        &word[..end.unwrap_or(word.len())]
    }

    /// `「はい。」と言った。`: what is quoted is a part of the sentence that goes on with a particle.
    pub(super) fn parts_a_quote_from_its_particle(&self) -> bool {
        let is_hiragana = |char: char| ('\u{3041}'..='\u{309f}').contains(&char);
        self.text[self.before.clone()].ends_with(['」', '』'])
            && self.behind.starts_with(is_hiragana)
            && !self.crosses_line
    }
}
