use std::ops::Range;

use super::super::pieces::is_line_break;
use super::Rules;
use super::mark::short_mark_of;

/// Longest text, in bytes, that is looked at for a mark or an abbreviation.
pub(super) const SHORT: usize = 64;

/// Least characters of a line that may go on in the next one.
const WRAPPED: usize = 50;

/// A boundary between two sentences, and what stands on either side of it.
pub(super) struct Joint<'a> {
    text: &'a str,
    /// The sentence ahead, white space around it left out.
    before: Range<usize>,
    /// The sentence behind, without white space ahead of it.
    behind: &'a str,
    crosses_line: bool,
    /// Length of the text from the sentence behind on.
    tail: usize,
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
            tail: text.len() - behind.end + rest.len(),
            behind: rest,
        }
    }

    /// The whole sentence ahead, if it is short.
    pub(super) fn short_before(&self) -> Option<&'a str> {
        (self.before.len() <= SHORT).then(|| &self.text[self.before.clone()])
    }

    /// The end of the sentence ahead.
    pub(super) fn end_of_before(&self) -> usize {
        self.before.end
    }

    /// The sentence behind.
    pub(super) fn behind(&self) -> &'a str {
        self.behind
    }

    /// Whether a line ends at the boundary.
    pub(super) fn crosses_line(&self) -> bool {
        self.crosses_line
    }

    /// Whether the line that ends at the boundary goes on in the next one: it is long, as the lines of a text that
    /// breaks all of them, and neither its end nor the start of the next line tells otherwise.
    pub(super) fn wraps(&self) -> bool {
        let gap = &self.text[self.before.end..self.text.len() - self.tail];
        let breaks = gap.replace("\r\n", "\n");
        // Two spaces, or a backslash, break a line of Markdown for good.
        let is_soft = breaks.chars().filter(|char| is_line_break(*char)).count() == 1
            && !breaks.starts_with("  ")
            && !self.text[..self.before.end].ends_with('\\');
        let mut lines = self.text[..self.before.end].rsplit(is_line_break);
        is_soft
            && lines
                .next()
                .is_some_and(|line| line.chars().nth(WRAPPED - 1).is_some())
    }

    /// Whether a line that [`wraps`](Self::wraps) ends inside of a sentence, as the next word tells.
    pub(super) fn wraps_inside(&self) -> bool {
        let before = &self.text[self.before.clone()];
        let first = self.behind.split_whitespace().next().unwrap_or_default();
        // `b) as well`, `key: value`
        let is_mark = first.ends_with(':') || short_mark_of(first, Rules::Fourth).is_some();
        self.crosses_line
            && !is_mark
            && !before.ends_with(['.', '!', '?', ':', ';', '…'])
            && (self.behind.starts_with(char::is_lowercase)
                || (before.ends_with(',') && self.behind.starts_with(char::is_alphanumeric)))
            && self.wraps()
    }

    /// `"Really?" she asked.`, `He (she?) left.`: what is quoted is a part of the sentence that goes on in lower case,
    /// or with a particle of Korean.
    pub(super) fn goes_on_behind_a_quote(&self) -> bool {
        const CLOSING: [char; 10] = ['"', '\'', '”', '’', '“', '»', '«', ')', ']', '」'];
        let before = self.text[self.before.clone()].trim_end_matches(['*', '_']);
        let quoted = before.trim_end_matches(CLOSING);
        let has_quote = quoted.len() < before.len();
        let is_hangul = |char| matches!(char, '가'..='힣');
        has_quote
            && !self.crosses_line
            && quoted.trim_end().ends_with(['.', '!', '?', '…'])
            && (self.behind.starts_with(char::is_lowercase)
                || (self.follows_at_once() && self.behind.starts_with(is_hangul)))
    }

    /// `.NET`: the full stop begins a word.
    pub(super) fn stop_begins_a_word(&self) -> bool {
        let ahead = self.text[self.before.clone()].strip_suffix('.');
        ahead.is_some_and(|ahead| ahead.ends_with(char::is_whitespace))
            && self.follows_at_once()
            && self.behind.starts_with(char::is_alphanumeric)
    }

    /// Whether nothing stands between the two.
    fn follows_at_once(&self) -> bool {
        self.before.end == self.text.len() - self.tail
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
