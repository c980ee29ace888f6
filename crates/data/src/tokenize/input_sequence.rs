//! The input sequence of an example: tokenize, find the tokens of its segments, truncate, join.

use tokenizers::{Encoding, TruncationDirection};

use super::chat::Question;
use super::pair_tokenizer::{JoinedPair, PairTokenizer};
use super::tokens::{token_starts, tokens_of_segments};
use super::truncation::Parts;
use crate::{
    CutSegments, DataError, Example, RatingUse, Result, TextConfig, TokenSpan, TruncationPolicy,
};

/// An example that fits into `max_length`.
pub(crate) struct InputSequence {
    pub(crate) pair: JoinedPair,
    /// One per segment of the example.
    pub(crate) segments: Vec<SegmentOutcome>,
    /// Tokens before truncation.
    pub(crate) full: Parts,
    /// Tokens after truncation. For a window: those in any window of the example.
    pub(crate) kept: Parts,
    /// Whether it is one of several windows.
    pub(crate) is_window: bool,
}

/// The state of a segment in an input sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentOutcome {
    /// All its tokens are kept; their positions in the sequence.
    Kept(TokenSpan),
    /// Some of its tokens are kept; their positions in the sequence.
    Cut(TokenSpan),
    /// It was truncated.
    Dropped,
    /// No token starts inside it.
    WithoutToken,
    /// Another window of the same example has it.
    Elsewhere,
}

impl SegmentOutcome {
    /// The state of a segment with the tokens `span` of the response, if the tokens `part` are kept and start at
    /// `part_start` in the sequence.
    pub(crate) fn new(
        span: Option<TokenSpan>,
        part: TokenSpan,
        part_start: usize,
        policy: CutSegments,
    ) -> Self {
        let Some(span) = span else {
            return Self::WithoutToken;
        };
        let (start, end) = (span.start.max(part.start), span.end.min(part.end));
        let in_sequence = |token| token - part.start + part_start;
        if start >= end {
            return Self::Dropped;
        }
        let tokens = TokenSpan::new(in_sequence(start), in_sequence(end));
        match policy {
            _ if (start, end) == (span.start, span.end) => Self::Kept(tokens),
            CutSegments::Score => Self::Cut(tokens),
            CutSegments::Drop => Self::Dropped,
        }
    }
}

/// Checks, tokenizes and truncates an example.
pub(crate) fn truncate(
    tokenizer: &PairTokenizer,
    config: &TextConfig,
    example: &Example,
    ratings: RatingUse,
) -> Result<InputSequence> {
    truncate_tokens(
        tokenizer,
        config,
        UncutExample::new(tokenizer, config, example, ratings)?,
    )
}

/// The tokens of an example before truncation.
pub(crate) struct UncutExample<'a> {
    pub(crate) example: &'a Example,
    /// Prompt and context.
    pub(crate) question: Question,
    pub(crate) response: Encoding,
    /// Tokens of the response for each segment.
    pub(crate) spans: Vec<Option<TokenSpan>>,
    pub(crate) full: Parts,
}

impl<'a> UncutExample<'a> {
    pub(crate) fn new(
        tokenizer: &PairTokenizer,
        config: &TextConfig,
        example: &'a Example,
        ratings: RatingUse,
    ) -> Result<Self> {
        let invalid = |error| DataError::Example {
            id: example.id.clone(),
            error: Box::new(error),
        };
        match ratings {
            RatingUse::Ignore => example.check_unrated().map_err(invalid)?,
            RatingUse::Require | RatingUse::Keep => example.check().map_err(invalid)?,
        }
        let context = example.context.as_deref();
        let context = context.filter(|text| config.use_context && !text.trim().is_empty());
        let (question, response, spans) = if let Some(separated) = tokenizer.separated() {
            let laid_out = separated.lay_out(example, context)?;
            let spans = laid_out.segments.into_iter().map(Some).collect();
            (laid_out.question, laid_out.response, spans)
        } else {
            let question = tokenizer.question(&example.prompt, context, &example.id)?;
            let response = tokenizer.tokenize(&example.response, &example.id)?;
            let starts = token_starts(&example.response, response.get_offsets());
            let segments = example.segments.iter().map(|segment| segment.span);
            let spans = tokens_of_segments(&starts, segments);
            if ratings == RatingUse::Require {
                refuse_rated_without_token(config, example, &spans)?;
            }
            (question, response, spans)
        };
        let full = Parts {
            prompt: question.prompt,
            context: question.text.len() - question.prompt,
            response: response.len(),
        };
        Ok(Self {
            example,
            question,
            response,
            spans,
            full,
        })
    }
}

/// Truncates a tokenized example by the policy of `config`.
pub(crate) fn truncate_tokens(
    tokenizer: &PairTokenizer,
    config: &TextConfig,
    tokenized: UncutExample<'_>,
) -> Result<InputSequence> {
    let UncutExample {
        example,
        mut question,
        mut response,
        spans,
        full,
    } = tokenized;
    let around = tokenizer.tokens_around(&question);
    let kept = kept_parts(full, around, config, &example.id)?;
    keep(&mut question.text, kept.prompt + kept.context);
    keep(&mut response, kept.response);
    let pair = tokenizer.join(question, response)?;
    let left = TokenSpan::new(0, kept.response);
    let outcome = |span| SegmentOutcome::new(span, left, pair.second_start, config.cut_policy());
    let segments = spans.into_iter().map(outcome).collect();
    Ok(InputSequence {
        pair,
        segments,
        full,
        kept,
        is_window: false,
    })
}

fn refuse_rated_without_token(
    config: &TextConfig,
    example: &Example,
    spans: &[Option<TokenSpan>],
) -> Result<()> {
    let mut segments = example.segments.iter().zip(spans);
    match segments.position(|(segment, span)| span.is_none() && config.rates(segment)) {
        None => Ok(()),
        Some(segment) => Err(DataError::SegmentWithoutToken {
            id: example.id.clone(),
            segment,
            text: example.segment_text(segment).to_owned(),
        }),
    }
}

fn kept_parts(full: Parts, special_tokens: usize, config: &TextConfig, id: &str) -> Result<Parts> {
    let room = config.max_length - special_tokens;
    match config.truncation {
        TruncationPolicy::Error if full.total() > room => Err(DataError::TooLong {
            id: id.to_owned(),
            tokens: full.total() + special_tokens,
            max_length: config.max_length,
        }),
        _ => Ok(full.truncated(room)),
    }
}

/// Drops all but the first `tokens`.
pub(crate) fn keep(encoding: &mut Encoding, tokens: usize) {
    encoding.truncate(tokens, 0, TruncationDirection::Right);
    // The dropped tokens are kept as overflow and would be merged into the pair.
    encoding.take_overflowing();
}
