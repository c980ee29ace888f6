//! Marks of list items: a mark by itself is no sentence.

use super::joint::{Joint, SHORT};

/// Words that a number or a letter follows in a heading.
const LABELS: &[&str] = &[
    "answer", "appendix", "case", "chapter", "claim", "day", "example", "exercise", "figure",
    "item", "lemma", "level", "method", "note", "option", "part", "phase", "point", "problem",
    "question", "round", "rule", "section", "stage", "step", "table", "task", "theorem", "tip",
    "étape", "schritt", "paso", "шаг",
];

/// What marks an item.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mark {
    /// `1.`, `2)`
    Number(u32),
    /// `a.`, `(B)`
    Letter(char),
    /// `iv.`, `IV)`
    Roman(u32),
    /// `1.2.`
    Level,
    /// `Step 2.`, `Q3.`
    Label,
}

/// How far the marks of a text have counted.
#[derive(Debug, Default)]
pub(super) struct Marks {
    number: Option<u32>,
    letter: Option<char>,
    roman: Option<u32>,
}

impl Marks {
    /// Whether the sentence ahead is, or ends with, the mark of the item behind.
    pub(super) fn belong_to_item(&self, joint: &Joint<'_>) -> bool {
        let behind = joint.behind();
        let behind_is_a_mark = behind.len() <= SHORT && mark_of(behind.trim_end()).is_some();
        if behind_is_a_mark && joint.crosses_line() {
            return false;
        }
        if let Some(mark) = joint.short_before().and_then(mark_of) {
            return match mark {
                Mark::Label => true,
                Mark::Level => joint.opens_a_line() && !joint.crosses_line(),
                mark => self.has(mark) || (joint.opens_a_line() && !joint.crosses_line()),
            };
        }
        // `Steps: 1.` ends with the mark of what follows; `The answer is 1.` does not.
        let mut words = joint.words_before();
        let last = words.next().and_then(mark_of);
        let leads = words.next().is_some_and(leads_to_item);
        leads && !joint.crosses_line() && last.is_some_and(|mark| self.has(mark))
    }

    /// Counts on with the marks inside a sentence, and with the sentence where it is one.
    pub(super) fn note(&mut self, sentence: &str) {
        let mut leads = true;
        let mut words = sentence.split_whitespace().peekable();
        while let Some(word) = words.next() {
            // The last word of a sentence is a mark only where something leads to it.
            if word.len() <= SHORT
                && (leads || words.peek().is_some())
                && let Some(mark) = mark_of(word).filter(|mark| self.counts(*mark))
            {
                self.count(mark);
            }
            leads = leads_to_item(word);
        }
    }

    /// Counts on as [`note`](Self::note) does; where in the sentence a mark that follows another one stands behind
    /// the end of a sentence.
    pub(super) fn items(&mut self, sentence: &str) -> Vec<usize> {
        let mut items = Vec::new();
        let mut ended = false;
        let mut at = 0;
        for word in sentence.split_inclusive(char::is_whitespace) {
            let start = at;
            at += word.len();
            let word = word.trim_end();
            if word.is_empty() {
                continue;
            }
            let mark = if word.len() <= SHORT {
                mark_of(word)
            } else {
                None
            };
            if let Some(mark) = mark.filter(|mark| self.counts(*mark)) {
                if ended && !self.is_first(mark) {
                    items.push(start);
                }
                self.count(mark);
            }
            ended = word.ends_with(['.', '!', '?']) && mark.is_none();
        }
        items
    }

    fn is_first(&self, mark: Mark) -> bool {
        match mark {
            Mark::Number(number) => self.number != Some(number.wrapping_sub(1)),
            Mark::Letter(letter) => {
                self.letter.map(|before| u32::from(before) + 1) != Some(u32::from(letter))
            }
            Mark::Roman(number) => self.roman != Some(number.wrapping_sub(1)),
            Mark::Level | Mark::Label => true,
        }
    }

    /// Whether `mark` was counted last.
    fn has(&self, mark: Mark) -> bool {
        match mark {
            Mark::Number(number) => self.number == Some(number),
            Mark::Roman(number) => self.roman == Some(number),
            Mark::Letter(letter) => self.letter == Some(letter),
            Mark::Level | Mark::Label => false,
        }
    }

    /// Whether `mark` is the first of a list or follows the one before.
    fn counts(&self, mark: Mark) -> bool {
        match mark {
            Mark::Number(number) => number <= 1 || self.number == Some(number - 1),
            Mark::Roman(number) => number == 1 || self.roman == Some(number - 1),
            Mark::Letter(letter) => {
                let before = u32::from(letter).checked_sub(1).and_then(char::from_u32);
                matches!(letter, 'a' | 'A')
                    || self.letter == before
                    || roman(letter.encode_utf8(&mut [0; 4]))
                        .is_some_and(|n| self.counts(Mark::Roman(n)))
            }
            Mark::Level | Mark::Label => true,
        }
    }

    fn count(&mut self, mark: Mark) {
        match mark {
            Mark::Number(number) => self.number = Some(number),
            Mark::Roman(number) => self.roman = Some(number),
            Mark::Letter(letter) => {
                if let Some(number) = roman(letter.encode_utf8(&mut [0; 4]))
                    && self.counts(Mark::Roman(number))
                {
                    self.roman = Some(number);
                }
                self.letter = Some(letter);
            }
            Mark::Level | Mark::Label => {}
        }
    }
}

/// Whether a list may begin behind a word.
fn leads_to_item(word: &str) -> bool {
    word.ends_with([':', ';', '–', '—', ','])
}

/// Whether a sentence is the mark of an item that is not counted.
pub(super) fn is_bullet(sentence: &str) -> bool {
    const BULLETS: [char; 14] = [
        '-', '*', '+', '•', '◦', '▪', '▫', '‣', '·', '–', '—', '●', '○', '■',
    ];
    let mut chars = sentence.trim().chars();
    chars.next().is_some_and(|char| BULLETS.contains(&char)) && chars.next().is_none()
}

/// The mark that a text is, whatever brackets and emphasis stand around it.
fn mark_of(text: &str) -> Option<Mark> {
    const OPENING: &str = "#>*_~-+•◦▪‣·–—([{";
    const CLOSING: &str = "*_~.)]}:\\";
    let blank_or = |set: &'static str| move |char: char| char.is_whitespace() || set.contains(char);
    let open = text.trim_start_matches(blank_or(OPENING));
    let core = open.trim_end_matches(blank_or(CLOSING));
    // A number by itself is a number.
    if !open[core.len()..].contains(['.', ')', ']', ':']) {
        return None;
    }
    if let Some(mark) = enumerator(core) {
        return Some(mark);
    }
    let (word, number) = core.split_once(char::is_whitespace)?;
    let is_label = LABELS.contains(&word.to_lowercase().as_str());
    (is_label && enumerator(number.trim_start()).is_some()).then_some(Mark::Label)
}

fn enumerator(core: &str) -> Option<Mark> {
    let mut parts = core.split('.');
    let is_number = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let first = parts.next().filter(|part| is_number(part));
    if let Some(first) = first
        && parts.clone().all(is_number)
    {
        return match parts.next() {
            None => first.parse().ok().map(Mark::Number),
            Some(_) => Some(Mark::Level),
        };
    }
    let mut chars = core.chars();
    match (chars.next(), chars.as_str()) {
        (Some(letter), "") if letter.is_alphabetic() => Some(Mark::Letter(letter)),
        (Some('Q' | 'A'), number) if is_number(number) => Some(Mark::Label),
        _ => roman(core).map(Mark::Roman),
    }
}

/// The value of a Roman number below 40, written in one case.
fn roman(text: &str) -> Option<u32> {
    const ONES: [&str; 10] = ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"];
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || (lower != text && text.bytes().any(|byte| byte.is_ascii_lowercase())) {
        return None;
    }
    (1..40_u32).find(|number| {
        let tens = "x".repeat((number / 10) as usize);
        lower == format!("{tens}{}", ONES[(number % 10) as usize])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_from_words_and_numbers() {
        for (text, mark) in [
            ("1.", Mark::Number(1)),
            ("**12.**", Mark::Number(12)),
            ("(2)", Mark::Number(2)),
            ("## 3.", Mark::Number(3)),
            ("b)", Mark::Letter('b')),
            ("XIV.", Mark::Roman(14)),
            ("1.2.", Mark::Level),
            ("Step 2.", Mark::Label),
            ("**Schritt IV:**", Mark::Label),
            ("Q1.", Mark::Label),
        ] {
            assert_eq!(mark_of(text), Some(mark), "{text}");
        }
        for text in [
            "1", "1999.", "3.1415.", "Yes.", "Mix.", "Room 2.", "", ".", "Iv.",
        ] {
            assert_eq!(mark_of(text), None, "{text}");
        }
    }
}
