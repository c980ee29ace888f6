//! Long responses in overlapping windows.

use std::cmp::Reverse;

use super::chat::part;
use super::input_sequence::{InputSequence, SegmentOutcome, UncutExample, keep, truncate_tokens};
use super::pair_tokenizer::PairTokenizer;
use super::truncation::Parts;
use crate::{CutSegments, Example, RatingUse, Result, TextConfig, TokenSpan};

/// Checks and tokenizes an example and divides it into windows.
///
/// If the response fits, there is one window. Otherwise the prompt keeps at most a quarter of the available length,
/// the context is dropped, and windows over the response start at multiples of `stride` tokens (or of the width of a
/// window, if that is less), up to the first that reaches the end. The windows depend only on the tokens, and all of
/// them are returned, with or without segments, so that batches do not depend on segments either. Each segment is in
/// one window, independently of other segments: see [`Grid::window_of`].
pub(crate) fn input_windows(
    tokenizer: &PairTokenizer,
    config: &TextConfig,
    example: &Example,
    ratings: RatingUse,
    stride: usize,
) -> Result<Vec<InputSequence>> {
    let tokenized = UncutExample::new(tokenizer, config, example, ratings)?;
    let room = config.max_length - tokenizer.tokens_around(&tokenized.question);
    let prompt = tokenized.full.prompt_floor(room);
    let grid = Grid::new(tokenized.full.response, room - prompt, stride);
    if grid.last == 0 {
        return Ok(vec![truncate_tokens(tokenizer, config, tokenized)?]);
    }
    let UncutExample {
        mut question,
        response,
        spans,
        full,
        ..
    } = tokenized;
    keep(&mut question.text, prompt);
    let windows: Vec<Option<usize>> = spans
        .iter()
        .map(|span| grid.window_of((*span)?, config.cut_policy()))
        .collect();
    let kept = Parts {
        prompt,
        context: 0,
        response: full.response,
    };
    let sequence = grid.starts().map(|start| {
        let inside = grid.window(start);
        let part = part(&response, inside.start, inside.end);
        let pair = tokenizer.join(question.clone(), part)?;
        let outcome = |(&span, &window): (&Option<TokenSpan>, &Option<usize>)| {
            if window.is_some_and(|window| window != start) {
                return SegmentOutcome::Elsewhere;
            }
            // A segment that is in no window is dropped in all of them.
            let inside = window.map_or(TokenSpan::new(0, 0), |_| inside);
            SegmentOutcome::new(span, inside, pair.second_start, config.cut_policy())
        };
        let segments = spans.iter().zip(&windows).map(outcome).collect();
        Ok(InputSequence {
            pair,
            segments,
            full,
            kept,
            is_window: true,
        })
    });
    sequence.collect()
}

/// The starts of the windows over a response, in tokens: `0, step, 2 step, .., last`.
#[derive(Debug, Clone, Copy)]
struct Grid {
    response: usize,
    width: usize,
    step: usize,
    last: usize,
}

impl Grid {
    fn new(response: usize, width: usize, stride: usize) -> Self {
        // A larger step would leave tokens out.
        let step = stride.min(width);
        Self {
            response,
            width,
            step,
            last: response.saturating_sub(width).next_multiple_of(step),
        }
    }

    /// The first token of every window.
    fn starts(self) -> impl Iterator<Item = usize> {
        (0..=self.last).step_by(self.step)
    }

    fn window(self, start: usize) -> TokenSpan {
        TokenSpan::new(start, (start + self.width).min(self.response))
    }

    /// The first token of the window in which a segment is scored: the first window that contains all of it, which has
    /// the most text before it. If no window does: `None`, or the first of those that contain most of it.
    fn window_of(self, segment: TokenSpan, policy: CutSegments) -> Option<usize> {
        let earliest = segment.end.saturating_sub(self.width);
        let whole = earliest.next_multiple_of(self.step);
        if whole <= segment.start {
            return Some(whole);
        }
        let held = |start: usize| {
            let window = self.window(start);
            window
                .end
                .min(segment.end)
                .saturating_sub(window.start.max(segment.start))
        };
        match policy {
            CutSegments::Drop => None,
            CutSegments::Score => self.starts().min_by_key(|&start| Reverse(held(start))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(grid: Grid, (start, end): (usize, usize)) -> Option<usize> {
        grid.window_of(TokenSpan::new(start, end), CutSegments::Drop)
    }

    #[test]
    fn a_segment_is_in_the_first_window_that_holds_it() {
        let grid = Grid::new(33, 10, 4);
        assert_eq!(grid.last, 24);
        let segments = [(0, 4), (4, 10), (10, 12), (12, 22), (22, 33), (30, 33)];
        let found = segments.map(|segment| window(grid, segment));
        // The fifth is too long.
        let expected = [Some(0), Some(0), Some(4), Some(12), None, Some(24)];
        assert_eq!(found, expected);
        let starts: Vec<usize> = grid.starts().collect();
        assert_eq!(starts, [0, 4, 8, 12, 16, 20, 24]);
    }

    #[test]
    fn a_segment_over_the_border_of_all_windows_is_dropped_or_scored_where_most_of_it_is() {
        let grid = Grid::new(40, 10, 8);
        assert_eq!(window(grid, (15, 24)), None);
        let cut = |start, end| grid.window_of(TokenSpan::new(start, end), CutSegments::Score);
        assert_eq!(cut(15, 24), Some(16));
        assert_eq!(cut(6, 30), Some(8), "the first of two that hold ten of it");
        assert_eq!(cut(9, 18), Some(8));
    }

    #[test]
    fn windows_leave_no_token_out() {
        let grid = Grid::new(25, 10, 500);
        assert_eq!((grid.step, grid.last), (10, 20));
        assert_eq!(grid.window(20), TokenSpan::new(20, 25));
    }

    proptest! {
        #[test]
        fn a_segment_is_whole_in_the_earliest_window_of_the_grid_or_in_none(
            response in 1_usize..120,
            span in (0_usize..120, 1_usize..30),
            width in 1_usize..30,
            stride in 1_usize..40,
        ) {
            let start = span.0 % response;
            let segment = TokenSpan::new(start, (start + span.1).min(response));
            let grid = Grid::new(response, width, stride);
            let all: Vec<usize> = grid.starts().collect();
            prop_assert_eq!(grid.window(grid.last).end, response);
            prop_assert!(grid.last < grid.step || grid.last - grid.step + width < response);
            let holds = |&&at: &&usize| at <= segment.start && segment.end <= at + width;
            let expected = all.iter().find(holds).copied();
            prop_assert_eq!(grid.window_of(segment, CutSegments::Drop), expected);
            let held = |at: usize| {
                let window = grid.window(at);
                (window.start..window.end).filter(|&t| segment.start <= t && t < segment.end).count()
            };
            let found = grid.window_of(segment, CutSegments::Score).unwrap();
            prop_assert!(all.contains(&found));
            let most = all.iter().map(|&at| held(at)).max();
            prop_assert_eq!(Some(held(found)), most);
        }
    }
}
