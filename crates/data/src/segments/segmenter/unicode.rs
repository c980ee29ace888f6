//! Classes of characters that boundaries depend on, and the sentences of Unicode in linear time.

use std::borrow::Cow;
use std::sync::OnceLock;

use unicode_segmentation::UnicodeSegmentation as _;

/// Each class with its ranges of code points, in hexadecimal: what the segmenters in Python read. A test holds it
/// against the crates that cut here.
pub(super) const CLASSES: &str = include_str!("unicode.txt");

/// Runs of brackets or spaces up to this length are left as they are.
const LONGEST_RUN: usize = 64;

/// What repeats without an effect on sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Close,
    Space,
    /// Belongs to the character ahead.
    Extend,
    Other,
}

/// The places where sentences of `text` end by UAX #29, in bytes; the last is its end.
///
/// As `split_sentence_bound_indices`, which reads on behind each bracket and each space at the end of a sentence, and
/// so takes hours for a full stop and a million spaces. Of runs of them only the first count, so that the others are
/// left out.
pub(super) fn sentence_ends(text: &str) -> Vec<usize> {
    let (read, left_out) = without_runs(text);
    let mut left_out = left_out.into_iter().peekable();
    let mut before = 0;
    let ends = read.split_sentence_bound_indices();
    ends.map(|(start, sentence)| {
        let end = start + sentence.len();
        while let Some((_, length)) = left_out.next_if(|(at, _)| *at <= end) {
            before += length;
        }
        end + before
    })
    .collect()
}

/// `text` without all but the first of each long run of brackets or spaces; with the positions in it where bytes are
/// left out, and their number.
fn without_runs(text: &str) -> (Cow<'_, str>, Vec<(usize, usize)>) {
    let mut read = String::new();
    let mut left_out = Vec::new();
    let mut copied = 0;
    let mut run = Class::Other;
    // Behind the character of the run that stays, once that many followed.
    let (mut stays, mut length) = (0, 0);
    let mut close = |from: usize, end: usize, length: usize| {
        if length > LONGEST_RUN {
            read.push_str(&text[copied..from]);
            left_out.push((read.len(), end - from));
            copied = end;
        }
    };
    for (at, char) in text.char_indices() {
        let class = class_of(char);
        let goes_on = run != Class::Other && (class == run || class == Class::Extend);
        if goes_on {
            length += 1;
            continue;
        }
        close(stays, at, length);
        run = if class == Class::Extend {
            Class::Other
        } else {
            class
        };
        (stays, length) = (at + char.len_utf8(), 0);
    }
    close(stays, text.len(), length);
    if copied == 0 {
        return (Cow::Borrowed(text), left_out);
    }
    read.push_str(&text[copied..]);
    (Cow::Owned(read), left_out)
}

fn class_of(char: char) -> Class {
    match char {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | ',' | '\n' | '\r' => Class::Other,
        ' ' | '\t' => Class::Space,
        _ => {
            let ranges = repeating();
            let code = u32::from(char);
            let behind = ranges.partition_point(|(first, ..)| *first <= code);
            match ranges.get(behind.wrapping_sub(1)) {
                Some((_, last, class)) if code <= *last => *class,
                _ => Class::Other,
            }
        }
    }
}

/// The ranges of the classes that may repeat, in order.
fn repeating() -> &'static [(u32, u32, Class)] {
    static RANGES: OnceLock<Vec<(u32, u32, Class)>> = OnceLock::new();
    RANGES.get_or_init(|| {
        let mut ranges = Vec::new();
        for (name, class) in [
            ("SB=Close", Class::Close),
            ("SB=Sp", Class::Space),
            ("SB=Extend", Class::Extend),
        ] {
            ranges.extend(ranges_of(name).map(|(first, last)| (first, last, class)));
        }
        ranges.sort_by_key(|(first, ..)| *first);
        ranges
    })
}

/// The ranges of a class, in order; none where the name is unknown.
fn ranges_of(name: &str) -> impl Iterator<Item = (u32, u32)> {
    let line = CLASSES
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default()
        .split_whitespace()
        .filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text| u32::from_str_radix(text, 16).ok();
            Some((number(first)?, number(last)?))
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use unicode_segmentation::GraphemeCursor;

    use super::*;

    /// The number of sentences.
    fn parts(text: &str) -> usize {
        text.split_sentence_bounds().count()
    }

    /// The sentence class of a character, told by what the boundaries do around it.
    fn sentence_class(char: char) -> Option<&'static str> {
        let is_one = |ahead: &str, behind: &str| parts(&format!("{ahead}{char}{behind}")) == 1;
        let ends_line = !is_one("a", "a") && parts(&format!("a{char} A")) == 2 && {
            let text = format!("a{char} A");
            text.split_sentence_bounds()
                .next()
                .is_some_and(|part| part.ends_with(char))
        };
        if ends_line {
            return Some("Sep");
        }
        // Behind `1! ` all but what continues begins a sentence; what extends belongs to the space.
        if is_one("1! ", "") {
            let is_space = parts(&format!("1!{char} A")) == 2 && !is_one("1!a", "A") && {
                let text = format!("1!{char}(A");
                text.split_sentence_bounds()
                    .next()
                    .is_some_and(|part| part.ends_with(char))
            };
            let goes_on = parts(&format!("1!{char}A")) == 1;
            return Some(match (is_one("1", " A"), goes_on) {
                // What ends a sentence: with a lower-case word behind, or always.
                (false, _) if is_one("1", " a") => "ATerm",
                (false, _) => "STerm",
                (true, true) => "SContinue",
                (true, false) if is_space => "Sp",
                (true, false) => "Extend",
            });
        }
        if parts(&format!("1!{char}A")) == 2
            && format!("1!{char}A")
                .split_sentence_bounds()
                .next()
                .is_some_and(|part| part.ends_with(char))
        {
            return Some("Close");
        }
        if is_one("1. ", "") {
            return Some("Lower");
        }
        let breaks_before_lower = !is_one("1. ", "a");
        let joins_stop = is_one("a.", "");
        match (breaks_before_lower, joins_stop) {
            (true, true) => Some("Upper"),
            (true, false) => Some("OLetter"),
            (false, true) => Some("Numeric"),
            (false, false) => None,
        }
    }

    fn grapheme_parts(text: &str, at: usize) -> bool {
        GraphemeCursor::new(at, text.len(), true)
            .is_boundary(text, 0)
            .unwrap()
    }

    /// The grapheme class of a character, told by what parts it from others.
    fn grapheme_class(char: char) -> Option<&'static str> {
        let parts_ahead = |ahead: &str| grapheme_parts(&format!("{ahead}{char}"), ahead.len());
        let parts_behind =
            |behind: &str| grapheme_parts(&format!("{char}{behind}"), char.len_utf8());
        if parts_behind("\u{301}") {
            return Some("Control");
        }
        if !parts_ahead("a") {
            // A mark between a picture and its joiner keeps them together.
            let text = format!("😀{char}\u{200d}😀");
            let marks = !grapheme_parts(&text, text.len() - "😀".len());
            return Some(if marks { "Extend" } else { "SpacingMark" });
        }
        if !parts_behind("a") {
            return Some("Prepend");
        }
        if !grapheme_parts(&format!("{char}\u{200d}{char}"), char.len_utf8() + 3) {
            return Some("Picture");
        }
        if matches!(char, '가'..='힣') {
            // The syllables of Hangul are told by their number.
            return None;
        }
        if !grapheme_parts(&format!("{char}{char}"), char.len_utf8()) {
            let is_flag = matches!(char, '\u{1f1e6}'..='\u{1f1ff}');
            return Some(match (parts_ahead("\u{1100}"), parts_behind("\u{11a8}")) {
                _ if is_flag => "Flag",
                (false, true) => "L",
                (false, false) => "V",
                (true, _) => "T",
            });
        }
        None
    }

    /// The part of a character in a conjunct of Indic scripts.
    fn conjunct_class(char: char) -> Option<&'static str> {
        let joins = |text: String| !grapheme_parts(&text, text.len() - 'क'.len_utf8());
        if joins(format!("{char}\u{94d}क")) {
            return Some("Consonant");
        }
        if joins(format!("क{char}क")) && grapheme_class(char) != Some("Prepend") {
            return Some("Linker");
        }
        joins(format!("क\u{94d}{char}क")).then_some("Extend")
    }

    /// The table as it has to be.
    fn table() -> String {
        let mut classes: BTreeMap<String, Vec<(u32, u32)>> = BTreeMap::new();
        let mut add = |name: String, code: u32| {
            let ranges = classes.entry(name).or_default();
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == code => *last = code,
                _ => ranges.push((code, code)),
            }
        };
        for char in '\0'..=char::MAX {
            let code = u32::from(char);
            for (is_in, name) in [
                (char.is_alphabetic(), "Alphabetic"),
                (char.is_numeric(), "Numeric"),
                (char.is_uppercase(), "Uppercase"),
                (char.is_lowercase(), "Lowercase"),
                (!char.to_lowercase().eq([char]), "Lowered"),
            ] {
                if is_in {
                    add(name.to_owned(), code);
                }
            }
            for (kind, class) in [
                ("SB", sentence_class(char)),
                ("GCB", grapheme_class(char)),
                ("InCB", conjunct_class(char)),
            ] {
                if let Some(class) = class {
                    add(format!("{kind}={class}"), code);
                }
            }
        }
        let mut table = String::new();
        for (name, ranges) in classes {
            write!(table, "{name}:").unwrap();
            for (first, last) in ranges {
                write!(table, " {first:x}").unwrap();
                if last > first {
                    write!(table, "-{last:x}").unwrap();
                }
            }
            table.push('\n');
        }
        table
    }

    /// To write the table anew, after an update of Rust or of unicode-segmentation, set `GRADUS_WRITE_TABLE`.
    #[test]
    fn the_table_of_classes_is_that_of_the_crates() {
        let table = table();
        if std::env::var_os("GRADUS_WRITE_TABLE").is_some() {
            let path = concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/src/segments/segmenter/unicode.txt"
            );
            fs_err::write(path, &table).unwrap();
            return;
        }
        for (found, expected) in CLASSES.lines().zip(table.lines()) {
            let name = expected.split(':').next().unwrap();
            assert!(
                found == expected,
                "{name}: set GRADUS_WRITE_TABLE and run again"
            );
        }
        assert_eq!(CLASSES.lines().count(), table.lines().count());
    }

    #[test]
    fn a_stop_and_a_million_brackets_or_spaces_take_linear_time() {
        for unit in ["(", " ", "\u{3000} ", "(\u{301}", "»“", "\u{301}"] {
            let text = format!("a.{}b", unit.repeat(1_000_000 / unit.len()));
            let start = std::time::Instant::now();
            assert!(sentence_ends(&text).ends_with(&[text.len()]));
            // With time that grows with the square: hours.
            assert!(start.elapsed().as_secs() < 120, "{unit:?}");
        }
    }

    proptest! {
        #[test]
        fn runs_change_no_boundary(
            parts in prop::collection::vec(("[aB1.!?,\n\u{301}。 (]{0,3}", "[ \u{a0}\t()»\"\u{301}\u{200b}a]", 0_usize..150), 0..8),
        ) {
            let parts = parts.into_iter().map(|(ahead, unit, times)| ahead + &unit.repeat(times));
            let text: String = parts.collect();
            let expected: Vec<usize> = text.split_sentence_bound_indices().map(|(at, part)| at + part.len()).collect();
            prop_assert_eq!(sentence_ends(&text), expected);
        }
    }
}
