//! What happens to an example that does not fit, and the count of it.

use std::fmt;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::TokenSpan;

/// What to do with an example longer than `max_length`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TruncationPolicy {
    /// Shorten until it fits. The room is `max_length` less the special tokens; what gives way, in this order:
    ///
    /// 1. the context, from its end;
    /// 2. the prompt, from its end, down to a quarter of the room (or its own length if that is less);
    /// 3. the response: whole segments from its end, and with the first segment that goes, everything behind
    ///    its start. A segment is kept whole or dropped, never cut.
    ///
    /// Room that a dropped segment leaves goes back to the prompt and then to the context.
    #[default]
    Shorten,
    /// Refuse the example.
    Error,
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
    ///
    /// `segments` are spans of the response's tokens in order.
    pub(crate) fn shortened(self, room: usize, segments: impl Iterator<Item = TokenSpan>) -> Self {
        if self.total() <= room {
            return self;
        }
        let prompt_floor = self.prompt.min(room.div_ceil(4));
        let response = self.response_within(room - prompt_floor, segments);
        let prompt = self.prompt.min(room - response);
        let context = self.context.min(room - response - prompt);
        Self {
            prompt,
            context,
            response,
        }
    }

    fn response_within(self, room: usize, mut segments: impl Iterator<Item = TokenSpan>) -> usize {
        if self.response <= room {
            return self.response;
        }
        segments
            .find(|segment| segment.end > room)
            .map_or(room, |dropped| dropped.start.min(room))
    }
}

/// What truncation took away, summed over examples; nothing is shortened without being counted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TruncationCounts {
    /// Examples encoded.
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
    /// Segments taken; they are neither trained on nor scored.
    pub segments_dropped: usize,
    /// Those of the dropped segments that carry a rating of a configured aspect.
    pub rated_segments_dropped: usize,
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

    /// Counts the tokens one example lost.
    pub(crate) fn count_parts(&mut self, full: Parts, kept: Parts) {
        self.examples += 1;
        self.examples_shortened += usize::from(kept != full);
        let lost = |shortened: &mut usize, dropped: &mut usize, tokens: usize| {
            *shortened += usize::from(tokens > 0);
            *dropped += tokens;
        };
        lost(
            &mut self.context_shortened,
            &mut self.context_tokens_dropped,
            full.context - kept.context,
        );
        lost(
            &mut self.prompt_shortened,
            &mut self.prompt_tokens_dropped,
            full.prompt - kept.prompt,
        );
        lost(
            &mut self.response_shortened,
            &mut self.response_tokens_dropped,
            full.response - kept.response,
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

    fn shortened(full: Parts, room: usize, segments: &[(usize, usize)]) -> Parts {
        full.shortened(
            room,
            segments
                .iter()
                .map(|&(start, end)| TokenSpan { start, end }),
        )
    }

    #[test]
    fn the_context_goes_first_then_the_prompt() {
        assert_eq!(
            shortened(parts(10, 10, 20), 40, &[(0, 20)]),
            parts(10, 10, 20)
        );
        assert_eq!(
            shortened(parts(10, 10, 20), 35, &[(0, 20)]),
            parts(10, 5, 20)
        );
        assert_eq!(
            shortened(parts(10, 10, 20), 28, &[(0, 20)]),
            parts(8, 0, 20)
        );
    }

    #[test]
    fn the_prompt_keeps_a_quarter_of_the_room_and_segments_go_whole() {
        assert_eq!(
            shortened(parts(10, 0, 20), 16, &[(0, 10), (10, 20)]),
            parts(6, 0, 10)
        );
        assert_eq!(
            shortened(parts(50, 0, 20), 16, &[(0, 12), (12, 20)]),
            parts(4, 0, 12)
        );
        assert_eq!(
            shortened(parts(2, 9, 20), 16, &[(0, 14), (14, 20)]),
            parts(2, 0, 14)
        );
    }

    #[test]
    fn room_that_a_dropped_segment_leaves_goes_back_to_prompt_and_context() {
        assert_eq!(
            shortened(parts(5, 9, 20), 16, &[(0, 4), (4, 20)]),
            parts(5, 7, 4)
        );
    }

    #[test]
    fn text_outside_of_segments_stays_only_in_front_of_the_first_dropped_one() {
        let full = parts(1, 0, 30);
        assert_eq!(
            shortened(full, 13, &[(0, 5), (8, 20), (22, 23)]),
            parts(1, 0, 8)
        );
        assert_eq!(shortened(full, 13, &[(0, 5), (20, 25)]), parts(1, 0, 12));
        assert_eq!(shortened(full, 13, &[(0, 30)]), parts(1, 0, 0));
        assert_eq!(shortened(full, 13, &[]), parts(1, 0, 12));
    }

    #[test]
    fn counts_are_shown_in_one_line() {
        let mut counts = TruncationCounts::default();
        counts.count_parts(parts(3, 0, 3), parts(3, 0, 3));
        assert_eq!(counts.to_string(), "shortened none of 1 example");
        counts.count_parts(parts(3, 4, 3), parts(3, 0, 2));
        counts.segments = 5;
        counts.segments_dropped = 2;
        counts.rated_segments_dropped = 1;
        counts.examples_with_dropped_segments = 1;
        assert_eq!(
            counts.to_string(),
            "shortened 1 of 2 examples: context of 1 (-4 tokens), response of 1 (-1 token); \
             2 of 5 segments dropped (1 rated) in 1 example"
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
        fn what_stays_fits_and_no_segment_is_cut(
            prompt in 0_usize..60,
            context in 0_usize..60,
            lengths in prop::collection::vec((0_usize..4, 1_usize..20), 0..8),
            tail in 0_usize..5,
            room in 2_usize..120,
        ) {
            let mut segments = Vec::new();
            let mut end = 0;
            for (gap, length) in lengths {
                segments.push((end + gap, end + gap + length));
                end += gap + length;
            }
            let full = parts(prompt, context, end + tail);
            let kept = shortened(full, room, &segments);
            prop_assert!(kept.total() <= room);
            prop_assert!(kept.prompt >= prompt.min(room.div_ceil(4)));
            prop_assert!(kept.prompt == prompt || kept.context == 0);
            prop_assert!(kept.context == context || kept.total() == room);
            for &(start, end) in &segments {
                prop_assert!(end <= kept.response || start >= kept.response);
            }
        }
    }
}
