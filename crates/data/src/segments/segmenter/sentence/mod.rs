//! Sentences by UAX #29, less the boundaries that would part what belongs together.

mod abbreviation;
mod blocks;
mod inner;
mod joint;
mod label;
mod languages;
mod mark;
mod markdown;
mod marks;
mod quotes;
mod tags;
#[cfg(test)]
mod tests;
mod unbroken;

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};

use super::pieces::is_line_break;
use super::unicode::sentence_ends;
use crate::CharSpan;
use joint::Joint;
use marks::Marks;
use unbroken::Unbroken;

/// Which rules cut: a bundle keeps those it was trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rules {
    Second,
    Third,
    Fourth,
    Fifth,
}

/// The lists of words that the rules know, for the segmenter in Python. A word may have several parts.
pub(super) fn word_lists() -> Vec<(&'static str, Vec<Vec<&'static str>>)> {
    [
        abbreviation::word_lists(),
        languages::word_lists(),
        label::word_lists(),
        vec![("inline_tags", tags::INLINE)],
    ]
    .concat()
    .into_iter()
    .map(|(name, words)| (name, words.iter().map(|word| vec![*word]).collect()))
    .chain([
        (
            "numbers",
            label::NUMBERS.iter().map(|words| words.to_vec()).collect(),
        ),
        (
            "after_a_word",
            languages::AFTER_A_WORD
                .iter()
                .map(|(ahead, word)| vec![*ahead, word])
                .collect(),
        ),
    ])
    .collect()
}

/// The spans of the sentences of `text`, white space around each left out.
pub(super) fn spans(text: &str, rules: Rules) -> Vec<CharSpan> {
    let mut spans = Vec::new();
    let (mut byte, mut chars) = (0, 0);
    for piece in pieces(text, rules) {
        let piece = trimmed(text, piece);
        if piece.is_empty() {
            continue;
        }
        let start = chars + text[byte..piece.start].chars().count();
        chars = start + text[piece.clone()].chars().count();
        byte = piece.end;
        spans.push(CharSpan { start, end: chars });
    }
    spans
}

/// Sentences that follow each other without a gap, in bytes.
fn pieces(written: &str, rules: Rules) -> Vec<Range<usize>> {
    let unbroken = Unbroken::new(written, rules);
    let read = match rules {
        Rules::Second | Rules::Third => Cow::Borrowed(written),
        Rules::Fourth | Rules::Fifth => tags::as_brackets(written, |at| unbroken.has(at)),
    };
    let text = &*read;
    let mut marks = Marks::of(text, rules);
    let mut pieces: Vec<Range<usize>> = Vec::new();
    // Where the text of the last piece begins, once it has a letter or a digit.
    let mut body: Option<usize> = None;
    let mut start = 0;
    for end in boundaries(written, text, rules) {
        let next = &text[start..end];
        let has_text = next.contains(char::is_alphanumeric)
            || (rules >= Rules::Fifth && unbroken.holds(end) && opens_picture(text, start));
        // Nothing but marks and white space lies ahead; it belongs to what follows.
        let joins = body.is_none_or(|body| {
            unbroken.holds(start)
                || !is_grapheme_boundary(written, start)
                || (!unbroken.opens_code(start)
                    && ((!has_text
                        && !mark::is_bullet(next)
                        && !opens_tag(written, start..end, next))
                        || goes_on(&Joint::new(text, body..start, start..end), &marks, rules)
                        || (rules >= Rules::Fourth
                            && reads_on(&Joint::new(text, body..start, start..end), &unbroken))))
        });
        match pieces.last_mut() {
            Some(last) if joins => last.end = end,
            _ => {
                pieces.push(start..end);
                body = None;
            }
        }
        if has_text && body.is_none() {
            body = pieces.last().map(|last| {
                let ahead = &text[last.start..end];
                end - ahead.trim_start().len()
            });
        }
        marks.note(text, start..end);
        start = end;
    }
    // A mark or a tag at the end, with nothing behind it.
    if rules >= Rules::Fourth
        && body.is_none()
        && pieces.len() > 1
        && let Some(last) = pieces.pop()
        && let Some(ahead) = pieces.last_mut()
    {
        ahead.end = last.end;
    }
    pieces
}

/// Whether a picture is the first of the line that begins at `at`. Unicode ends a sentence behind its `!`, which so has no
/// text of its own.
fn opens_picture(text: &str, at: usize) -> bool {
    let ahead = text[..at].trim_end_matches([' ', '\t']);
    let line = markdown::item_text(markdown::unquoted(&text[at..]));
    (ahead.is_empty() || ahead.ends_with(is_line_break))
        && (line.starts_with("![") || line.starts_with("[!["))
}

/// Whether the part of the text is only a tag that opens, and so belongs to what follows.
fn opens_tag(written: &str, part: Range<usize>, read: &str) -> bool {
    let quoted = |char: char| char == '>' || char.is_whitespace();
    let read = read.trim_start_matches(quoted).trim_end();
    !read.is_empty()
        && read
            .chars()
            .all(|char| char == '(' || tags::WIDE.contains(&char))
        && written[part]
            .trim_start_matches(quoted)
            .starts_with(['<', '['])
}

/// The boundaries of Unicode, moved to where marks that open or close a sentence are on its side, and those ahead
/// of marks that count on inside a sentence (`Add it. (b) Stop.`). In order; the last is the end.
fn boundaries(written: &str, text: &str, rules: Rules) -> Vec<usize> {
    let mut marks = Marks::of(text, rules);
    let mut boundaries = Vec::new();
    let closers = match rules {
        Rules::Second | Rules::Third => Vec::new(),
        Rules::Fourth | Rules::Fifth => quotes::spaced_closers(written),
    };
    let mut start = 0;
    let mut at = 0;
    for sentence_end in sentence_ends(text) {
        let sentence = at..sentence_end;
        at = sentence_end;
        let items = marks.items(text, sentence.clone()).into_iter();
        boundaries.extend(items.filter(|&item| item > start));
        if rules >= Rules::Fourth {
            boundaries.extend(inner::ends(text, sentence.clone()).filter(|&end| end > start));
        }
        let mut end = closed(text, start, sentence.end, rules);
        if closers.binary_search(&end).is_ok() {
            let behind = end + '»'.len_utf8();
            end = behind_space(text, behind);
            if end == behind && end < text.len() {
                continue;
            }
        }
        if end > start {
            start = end;
            boundaries.push(end);
        }
    }
    boundaries.sort_unstable();
    boundaries.dedup();
    boundaries
}

/// Whether the sentence ahead goes on behind.
fn goes_on(joint: &Joint<'_>, marks: &Marks, rules: Rules) -> bool {
    marks.belong_to_item(joint)
        || abbreviation::goes_on(joint, rules)
        || joint.parts_a_quote_from_its_particle()
}

/// Whether the sentence ahead goes on behind by the rules from the fourth on: in the next line, or behind a quotation.
fn reads_on(joint: &Joint<'_>, unbroken: &Unbroken) -> bool {
    joint.goes_on_behind_a_quote()
        || joint.stop_begins_a_word()
        || (joint.wraps_inside() && !unbroken.ends_block(joint.end_of_before()))
}

/// A boundary behind the marks that close the sentence from `start` (`**Stop.**`, `$x = 2.$`), and ahead of brackets
/// that open the next (`です。「はい`). By the third rules references (`It is so.[1]`) and emoji without a space ahead of
/// them close a sentence, too.
fn closed(text: &str, start: usize, at: usize, rules: Rules) -> usize {
    const OPENING: [char; 12] = [
        '「', '『', '（', '《', '〈', '【', '〔', '“', '‘', '(', '[', '{',
    ];
    let closes = |char: char| {
        matches!(char, '*' | '_' | '~' | '`' | '$')
            || (rules >= Rules::Third && is_emoji(char))
            || (rules >= Rules::Fourth && is_superscript(char))
    };
    let sentence = text.get(start..at).unwrap_or_default();
    let opens = |char: char| {
        OPENING.contains(&char) || (rules >= Rules::Fourth && tags::WIDE.contains(&char))
    };
    let unopened = sentence.trim_end_matches(opens);
    if at < text.len() && !unopened.is_empty() && unopened.len() < sentence.len() {
        let opening = start + unopened.len();
        return match rules {
            Rules::Second => opening,
            Rules::Third | Rules::Fourth | Rules::Fifth => behind_references(text, opening),
        };
    }
    if text[..at].ends_with(char::is_whitespace) {
        return at;
    }
    let behind = text[at..].trim_start_matches(closes);
    let run = text.len() - at - behind.len();
    if run == 0 || behind.starts_with(|char: char| !char.is_whitespace()) {
        return at;
    }
    behind_space(text, at + run)
}

/// Behind the white space at `at`, which goes with the sentence ahead of it, up to and including a line break.
fn behind_space(text: &str, at: usize) -> usize {
    let mut end = at;
    for char in text[at..].chars().take_while(|char| char.is_whitespace()) {
        end += char.len_utf8();
        if is_line_break(char) {
            break;
        }
    }
    end
}

/// Behind the references at `at` (`[1][2, 3]`) and the white space that follows them; `at` where none are, or where
/// they are the text of a link.
fn behind_references(text: &str, at: usize) -> usize {
    let mut end = at;
    while let Some(inside) = text[end..].strip_prefix('[') {
        let is_part =
            |char: char| char.is_ascii_digit() || matches!(char, ',' | ' ' | '-' | '–' | '^');
        let rest = inside.trim_start_matches(is_part);
        let length = inside.len() - rest.len();
        if !rest.starts_with(']') || !inside[..length].contains(|char: char| char.is_ascii_digit())
        {
            break;
        }
        end += length + 2;
    }
    if end == at || text[end..].starts_with(['(', ':']) {
        return at;
    }
    behind_space(text, end)
}

/// Small digits that refer to a note: `It is so.¹`
fn is_superscript(char: char) -> bool {
    matches!(char, '¹' | '²' | '³' | '\u{2070}'..='\u{2079}')
}

/// Pictures and what joins or colours them.
fn is_emoji(char: char) -> bool {
    matches!(
        char,
        '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{fe0f}' | '\u{200d}'
    )
}

fn is_grapheme_boundary(text: &str, at: usize) -> bool {
    let found = GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0);
    // The cursor asks for more context only where it was given a part of the text.
    found.unwrap_or(true)
}

/// `piece` without the graphemes of white space around it.
fn trimmed(text: &str, piece: Range<usize>) -> Range<usize> {
    let inside = &text[piece.clone()];
    let blank = |grapheme: &&str| grapheme.chars().all(char::is_whitespace);
    let length = |graphemes: &mut dyn Iterator<Item = &str>| -> usize {
        graphemes.take_while(|g| blank(g)).map(str::len).sum()
    };
    let ahead = length(&mut inside.graphemes(true));
    if ahead == inside.len() {
        return piece.end..piece.end;
    }
    let behind = length(&mut inside.graphemes(true).rev());
    piece.start + ahead..piece.end - behind
}
