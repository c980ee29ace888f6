//! Abbreviations and ordinals of more languages, which the third rules know.

use super::Rules;
use super::abbreviation::{goes_on_with_name, is_letter, opened};
use super::joint::Joint;

/// Abbreviations that a sentence does not end with.
const NEVER_LAST: &[&str] = &[
    "appr", "bijv", "d.w.z", "o.a", "t.ex", "bl.a", "d.v.s", "f.eks", "np", "tzn", "tzw", "m.in",
    "např", "tzv", "tj", "örn", "bzgl", "einschl", "i.v.m", "o.g", "d.i", "p.es", "c.-à-d", "av.j",
    "т.к", "т.н", "т.д.и", "ср", "напр", "pl",
];

/// Abbreviations that lead to a number, and may end a sentence elsewhere.
const AHEAD_OF_NUMBER: &[&str] = &[
    "tab", "abs", "tel", "núm", "pág", "págs", "рис", "стр", "гл", "табл", "éd", "hoofdst", "blz",
    "max", "min", "abschn", "anm", "aufl", "bsp", "def", "thm", "prop", "lem", "s", "n", "v",
];

/// Abbreviations that lead to a number where they begin with a capital.
const CAPITAL_AHEAD_OF_NUMBER: &[&str] = &["Art", "App", "Str", "S"];

/// Titles and the like, which a name follows.
const AHEAD_OF_NAME: &[&str] = &[
    "dott", "sig", "avv", "ing", "dra", "dhr", "mevr", "mgr", "sto", "sta", "med", "phil", "jur",
    "habil", "rer", "nat", "dipl", "mag", "fam", "ул", "им", "акад", "проф", "arch", "exmo",
];

/// Words that a sentence often starts with, and a name does not.
pub(super) const STARTERS: &[&str] = &[
    "aber",
    "also",
    "dann",
    "danach",
    "daher",
    "darum",
    "deshalb",
    "dies",
    "diese",
    "dieser",
    "dieses",
    "ich",
    "jetzt",
    "man",
    "nun",
    "sonst",
    "und",
    "wenn",
    "zuerst",
    "cela",
    "ce",
    "cette",
    "donc",
    "ensuite",
    "ils",
    "elles",
    "les",
    "mais",
    "nous",
    "on",
    "puis",
    "une",
    "vous",
    "después",
    "ella",
    "entonces",
    "esta",
    "este",
    "esto",
    "luego",
    "pero",
    "una",
    "así",
    "poi",
    "quindi",
    "это",
    "он",
    "она",
    "они",
    "мы",
    "вы",
    "но",
    "потом",
    "затем",
    "если",
    "так",
    "тогда",
    "поэтому",
    "het",
    "een",
    "ze",
    "hij",
];

/// German words that an ordinal follows, and a number that ends a sentence does not.
const AHEAD_OF_ORDINAL: &[&str] = &[
    "der", "die", "das", "dem", "den", "des", "im", "zum", "zur", "vom", "beim",
];

/// Months of which a date in German has the day ahead.
const MONTHS: &[&str] = &[
    "Januar", "Jänner", "Februar", "März", "Mai", "Juni", "Juli", "Oktober", "Dezember",
];

/// Months that English calls so, too, where a number may end the sentence ahead.
const SHARED_MONTHS: &[&str] = &["April", "August", "September", "November"];

/// Words that a date follows.
const AHEAD_OF_DATE: &[&str] = &["bis", "ab", "seit", "und", "oder"];

/// Whether the sentence ahead, which ends with `stem` and a full stop, goes on behind.
pub(super) fn goes_on(joint: &Joint<'_>, stem: &str, behind: &str) -> bool {
    let mut words = joint.words_before().skip(1).map(opened);
    let before = words.next();
    if stem.bytes().all(|byte| byte.is_ascii_digit()) {
        return is_ordinal(stem, before, words.next(), behind);
    }
    let leads_to_number = joint.behind().starts_with(char::is_numeric);
    if CAPITAL_AHEAD_OF_NUMBER.contains(&stem) {
        return leads_to_number;
    }
    let lower = stem.to_lowercase();
    let lower = lower.as_str();
    // `p. ej.`, `bl. a.`: the first part stands ahead.
    let both = before
        .and_then(|word| word.strip_suffix('.'))
        .map(|first| format!("{}.{lower}", first.to_lowercase()));
    if both.is_some_and(|both| both == "p.ej" || both == "p.ex" || NEVER_LAST.contains(&&*both)) {
        return true;
    }
    // `5 min. 3 people`: a unit ends a sentence.
    let is_unit = before.is_some_and(|word| word.ends_with(char::is_numeric));
    let opens_both = |behind: &str| lower == "ee" && behind == "UU";
    NEVER_LAST.contains(&lower)
        || opens_both(behind)
        || (leads_to_number && !is_unit && AHEAD_OF_NUMBER.contains(&lower))
        // `г. Москва` is a city; `1999 г.` a year.
        || ((AHEAD_OF_NAME.contains(&lower) || (lower == "г" && before.is_some() && !is_unit))
            && goes_on_with_name(behind, Rules::Third))
}

/// `am 3. Oktober`, `der 2. Versuch`, but not `I am 3. Then`.
fn is_ordinal(number: &str, before: Option<&str>, ahead: Option<&str>, behind: &str) -> bool {
    let value: u32 = match number.len() {
        1..=3 => number.parse().unwrap_or_default(),
        _ => return false,
    };
    if value == 0 || !behind.starts_with(char::is_uppercase) || is_letter(behind) {
        return false;
    }
    let before = before.map(str::to_lowercase);
    let follows = |words: &[&str]| before.as_deref().is_some_and(|word| words.contains(&word));
    let follows_article =
        follows(AHEAD_OF_ORDINAL) || (follows(&["am"]) && !matches!(ahead, Some("I" | "i")));
    if value <= 31 {
        let may_be_date = follows_article || before.is_none() || follows(AHEAD_OF_DATE);
        if MONTHS.contains(&behind) || (may_be_date && SHARED_MONTHS.contains(&behind)) {
            return true;
        }
    }
    follows_article && goes_on_with_name(behind, Rules::Third)
}
