use std::collections::BTreeMap;
use std::path::Path;

use super::input_sequence::{InputSequence, SegmentOutcome, truncate};
use super::pair_tokenizer::PairTokenizer;
use super::tokens::token_starts;
use super::windows::{WindowUse, input_windows};
use crate::segments::segment_by_tokens;
use crate::{
    AspectSpec, CharSpan, CutSegments, DataError, Example, RatingUse, Result, Segment, Segmenter,
    TextConfig, TokenSource, TokenView, TokenizedExample, TokenizedSegment, TruncationCounts,
};

/// Minimum number of text tokens of a sequence, so that the prompt's quarter has at least one.
const MIN_ROOM: usize = 4;

/// Converts examples to tokens with segment spans and targets.
///
/// The response is tokenized in one piece, without special tokens. A token belongs to the segment of its first
/// character that is not white space (of its first character, if all are white space). Prompt and context, joined by
/// a line break, are the first text of a pair, and the response is the second; the tokenizer's post-processor adds
/// the special tokens. Special tokens that are written out in a text (`[SEP]`) become special tokens, as in Hugging
/// Face's libraries.
///
/// With a chat template, prompt and context are the message of the user, and the response is the turn of the
/// assistant. The template writes all special tokens. Those written out in a text stay text, so that no text can end
/// its turn.
///
/// With a [`Separator`](crate::Separator), the prompt and the segments with their separators are one text, and the
/// last token of a segment is that of its separator. Special tokens written out in a text are refused.
///
/// Truncation and padding settings of a `tokenizer.json` are ignored.
#[derive(Clone)]
pub struct SegmentTokenizer {
    tokenizer: PairTokenizer,
    tokenizer_json: Vec<u8>,
    config: TextConfig,
}

impl SegmentTokenizer {
    /// A segment tokenizer from the bytes of a Hugging Face `tokenizer.json`.
    ///
    /// The padding token is the one that the file names, or the first in its vocabulary of `[PAD]`, `<pad>`,
    /// `<|pad|>`, `<|endoftext|>`, `<|end_of_text|>`, `<eos>`, `</s>`. Scores do not depend on it, because padding is
    /// masked by position.
    ///
    /// # Errors
    /// - [`DataError::Tokenizer`], [`DataError::TokenizerPair`]: the tokenizer cannot be read or does not join pairs
    /// - [`DataError::ChatTemplate`]: the chat template cannot be used with the tokenizer
    /// - [`DataError::NoPadToken`]: the tokenizer has none of these tokens
    /// - [`DataError::MaxLength`]: `max_length` leaves fewer than 4 tokens for text
    /// - all of [`TextConfig::check`]
    pub fn new(tokenizer_json: &[u8], config: TextConfig) -> Result<Self> {
        Self::build(tokenizer_json.to_vec(), config)
    }

    /// A segment tokenizer from a `tokenizer.json`.
    ///
    /// # Errors
    /// [`DataError::Io`] and those of [`SegmentTokenizer::new`]; errors in the file name its path.
    pub fn from_file(path: &Path, config: TextConfig) -> Result<Self> {
        let bytes = gradus_files::read_bounded(path, gradus_files::MOST_BYTES)?;
        Self::build(bytes, config).map_err(|error| match error {
            DataError::Tokenizer { path: None, cause } => DataError::Tokenizer {
                path: Some(path.to_owned()),
                cause,
            },
            other => other,
        })
    }

    fn build(tokenizer_json: Vec<u8>, config: TextConfig) -> Result<Self> {
        config.check()?;
        let tokenizer = PairTokenizer::new(&tokenizer_json, &config)?;
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

    /// Tokenizes an example, truncates it, and finds the tokens and targets of its segments.
    ///
    /// Adds truncations to `counts`; on an error `counts` stays unchanged. An example without segments is tokenized
    /// without segments: segment it first with [`SegmentTokenizer::segment_response`].
    ///
    /// # Errors
    /// - [`DataError::Example`]: the example does not pass [`Example::check`]
    /// - [`DataError::Tokenize`], [`DataError::ChatTemplate`]: the tokenizer or the chat template refuses the text
    /// - [`DataError::UnlistedText`], [`DataError::SpecialTokenInText`], [`DataError::SeparatorWithoutToken`]: the example
    ///   cannot be laid out with separators
    /// - [`DataError::SegmentWithoutToken`]: no token starts inside a segment with a rating of a configured aspect
    /// - [`DataError::TargetNotFinite`]: a target too large for `f32`
    /// - [`DataError::TooLong`]: under [`TruncationPolicy::Error`](crate::TruncationPolicy::Error)
    pub fn tokenize(
        &self,
        example: &Example,
        counts: &mut TruncationCounts,
    ) -> Result<TokenizedExample> {
        let ratings = RatingUse::Require;
        let sequence = truncate(&self.tokenizer, &self.config, example, ratings)?;
        let tokenized = self.tokenized(example, &sequence, ratings)?;
        *counts += self.truncation(example, std::slice::from_ref(&tokenized));
        Ok(tokenized)
    }

    /// What the model reads of an example, and the truncations: one sequence or, with a `stride`, the windows of
    /// [`SegmentTokenizer::tokenize_windows`]. `ratings` says whether the segments have targets.
    ///
    /// # Errors
    /// Those of [`SegmentTokenizer::tokenize`]; only [`RatingUse::Require`] refuses a rated segment
    /// without a token, and [`RatingUse::Ignore`] refuses no rating.
    ///
    /// # Panics
    /// If `stride` is 0.
    pub fn sequences(
        &self,
        example: &Example,
        ratings: RatingUse,
        stride: Option<usize>,
    ) -> Result<(Vec<TokenizedExample>, TruncationCounts)> {
        self.sequences_in(example, ratings, stride, WindowUse::MostContext)
    }

    /// The same for training: segments are in as few windows as can be, so that many of them have none that is rated.
    ///
    /// # Errors
    /// Those of [`sequences`](Self::sequences) with [`RatingUse::Require`].
    ///
    /// # Panics
    /// If `stride` is 0.
    pub fn sequences_to_learn(
        &self,
        example: &Example,
        stride: Option<usize>,
    ) -> Result<(Vec<TokenizedExample>, TruncationCounts)> {
        self.sequences_in(example, RatingUse::Require, stride, WindowUse::Fewest)
    }

    fn sequences_in(
        &self,
        example: &Example,
        ratings: RatingUse,
        stride: Option<usize>,
        window_use: WindowUse,
    ) -> Result<(Vec<TokenizedExample>, TruncationCounts)> {
        let (tokenizer, config) = (&self.tokenizer, &self.config);
        let sequences = match stride {
            Some(0) => panic!("a stride of 0"),
            Some(stride) => {
                input_windows(tokenizer, config, example, ratings, (stride, window_use))?
            }
            None => vec![truncate(tokenizer, config, example, ratings)?],
        };
        let tokenized = sequences.iter().enumerate().map(|(number, sequence)| {
            let mut tokenized = self.tokenized(example, sequence, ratings)?;
            if number > 0 {
                // Reported once per example.
                tokenized.dropped.clear();
                tokenized.without_tokens.clear();
            }
            Ok(tokenized)
        });
        let tokenized: Vec<TokenizedExample> = tokenized.collect::<Result<_>>()?;
        let counts = self.truncation(example, &tokenized);
        Ok((tokenized, counts))
    }

    /// Like [`tokenize`](Self::tokenize), but reads a response that is too long in overlapping windows instead of
    /// truncating it. Windows start at multiples of `stride` tokens of the response (or of the width of a window, if
    /// that is less). Each window has the prompt in front, truncated to a quarter of the available length; the
    /// context is dropped. The positions of windows depend only on the tokens.
    ///
    /// Every segment is scored in one window, independently of other segments: the first that contains all of it,
    /// which has the most text before it. A segment that no window contains completely is dropped or, under
    /// [`CutSegments::Score`](crate::CutSegments::Score), scored in the first of the windows that contain most of
    /// it. This concerns every segment longer than a window, and some that are longer than a window minus
    /// `stride`. Windows without a segment are included, so that the computation depends only on the tokens.
    ///
    /// # Errors
    /// Those of [`SegmentTokenizer::tokenize`]; [`DataError::TooLong`] only if one window is enough.
    ///
    /// # Panics
    /// If `stride` is 0.
    pub fn tokenize_windows(
        &self,
        example: &Example,
        stride: usize,
        counts: &mut TruncationCounts,
    ) -> Result<Vec<TokenizedExample>> {
        let (windows, found) = self.sequences(example, RatingUse::Require, Some(stride))?;
        *counts += found;
        Ok(windows)
    }

    /// The tokens, segments and targets of a sequence.
    fn tokenized(
        &self,
        example: &Example,
        sequence: &InputSequence,
        ratings: RatingUse,
    ) -> Result<TokenizedExample> {
        let mut tokenized = TokenizedExample {
            id: example.id.clone(),
            token_ids: sequence.pair.encoding.get_ids().to_vec(),
            type_ids: sequence.pair.encoding.get_type_ids().to_vec(),
            response: sequence.pair.response(),
            segments: Vec::new(),
            response_targets: self.targets(&example.ratings, ratings, |aspect, rating| {
                DataError::ResponseTargetNotFinite {
                    id: example.id.clone(),
                    aspect,
                    rating,
                }
            })?,
            dropped: Vec::new(),
            dropped_tokens: sequence.full.lost(sequence.kept),
            is_window: sequence.is_window,
            without_tokens: Vec::new(),
        };
        for (index, &outcome) in sequence.segments.iter().enumerate() {
            match outcome {
                SegmentOutcome::Kept(tokens) | SegmentOutcome::Cut(tokens) => {
                    let cut = outcome == SegmentOutcome::Cut(tokens);
                    let targets = self.segment_targets(example, index, ratings)?;
                    tokenized.segments.push(TokenizedSegment {
                        index,
                        tokens,
                        cut,
                        weight: weight(&example.segments[index], &targets),
                        targets,
                        offsets: Vec::new(),
                    });
                }
                SegmentOutcome::Dropped => tokenized.dropped.push(index),
                SegmentOutcome::WithoutToken => tokenized.without_tokens.push(index),
                SegmentOutcome::Elsewhere => {}
            }
        }
        Ok(tokenized)
    }

    fn segment_targets(
        &self,
        example: &Example,
        index: usize,
        ratings: RatingUse,
    ) -> Result<Vec<Option<f32>>> {
        let not_finite = |aspect, rating| DataError::TargetNotFinite {
            id: example.id.clone(),
            segment: index,
            aspect,
            rating,
        };
        self.targets(&example.segments[index].ratings, ratings, not_finite)
    }

    /// Tokenizes all of `examples`, in order.
    ///
    /// # Errors
    /// The first error of [`SegmentTokenizer::tokenize`].
    pub fn tokenize_all(
        &self,
        examples: &[Example],
        counts: &mut TruncationCounts,
    ) -> Result<Vec<TokenizedExample>> {
        examples
            .iter()
            .map(|example| self.tokenize(example, counts))
            .collect()
    }

    /// Every token of the tokenized example with its text, origin, characters and segment.
    ///
    /// # Errors
    /// Those of [`SegmentTokenizer::tokenize`].
    pub fn inspect(&self, example: &Example) -> Result<Vec<TokenView>> {
        let InputSequence {
            pair,
            segments,
            kept,
            ..
        } = truncate(&self.tokenizer, &self.config, example, RatingUse::Require)?;
        let mut segment_of = vec![None; pair.encoding.len()];
        for (index, outcome) in segments.iter().enumerate() {
            if let SegmentOutcome::Kept(tokens) | SegmentOutcome::Cut(tokens) = outcome {
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

    /// Segments a text by the configured segmenter.
    ///
    /// # Errors
    /// [`DataError::Tokenize`]: the tokenizer refuses the text.
    pub fn segment(&self, text: &str) -> Result<Vec<CharSpan>> {
        self.segment_by(&self.config.segmenter, text)
    }

    /// Segments a text by any segmenter.
    ///
    /// # Errors
    /// [`DataError::Tokenize`]: the tokenizer refuses the text; [`DataError::InvalidSegmenter`]: the rule
    /// is invalid.
    pub fn segment_by(&self, segmenter: &Segmenter, text: &str) -> Result<Vec<CharSpan>> {
        segmenter.check()?;
        let Segmenter::Tokens(size) = *segmenter else {
            return segmenter.segment(text);
        };
        let encoding = self.tokenizer.tokenize(text, "")?;
        Ok(segment_by_tokens(
            text,
            &token_starts(text, encoding.get_offsets()),
            size,
        ))
    }

    /// Segments an example without segments by the configured segmenter. The segments are unrated.
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

    /// Sets the treatment of segments of which only a part fits.
    pub fn set_cut_segments(&mut self, policy: CutSegments) {
        self.config.cut_segments = policy;
    }

    /// Id of the padding token.
    pub fn pad_id(&self) -> u32 {
        self.tokenizer.pad_id()
    }

    /// The padding token, as the vocabulary spells it.
    pub fn pad_token(&self) -> String {
        self.tokenizer.pad_token()
    }

    /// The largest type id of a joined prompt and response.
    pub fn max_type_id(&self) -> u32 {
        self.tokenizer.max_type_id()
    }

    /// Number of rows that an embedding table needs: the largest token id plus 1.
    pub fn vocab_size(&self) -> usize {
        self.tokenizer.vocab_size()
    }

    /// Number of special tokens in every sequence, including all tokens of a chat template.
    pub fn special_tokens(&self) -> usize {
        self.tokenizer.special_tokens()
    }

    /// The bytes of the `tokenizer.json`, unchanged.
    pub fn tokenizer_json(&self) -> &[u8] {
        &self.tokenizer_json
    }

    /// The configuration.
    pub fn config(&self) -> &TextConfig {
        &self.config
    }

    fn targets(
        &self,
        ratings: &BTreeMap<String, f64>,
        rating_use: RatingUse,
        not_finite: impl Fn(String, f64) -> DataError,
    ) -> Result<Vec<Option<f32>>> {
        if rating_use == RatingUse::Ignore {
            return Ok(vec![None; self.config.aspects.len()]);
        }
        let target = |aspect: &AspectSpec| {
            let Some(&rating) = ratings.get(&aspect.name) else {
                return Ok(None);
            };
            // The loss is computed in f32: 0.7 becomes the nearest f32.
            #[expect(clippy::cast_possible_truncation)]
            let target = aspect.scale.to_target(rating) as f32;
            if target.is_finite() {
                return Ok(Some(target));
            }
            Err(not_finite(aspect.name.clone(), rating))
        };
        self.config.aspects.iter().map(target).collect()
    }

    /// The truncation of an example that is read in these sequences.
    fn truncation(&self, example: &Example, sequences: &[TokenizedExample]) -> TruncationCounts {
        // Also where ratings are not read: it is told how many of them count no more.
        let rated = |&&index: &&usize| self.config.rates(&example.segments[index]);
        let [dropped, without_tokens] = [
            |sequence: &TokenizedExample| sequence.dropped.clone(),
            |sequence: &TokenizedExample| sequence.without_tokens.clone(),
        ]
        .map(|list| sequences.iter().flat_map(list).collect::<Vec<usize>>());
        let kept = sequences.iter().flat_map(|sequence| &sequence.segments);
        let cut: Vec<&usize> = kept.filter(|s| s.cut).map(|s| &s.index).collect();
        let mut counts = TruncationCounts {
            segments: example.segments.len(),
            segments_dropped: dropped.len(),
            rated_segments_dropped: dropped.iter().filter(rated).count(),
            segments_without_tokens: without_tokens.len(),
            segments_cut: cut.len(),
            rated_segments_cut: cut.iter().copied().filter(rated).count(),
            ..TruncationCounts::default()
        };
        counts.count_tokens(sequences[0].dropped_tokens);
        if sequences.len() > 1 {
            counts.examples_in_windows = 1;
            counts.windows = sequences.len();
        }
        if !dropped.is_empty() {
            let none_left = sequences
                .iter()
                .all(|sequence| sequence.segments.is_empty());
            counts.examples_with_dropped_segments = 1;
            counts.examples_without_segments_left = usize::from(none_left);
        }
        counts
    }
}

/// The weight of a segment in the loss; 0 without a target.
fn weight(segment: &Segment, targets: &[Option<f32>]) -> f32 {
    if targets.iter().all(Option::is_none) {
        return 0.0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the loss is computed in f32"
    )]
    let weight = segment.weight.unwrap_or(1.0) as f32;
    // A value beyond the range of f32 would make the loss infinite.
    weight.min(f32::MAX)
}
