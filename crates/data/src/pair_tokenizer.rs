//! A `tokenizer.json` that tokenises two texts apart and joins what is left of them.

use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{Encoding, PostProcessor, Token, Tokenizer};

use crate::{DataError, Result};

/// Names under which tokenizers keep the token they pad with, most telling first.
///
/// Decoders without one of their own pad with the token that ends a text.
const PAD_TOKENS: [&str; 7] = [
    "[PAD]",
    "<pad>",
    "<|pad|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<eos>",
    "</s>",
];

/// A Hugging Face tokenizer without its truncation and padding, and with its post-processor taken out.
///
/// The post-processor runs once, on the joined pair. Some trim offsets whenever they run, so that
/// running them on each text first would trim twice.
pub(crate) struct PairTokenizer {
    tokenizer: Tokenizer,
    post_processor: Option<PostProcessorWrapper>,
    pad_id: u32,
    vocab_size: usize,
    special_tokens: usize,
}

impl PairTokenizer {
    /// Reads the bytes of a `tokenizer.json`; pads with `pad_token`, or what the file says, or the first of
    /// [`PAD_TOKENS`] it has.
    pub(crate) fn new(tokenizer_json: &[u8], pad_token: Option<&str>) -> Result<Self> {
        let unreadable = |cause| DataError::Tokenizer { path: None, cause };
        let mut tokenizer = Tokenizer::from_bytes(tokenizer_json).map_err(unreadable)?;
        let pad_id = find_pad_id(&tokenizer, pad_token)?;
        tokenizer.with_truncation(None).map_err(unreadable)?;
        tokenizer.with_padding(None);
        let post_processor = tokenizer.get_post_processor().cloned();
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);

        let largest_id = tokenizer.get_vocab(true).into_values().max();
        let mut pair_tokenizer = Self {
            vocab_size: largest_id.map_or(0, |id| id as usize + 1),
            tokenizer,
            post_processor,
            pad_id,
            special_tokens: 0,
        };
        // Not empty texts: a post-processor that loses a text shows itself here.
        let one_token =
            || Encoding::from_tokens(vec![Token::new(pad_id, String::new(), (0, 1))], 0);
        let pair = pair_tokenizer.join(one_token(), one_token())?;
        pair_tokenizer.special_tokens = pair.encoding.len() - 2;
        Ok(pair_tokenizer)
    }

    /// Tokenises one text whole, without special tokens; offsets count characters.
    pub(crate) fn tokenize(&self, text: &str) -> tokenizers::Result<Encoding> {
        self.tokenizer.encode_char_offsets(text, false)
    }

    /// Puts two texts and the special tokens together, the way the tokenizer was made to.
    pub(crate) fn join(&self, first: Encoding, second: Encoding) -> Result<JoinedPair> {
        let lengths = [first.len(), second.len()];
        let cannot_join = |cause| DataError::Tokenizer { path: None, cause };
        let encoding = match &self.post_processor {
            Some(processor) => processor
                .process(first, Some(second), true)
                .map_err(cannot_join)?,
            None => concatenate(first, second),
        };
        let sequence_ids = encoding.get_sequence_ids();
        let starts = [0, 1].map(|text| {
            sequence_ids
                .iter()
                .position(|&id| id == Some(text))
                .unwrap_or(0)
        });
        for (text, (start, expected)) in starts.into_iter().zip(lengths).enumerate() {
            let behind = sequence_ids.iter().skip(start);
            let found = behind.take_while(|&&id| id == Some(text)).count();
            if found != expected {
                return Err(DataError::TokenizerPair {
                    text,
                    found,
                    expected,
                });
            }
        }
        let [_, second_start] = starts;
        Ok(JoinedPair {
            encoding,
            sequence_ids,
            second_start,
        })
    }

    /// Id that fills short rows.
    pub(crate) fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// The token of that id.
    pub(crate) fn pad_token(&self) -> String {
        self.tokenizer.id_to_token(self.pad_id).unwrap_or_default()
    }

    /// One more than the largest token id.
    pub(crate) fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Number of special tokens around a pair.
    pub(crate) fn special_tokens(&self) -> usize {
        self.special_tokens
    }
}

/// A pair of texts with its special tokens.
pub(crate) struct JoinedPair {
    pub(crate) encoding: Encoding,
    /// Per token: 0 first text, 1 second text, `None` special token.
    pub(crate) sequence_ids: Vec<Option<usize>>,
    /// Position of the second text's first token; 0 if it has none.
    pub(crate) second_start: usize,
}

/// What `tokenizers` does with a pair where no post-processor is set.
fn concatenate(mut first: Encoding, mut second: Encoding) -> Encoding {
    second.set_type_ids(vec![1; second.len()]);
    first.set_sequence_id(0);
    second.set_sequence_id(1);
    first.merge_with(second, false);
    first
}

fn find_pad_id(tokenizer: &Tokenizer, pad_token: Option<&str>) -> Result<u32> {
    if let Some(token) = pad_token {
        return tokenizer
            .token_to_id(token)
            .ok_or_else(|| DataError::PadTokenUnknown {
                token: token.to_owned(),
            });
    }
    let configured = tokenizer
        .get_padding()
        .and_then(|padding| tokenizer.token_to_id(&padding.pad_token));
    configured
        .or_else(|| {
            PAD_TOKENS
                .iter()
                .find_map(|token| tokenizer.token_to_id(token))
        })
        .ok_or(DataError::NoPadToken { tried: &PAD_TOKENS })
}
