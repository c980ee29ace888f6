//! The rule that decides whether two prompts, contexts or responses are the same.

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// Folds a text for comparison: two prompts, contexts or responses are *the same* if their folded texts are equal.
///
/// These differences do not count:
/// - case: `Why?` and `WHY?`, `Straße` and `STRASSE`;
/// - invisible characters (Unicode's default-ignorable ones): zero-width space U+200B, byte order mark U+FEFF,
///   joiners, soft hyphens, direction marks and variation selectors;
/// - white space: a run of it counts as one space, and none at the ends;
/// - composition (Unicode normalization form C): `é` as one code point or as `e` with a combining accent.
///
/// All other differences count: punctuation, accents, and characters that look alike (`x²` is not `x2`, a full-width
/// `Ａ` is not `A`).
///
/// ```
/// use gradus_data::fold_text;
///
/// assert_eq!(fold_text(" Why  IS\nit? "), fold_text("why is it?"));
/// assert_ne!(fold_text("Why is it?"), fold_text("Why is it"));
/// ```
pub fn fold_text(text: &str) -> String {
    if text.is_ascii() {
        // Unicode white space includes U+000B, which `split_ascii_whitespace` does not.
        let mut folded = joined(text.split_whitespace());
        folded.make_ascii_lowercase();
        return folded;
    }
    // Upper case between, as letters may share it and differ in lower case: `ß` and `ss`, `ς` and
    // `σ`. Lower case before, as `ẞ` is the upper case of `ß` alone.
    let seen: String = text.chars().filter(|c| !is_ignorable(*c)).collect();
    let lower = composed(&seen).to_lowercase().to_uppercase().to_lowercase();
    joined(composed(&lower).split_whitespace())
}

/// Whether a character has the Unicode property `Default_Ignorable_Code_Point`.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

fn composed(text: &str) -> String {
    if is_nfc(text) {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_white_space_and_composition_do_not_count() {
        for (a, b) in [
            ("What is it?", " WHAT\tis\n\nit? "),
            ("What is it?", "What\u{b}is\u{c}it?\u{85}"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("Stra\u{df}e", "STRASSE"),
            ("Stra\u{1e9e}e", "stra\u{df}e"),
            (
                "\u{3bf}\u{3b4}\u{3cc}\u{3c2}",
                "\u{39f}\u{394}\u{38c}\u{3a3}",
            ),
            ("a\u{a0}b", "a b"),
            ("", " \n"),
            ("", "\u{feff}"),
            ("\u{feff}What is\u{200b} it?", "what is it?"),
            ("co\u{ad}operate \u{200e}now\u{2060}", "cooperate now"),
            ("\u{2764}\u{fe0f} it", "\u{2764} it"),
            ("e\u{34f}\u{301}", "\u{e9}"),
            ("a\u{e0041}\u{180e}", "a"),
        ] {
            assert_eq!(fold_text(a), fold_text(b), "{a:?} and {b:?}");
        }
    }

    #[test]
    fn everything_else_counts() {
        for (a, b) in [
            ("What is it?", "What is it"),
            ("x\u{b2}", "x2"),
            ("resume", "r\u{e9}sum\u{e9}"),
            ("ab", "a b"),
            ("2 + 3", "2 - 3"),
        ] {
            assert_ne!(fold_text(a), fold_text(b), "{a:?} and {b:?}");
        }
    }

    proptest! {
        #[test]
        fn a_folded_text_is_its_own_fold(text in "\\PC{0,20}") {
            let folded = fold_text(&text);
            prop_assert_eq!(fold_text(&folded), folded);
        }

        #[test]
        fn the_same_in_any_case_and_with_any_blanks(
            words in proptest::collection::vec("[a-zA-Z0-9äöüßéÉçñøåÅΑ-Ωα-ωА-Яа-я一-丁?!.,]{1,6}", 0..6),
        ) {
            let text = words.join(" ");
            prop_assert_eq!(fold_text(&text.to_uppercase()), fold_text(&text));
            prop_assert_eq!(fold_text(&text.to_lowercase()), fold_text(&text));
            let spread = format!("\n {}\u{a0}", words.join("\t \n"));
            prop_assert_eq!(fold_text(&spread), fold_text(&text));
        }
    }
}
