//! From scores of segments to numbers of tokens.

use std::str::FromStr;

use gradus_data::CharSpan;

use super::TokenSpans;

/// How the scores of segments become numbers of tokens. A token that belongs to no segment, or to one
/// without a score, has 0.
///
/// A token belongs to the segment that holds the first of its characters that is not white space. A
/// segment ends with the last token that has a part of its last character that is not white space.
///
/// | name | a token has | the numbers of all tokens add up to |
/// |---|---|---|
/// | `end` | the score of the segment that it ends, else 0 | the sum of the scores |
/// | `spread` | the score of its segment, divided by the number of its tokens | the sum of the scores |
/// | `constant` | the score of its segment | the sum over segments of score times tokens |
/// | `difference` | at the end of a segment, its score less that of the scored segment before | the last score |
///
/// Where one token ends several segments, it has the numbers of all of them. A segment that no token
/// belongs to is spread over the token that ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Placement {
    /// The score of a segment on the token that ends it.
    #[default]
    End,
    /// The score of a segment in equal parts on its tokens.
    Spread,
    /// The score of a segment on each of its tokens.
    Constant,
    /// On the token that ends a segment its score less that of the one before.
    Difference,
}

impl Placement {
    /// The names, for messages.
    pub const NAMES: &str = "end, spread, constant or difference";
}

/// A placement of no known name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found the placement {0:?}, expected {names}", names = Placement::NAMES)]
pub struct UnknownPlacement(String);

impl FromStr for Placement {
    type Err = UnknownPlacement;

    fn from_str(name: &str) -> Result<Self, UnknownPlacement> {
        match name {
            "end" => Ok(Self::End),
            "spread" => Ok(Self::Spread),
            "constant" => Ok(Self::Constant),
            "difference" => Ok(Self::Difference),
            _ => Err(UnknownPlacement(name.to_owned())),
        }
    }
}

impl TokenSpans {
    /// One number for each token, in score units, given the response that the tokens were found in and its segments in
    /// the order of the text with their scores (`None`: without one).
    pub fn rewards(
        &self,
        placement: Placement,
        response: &str,
        segments: &[(CharSpan, Option<f64>)],
    ) -> Vec<f64> {
        let blank: Vec<bool> = response.chars().map(char::is_whitespace).collect();
        let mut rewards = vec![0.0; self.0.len()];
        let owners = self.owners(&blank, segments);
        let has_text = |&token: &usize| self.0[token].start < self.0[token].end;
        // Both in the order of the text, so that one pass over each is enough.
        let texts: Vec<usize> = (0..self.0.len()).filter(has_text).collect();
        let mut left = &texts[..];
        let mut before = 0.0;
        for (number, &(span, score)) in segments.iter().enumerate() {
            let is_before = |&token: &usize| owners[token].is_none_or(|owner| owner < number);
            left = &left[left.iter().take_while(|token| is_before(token)).count()..];
            let is_own = |&token: &usize| owners[token] == Some(number);
            let count = left.iter().take_while(|token| is_own(token)).count();
            let own = &left[..count];
            let Some(score) = score else { continue };
            let Some(end) = self.end_of(span, &blank, &texts) else {
                continue;
            };
            match placement {
                Placement::End => rewards[end] += score,
                Placement::Difference => rewards[end] += score - before,
                Placement::Constant => {
                    for &token in own {
                        rewards[token] += score;
                    }
                }
                Placement::Spread if own.is_empty() => rewards[end] += score,
                Placement::Spread => {
                    let share = score / count as f64;
                    for &token in own {
                        rewards[token] += share;
                    }
                }
            }
            before = score;
        }
        rewards
    }

    /// The segment of each token.
    fn owners(&self, blank: &[bool], segments: &[(CharSpan, Option<f64>)]) -> Vec<Option<usize>> {
        let of_token = |span: &CharSpan| {
            let chars = blank
                .get(span.start..span.end)
                .filter(|chars| !chars.is_empty())?;
            let first = span.start + chars.iter().position(|blank| !blank).unwrap_or(0);
            let next = segments.partition_point(|(segment, _)| segment.end <= first);
            segments
                .get(next)
                .filter(|(segment, _)| segment.start <= first)
                .map(|_| next)
        };
        self.0.iter().map(of_token).collect()
    }

    /// The token that ends a segment: the last that has a part of its last character that is not white
    /// space. Where no token has that, the last that begins before it. `texts` are the tokens that have text.
    fn end_of(&self, segment: CharSpan, blank: &[bool], texts: &[usize]) -> Option<usize> {
        let chars = &blank[segment.start..segment.end];
        let last = segment.start
            + chars
                .iter()
                .rposition(|blank| !blank)
                .unwrap_or(chars.len() - 1);
        let begun = texts.partition_point(|&token| self.0[token].start <= last);
        texts.get(begun.saturating_sub(1)).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(start: usize, end: usize) -> CharSpan {
        CharSpan { start, end }
    }

    fn rewards(
        placement: Placement,
        tokens: &[(usize, usize)],
        response: &str,
        segments: &[(usize, usize, Option<f64>)],
    ) -> Vec<f64> {
        let tokens = TokenSpans(
            tokens
                .iter()
                .map(|&(start, end)| span(start, end))
                .collect(),
        );
        let segments: Vec<_> = segments
            .iter()
            .map(|&(start, end, score)| (span(start, end), score))
            .collect();
        tokens.rewards(placement, response, &segments)
    }

    /// `One two. Three` in tokens `One`, ` two`, `.`, ` Three`.
    const TOKENS: [(usize, usize); 4] = [(0, 3), (3, 7), (7, 8), (8, 14)];
    const SEGMENTS: [(usize, usize, Option<f64>); 2] = [(0, 8, Some(0.6)), (9, 14, Some(-0.3))];

    #[test]
    fn each_placement_puts_scores_where_it_says() {
        let of = |placement| rewards(placement, &TOKENS, "One two. Three", &SEGMENTS);
        let close = |found: Vec<f64>, expected: [f64; 4]| {
            assert!(
                found
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| (a - b).abs() < 1e-12),
                "{found:?}"
            );
        };
        close(of(Placement::End), [0.0, 0.0, 0.6, -0.3]);
        close(of(Placement::Spread), [0.2, 0.2, 0.2, -0.3]);
        close(of(Placement::Constant), [0.6, 0.6, 0.6, -0.3]);
        close(of(Placement::Difference), [0.0, 0.0, 0.6, -0.9]);
    }

    #[test]
    fn a_segment_without_a_score_gives_nothing_and_is_passed_by() {
        let segments = [(0, 3, Some(0.5)), (4, 8, None), (9, 14, Some(0.25))];
        let of = |placement| rewards(placement, &TOKENS, "One two. Three", &segments);
        assert_eq!(of(Placement::End), [0.5, 0.0, 0.0, 0.25]);
        assert_eq!(of(Placement::Difference), [0.5, 0.0, 0.0, -0.25]);
        assert_eq!(of(Placement::Constant), [0.5, 0.0, 0.0, 0.25]);
    }

    #[test]
    fn one_token_may_end_several_segments() {
        // `a.b.` in tokens `a`, `.b.`: the second segment has no token of its own.
        let tokens = [(0, 1), (1, 4)];
        let segments = [(0, 2, Some(1.0)), (2, 4, Some(0.5))];
        let of = |placement| rewards(placement, &tokens, "a.b.", &segments);
        assert_eq!(of(Placement::End), [0.0, 1.5]);
        assert_eq!(of(Placement::Spread), [0.5, 1.0]);
        assert_eq!(of(Placement::Constant), [1.0, 1.0]);
        assert_eq!(of(Placement::Difference), [0.0, 0.5]);
    }

    #[test]
    fn parts_of_a_character_belong_together_and_empty_tokens_to_nothing() {
        // The emoji ends the first segment in three parts.
        let tokens = [(0, 2), (2, 3), (2, 3), (2, 3), (3, 3), (3, 5), (0, 0)];
        let segments = [(0, 3, Some(0.8)), (4, 5, Some(0.2))];
        let of = |placement| rewards(placement, &tokens, "a 🙂 b", &segments);
        assert_eq!(of(Placement::End), [0.0, 0.0, 0.0, 0.8, 0.0, 0.2, 0.0]);
        assert_eq!(of(Placement::Spread), [0.2, 0.2, 0.2, 0.2, 0.0, 0.2, 0.0]);
    }

    #[test]
    fn a_response_that_is_cut_in_a_segment_ends_with_its_last_token() {
        let tokens = [(0, 3), (3, 7), (7, 8), (8, 11)];
        let segments = [(0, 8, Some(0.6)), (9, 11, Some(0.1))];
        assert_eq!(
            rewards(Placement::End, &tokens, "One two. Th", &segments),
            [0.0, 0.0, 0.6, 0.1]
        );
    }

    /// The same as `rewards`, written as the documentation says it: each token is looked at for each segment.
    fn plainly(
        spans: &TokenSpans,
        placement: Placement,
        response: &str,
        segments: &[(CharSpan, Option<f64>)],
    ) -> Vec<f64> {
        let blank: Vec<bool> = response.chars().map(char::is_whitespace).collect();
        let is_text = |at: &usize| !blank[*at];
        let mut rewards = vec![0.0; spans.0.len()];
        let mut before = 0.0;
        for &(segment, score) in segments {
            let own: Vec<usize> = (0..spans.0.len())
                .filter(|&token| {
                    let CharSpan { start, end } = spans.0[token];
                    let first = (start..end).find(is_text).unwrap_or(start);
                    start < end && segment.start <= first && first < segment.end
                })
                .collect();
            let last = (segment.start..segment.end).rev().find(is_text);
            let last = last.unwrap_or(segment.end - 1);
            let holds = |span: &CharSpan| span.start <= last && last < span.end;
            let begins = |span: &CharSpan| span.start < span.end && span.start <= last;
            let end = spans.0.iter().rposition(holds);
            let end = end.or_else(|| spans.0.iter().rposition(begins));
            let end = end.or_else(|| spans.0.iter().position(|span| span.start < span.end));
            let (Some(score), Some(end)) = (score, end) else {
                continue;
            };
            match (placement, own.len()) {
                (Placement::End, _) | (Placement::Spread, 0) => rewards[end] += score,
                (Placement::Difference, _) => rewards[end] += score - before,
                (Placement::Constant, _) => {
                    for token in own {
                        rewards[token] += score;
                    }
                }
                (Placement::Spread, count) => {
                    for token in own {
                        rewards[token] += score / count as f64;
                    }
                }
            }
            before = score;
        }
        rewards
    }

    proptest! {
        #[test]
        fn the_sums_are_those_that_are_promised(
            response in "[ab. é🙂]{1,24}",
            token_cuts in prop::collection::vec(0_usize..25, 0..12),
            segment_cuts in prop::collection::vec(0_usize..25, 0..8),
            scores in prop::collection::vec(prop::option::of(-1.0_f64..1.0), 8),
        ) {
            let length = response.chars().count();
            let spans = |cuts: &[usize]| -> Vec<CharSpan> {
                let mut cuts: Vec<usize> = cuts.iter().map(|&cut| cut.min(length)).collect();
                cuts.extend([0, length]);
                cuts.sort_unstable();
                cuts.windows(2).map(|pair| span(pair[0], pair[1])).collect()
            };
            let tokens = TokenSpans(spans(&token_cuts));
            let segments: Vec<(CharSpan, Option<f64>)> = spans(&segment_cuts)
                .into_iter()
                .filter(|span| span.start < span.end)
                .zip(scores)
                .collect();
            for placement in [Placement::End, Placement::Spread, Placement::Constant, Placement::Difference] {
                let rewards = tokens.rewards(placement, &response, &segments);
                prop_assert_eq!(rewards, plainly(&tokens, placement, &response, &segments));
            }
            let given: Vec<f64> = segments.iter().filter_map(|(_, score)| *score).collect();
            let sum_of = |placement| tokens.rewards(placement, &response, &segments).iter().sum::<f64>();
            let expected: f64 = given.iter().sum();
            prop_assert!((sum_of(Placement::End) - expected).abs() < 1e-9);
            prop_assert!((sum_of(Placement::Spread) - expected).abs() < 1e-9);
            let last = given.last().copied().unwrap_or(0.0);
            prop_assert!((sum_of(Placement::Difference) - last).abs() < 1e-9);
            let rewards = tokens.rewards(Placement::Constant, &response, &segments);
            for (token, reward) in tokens.0.iter().zip(rewards) {
                let is_a_score = given.iter().any(|score| score.to_bits() == reward.to_bits());
                prop_assert!(reward == 0.0 || (is_a_score && token.start < token.end));
            }
        }
    }
}
