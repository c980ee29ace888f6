//! Abbreviations and ordinals of more languages, which the third rules know, and more of them in the fourth.

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

/// Abbreviations that a sentence does not end with, by the fourth rules.
const NEVER_LAST_OF_FOURTH: &[&str] = &[
    "esim", "ts", "kb", "ún", "δηλ", "π.χ", "avg", "assoc", "suppl", "ehem", "geb", "gest", "vorm",
    "zw", "zwł", "ww", "hl", "mgl", "αρ",
];

/// Abbreviations that lead to a number, by the fourth rules.
const AHEAD_OF_NUMBER_OF_FOURTH: &[&str] = &[
    "ref", "pag", "pagg", "art", "cap", "godz", "č", "čís", "kl", "ext", "ver", "rev", "ed", "st",
    "str", "рис", "пп", "rs", "रु", "rp", "approx", "lib", "col", "lin", "z", "zl", "jh", "bl",
    "mind", "pkt", "rys", "tr", "σελ", "кв", "с", "д", "ص", "น", "पू", "stk", "hfdst", "séc", "sec",
];

/// Abbreviations that lead to a number, and are no unit behind another: `§ 5 Abs. 2`.
const NEVER_A_UNIT: &[&str] = &["abs", "abschn", "nr", "art", "stk", "lit", "rn", "ziff"];

/// Abbreviations that lead to a Roman number.
const AHEAD_OF_ROMAN: &[&str] = &["sec", "séc", "s", "saec"];

/// Titles and the like, which a name follows, by the fourth rules.
const AHEAD_OF_NAME_OF_FOURTH: &[&str] = &[
    "ft", "rd", "av", "ul", "al", "św", "sn", "ts", "ths", "th.s", "pgs", "gs", "tp", "κ", "κα",
    "hr", "fru", "ks", "sv", "plk", "maj", "kpt", "ppłk", "doc", "ph", "mons", "card", "cav",
    "geom", "rag", "lic", "arq", "ud", "uds", "min", "mult", "inż", "hab", "mw", "avv", "on.le",
    "pgs.ts", "dott", "sig",
];

/// Titles of scripts without capitals.
const AHEAD_OF_ANY_NAME: &[&str] = &[
    "د",
    "أ",
    "م",
    "डॉ",
    "प्रो",
    "श्री",
    "पं",
    "सु",
    "ดร",
    "นพ",
    "พญ",
    "ผศ",
    "รศ",
    "ศ",
    "ई",
    "कृ",
    "प",
    "उ",
];

/// Abbreviations behind another word.
pub(super) const AFTER_A_WORD: &[(&str, &str)] = &[
    ("ad", "es"),
    ("per", "es"),
    ("por", "ex"),
    ("par", "ex"),
    ("av", "j.-c"),
    ("av", "j"),
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

/// The lists above, by name.
pub(super) fn word_lists() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("never_last_of_third", NEVER_LAST),
        ("ahead_of_number_of_third", AHEAD_OF_NUMBER),
        ("capital_ahead_of_number", CAPITAL_AHEAD_OF_NUMBER),
        ("ahead_of_name_of_third", AHEAD_OF_NAME),
        ("starters_of_third", STARTERS),
        ("never_last_of_fourth", NEVER_LAST_OF_FOURTH),
        ("ahead_of_number_of_fourth", AHEAD_OF_NUMBER_OF_FOURTH),
        ("ahead_of_name_of_fourth", AHEAD_OF_NAME_OF_FOURTH),
        ("ahead_of_any_name", AHEAD_OF_ANY_NAME),
        ("never_a_unit", NEVER_A_UNIT),
        ("ahead_of_roman", AHEAD_OF_ROMAN),
        ("ahead_of_ordinal", AHEAD_OF_ORDINAL),
        ("months", MONTHS),
        ("shared_months", SHARED_MONTHS),
        ("ahead_of_date", AHEAD_OF_DATE),
    ]
}

/// Whether the sentence ahead, which ends with `stem` and a full stop, goes on behind.
pub(super) fn goes_on(joint: &Joint<'_>, stem: &str, behind: &str, rules: Rules) -> bool {
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
    if rules >= Rules::Fourth && in_the_fourth(lower, before, behind, leads_to_number, is_unit) {
        return true;
    }
    NEVER_LAST.contains(&lower)
        || opens_both(behind)
        || (leads_to_number && !is_unit && AHEAD_OF_NUMBER.contains(&lower))
        // `г. Москва` is a city; `1999 г.` a year.
        || ((AHEAD_OF_NAME.contains(&lower) || (lower == "г" && before.is_some() && !is_unit))
            && goes_on_with_name(behind, rules))
}

/// What the third rules do not know.
fn in_the_fourth(
    lower: &str,
    before: Option<&str>,
    behind: &str,
    leads_to_number: bool,
    is_unit: bool,
) -> bool {
    // `l'avv. Bianchi`
    let lower = lower.rsplit(['\'', '’']).next().unwrap_or_default();
    NEVER_LAST_OF_FOURTH.contains(&lower)
        || (leads_to_number && !is_unit && AHEAD_OF_NUMBER_OF_FOURTH.contains(&lower))
        || (leads_to_number && NEVER_A_UNIT.contains(&lower))
        || (AHEAD_OF_ROMAN.contains(&lower) && is_roman(behind))
        || (AHEAD_OF_NAME_OF_FOURTH.contains(&lower) && goes_on_with_name(behind, Rules::Fourth))
        // A script without capitals: `د. أحمد`.
        || (AHEAD_OF_ANY_NAME.contains(&lower) && behind.starts_with(char::is_alphabetic))
        // `ad es. Roma`, `por ex. Lisboa`
        || before.is_some_and(|before| AFTER_A_WORD.contains(&(&*before.to_lowercase(), lower)))
}

fn is_roman(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'I' | b'V' | b'X'))
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
