use std::path::Path;

use tokenizers::{Encoding, TruncationDirection};

use crate::pair_tokenizer::{JoinedPair, PairTokenizer};
use crate::segmenter::segment_by_tokens;
use crate::tokens::{token_starts, tokens_of_segments};
use crate::truncation::Parts;
use crate::{
    AspectSpec, CharSpan, DataError, EncodedExample, EncodedSegment, Example, Result, Segment,
    SegmentBatcher, Segmenter, TextConfig, TokenSource, TokenSpan, TokenView, TruncationCounts,
    TruncationPolicy,
};

/// Fewest tokens of text a sequence must have room for: the prompt's quarter is then at least one.
const MIN_ROOM: usize = 4;

/// Turns examples into tokens with segment spans and targets.
///
/// The response is tokenised once, in one piece and without special tokens. A token belongs to the
/// segment that holds the first character it covers that is not white space (the first it covers if all are). Prompt
/// and context, joined by a line break, are the first text of a pair and the response the second; the tokenizer's own
/// post-processor adds the special tokens. Special tokens written out in a text (`[SEP]`) become special
/// tokens, as in Hugging Face's own libraries.
///
/// Truncation and padding that a `tokenizer.json` ships with are switched off.
pub struct TextEncoder {
    tokenizer: PairTokenizer,
    tokenizer_json: Vec<u8>,
    config: TextConfig,
}

impl TextEncoder {
    /// An encoder from the bytes of a Hugging Face `tokenizer.json`.
    ///
    /// Short rows are filled with the padding token the file names, or else the first it has of `[PAD]`,
    /// `<pad>`, `<|pad|>`, `<|endoftext|>`, `<|end_of_text|>`, `<eos>`, `</s>`. Padding is always masked by position, so no
    /// score depends on which token it is.
    ///
    /// # Errors
    /// - [`DataError::Tokenizer`], [`DataError::TokenizerPair`]: the tokenizer cannot be read or does not join pairs
    /// - [`DataError::NoPadToken`]: see [`TextEncoder::with_pad_token`]
    /// - [`DataError::MaxLength`]: `max_length` leaves less room than 4 tokens
    /// - all of [`TextConfig::check`]
    pub fn new(tokenizer_json: &[u8], config: TextConfig) -> Result<Self> {
        Self::build(tokenizer_json.to_vec(), config, None)
    }

    /// The same, padding with the named token of the vocabulary.
    ///
    /// # Errors
    /// [`DataError::PadTokenUnknown`] and those of [`TextEncoder::new`].
    pub fn with_pad_token(
        tokenizer_json: &[u8],
        config: TextConfig,
        pad_token: &str,
    ) -> Result<Self> {
        Self::build(tokenizer_json.to_vec(), config, Some(pad_token))
    }

    /// An encoder from a `tokenizer.json`.
    ///
    /// # Errors
    /// [`DataError::Io`] and those of [`TextEncoder::new`]; what is wrong with the file names its path.
    pub fn from_file(path: &Path, config: TextConfig) -> Result<Self> {
        let bytes = fs_err::read(path)?;
        Self::build(bytes, config, None).map_err(|error| match error {
            DataError::Tokenizer { path: None, cause } => DataError::Tokenizer {
                path: Some(path.to_owned()),
                cause,
            },
            other => other,
        })
    }

    fn build(tokenizer_json: Vec<u8>, config: TextConfig, pad_token: Option<&str>) -> Result<Self> {
        config.check()?;
        let tokenizer = PairTokenizer::new(&tokenizer_json, pad_token)?;
        let special_tokens = tokenizer.special_tokens();
        let minimum = special_tokens + MIN_ROOM;
        if config.max_length < minimum {
            let max_length = config.max_length;
            return Err(DataError::MaxLength {
                max_length,
                minimum,
                special_tokens,
            });
        }
        Ok(Self {
            tokenizer,
            tokenizer_json,
            config,
        })
    }

    /// Tokenises an example, shortens it by the policy, and finds the tokens and targets of its segments.
    ///
    /// What truncation takes is added to `counts`; on an error `counts` stays as it was. An example
    /// without segments is encoded without any: cut it first with [`TextEncoder::segment_response`].
    ///
    /// # Errors
    /// - [`DataError::Example`]: the example breaks a promise of [`Example::check`]
    /// - [`DataError::Tokenize`]: the tokenizer refuses the text
    /// - [`DataError::SegmentWithoutToken`]: no token starts inside a segment with a rating of a configured aspect
    /// - [`DataError::TargetNotFinite`]: a target too large for `f32`
    /// - [`DataError::TooLong`]: under [`TruncationPolicy::Error`]
    pub fn encode(
        &self,
        example: &Example,
        counts: &mut TruncationCounts,
    ) -> Result<EncodedExample> {
        let fitted = self.fit(example)?;
        let mut encoded = EncodedExample {
            id: example.id.clone(),
            token_ids: fitted.pair.encoding.get_ids().to_vec(),
            type_ids: fitted.pair.encoding.get_type_ids().to_vec(),
            segments: Vec::new(),
            dropped: Vec::new(),
            without_tokens: Vec::new(),
        };
        for (index, segment) in example.segments.iter().enumerate() {
            match fitted.segments[index] {
                SegmentFit::Kept(tokens) => {
                    let targets = self.targets(example, index, segment)?;
                    let weight = if targets.iter().any(Option::is_some) {
                        1.0
                    } else {
                        0.0
                    };
                    encoded.segments.push(EncodedSegment {
                        index,
                        tokens,
                        targets,
                        weight,
                    });
                }
                SegmentFit::Dropped => encoded.dropped.push(index),
                SegmentFit::WithoutToken => encoded.without_tokens.push(index),
            }
        }
        counts.count_parts(fitted.full, fitted.kept);
        self.count_segments(example, &encoded, counts);
        Ok(encoded)
    }

    /// Encodes all of `examples`, in order.
    ///
    /// # Errors
    /// Those of [`TextEncoder::encode`], for the first example that has one.
    pub fn encode_all(
        &self,
        examples: &[Example],
        counts: &mut TruncationCounts,
    ) -> Result<Vec<EncodedExample>> {
        examples
            .iter()
            .map(|example| self.encode(example, counts))
            .collect()
    }

    /// Every token of the encoded example with its text, origin, characters and segment.
    ///
    /// # Errors
    /// Those of [`TextEncoder::encode`].
    pub fn inspect(&self, example: &Example) -> Result<Vec<TokenView>> {
        let Fitted {
            pair,
            segments,
            kept,
            ..
        } = self.fit(example)?;
        let mut segment_of = vec![None; pair.encoding.len()];
        for (index, fit) in segments.iter().enumerate() {
            if let SegmentFit::Kept(tokens) = fit {
                segment_of[tokens.start..tokens.end].fill(Some(index));
            }
        }
        let first_start = pair
            .sequence_ids
            .iter()
            .position(|&id| id == Some(0))
            .unwrap_or(0);
        let source = |token: usize| match pair.sequence_ids[token] {
            None => TokenSource::Special,
            Some(0) if token < first_start + kept.prompt => TokenSource::Prompt,
            Some(0) => TokenSource::Context,
            Some(_) => TokenSource::Response,
        };
        let encoding = &pair.encoding;
        let view = |token: usize| {
            let (start, end) = encoding.get_offsets()[token];
            TokenView {
                id: encoding.get_ids()[token],
                text: encoding.get_tokens()[token].clone(),
                type_id: encoding.get_type_ids()[token],
                source: source(token),
                chars: CharSpan { start, end },
                segment: segment_of[token],
            }
        };
        Ok((0..encoding.len()).map(view).collect())
    }

    /// Cuts a text by the configured segmenter, also by tokens.
    ///
    /// # Errors
    /// [`DataError::Tokenize`]: the tokenizer refuses the text.
    pub fn segment(&self, text: &str) -> Result<Vec<CharSpan>> {
        let Segmenter::Tokens(size) = self.config.segmenter else {
            return self.config.segmenter.segment(text);
        };
        let encoding = self.tokenize(text, "")?;
        Ok(segment_by_tokens(
            text,
            &token_starts(text, encoding.get_offsets()),
            size,
        ))
    }

    /// Gives an example that has no segments those of the configured segmenter, unrated.
    ///
    /// # Errors
    /// [`DataError::Tokenize`]: the tokenizer refuses the response.
    pub fn segment_response(&self, example: &mut Example) -> Result<()> {
        if example.segments.is_empty() {
            let spans = self.segment(&example.response)?;
            example.segments = spans.into_iter().map(Segment::unrated).collect();
        }
        Ok(())
    }

    /// A batcher for what this encoder makes.
    pub fn batcher(&self) -> SegmentBatcher {
        SegmentBatcher::new(self.pad_id(), self.config.aspects.len())
    }

    /// Id that fills short rows.
    pub fn pad_id(&self) -> u32 {
        self.tokenizer.pad_id()
    }

    /// Number of rows an embedding table needs: one more than the largest token id.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.vocab_size()
    }

    /// Number of special tokens in every sequence.
    pub fn special_tokens(&self) -> usize {
        self.tokenizer.special_tokens()
    }

    /// The `tokenizer.json` as it was given, byte by byte.
    pub fn tokenizer_json(&self) -> &[u8] {
        &self.tokenizer_json
    }

    /// The configuration.
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    fn tokenize(&self, text: &str, id: &str) -> Result<Encoding> {
        self.tokenizer
            .tokenize(text)
            .map_err(|cause| DataError::Tokenize {
                id: id.to_owned(),
                cause,
            })
    }

    /// Tokenises an example and makes it fit.
    fn fit(&self, example: &Example) -> Result<Fitted> {
        let invalid = |error| DataError::Example {
            id: example.id.clone(),
            error: Box::new(error),
        };
        example.check().map_err(invalid)?;

        let context = example
            .context
            .as_deref()
            .filter(|text| self.config.use_context && !text.is_empty());
        let (mut first, prompt) = match context {
            None => {
                let first = self.tokenize(&example.prompt, &example.id)?;
                let prompt = first.len();
                (first, prompt)
            }
            Some(context) => {
                let text = format!("{}\n{context}", example.prompt);
                let first = self.tokenize(&text, &example.id)?;
                let prompt_chars = example.prompt.chars().count();
                let starts = token_starts(&text, first.get_offsets());
                (first, starts.partition_point(|&start| start < prompt_chars))
            }
        };
        let mut response = self.tokenize(&example.response, &example.id)?;
        let starts = token_starts(&example.response, response.get_offsets());
        let spans =
            tokens_of_segments(&starts, example.segments.iter().map(|segment| segment.span));
        self.refuse_rated_without_token(example, &spans)?;

        let full = Parts {
            prompt,
            context: first.len() - prompt,
            response: response.len(),
        };
        let kept = self.kept(full, &spans, &example.id)?;
        keep(&mut first, kept.prompt + kept.context);
        keep(&mut response, kept.response);
        let pair = self.tokenizer.join(first, response)?;
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

    fn kept(&self, full: Parts, spans: &[Option<TokenSpan>], id: &str) -> Result<Parts> {
        let room = self.config.max_length - self.special_tokens();
        match self.config.truncation {
            TruncationPolicy::Error if full.total() > room => Err(DataError::TooLong {
                id: id.to_owned(),
                tokens: full.total() + self.special_tokens(),
                max_length: self.config.max_length,
            }),
            _ => Ok(full.shortened(room, spans.iter().copied().flatten())),
        }
    }

    fn refuse_rated_without_token(
        &self,
        example: &Example,
        spans: &[Option<TokenSpan>],
    ) -> Result<()> {
        let lost = example
            .segments
            .iter()
            .zip(spans)
            .position(|(segment, span)| span.is_none() && self.is_rated(segment));
        match lost {
            None => Ok(()),
            Some(segment) => Err(DataError::SegmentWithoutToken {
                id: example.id.clone(),
                segment,
                text: example.segment_text(segment).to_owned(),
            }),
        }
    }

    fn is_rated(&self, segment: &Segment) -> bool {
        self.config
            .aspects
            .iter()
            .any(|aspect| segment.ratings.contains_key(&aspect.name))
    }

    fn targets(
        &self,
        example: &Example,
        index: usize,
        segment: &Segment,
    ) -> Result<Vec<Option<f32>>> {
        let target = |aspect: &AspectSpec| {
            let Some(&rating) = segment.ratings.get(&aspect.name) else {
                return Ok(None);
            };
            // The loss is computed in f32: 0.7 becomes the f32 nearest to it and nothing else.
            #[expect(clippy::cast_possible_truncation)]
            let target = aspect.scale.to_target(rating) as f32;
            if target.is_finite() {
                return Ok(Some(target));
            }
            Err(DataError::TargetNotFinite {
                id: example.id.clone(),
                segment: index,
                aspect: aspect.name.clone(),
                rating,
            })
        };
        self.config.aspects.iter().map(target).collect()
    }

    fn count_segments(
        &self,
        example: &Example,
        encoded: &EncodedExample,
        counts: &mut TruncationCounts,
    ) {
        let rated = |&&index: &&usize| self.is_rated(&example.segments[index]);
        counts.segments += example.segments.len();
        counts.segments_dropped += encoded.dropped.len();
        counts.rated_segments_dropped += encoded.dropped.iter().filter(rated).count();
        counts.segments_without_tokens += encoded.without_tokens.len();
        if !encoded.dropped.is_empty() {
            counts.examples_with_dropped_segments += 1;
            counts.examples_without_segments_left += usize::from(encoded.segments.is_empty());
        }
    }
}

/// An example that fits.
struct Fitted {
    pair: JoinedPair,
    /// One per segment of the example.
    segments: Vec<SegmentFit>,
    full: Parts,
    kept: Parts,
}

#[derive(Debug, Clone, Copy)]
enum SegmentFit {
    /// Tokens of the whole sequence.
    Kept(TokenSpan),
    Dropped,
    WithoutToken,
}

impl SegmentFit {
    /// `span` counts tokens of the response, of which `kept` stay and start at `response_start`.
    fn new(span: Option<TokenSpan>, kept: usize, response_start: usize) -> Self {
        match span {
            None => Self::WithoutToken,
            Some(span) if span.end > kept => Self::Dropped,
            Some(span) => Self::Kept(TokenSpan {
                start: span.start + response_start,
                end: span.end + response_start,
            }),
        }
    }
}

fn keep(encoding: &mut Encoding, tokens: usize) {
    encoding.truncate(tokens, 0, TruncationDirection::Right);
    // What was cut off rides along and would be merged into the pair.
    encoding.take_overflowing();
}
