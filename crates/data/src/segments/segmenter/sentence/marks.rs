//! Counts list marks, to separate marks from numbers and words that end a sentence.

use std::collections::HashSet;
use std::ops::Range;

use super::super::pieces::is_line_break;
use super::Rules;
use super::joint::Joint;
use super::label::two_word_label;
use super::mark::{Mark, OPENING, lone_sign, mark_of, opens_item, short_mark_of};

/// The position of a word that may be a mark.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// At the start of its line, with text after it.
    OpensItem,
    /// The only word of its line, or after a word that introduces an item (`Steps: 4.`).
    MayOpen,
    /// Anywhere else.
    Inside,
}

/// Counts the marks of a text, to recognize the next one.
#[derive(Debug)]
pub(super) struct Marks {
    rules: Rules,
    number: Option<Vec<u32>>,
    letter: Option<char>,
    roman: Option<u32>,
    /// Marks of the whole text at positions where an item can start.
    listed: HashSet<Mark>,
    /// The last counted label.
    label: Option<Mark>,
    /// The bullet at the start of the line.
    bullet: Option<char>,
}

impl Marks {
    /// Before the first mark of `text`.
    pub(super) fn of(text: &str, rules: Rules) -> Self {
        let mut listed = HashSet::new();
        for line in text.split(is_line_break) {
            let mut may_begin = true;
            for word in line.split_whitespace() {
                if may_begin && let Some(mark) = short_mark_of(word, rules) {
                    listed.insert(mark);
                }
                // What stands ahead of a mark in its line: `> 2.`, `- 2.`. Behind a colon a number
                // may be an answer: `First: 6. Then: 7.`
                may_begin = (may_begin && !word.contains(char::is_alphanumeric))
                    || word.ends_with(['.', '!', '?']);
            }
        }
        Self {
            rules,
            number: None,
            letter: None,
            roman: None,
            listed,
            label: None,
            bullet: None,
        }
    }

    /// Whether the sentence ahead is, or ends with, the mark of the item behind.
    pub(super) fn belong_to_item(&self, joint: &Joint<'_>) -> bool {
        let behind = joint.behind();
        let mark_behind = short_mark_of(behind.trim_end(), self.rules);
        // The last line: those ahead of it are items without text.
        let before = joint.short_before().map(|text| match self.rules {
            Rules::Second => text,
            Rules::Third | Rules::Fourth | Rules::Fifth => {
                text.rsplit(is_line_break).next().unwrap_or(text)
            }
        });
        let mark_before = before.and_then(|text| mark_of(text, self.rules));
        if mark_behind.is_some() && joint.crosses_line() {
            // An item without text is none: it belongs to the next one.
            return self.rules >= Rules::Third
                && mark_before.is_some_and(|mark| mark.next() == mark_behind);
        }
        if let Some(mark) = mark_before {
            return matches!(mark, Mark::Label(..))
                || self.has(&mark)
                || (joint.opens_a_line() && !joint.crosses_line());
        }
        // `Steps: 1.` ends with the mark of what follows; `The answer is 1.` does not.
        let mut words = joint.words_before();
        let word = words.next();
        let last = word.and_then(|word| mark_of(word, self.rules));
        let ahead = words.next();
        let leads = ahead.is_some_and(leads_to_item);
        let may_be_answer = ahead.is_some_and(|ahead| ahead.ends_with(':'));
        // `[1, 2].` closes a bracket, and `Answer: C.` begins no list.
        let may_open = |mark: &Mark| {
            self.rules < Rules::Fourth
                || (!word.is_some_and(closes_bracket)
                    && (!may_be_answer || mark.is_first() || self.goes_on(mark)))
        };
        leads
            && !joint.crosses_line()
            && last.is_some_and(|mark| self.has(&mark) && may_open(&mark))
    }

    /// Counts on with the marks inside a sentence, and with the sentence where it is one.
    pub(super) fn note(&mut self, text: &str, sentence: Range<usize>) {
        let mut leads = true;
        let mut words = words(text, sentence).peekable();
        while let Some((start, word)) = words.next() {
            // The last word of a sentence is a mark only where something leads to it.
            if (leads || words.peek().is_some())
                && let Some(mark) = short_mark_of(word, self.rules)
                && self.counts(&mark, self.place(text, start, word))
            {
                self.count(mark);
            }
            leads = leads_to_item(word) || (leads && !word.contains(char::is_alphanumeric));
        }
    }

    /// Counts on as [`note`](Self::note) does; where in the text a mark that follows another one
    /// stands inside the sentence behind what ends one.
    pub(super) fn items(&mut self, text: &str, sentence: Range<usize>) -> Vec<usize> {
        if self.rules >= Rules::Third {
            return self.items_of_all_kinds(text, sentence);
        }
        let mut items = Vec::new();
        let mut ended = false;
        for (start, word) in words(text, sentence) {
            let mark = short_mark_of(word, self.rules);
            ended = match mark {
                Some(mark) => {
                    if self.counts(&mark, self.place(text, start, word)) {
                        if ended && self.follows(&mark) {
                            items.push(start);
                        }
                        self.count(mark);
                    }
                    false
                }
                None => word.ends_with(['.', '!', '?']),
            };
        }
        items
    }

    /// As [`items`](Self::items) by the third rules, by which an item may begin with signs (`- 2.`, `**2.**`), a
    /// label (`step 2.`), or a bullet where one opens the line.
    fn items_of_all_kinds(&mut self, text: &str, sentence: Range<usize>) -> Vec<usize> {
        let mut items = Vec::new();
        let ahead = text[..sentence.start].trim_end_matches([' ', '\t', '>']);
        let mut opens_line = ahead.is_empty() || ahead.ends_with(is_line_break);
        if opens_line {
            self.bullet = None;
        }
        // Behind what ends a sentence, and where signs begin that stand between.
        let (mut ended, mut signs) = (false, None);
        let mut is_first = true;
        let mut words = words(text, sentence).peekable();
        while let Some((start, word)) = words.next() {
            let sign = lone_sign(word);
            if opens_line {
                self.bullet = sign;
                opens_line = word == ">";
            }
            let next = words
                .peek()
                .map(|(start, word)| &text[*start..start + word.len()]);
            if ended
                && sign.is_some()
                && sign == self.bullet
                && next.is_some_and(|next| opens_item(word, next))
            {
                items.push(start);
                (ended, signs) = (false, None);
                continue;
            }
            if ended && word.starts_with("![") {
                items.push(signs.unwrap_or(start));
            } else if !word.contains(char::is_alphanumeric) {
                signs = signs.or(Some(start));
                continue;
            }
            let label = next.and_then(|next| two_word_label(word, next));
            let mark = short_mark_of(word, self.rules).or(label.filter(|_| ended || is_first));
            if let Some(mark) = mark.filter(|mark| self.counts(mark, self.place(text, start, word)))
            {
                if ended && self.follows(&mark) {
                    items.push(signs.unwrap_or(start));
                }
                self.count(mark);
                ended = false;
            } else {
                ended = short_mark_of(word, self.rules).is_none() && ends_sentence(word);
            }
            (is_first, signs) = (false, None);
        }
        items
    }

    /// Where a word that begins at `start` stands.
    fn place(&self, text: &str, start: usize, word: &str) -> Place {
        let ahead = text[..start].trim_end_matches(opens_mark);
        if !(ahead.is_empty() || ahead.ends_with(is_line_break)) {
            // The word ahead, of which only the end counts.
            let near = text[..start].trim_end();
            let may_open = leads_to_item(near)
                || (self.rules >= Rules::Third && near.ends_with(['.', '!', '。', '！']));
            return if may_open {
                Place::MayOpen
            } else {
                Place::Inside
            };
        }
        let behind = text[start + word.len()..].trim_start_matches([' ', '\t']);
        if behind.is_empty() || behind.starts_with(is_line_break) {
            Place::MayOpen
        } else {
            Place::OpensItem
        }
    }

    /// Whether `mark` was counted last.
    fn has(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Number(levels) => self.number.as_ref() == Some(levels),
            Mark::Roman(number) => self.roman == Some(*number),
            Mark::Letter(letter) => self.letter == Some(*letter),
            Mark::Label(..) => false,
        }
    }

    /// Whether `mark` is the first of a list, follows the one before, or begins a list in the middle.
    fn counts(&self, mark: &Mark, place: Place) -> bool {
        mark.is_first()
            || self.follows(mark)
            || match place {
                Place::OpensItem => true,
                // `7.` alone in its line, or behind a colon, may be an answer; not where `8.` is listed too.
                Place::MayOpen => self.goes_on(mark),
                Place::Inside => false,
            }
    }

    /// Whether the item behind that of `mark` is in the text.
    fn goes_on(&self, mark: &Mark) -> bool {
        let next = |mark: &Mark| mark.next().is_some_and(|next| self.listed.contains(&next));
        // `V` and `VI` have a letter and a number, `I` and `J` two letters.
        next(mark) || mark.as_roman().is_some_and(|mark| next(&mark))
    }

    /// Whether the item of `mark` comes behind the one counted last.
    fn follows(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Number(levels) => {
                (self.number.as_ref()).is_some_and(|last| succeeds(levels, last))
            }
            // No word but a number has two such letters, so that one may be left out.
            Mark::Roman(number) => self.roman.is_some_and(|last| *number > last),
            Mark::Letter(letter) => {
                let before = u32::from(*letter).checked_sub(1).and_then(char::from_u32);
                let is_next = |mark| matches!(mark, Mark::Roman(n) if self.roman == Some(n - 1));
                (before.is_some() && self.letter == before) || mark.as_roman().is_some_and(is_next)
            }
            Mark::Label(..) => (self.label.as_ref().and_then(Mark::next)).as_ref() == Some(mark),
        }
    }

    fn count(&mut self, mark: Mark) {
        match mark {
            Mark::Number(levels) => self.number = Some(levels),
            Mark::Roman(number) => self.roman = Some(number),
            Mark::Letter(letter) => {
                // `V` opens a list as a letter or as a number: what follows tells.
                if let Some(Mark::Roman(number)) = mark.as_roman() {
                    self.roman = Some(number);
                }
                self.letter = Some(letter);
            }
            Mark::Label(..) => self.label = Some(mark),
        }
    }
}

/// Whether the item `next` can follow the item `last`: after `1.2` come `1.3`, `2` or `1.2.1`.
fn succeeds(next: &[u32], last: &[u32]) -> bool {
    let common = next.iter().zip(last).take_while(|(a, b)| a == b).count();
    let (rest, of_last) = (&next[common..], last.get(common));
    match (rest, of_last) {
        ([], _) => false,
        ([first, inner @ ..], Some(last)) => *first == last + 1 && inner.iter().all(|n| *n <= 1),
        (inner, None) => inner.iter().all(|n| *n <= 1),
    }
}

/// The words of a part of a text with their positions.
fn words(text: &str, part: Range<usize>) -> impl Iterator<Item = (usize, &str)> {
    let mut at = part.start;
    let words = text[part].split_inclusive(char::is_whitespace);
    words.filter_map(move |word| {
        let start = at;
        at += word.len();
        let word = word.trim_end();
        (!word.is_empty()).then_some((start, word))
    })
}

/// Whether a character may precede a mark in its line: white space or a sign.
fn opens_mark(char: char) -> bool {
    !is_line_break(char) && (char.is_whitespace() || OPENING.contains(char))
}

/// Whether a word closes a bracket that an earlier one opens, ahead of a full stop.
fn closes_bracket(word: &str) -> bool {
    let inside = word.trim_end_matches('.').strip_suffix([')', ']', '}']);
    word.ends_with('.') && inside.is_some_and(|inside| !inside.contains(['(', '[', '{']))
}

/// Whether a sentence may end after a word.
fn ends_sentence(word: &str) -> bool {
    word.ends_with(['.', '!', '?', '。', '！', '？'])
}

/// Whether a list may start after a word.
fn leads_to_item(word: &str) -> bool {
    word.ends_with([':', ';', '–', '—', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_item_counts_up_by_one_at_one_level() {
        for next in [&[1, 3][..], &[2], &[1, 2, 1], &[1, 3, 0]] {
            assert!(succeeds(next, &[1, 2]), "{next:?}");
        }
        for next in [&[1, 4][..], &[1, 2], &[3], &[1, 2, 2], &[1, 1]] {
            assert!(!succeeds(next, &[1, 2]), "{next:?}");
        }
    }
}
