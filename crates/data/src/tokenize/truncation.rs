//! What happens to an example that does not fit, and the count of it.

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// What to do with an example longer than `max_length`.
///
/// What the model reads depends on prompt, context, response and settings alone: never on which segments
/// are listed or rated. A cut at a listed segment would tell the model where a judge has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TruncationPolicy {
    /// Shorten until it fits. The room is `max_length` less the special tokens; what gives way, in this order:
    ///
    /// 1. the context, from its end;
    /// 2. the prompt, from its end, down to a quarter of the room (or its own length if that is less);
    /// 3. the response, from its end.
    ///
    /// All of it goes token by token. [`CutSegments`] says what becomes of a segment that is not whole then.
    #[default]
    Shorten,
    /// Refuse the example.
    Error,
}

/// What becomes of a segment of which only the beginning is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CutSegments {
    /// It goes: it is neither learned nor scored.
    #[default]
    Drop,
    /// It is learned and scored by the tokens that are left, and its score is marked as cut.
    Score,
}

impl CutSegments {
    /// Both, in the order help texts list them.
    pub const ALL: [Self; 2] = [Self::Drop, Self::Score];

    /// The name in settings and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Score => "score",
        }
    }

    /// Whether it is the default, which old bundles have and which is not written.
    pub fn is_drop(&self) -> bool {
        *self == Self::Drop
    }
}

impl fmt::Display for CutSegments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for CutSegments {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|policy| policy.name() == text)
            .ok_or_else(|| DataError::CutSegments {
                found: text.to_owned(),
            })
    }
}

/// Token counts of the three texts of an example, without special tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) prompt: usize,
    pub(crate) context: usize,
    pub(crate) response: usize,
}

impl Parts {
    pub(crate) fn total(self) -> usize {
        self.prompt + self.context + self.response
    }

    /// How much of each part stays where `room` tokens are left, by [`TruncationPolicy::Shorten`].
    pub(crate) fn shortened(self, room: usize) -> Self {
        let response = self.response.min(room - self.prompt_floor(room));
        let prompt = self.prompt.min(room - response);
        let context = self.context.min(room - response - prompt);
        Self {
            prompt,
            context,
            response,
        }
    }

    /// The tokens of the prompt that stay whatever the response needs.
    pub(crate) fn prompt_floor(self, room: usize) -> usize {
        self.prompt.min(room.div_ceil(4))
    }

    /// What is lost where `kept` stays.
    pub(crate) fn lost(self, kept: Self) -> DroppedTokens {
        DroppedTokens {
            context: self.context - kept.context,
            prompt: self.prompt - kept.prompt,
            response: self.response - kept.response,
        }
    }
}

/// Tokens of an example that the model does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DroppedTokens {
    /// Of the context, the line break in front of it included.
    pub context: usize,
    /// Of the prompt.
    pub prompt: usize,
    /// Of the response.
    pub response: usize,
}

impl DroppedTokens {
    /// Whether there are any.
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

/// What truncation took away, summed over examples; nothing is shortened without being counted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TruncationCounts {
    /// Examples tokenized.
    pub examples: usize,
    /// Examples from which anything was taken.
    pub examples_shortened: usize,
    /// Examples whose context lost tokens.
    pub context_shortened: usize,
    /// Context tokens taken, the line break in front of the context included.
    pub context_tokens_dropped: usize,
    /// Examples whose prompt lost tokens.
    pub prompt_shortened: usize,
    /// Prompt tokens taken.
    pub prompt_tokens_dropped: usize,
    /// Examples whose response lost tokens.
    pub response_shortened: usize,
    /// Response tokens taken, inside and outside of segments.
    pub response_tokens_dropped: usize,
    /// Examples that lost at least one segment.
    pub examples_with_dropped_segments: usize,
    /// Examples that had segments and lost all of them.
    pub examples_without_segments_left: usize,
    /// Segments of all examples, kept or not.
    pub segments: usize,
    /// Segments taken, or cut and not to be scored; they are neither trained on nor scored.
    pub segments_dropped: usize,
    /// Those of the dropped segments that carry a rating of a configured aspect.
    pub rated_segments_dropped: usize,
    /// Segments trained on or scored by their beginning, under [`CutSegments::Score`].
    #[serde(default)]
    pub segments_cut: usize,
    /// Those of them that carry a rating of a configured aspect.
    #[serde(default)]
    pub rated_segments_cut: usize,
    /// Unrated segments in which no token begins; they are left unscored. Not a matter of length.
    pub segments_without_tokens: usize,
    /// Examples whose response was laid out in more than one window.
    #[serde(default)]
    pub examples_in_windows: usize,
    /// Windows of those examples.
    #[serde(default)]
    pub windows: usize,
}

impl TruncationCounts {
    /// Whether anything was taken, or any segment left without tokens.
    pub fn any(&self) -> bool {
        self.examples_shortened > 0
            || self.segments_without_tokens > 0
            || self.examples_in_windows > 0
    }

    /// Whether any example was not read whole and at once.
    pub fn is_shortened(&self) -> bool {
        self.examples_shortened > 0 || self.examples_in_windows > 0
    }

    /// Counts the tokens one example lost.
    pub(crate) fn count_tokens(&mut self, lost: DroppedTokens) {
        self.examples += 1;
        self.examples_shortened += usize::from(lost.any());
        let count = |shortened: &mut usize, dropped: &mut usize, tokens: usize| {
            *shortened += usize::from(tokens > 0);
            *dropped += tokens;
        };
        count(
            &mut self.context_shortened,
            &mut self.context_tokens_dropped,
            lost.context,
        );
        count(
            &mut self.prompt_shortened,
            &mut self.prompt_tokens_dropped,
            lost.prompt,
        );
        count(
            &mut self.response_shortened,
            &mut self.response_tokens_dropped,
            lost.response,
        );
    }
}

impl AddAssign for TruncationCounts {
    fn add_assign(&mut self, other: Self) {
        // Taken apart so that a new field cannot be forgotten here.
        let Self {
            examples,
            examples_shortened,
            context_shortened,
            context_tokens_dropped,
            prompt_shortened,
            prompt_tokens_dropped,
            response_shortened,
            response_tokens_dropped,
            examples_with_dropped_segments,
            examples_without_segments_left,
            segments,
            segments_dropped,
            rated_segments_dropped,
            segments_cut,
            rated_segments_cut,
            segments_without_tokens,
            examples_in_windows,
            windows,
        } = other;
        self.examples += examples;
        self.examples_shortened += examples_shortened;
        self.context_shortened += context_shortened;
        self.context_tokens_dropped += context_tokens_dropped;
        self.prompt_shortened += prompt_shortened;
        self.prompt_tokens_dropped += prompt_tokens_dropped;
        self.response_shortened += response_shortened;
        self.response_tokens_dropped += response_tokens_dropped;
        self.examples_with_dropped_segments += examples_with_dropped_segments;
        self.examples_without_segments_left += examples_without_segments_left;
        self.segments += segments;
        self.segments_dropped += segments_dropped;
        self.rated_segments_dropped += rated_segments_dropped;
        self.segments_cut += segments_cut;
        self.rated_segments_cut += rated_segments_cut;
        self.segments_without_tokens += segments_without_tokens;
        self.examples_in_windows += examples_in_windows;
        self.windows += windows;
    }
}

/// One line for a person, such as `shortened 3 of 20 examples: context of 2 (-40 tokens); 1 of 55 segments dropped (1 rated) in 1 example`.
impl fmt::Display for TruncationCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.any() {
            return write!(
                formatter,
                "shortened none of {}",
                counted(self.examples, "example")
            );
        }
        write!(
            formatter,
            "shortened {} of {}",
            self.examples_shortened,
            counted(self.examples, "example")
        )?;
        let mut mark = ": ";
        for (part, examples, tokens) in [
            (
                "context",
                self.context_shortened,
                self.context_tokens_dropped,
            ),
            ("prompt", self.prompt_shortened, self.prompt_tokens_dropped),
            (
                "response",
                self.response_shortened,
                self.response_tokens_dropped,
            ),
        ] {
            if examples > 0 {
                write!(
                    formatter,
                    "{mark}{part} of {examples} (-{})",
                    counted(tokens, "token")
                )?;
                mark = ", ";
            }
        }
        if self.segments_dropped > 0 {
            write!(
                formatter,
                "; {} of {} dropped ({} rated) in {}",
                self.segments_dropped,
                counted(self.segments, "segment"),
                self.rated_segments_dropped,
                counted(self.examples_with_dropped_segments, "example"),
            )?;
        }
        if self.examples_without_segments_left > 0 {
            write!(
                formatter,
                ", {} left with none",
                self.examples_without_segments_left
            )?;
        }
        if self.segments_cut > 0 {
            write!(
                formatter,
                "; {} of {} cut ({} rated)",
                self.segments_cut,
                counted(self.segments, "segment"),
                self.rated_segments_cut,
            )?;
        }
        if self.segments_without_tokens > 0 {
            write!(
                formatter,
                "; {} without tokens",
                counted(self.segments_without_tokens, "segment")
            )?;
        }
        if self.examples_in_windows > 0 {
            write!(
                formatter,
                "; {} in {}",
                counted(self.examples_in_windows, "example"),
                counted(self.windows, "window")
            )?;
        }
        Ok(())
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(prompt: usize, context: usize, response: usize) -> Parts {
        Parts {
            prompt,
            context,
            response,
        }
    }

    #[test]
    fn the_context_goes_first_then_the_prompt() {
        let full = parts(10, 10, 20);
        assert_eq!(full.shortened(40), full);
        assert_eq!(full.shortened(35), parts(10, 5, 20));
        assert_eq!(full.shortened(28), parts(8, 0, 20));
    }

    #[test]
    fn the_prompt_keeps_a_quarter_of_the_room_and_the_response_fills_the_rest() {
        assert_eq!(parts(10, 0, 20).shortened(16), parts(4, 0, 12));
        assert_eq!(parts(50, 0, 20).shortened(16), parts(4, 0, 12));
        assert_eq!(parts(2, 9, 20).shortened(16), parts(2, 0, 14));
        assert_eq!(parts(2, 9, 13).shortened(16), parts(2, 1, 13));
    }

    #[test]
    fn policies_for_cut_segments_are_read_by_name() {
        for policy in CutSegments::ALL {
            assert_eq!(policy.to_string().parse::<CutSegments>().unwrap(), policy);
        }
        let message = "keep".parse::<CutSegments>().unwrap_err().to_string();
        assert_eq!(
            message,
            "cut segments: found `keep`, expected drop or score"
        );
    }

    #[test]
    fn counts_are_shown_in_one_line() {
        let mut counts = TruncationCounts::default();
        counts.count_tokens(DroppedTokens::default());
        assert_eq!(counts.to_string(), "shortened none of 1 example");
        counts.count_tokens(parts(3, 4, 3).lost(parts(3, 0, 2)));
        counts.segments = 5;
        counts.segments_dropped = 2;
        counts.rated_segments_dropped = 1;
        counts.examples_with_dropped_segments = 1;
        counts.segments_cut = 1;
        assert_eq!(
            counts.to_string(),
            "shortened 1 of 2 examples: context of 1 (-4 tokens), response of 1 (-1 token); \
             2 of 5 segments dropped (1 rated) in 1 example; 1 of 5 segments cut (0 rated)"
        );
        let mut twice = counts;
        twice += counts;
        assert_eq!(
            (twice.context_tokens_dropped, twice.segments, twice.examples),
            (8, 10, 4)
        );
    }

    proptest! {
        #[test]
        fn what_stays_fits_and_fills_the_room(
            prompt in 0_usize..60,
            context in 0_usize..60,
            response in 0_usize..160,
            room in 2_usize..120,
        ) {
            let full = parts(prompt, context, response);
            let kept = full.shortened(room);
            prop_assert_eq!(kept.total(), full.total().min(room));
            prop_assert!(kept.prompt >= prompt.min(room.div_ceil(4)));
            // What gives way first is gone before the next part loses a token.
            prop_assert!(kept.prompt == prompt || kept.context == 0);
            prop_assert!(kept.response == response || kept.prompt == full.prompt_floor(room));
        }
    }
}
