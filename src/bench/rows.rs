//! Rows without padding.

use gradus_data::{DroppedTokens, TokenSpan, TokenizedExample, TokenizedSegment};
use gradus_model::EncoderConfig;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{BenchError, SHORTEST_ROW};

/// Tokens per segment; the last segment of a row may have fewer.
const SEGMENT: usize = 20;
/// Target of every segment and aspect.
const TARGET: f32 = 0.5;

/// Generates `count` rows of exactly `length` random tokens: a quarter is the prompt, the rest are
/// segments of 20 tokens and a closing token. Each segment has a target for each of `num_aspects`.
///
/// # Errors
/// [`BenchError::ShortRow`] below [`SHORTEST_ROW`] tokens, [`BenchError::Model`] above the
/// encoder's maximum.
pub fn full_rows(
    encoder: &EncoderConfig,
    num_aspects: usize,
    count: usize,
    length: usize,
    seed: u64,
) -> Result<Vec<TokenizedExample>, BenchError> {
    if length < SHORTEST_ROW {
        return Err(BenchError::ShortRow { length });
    }
    let sizes = encoder.sizes();
    let type_of_response = u32::from(sizes.num_token_types.is_some_and(|types| types > 1));
    encoder.check_sequence(length, 0, type_of_response)?;
    let vocabulary = u32::try_from(sizes.vocab_size).unwrap_or(u32::MAX);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let prompt = length / 4;
    let rows = (0..count).map(|row| TokenizedExample {
        id: format!("row {row}"),
        token_ids: (0..length)
            .map(|_| random.random_range(0..vocabulary))
            .collect(),
        type_ids: (0..length)
            .map(|token| if token < prompt { 0 } else { type_of_response })
            .collect(),
        response: TokenSpan::new(prompt, length - 1),
        segments: segments(prompt, length - 1, num_aspects),
        response_targets: Vec::new(),
        dropped: Vec::new(),
        dropped_tokens: DroppedTokens::default(),
        is_window: false,
        without_tokens: Vec::new(),
    });
    Ok(rows.collect())
}

/// Segments from token `start` to `end`.
fn segments(start: usize, end: usize, num_aspects: usize) -> Vec<TokenizedSegment> {
    let starts = (start..end).step_by(SEGMENT).enumerate();
    let segment = |(index, from): (usize, usize)| TokenizedSegment {
        index,
        tokens: TokenSpan::new(from, (from + SEGMENT).min(end)),
        cut: false,
        targets: vec![Some(TARGET); num_aspects],
        weight: 1.0,
        offsets: Vec::new(),
    };
    starts.map(segment).collect()
}

#[cfg(test)]
mod tests {
    use gradus_model::encoder::BertConfig;

    use super::*;

    fn encoder() -> EncoderConfig {
        EncoderConfig::Bert(BertConfig::small(100))
    }

    #[test]
    fn a_row_is_full_and_its_segments_cover_all_behind_the_prompt() {
        let rows = full_rows(&encoder(), 2, 3, 128, 0).unwrap();
        assert_eq!(rows.len(), 3);
        for row in &rows {
            assert_eq!(row.num_tokens(), 128);
            assert_eq!(row.type_ids.iter().sum::<u32>(), 96);
            assert!(row.token_ids.iter().all(|&id| id < 100));
            // 95 tokens: four segments of 20 and one of 15.
            let spans: Vec<_> = row.segments.iter().map(|segment| segment.tokens).collect();
            assert_eq!(spans.len(), 5);
            assert_eq!(spans[0].start, 32);
            assert_eq!(spans[4], TokenSpan::new(112, 127));
            assert!(spans.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert!(
                row.segments
                    .iter()
                    .all(|segment| segment.targets.len() == 2)
            );
        }
        assert_ne!(rows[0].token_ids, rows[1].token_ids);
        assert_eq!(rows, full_rows(&encoder(), 2, 3, 128, 0).unwrap());
    }

    #[test]
    fn the_shortest_row_has_a_segment_and_a_shorter_one_is_refused() {
        let rows = full_rows(&encoder(), 1, 1, SHORTEST_ROW, 0).unwrap();
        assert_eq!(rows[0].segments.len(), 1);
        let error = full_rows(&encoder(), 1, 1, SHORTEST_ROW - 1, 0).unwrap_err();
        assert_eq!(error.to_string(), "rows of 7 tokens, expected at least 8");
    }

    #[test]
    fn rows_longer_than_the_encoder_reads_are_refused() {
        let error = full_rows(&encoder(), 1, 1, 513, 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sequence of 513 tokens, the encoder has 512 positions"
        );
    }
}
