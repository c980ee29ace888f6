//! Truncation of examples that are too long, and its counts.

use std::fmt;
use std::ops::AddAssign;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{DataError, Result};

/// The treatment of an example that is longer than `max_length`.
///
/// What the model reads depends only on prompt, context, response and settings, never on which segments are
/// listed or rated. Truncation at a listed segment would reveal where a judge stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TruncationPolicy {
    /// Truncate to `max_length` minus the special tokens, the available length. Tokens are removed in this order:
    ///
    /// 1. from the end of the context;
    /// 2. from the end of the prompt, down to a quarter of the available length (or its own length if shorter);
    /// 3. from the end of the response.
    ///
    /// [`CutSegments`] decides about a segment that is then incomplete.
    #[default]
    Shorten,
    /// Refuse the example.
    Error,
}

/// The treatment of a segment of which only the beginning is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CutSegments {
    /// It is dropped: neither trained on nor scored.
    #[default]
    Drop,
    /// It is trained on and scored by the remaining tokens, and its score is marked as cut.
    Score,
}

impl CutSegments {
    /// All policies, in the order of help texts.
    pub const ALL: [Self; 2] = [Self::Drop, Self::Score];

    /// The name in settings and flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Score => "score",
        }
    }

    /// Whether it is the default, which older bundles use and which is not written.
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

    /// The number of tokens that [`TruncationPolicy::Shorten`] keeps of each part if `room` tokens fit.
    pub(crate) fn truncated(self, room: usize) -> Self {
        let response = self.response.min(room - self.prompt_floor(room));
        let prompt = self.prompt.min(room - response);
        let context = self.context.min(room - response - prompt);
        Self {
            prompt,
            context,
            response,
        }
    }

    /// The number of prompt tokens that are kept even if the response is too long.
    pub(crate) fn prompt_floor(self, room: usize) -> usize {
        self.prompt.min(room.div_ceil(4))
    }

    /// The dropped tokens if `kept` is kept.
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
    /// Of the context, including the line break in front of it.
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

/// The effects of truncation, summed over examples. Every truncation is counted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TruncationCounts {
    /// Number of tokenized examples.
    pub examples: usize,
    /// Number of examples that lost tokens.
    pub examples_shortened: usize,
    /// Number of examples whose context lost tokens.
    pub context_shortened: usize,
    /// Number of dropped context tokens, including the line break in front of the context.
    pub context_tokens_dropped: usize,
    /// Number of examples whose prompt lost tokens.
    pub prompt_shortened: usize,
    /// Number of dropped prompt tokens.
    pub prompt_tokens_dropped: usize,
    /// Number of examples whose response lost tokens.
    pub response_shortened: usize,
    /// Number of dropped response tokens, inside and outside of segments.
    pub response_tokens_dropped: usize,
    /// Number of examples that lost at least one segment.
    pub examples_with_dropped_segments: usize,
    /// Number of examples that lost all their segments.
    pub examples_without_segments_left: usize,
    /// Number of segments of all examples, kept or not.
    pub segments: usize,
    /// Number of segments that are neither trained on nor scored, because they lost all tokens, or some under
    /// [`CutSegments::Drop`].
    pub segments_dropped: usize,
    /// Number of these with a rating on a configured aspect.
    pub rated_segments_dropped: usize,
    /// Number of segments that are trained on or scored by their beginning, under [`CutSegments::Score`].
    #[serde(default)]
    pub segments_cut: usize,
    /// Number of these with a rating on a configured aspect.
    #[serde(default)]
    pub rated_segments_cut: usize,
    /// Number of unrated segments in which no token starts; they have no score. Length is not the cause.
    pub segments_without_tokens: usize,
    /// Number of examples whose response is read in more than one window.
    #[serde(default)]
    pub examples_in_windows: usize,
    /// Number of windows of those examples.
    #[serde(default)]
    pub windows: usize,
}

impl TruncationCounts {
    /// Whether an example was truncated or read in windows, or a segment has no tokens.
    pub fn any(&self) -> bool {
        self.examples_shortened > 0
            || self.segments_without_tokens > 0
            || self.examples_in_windows > 0
    }

    /// Whether an example was truncated or read in windows.
    pub fn is_shortened(&self) -> bool {
        self.examples_shortened > 0 || self.examples_in_windows > 0
    }

    /// Adds the dropped tokens of one example.
    pub(crate) fn count_tokens(&mut self, lost: DroppedTokens) {
        self.examples += 1;
        self.examples_shortened += usize::from(lost.any());
        let count = |examples: &mut usize, dropped: &mut usize, tokens: usize| {
            *examples += usize::from(tokens > 0);
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
        // Destructured, so that a new field cannot be forgotten here.
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

/// One line, such as `truncated 3 of 20 examples: context of 2 (-40 tokens); 1 of 55 segments dropped (1 rated) in 1 example`.
impl fmt::Display for TruncationCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.any() {
            return write!(
                formatter,
                "truncated none of {}",
                counted(self.examples, "example")
            );
        }
        write!(
            formatter,
            "truncated {} of {}",
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
        assert_eq!(full.truncated(40), full);
        assert_eq!(full.truncated(35), parts(10, 5, 20));
        assert_eq!(full.truncated(28), parts(8, 0, 20));
    }

    #[test]
    fn the_prompt_keeps_a_quarter_of_the_room_and_the_response_fills_the_rest() {
        assert_eq!(parts(10, 0, 20).truncated(16), parts(4, 0, 12));
        assert_eq!(parts(50, 0, 20).truncated(16), parts(4, 0, 12));
        assert_eq!(parts(2, 9, 20).truncated(16), parts(2, 0, 14));
        assert_eq!(parts(2, 9, 13).truncated(16), parts(2, 1, 13));
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
        assert_eq!(counts.to_string(), "truncated none of 1 example");
        counts.count_tokens(parts(3, 4, 3).lost(parts(3, 0, 2)));
        counts.segments = 5;
        counts.segments_dropped = 2;
        counts.rated_segments_dropped = 1;
        counts.examples_with_dropped_segments = 1;
        counts.segments_cut = 1;
        assert_eq!(
            counts.to_string(),
            "truncated 1 of 2 examples: context of 1 (-4 tokens), response of 1 (-1 token); \
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
            let kept = full.truncated(room);
            prop_assert_eq!(kept.total(), full.total().min(room));
            prop_assert!(kept.prompt >= prompt.min(room.div_ceil(4)));
            // What gives way first is gone before the next part loses a token.
            prop_assert!(kept.prompt == prompt || kept.context == 0);
            prop_assert!(kept.response == response || kept.prompt == full.prompt_floor(room));
        }
    }
}
