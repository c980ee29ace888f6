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
/// one window: see [`WindowUse`].
pub(crate) fn input_windows(
    tokenizer: &PairTokenizer,
    config: &TextConfig,
    example: &Example,
    ratings: RatingUse,
    (stride, window_use): (usize, WindowUse),
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
    let mut windows: Vec<Option<usize>> = spans
        .iter()
        .map(|span| grid.window_of((*span)?, config.cut_policy()))
        .collect();
    if window_use == WindowUse::Fewest {
        let is_rated = |index: usize| {
            let ratings = &example.segments[index].ratings;
            config
                .aspects
                .iter()
                .any(|aspect| ratings.contains_key(&aspect.name))
        };
        grid.make_few(&spans, is_rated, &mut windows);
    }
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

/// Which of the windows of a response has a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowUse {
    /// For scoring: the first window that contains all of it, which has the most text before it, independently of other
    /// segments.
    MostContext,
    /// For training, which reads windows with rated segments only: as few of them have rated segments as can be, and
    /// each of these segments is in one with at least an eighth of a window of text before it, where scoring has that.
    Fewest,
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

    /// Moves segments so that as few windows as can be have rated ones, given the windows in which they are scored.
    ///
    /// From the last rated segment to the first, each that is in none of the windows that were chosen adds the first
    /// window that contains it. A segment then is in the first of these that contains it.
    fn make_few(
        self,
        spans: &[Option<TokenSpan>],
        is_rated: impl Fn(usize) -> bool,
        windows: &mut [Option<usize>],
    ) {
        // The last window that contains a segment, with so many tokens before it where its first window has them.
        let last = |span: TokenSpan, first: usize, context: usize| {
            let is_whole = first <= span.start && span.end <= first + self.width;
            let last = span.start.saturating_sub(context) / self.step * self.step;
            if is_whole { last.max(first) } else { first }
        };
        let range = |index: usize| {
            let (span, first) = (spans[index]?, windows[index]?);
            Some((first, last(span, first, self.width / 8)))
        };
        let mut rated: Vec<(usize, usize)> = (0..spans.len())
            .filter(|&index| is_rated(index))
            .filter_map(range)
            .collect();
        rated.sort_unstable();
        let mut chosen: Vec<usize> = Vec::new();
        for (first, latest) in rated.into_iter().rev() {
            if chosen.last().is_none_or(|&window| window > latest) {
                chosen.push(first);
            }
        }
        for (span, window) in spans.iter().zip(windows) {
            if let (&Some(span), Some(first)) = (span, *window) {
                let holds = |start: &usize| (first..=last(span, first, 0)).contains(start);
                *window = chosen.iter().rev().copied().find(holds).or(*window);
            }
        }
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
    fn rated_segments_share_windows_in_training() {
        // Of width 16 in steps of 4 over 40 tokens: 0, 4, .., 24.
        let grid = Grid::new(40, 16, 4);
        let spans: Vec<Option<TokenSpan>> = (0..10)
            .map(|index| Some(TokenSpan::new(4 * index, 4 * index + 4)))
            .collect();
        let scored: Vec<Option<usize>> = spans
            .iter()
            .map(|span| grid.window_of(span.unwrap(), CutSegments::Drop))
            .collect();
        let starts =
            |windows: &[Option<usize>]| windows.iter().map(|w| w.unwrap()).collect::<Vec<_>>();
        assert_eq!(starts(&scored), [0, 0, 0, 0, 4, 8, 12, 16, 20, 24]);
        let mut learned = scored.clone();
        grid.make_few(&spans, |_| true, &mut learned);
        // The last window holds 24 to 40, and the segment at 28 is the first with text before it.
        assert_eq!(starts(&learned), [0, 0, 0, 0, 12, 12, 12, 24, 24, 24]);
        let mut learned = scored.clone();
        grid.make_few(&spans, |index| index < 2, &mut learned);
        assert_eq!(
            learned, scored,
            "where little is rated, the windows are those of scoring"
        );
    }

    #[test]
    fn windows_leave_no_token_out() {
        let grid = Grid::new(25, 10, 500);
        assert_eq!((grid.step, grid.last), (10, 20));
        assert_eq!(grid.window(20), TokenSpan::new(20, 25));
    }

    proptest! {
        #[test]
        fn rated_segments_are_in_as_few_windows_as_can_be(
            segments in prop::collection::vec((0_usize..100, 1_usize..12, prop::bool::ANY), 1..12),
            width in 8_usize..30,
            stride in 1_usize..30,
            scores_cut: bool,
        ) {
            let policy = if scores_cut { CutSegments::Score } else { CutSegments::Drop };
            let grid = Grid::new(112, width, stride);
            let spans: Vec<Option<TokenSpan>> = segments
                .iter()
                .map(|&(start, length, _)| Some(TokenSpan::new(start, start + length)))
                .collect();
            let scored: Vec<Option<usize>> = spans.iter().map(|span| grid.window_of(span.unwrap(), policy)).collect();
            let mut learned = scored.clone();
            grid.make_few(&spans, |index| segments[index].2, &mut learned);
            let context = |index: usize, window: usize| spans[index].unwrap().start.saturating_sub(window);
            for index in 0..spans.len() {
                let (Some(first), Some(window)) = (scored[index], learned[index]) else {
                    prop_assert_eq!(scored[index], learned[index]);
                    continue;
                };
                let span = spans[index].unwrap();
                prop_assert!(window.is_multiple_of(grid.step) && window <= grid.last);
                let is_whole = |at: usize| at <= span.start && span.end <= at + width;
                prop_assert_eq!(is_whole(window), is_whole(first));
                if segments[index].2 {
                    let enough = (width / 8).min(context(index, first));
                    prop_assert!(context(index, window) >= enough.min(context(index, first)));
                }
            }
            // As many segments have no window in common, so fewer windows do not do.
            let mut used: Vec<usize> = (0..spans.len()).filter(|&i| segments[i].2).filter_map(|i| learned[i]).collect();
            used.sort_unstable();
            used.dedup();
            let range = |index: usize| {
                let (span, first) = (spans[index].unwrap(), scored[index]?);
                let all = grid.starts().filter(|&at| {
                    let is_whole = at <= span.start && span.end <= at + width;
                    at == first || (is_whole && context(index, at) >= width / 8)
                });
                Some(all.collect::<Vec<_>>())
            };
            let mut ranges: Vec<Vec<usize>> = (0..spans.len()).filter(|&i| segments[i].2).filter_map(range).collect();
            ranges.sort_by_key(|range| range[0]);
            let mut apart: Vec<&Vec<usize>> = Vec::new();
            for range in ranges.iter().rev() {
                if apart.last().is_none_or(|last| last[0] > *range.last().unwrap()) {
                    apart.push(range);
                }
            }
            prop_assert_eq!(used.len(), apart.len());
        }

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
