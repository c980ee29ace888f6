//! Making an example fit: tokenise, find the tokens of its segments, shorten, join.

use tokenizers::{Encoding, TruncationDirection};

use crate::chat::Question;
use crate::pair_tokenizer::{JoinedPair, PairTokenizer};
use crate::tokens::{token_starts, tokens_of_segments};
use crate::truncation::Parts;
use crate::{DataError, Example, Result, TextConfig, TokenSpan, TruncationPolicy};

/// An example that fits into `max_length`.
pub(crate) struct Fitted {
    pub(crate) pair: JoinedPair,
    /// One per segment of the example.
    pub(crate) segments: Vec<SegmentFit>,
    /// Tokens before shortening.
    pub(crate) full: Parts,
    /// Tokens after it.
    pub(crate) kept: Parts,
}

/// What became of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SegmentFit {
    /// It has these tokens of the whole sequence.
    Kept(TokenSpan),
    /// There was no room for it.
    Dropped,
    /// No token starts inside of it.
    WithoutToken,
    /// Another window of the same example has it.
    Elsewhere,
}

impl SegmentFit {
    /// `span` counts tokens of the response, of which `kept` stay and start at `response_start`.
    fn new(span: Option<TokenSpan>, kept: usize, response_start: usize) -> Self {
        match span {
            None => Self::WithoutToken,
            Some(span) if span.end > kept => Self::Dropped,
            Some(span) => Self::Kept(TokenSpan::new(
                span.start + response_start,
                span.end + response_start,
            )),
        }
    }
}

/// Checks and tokenises an example and makes it fit.
pub(crate) fn fit(
    tokenizer: &PairTokenizer,
    config: &TextConfig,
    example: &Example,
) -> Result<Fitted> {
    shorten(
        tokenizer,
        config,
        Tokenized::new(tokenizer, config, example)?,
    )
}

/// An example as tokens, whole.
pub(crate) struct Tokenized<'a> {
    pub(crate) example: &'a Example,
    /// Prompt and context.
    pub(crate) question: Question,
    pub(crate) response: Encoding,
    /// Tokens of the response for each segment.
    pub(crate) spans: Vec<Option<TokenSpan>>,
    pub(crate) full: Parts,
}

impl<'a> Tokenized<'a> {
    pub(crate) fn new(
        tokenizer: &PairTokenizer,
        config: &TextConfig,
        example: &'a Example,
    ) -> Result<Self> {
        let invalid = |error| DataError::Example {
            id: example.id.clone(),
            error: Box::new(error),
        };
        example.check().map_err(invalid)?;
        let context = example.context.as_deref();
        let context = context.filter(|text| config.use_context && !text.is_empty());
        let question = tokenizer.question(&example.prompt, context, &example.id)?;
        let response = tokenizer.tokenize(&example.response, &example.id)?;
        let starts = token_starts(&example.response, response.get_offsets());
        let segments = example.segments.iter().map(|segment| segment.span);
        let spans = tokens_of_segments(&starts, segments);
        refuse_rated_without_token(config, example, &spans)?;
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

/// Makes a tokenised example fit by the policy of `config`.
pub(crate) fn shorten(
    tokenizer: &PairTokenizer,
    config: &TextConfig,
    tokenized: Tokenized<'_>,
) -> Result<Fitted> {
    let Tokenized {
        example,
        mut question,
        mut response,
        spans,
        full,
    } = tokenized;
    let kept = kept_parts(
        full,
        &spans,
        tokenizer.tokens_around(&question),
        config,
        &example.id,
    )?;
    keep(&mut question.text, kept.prompt + kept.context);
    keep(&mut response, kept.response);
    let pair = tokenizer.join(question, response)?;
    let segments = spans
        .iter()
        .map(|span| SegmentFit::new(*span, kept.response, pair.second_start))
        .collect();
    Ok(Fitted {
        pair,
        segments,
        full,
        kept,
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

fn kept_parts(
    full: Parts,
    spans: &[Option<TokenSpan>],
    special_tokens: usize,
    config: &TextConfig,
    id: &str,
) -> Result<Parts> {
    let room = config.max_length - special_tokens;
    match config.truncation {
        TruncationPolicy::Error if full.total() > room => Err(DataError::TooLong {
            id: id.to_owned(),
            tokens: full.total() + special_tokens,
            max_length: config.max_length,
        }),
        _ => Ok(full.shortened(room, spans.iter().copied().flatten())),
    }
}

/// Cuts off what is behind the first `tokens`.
pub(crate) fn keep(encoding: &mut Encoding, tokens: usize) {
    encoding.truncate(tokens, 0, TruncationDirection::Right);
    // What was cut off rides along and would be merged into the pair.
    encoding.take_overflowing();
}
