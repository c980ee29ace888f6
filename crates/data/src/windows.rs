//! Long responses in overlapping windows.

use crate::chat::part;
use crate::fit::{Fitted, SegmentFit, Tokenized, keep, shorten};
use crate::pair_tokenizer::PairTokenizer;
use crate::truncation::Parts;
use crate::{Example, Result, TextConfig, TokenSpan};

/// Checks and tokenises an example and lays it out in as many windows as its segments need.
///
/// One window where nothing of the response has to go. Otherwise the prompt keeps at most a
/// quarter of the room, the context goes, and windows over the response begin at multiples of
/// `stride` tokens. Each segment is in one of them: the first that holds it whole, which shows most
/// of what is before it. A segment longer than a window is dropped.
pub(crate) fn fit_windows(
    tokenizer: &PairTokenizer,
    config: &TextConfig,
    example: &Example,
    stride: usize,
) -> Result<Vec<Fitted>> {
    let tokenized = Tokenized::new(tokenizer, config, example)?;
    let room = config.max_length - tokenizer.tokens_around(&tokenized.question);
    let prompt = tokenized.full.prompt.min(room.div_ceil(4));
    let width = room - prompt;
    if tokenized.full.response <= width {
        return Ok(vec![shorten(tokenizer, config, tokenized)?]);
    }
    let Tokenized {
        mut question,
        response,
        spans,
        full,
        ..
    } = tokenized;
    keep(&mut question.text, prompt);
    let windows = windows(&spans, width, stride);
    let mut fitted = Vec::new();
    for start in starts(&windows) {
        let part = part(&response, start, response.len().min(start + width));
        let kept = Parts {
            prompt,
            context: 0,
            response: full.response,
        };
        let pair = tokenizer.join(question.clone(), part)?;
        let place = |(span, window): (&Option<TokenSpan>, &Option<usize>)| match (span, window) {
            (None, _) => SegmentFit::WithoutToken,
            (Some(_), None) => SegmentFit::Dropped,
            (Some(span), Some(window)) if *window == start => SegmentFit::Kept(TokenSpan::new(
                span.start - start + pair.second_start,
                span.end - start + pair.second_start,
            )),
            _ => SegmentFit::Elsewhere,
        };
        let segments = spans.iter().zip(&windows).map(place).collect();
        fitted.push(Fitted {
            pair,
            segments,
            full,
            kept,
        });
    }
    Ok(fitted)
}

/// The first token of the window that holds each segment; `None` for a segment without tokens and
/// for one that no window can hold.
fn windows(spans: &[Option<TokenSpan>], width: usize, stride: usize) -> Vec<Option<usize>> {
    let window = |span: &Option<TokenSpan>| {
        let span = span.filter(|span| span.end - span.start <= width)?;
        let earliest = span.end.saturating_sub(width);
        let start = earliest.next_multiple_of(stride);
        // Where the segment reaches over the stride, a window of its own ends with it.
        Some(if start <= span.start { start } else { earliest })
    };
    spans.iter().map(window).collect()
}

/// The distinct windows in order; one at the start where no segment needs any.
fn starts(windows: &[Option<usize>]) -> Vec<usize> {
    let mut starts: Vec<usize> = windows.iter().copied().flatten().collect();
    starts.sort_unstable();
    starts.dedup();
    if starts.is_empty() {
        starts.push(0);
    }
    starts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(spans: &[(usize, usize)]) -> Vec<Option<TokenSpan>> {
        let span =
            |&(start, end): &(usize, usize)| (start < end).then_some(TokenSpan { start, end });
        spans.iter().map(span).collect()
    }

    #[test]
    fn a_segment_is_in_the_first_window_that_holds_it() {
        let spans = spans(&[(0, 4), (4, 10), (10, 12), (12, 22), (22, 33), (33, 33)]);
        let found = windows(&spans, 10, 4);
        // The fifth is too long.
        assert_eq!(found, [Some(0), Some(0), Some(4), Some(12), None, None]);
        assert_eq!(starts(&found), [0, 4, 12]);
    }

    #[test]
    fn a_segment_that_reaches_over_the_stride_has_a_window_of_its_own() {
        assert_eq!(windows(&spans(&[(13, 22)]), 10, 8), [Some(12)]);
    }

    proptest! {
        #[test]
        fn every_segment_that_fits_is_whole_in_a_window_and_sees_as_much_as_the_stride_allows(
            lengths in prop::collection::vec(1_usize..12, 1..20),
            width in 1_usize..30,
            stride in 1_usize..30,
        ) {
            let mut end = 0;
            let spans: Vec<_> = lengths.iter().map(|length| {
                end += length;
                Some(TokenSpan { start: end - length, end })
            }).collect();
            for (span, window) in spans.iter().flatten().zip(windows(&spans, width, stride)) {
                let fits = span.end - span.start <= width;
                prop_assert_eq!(window.is_some(), fits);
                let Some(start) = window else { continue };
                prop_assert!(start <= span.start && span.end <= start + width);
                let on_grid = start.is_multiple_of(stride);
                prop_assert!(on_grid || start == span.end - width);
                // No earlier window of the grid holds it.
                prop_assert!(start < stride || !on_grid || start - stride + width < span.end);
            }
        }
    }
}
