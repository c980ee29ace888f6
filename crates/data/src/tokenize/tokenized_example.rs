use serde::{Deserialize, Serialize};

use crate::{CharSpan, DroppedTokens, TokenSpan};

/// The treatment of ratings in tokenization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatingUse {
    /// Ratings become targets, and a rated segment without a token is an error. For training.
    Require,
    /// Ratings become targets, except those of segments without a token.
    Keep,
    /// Ratings are ignored, and no segment has a target. For scoring.
    Ignore,
}

/// A segment of a tokenized example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenizedSegment {
    /// Index in [`Example::segments`](crate::Example::segments).
    pub index: usize,
    /// Its tokens, counted from the start of the sequence. Never empty.
    pub tokens: TokenSpan,
    /// Whether these are only some of its tokens: its beginning or, with windows, the largest part in a window.
    pub cut: bool,
    /// Target per aspect of [`TextConfig::aspects`](crate::TextConfig::aspects), on the training scale; `None` where unrated.
    pub targets: Vec<Option<f32>>,
    /// Weight in the loss: the weight of the record (default 1); 0 without targets.
    pub weight: f32,
    /// What is added to the scores of the model in training, one number per aspect, on the training scale; empty for
    /// nothing.
    pub offsets: Vec<f32>,
}

/// A tokenized example: prompt, context and response in one sequence of tokens.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TokenizedExample {
    /// The example's id.
    pub id: String,
    /// Token ids, including special tokens, without padding; at most [`TextConfig::max_length`](crate::TextConfig::max_length).
    pub token_ids: Vec<u32>,
    /// Type ids: the text that each token comes from, as the tokenizer marks it. Same length as `token_ids`.
    pub type_ids: Vec<u32>,
    /// The tokens of the response. All segments lie inside.
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

/// The source of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSource {
    /// Added by the tokenizer or written by the chat template.
    Special,
    /// The prompt.
    Prompt,
    /// The context, including the line break in front of it.
    Context,
    /// The response.
    Response,
}

/// One token of a tokenized example, for display and tests.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenView {
    /// Token id.
    pub id: u32,
    /// The token, as the vocabulary spells it.
    pub text: String,
    /// Type id.
    pub type_id: u32,
    /// Its source.
    pub source: TokenSource,
    /// The characters that it covers: of the response, or of prompt, line break and context together. 0..0 for special
    /// tokens.
    pub chars: CharSpan,
    /// Index of its segment in [`Example::segments`](crate::Example::segments); `None` outside of segments, and for dropped
    /// segments.
    pub segment: Option<usize>,
}
