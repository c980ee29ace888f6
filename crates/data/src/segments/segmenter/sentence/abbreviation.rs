//! Full stops that end a word and not a sentence.

use super::Rules;
use super::joint::Joint;
use super::languages;

/// Abbreviations that a sentence does not end with.
const NEVER_LAST: &[&str] = &[
    "e.g", "eg", "i.e", "ie", "cf", "viz", "vs", "approx", "resp", "incl", "excl", "esp", "ca",
    "z.b", "d.h", "u.a", "z.t", "s.o", "s.u", "v.a", "o.ä", "i.d.r", "p.ex", "p.ej", "bzw", "bspw",
    "vgl", "ggf", "evtl", "sog", "inkl", "zzgl", "т.е", "напр", "см",
];

/// Abbreviations that lead to a number, and are words or may end a sentence elsewhere.
const AHEAD_OF_NUMBER: &[&str] = &[
    "no", "nos", "nr", "fig", "figs", "eq", "eqs", "eqn", "sec", "secs", "sect", "ch", "chs",
    "chap", "vol", "vols", "pp", "p", "pg", "op", "pt", "bd", "kap", "ziff", "abb", "refs", "№",
    "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
];

/// Abbreviations that may end a sentence, or be no abbreviation: the next word decides.
const AHEAD_OF_NAME: &[&str] = &[
    "dr", "mr", "mrs", "ms", "mx", "prof", "st", "mt", "gen", "sen", "rep", "gov", "capt", "lt",
    "col", "sgt", "cpl", "rev", "hon", "pres", "messrs", "mme", "mlle", "sra", "srta", "fr", "al",
    "inc", "ltd", "co", "corp", "bros", "jr", "sr", "etc", "usw", "ave", "blvd", "dept", "est",
    "univ", "assn", "ph.d", "b.sc", "m.sc",
];

/// Words that a sentence often starts with, and a name does not.
const STARTERS: &[&str] = &[
    "a",
    "after",
    "all",
    "also",
    "although",
    "an",
    "and",
    "another",
    "any",
    "as",
    "at",
    "because",
    "before",
    "both",
    "but",
    "by",
    "each",
    "every",
    "finally",
    "first",
    "for",
    "from",
    "furthermore",
    "he",
    "hence",
    "her",
    "here",
    "his",
    "how",
    "however",
    "i",
    "if",
    "in",
    "it",
    "its",
    "let",
    "many",
    "maybe",
    "moreover",
    "most",
    "my",
    "next",
    "no",
    "not",
    "now",
    "of",
    "on",
    "one",
    "or",
    "our",
    "she",
    "since",
    "so",
    "some",
    "still",
    "such",
    "that",
    "the",
    "their",
    "then",
    "there",
    "therefore",
    "these",
    "they",
    "this",
    "those",
    "thus",
    "to",
    "two",
    "we",
    "what",
    "when",
    "where",
    "whether",
    "which",
    "while",
    "who",
    "why",
    "with",
    "yes",
    "yet",
    "you",
    "your",
    "das",
    "der",
    "die",
    "ein",
    "eine",
    "er",
    "es",
    "sie",
    "wir",
    "il",
    "elle",
    "le",
];

/// Words that an initial follows.
const AHEAD_OF_INITIAL: &[&str] = &[
    "by", "with", "from", "and", "to", "of", "as", "for", "von", "und", "de", "par",
];

/// The lists above, by name.
pub(super) fn word_lists() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("never_last", NEVER_LAST),
        ("ahead_of_number", AHEAD_OF_NUMBER),
        ("ahead_of_name", AHEAD_OF_NAME),
        ("starters", STARTERS),
        ("ahead_of_initial", AHEAD_OF_INITIAL),
    ]
}

/// Whether the sentence ahead ends with an abbreviation, so that it goes on behind.
pub(super) fn goes_on(joint: &Joint<'_>, rules: Rules) -> bool {
    if joint.crosses_line() && !(rules >= Rules::Fourth && joint.wraps()) {
        return false;
    }
    let mut words = joint.words_before();
    let Some(last) = words.next().map(opened) else {
        return false;
    };
    let Some(stem) = last.strip_suffix('.') else {
        return false;
    };
    let before = words.next();
    let behind = joint.word_behind();
    if rules >= Rules::Third && languages::goes_on(joint, stem, behind, rules) {
        return true;
    }
    if is_letter(stem) {
        return letter_goes_on(joint, stem, before, behind, rules);
    }
    let stem = stem.to_lowercase();
    if rules >= Rules::Third && stem == "etc" && behind.starts_with(char::is_uppercase) {
        return false;
    }
    let leads_to_number = joint
        .behind()
        .trim_start_matches(['(', '['])
        .starts_with(char::is_numeric);
    let is_initials = stem.split('.').all(is_letter);
    NEVER_LAST.contains(&stem.as_str())
        || (leads_to_number && AHEAD_OF_NUMBER.contains(&stem.as_str()))
        // `et al. (2020)`, `U.S. Army`; and an abbreviation alone is no sentence.
        || ((is_initials || AHEAD_OF_NAME.contains(&stem.as_str()))
            && (before.is_none() || leads_to_number || goes_on_with_name(behind, rules)))
}

/// A single letter with a stop: an initial (`J. K. Rowling`) or a part of an abbreviation
/// (`z. B. Paris`), but not the name of a thing (`Plan B. Then`).
fn letter_goes_on(
    joint: &Joint<'_>,
    letter: &str,
    before: Option<&str>,
    behind: &str,
    rules: Rules,
) -> bool {
    let lower = letter.to_lowercase();
    let of_two = before
        .map(opened)
        .and_then(|word| word.strip_suffix('.'))
        .filter(|stem| is_letter(stem));
    if let Some(first) = of_two {
        let both = format!("{}.{lower}", first.to_lowercase());
        if NEVER_LAST.contains(&both.as_str()) {
            return true;
        }
    }
    // The second letter of two is to come.
    if letter == lower {
        let next = joint.behind().split_whitespace().next();
        let next = next.and_then(|word| word.trim_end_matches(',').strip_suffix('.'));
        return next.is_some_and(is_letter)
            || (AHEAD_OF_NUMBER.contains(&letter) && behind.starts_with(char::is_numeric));
    }
    let is_name = |word: &str| {
        let word = opened(word);
        word.starts_with(char::is_uppercase) || AHEAD_OF_INITIAL.contains(&word)
    };
    // Brackets ahead of the word are not skipped: `A. (B. C`.
    let behind_word = joint.behind().get(behind.len()..);
    let initial_follows =
        is_letter(behind) && behind_word.is_some_and(|behind| behind.starts_with('.'));
    // `Smith, J. (2010)`
    let year_follows = rules >= Rules::Fourth
        && joint
            .behind()
            .strip_prefix('(')
            .is_some_and(|year| year.starts_with(|char: char| char.is_ascii_digit()));
    before.is_none_or(is_name)
        && (initial_follows || year_follows || goes_on_with_name(behind, rules))
}

/// Whether a word may be a name in the middle of a sentence.
pub(super) fn goes_on_with_name(word: &str, rules: Rules) -> bool {
    let lower = word.to_lowercase();
    // `It's`
    let lower = match rules {
        Rules::Second | Rules::Third => &*lower,
        Rules::Fourth | Rules::Fifth => lower.split(['\'', '’']).next().unwrap_or_default(),
    };
    let starts = STARTERS.contains(&lower)
        || (rules >= Rules::Third && languages::STARTERS.contains(&lower));
    word.starts_with(char::is_uppercase) && !starts
}

pub(super) fn is_letter(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
}

/// A word without what opens it.
pub(super) fn opened(word: &str) -> &str {
    word.trim_start_matches(['(', '[', '{', '"', '\'', '“', '‘', '„', '«', '*', '_', '~'])
}
