//! Where a segment stands: among the listed segments, or in the text.

use serde::{Deserialize, Serialize};

use crate::BaselineExample;
use crate::features::{POSITION_FEATURES, position_features};

/// What the place of a segment is measured by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Places {
    /// The segments that are listed: [`position_features`].
    #[default]
    Listed,
    /// The text of the response, whichever segments are listed: [`text_features`].
    Text,
}

impl Places {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) fn is_listed(&self) -> bool {
        *self == Self::Listed
    }

    /// The features of position and length of every segment.
    pub fn features(self, example: &BaselineExample) -> Vec<[f64; POSITION_FEATURES]> {
        match self {
            Self::Listed => position_features(example),
            Self::Text => text_features(example),
        }
    }
}

/// Features of position and length that do not depend on which segments are listed: relative position
/// `start / (length of the response - length)` (0 where the segment is all of it), sentences before it, is nothing but white
/// space before it, is nothing but that behind it, sentences of the response, `ln(1 + characters)`, and its share of the
/// response's characters. A sentence ends at one of `.!?。！？` before white space or the end, and at the end of a line.
pub fn text_features(example: &BaselineExample) -> Vec<[f64; POSITION_FEATURES]> {
    let text = Text::of(example.response);
    let flag = f64::from;
    example
        .segments
        .iter()
        .map(|segment| {
            let length = segment.text.chars().count();
            let rest = text.characters.saturating_sub(length).max(1) as f64;
            [
                (segment.start as f64 / rest).min(1.0),
                text.sentences_before(segment.start) as f64,
                flag(segment.start <= text.first),
                flag(segment.start + length >= text.behind_last),
                text.sentences as f64,
                (length as f64).ln_1p(),
                length as f64 / text.characters.max(1) as f64,
            ]
        })
        .collect()
}

/// Places in a text, in characters.
#[derive(Default)]
struct Text {
    characters: usize,
    /// Place of the first character that is no white space, and that behind the last one.
    first: usize,
    behind_last: usize,
    /// Where sentences end, without that of the text.
    ends: Vec<usize>,
    sentences: usize,
}

impl Text {
    fn of(text: &str) -> Self {
        let mut found = Self::default();
        let mut is_open = false;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            found.characters += 1;
            let is_white = character.is_whitespace();
            if !is_white {
                if found.behind_last == 0 {
                    found.first = found.characters - 1;
                }
                found.behind_last = found.characters;
                is_open = true;
            }
            let is_last = characters.peek().is_none_or(|next| next.is_whitespace());
            let ends = (".!?。！？".contains(character) && is_last) || character == '\n';
            if is_open && ends {
                found.ends.push(found.characters);
                is_open = false;
            }
        }
        found.sentences = found.ends.len() + usize::from(is_open);
        found
    }

    fn sentences_before(&self, place: usize) -> usize {
        self.ends.partition_point(|&end| end <= place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BaselineSegment;

    #[test]
    fn the_place_in_the_text_is_the_same_with_any_list() {
        let response = " ab. cdéf\ng 1.5\n";
        let of = |listed: &[(usize, &'static str)]| {
            let segment = |&(start, text): &(usize, &'static str)| BaselineSegment {
                text,
                start,
                rating: None,
            };
            Places::Text.features(&BaselineExample {
                prompt: "",
                response,
                segments: listed.iter().map(segment).collect(),
            })
        };
        let all = of(&[(1, "ab."), (5, "cdéf"), (10, "g 1.5")]);
        let expected = [
            [1.0 / 13.0, 0.0, 1.0, 0.0, 3.0, 4f64.ln(), 3.0 / 16.0],
            [5.0 / 12.0, 1.0, 0.0, 0.0, 3.0, 5f64.ln(), 4.0 / 16.0],
            [10.0 / 11.0, 2.0, 0.0, 1.0, 3.0, 6f64.ln(), 5.0 / 16.0],
        ];
        for (found, expected) in all.as_flattened().iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-12, "{all:?}");
        }
        assert_eq!(of(&[(5, "cdéf")]), [all[1]]);
        assert_eq!(of(&[(0, response)])[0][..4], [0.0, 0.0, 1.0, 1.0]);
    }
}
