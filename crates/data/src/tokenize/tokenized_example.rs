use crate::{CharSpan, DroppedTokens, TokenSpan};

/// What tokenizing an example makes of its ratings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatingUse {
    /// Each becomes a target, and a rated segment without a token is an error: for training.
    Require,
    /// Each becomes a target, except that of a segment without a token.
    Keep,
    /// None is read, whatever it is, and no segment has a target: for scoring.
    Ignore,
}

/// A segment of a tokenized example.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenizedSegment {
    /// Position in [`Example::segments`](crate::Example::segments).
    pub index: usize,
    /// Its tokens, counted from the start of the sequence; never empty.
    pub tokens: TokenSpan,
    /// Whether these are only some of its tokens: its beginning, or of windows the largest part that one holds.
    pub cut: bool,
    /// Target per aspect of [`TextConfig::aspects`](crate::TextConfig::aspects), on the training scale; `None` where unrated.
    pub targets: Vec<Option<f32>>,
    /// Weight in the loss: that of the record, 1 by default, with at least one target; 0 without any.
    pub weight: f32,
}

/// An example as the model reads it: prompt, context and response in one sequence of tokens.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TokenizedExample {
    /// The example's id.
    pub id: String,
    /// Token ids, special tokens included, no padding; at most [`TextConfig::max_length`](crate::TextConfig::max_length).
    pub token_ids: Vec<u32>,
    /// Which text each token comes from, as the tokenizer marks it; as long as `token_ids`.
    pub type_ids: Vec<u32>,
    /// The tokens of the response: those whose states a segment can ask for.
    pub response: TokenSpan,
    /// The segments to score, in order.
    pub segments: Vec<TokenizedSegment>,
    /// Target of the response as a whole per aspect of [`TextConfig::aspects`](crate::TextConfig::aspects), on the
    /// training scale; `None` if unrated. Empty if unrated on all aspects.
    pub response_targets: Vec<Option<f32>>,
    /// Indices of the dropped segments.
    pub dropped: Vec<usize>,
    /// Tokens of the example that the model does not read.
    pub dropped_tokens: DroppedTokens,
    /// Whether this is one of several windows over the response.
    pub is_window: bool,
    /// Indices of the unrated segments in which no token starts.
    pub without_tokens: Vec<usize>,
}

impl TokenizedExample {
    /// Whether the example was truncated or is read in windows.
    pub fn is_shortened(&self) -> bool {
        self.is_window || self.dropped_tokens.any()
    }

    /// Length of the sequence in tokens.
    pub fn num_tokens(&self) -> usize {
        self.token_ids.len()
    }
}

/// Where a token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSource {
    /// Added by the tokenizer or written by the chat template.
    Special,
    /// The prompt.
    Prompt,
    /// The context, the line break in front of it included.
    Context,
    /// The response.
    Response,
}

/// One token of a tokenized example, for people and tests to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// Token id.
    pub id: u32,
    /// The token as the vocabulary writes it.
    pub text: String,
    /// Type id.
    pub type_id: u32,
    /// Where it comes from.
    pub source: TokenSource,
    /// Characters it covers: of the response, or of prompt, line break and context taken together; 0..0 for
    /// special tokens.
    pub chars: CharSpan,
    /// Position of its segment in [`Example::segments`](crate::Example::segments); `None` outside of segments, also where the segment
    /// was dropped.
    pub segment: Option<usize>,
}
