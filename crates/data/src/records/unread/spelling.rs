//! Comparing the spelling of keys.

/// The keys whose misspellings are reported. The others are too short or too common.
const SPELLED: [&str; 9] = [
    "prompt",
    "context",
    "response",
    "rating",
    "ratings",
    "segments",
    "completions",
    "labels",
    "weight",
];

/// A key in lower case, without blanks, hyphens and underscores: the form in which keys are compared.
pub(crate) fn fold(key: &str) -> String {
    let counts = |char: &char| !char.is_whitespace() && *char != '_' && *char != '-';
    key.chars()
        .filter(counts)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The key of `SPELLED` that is one edit away from `folded`.
pub(super) fn misspelled(folded: &str) -> Option<&'static str> {
    if is_own_word(folded) {
        return None;
    }
    SPELLED
        .into_iter()
        .find(|known| *known != folded && is_one_edit_away(folded, known))
}

/// Whether a key is a word of its own although it is one edit away from a key that is read.
pub(super) fn is_own_word(folded: &str) -> bool {
    ["content", "contest", "height", "eating", "dating"].contains(&folded)
}

/// Whether one letter added, removed or replaced, or two neighbors swapped, turn `a` into `b`.
pub(super) fn is_one_edit_away(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let ahead = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[ahead..], &b[ahead..]);
    let is_rest = |a: &[char], from_a: usize, b: &[char], from_b: usize| {
        a.get(from_a..) == b.get(from_b..) && a.get(from_a..).is_some()
    };
    is_rest(a, 1, b, 1)
        || is_rest(a, 0, b, 1)
        || is_rest(a, 1, b, 0)
        || (a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..])
}
