//! Assigns tokens to segments by the characters that they cover.

use crate::{CharSpan, TokenSpan};

/// For each token, the character that decides its segment: the first that is not white space, or the first if all
/// are.
///
/// `offsets` are half-open ranges of characters of `text`, one per token. The result never decreases: a token
/// that a normalizer moved back, or inserted without text, stays with the token before it. The tokens of a segment
/// are therefore contiguous.
pub(crate) fn token_starts(text: &str, offsets: &[(usize, usize)]) -> Vec<usize> {
    let is_space: Vec<bool> = text.chars().map(char::is_whitespace).collect();
    let mut latest = 0;
    let first_text = |&(start, end): &(usize, usize)| {
        (start..end)
            .find(|&char| is_space.get(char) == Some(&false))
            .unwrap_or(start)
    };
    offsets
        .iter()
        .map(|offset| {
            latest = latest.max(first_text(offset));
            latest
        })
        .collect()
}

/// The tokens of each segment; `None` if no token starts inside it.
///
/// `starts` must not decrease; `spans` must be in order and not overlap.
pub(crate) fn tokens_of_segments(
    starts: &[usize],
    spans: impl Iterator<Item = CharSpan>,
) -> Vec<Option<TokenSpan>> {
    spans
        .map(|span| {
            let tokens = TokenSpan {
                start: starts.partition_point(|&start| start < span.start),
                end: starts.partition_point(|&start| start < span.end),
            };
            (tokens.start < tokens.end).then_some(tokens)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assigned(starts: &[usize], spans: &[(usize, usize)]) -> Vec<Option<(usize, usize)>> {
        let spans = spans.iter().map(|&(start, end)| CharSpan { start, end });
        tokens_of_segments(starts, spans)
            .iter()
            .map(|span| span.map(|s| (s.start, s.end)))
            .collect()
    }

    #[test]
    fn a_token_that_opens_with_a_space_belongs_where_its_text_is() {
        // "One. Two" cut behind the full stop; ` Two` is one byte-level token.
        let starts = token_starts("One. Two", &[(0, 3), (3, 4), (4, 8)]);
        assert_eq!(starts, [0, 3, 5]);
        assert_eq!(
            assigned(&starts, &[(0, 5), (5, 8)]),
            [Some((0, 2)), Some((2, 3))]
        );
    }

    #[test]
    fn a_token_of_white_space_belongs_where_it_starts() {
        let starts = token_starts("a \n b", &[(0, 1), (1, 4), (4, 5)]);
        assert_eq!(starts, [0, 1, 4]);
        assert_eq!(
            assigned(&starts, &[(0, 2), (2, 5)]),
            [Some((0, 2)), Some((2, 3))]
        );
    }

    #[test]
    fn a_segment_that_starts_inside_of_a_token_goes_without_it() {
        let starts = token_starts("foobar baz", &[(0, 6), (7, 10)]);
        assert_eq!(
            assigned(&starts, &[(0, 3), (3, 6), (6, 10)]),
            [Some((0, 1)), None, Some((1, 2))]
        );
    }

    #[test]
    fn tokens_without_text_and_tokens_out_of_order_stay_with_their_neighbor() {
        assert_eq!(
            token_starts("abcd", &[(0, 2), (0, 0), (2, 4), (1, 2), (9, 12)]),
            [0, 0, 2, 2, 9]
        );
    }

    proptest! {
        #[test]
        fn every_token_belongs_to_the_segment_that_holds_its_start(
            text in "[ab \n🙂]{1,30}",
            offsets in prop::collection::vec((0_usize..30, 0_usize..6), 0..20),
            cuts in prop::collection::btree_set(0_usize..31, 2..6),
        ) {
            let offsets: Vec<_> = offsets.iter().map(|&(start, length)| (start, start + length)).collect();
            let starts = token_starts(&text, &offsets);
            let cuts: Vec<usize> = cuts.into_iter().collect();
            let spans: Vec<CharSpan> = cuts.windows(2).map(|cut| CharSpan { start: cut[0], end: cut[1] }).collect();
            let tokens = tokens_of_segments(&starts, spans.iter().copied());
            for (span, tokens) in spans.iter().zip(tokens) {
                for (token, start) in starts.iter().enumerate() {
                    let inside = (span.start..span.end).contains(start);
                    let assigned = tokens.is_some_and(|tokens| (tokens.start..tokens.end).contains(&token));
                    prop_assert_eq!(inside, assigned);
                }
            }
        }
    }
}
