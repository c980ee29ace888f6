//! A tokenizer that tokenizes two texts separately and joins them after truncation.

use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{Encoding, PostProcessor, Token, Tokenizer};

use super::chat::{Chat, Question};
use super::separated::SeparatedTokenizer;
use super::tokenizer_file::{guarded, read_tokenizer};
use super::tokens::token_starts;
use crate::{DataError, Result, TextConfig, TokenSpan};

/// Names of padding tokens, most specific first.
///
/// Decoders without a padding token pad with the token that ends a text.
const PAD_TOKENS: [&str; 7] = [
    "[PAD]",
    "<pad>",
    "<|pad|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<eos>",
    "</s>",
];

/// A Hugging Face tokenizer without truncation and padding, and with a separate post-processor.
///
/// The post-processor runs once, on the joined pair. Some post-processors trim offsets each time they run, so running
/// them on each text first would trim twice. With a chat template, which writes all special tokens, the
/// post-processor does not run.
#[derive(Clone)]
pub(crate) struct PairTokenizer {
    tokenizer: Tokenizer,
    chat: Option<Chat>,
    /// Replaces all of the above if segments have separators.
    separated: Option<SeparatedTokenizer>,
    post_processor: Option<PostProcessorWrapper>,
    pad_id: u32,
    vocab_size: usize,
    special_tokens: usize,
    max_type_id: u32,
}

impl PairTokenizer {
    /// Reads the bytes of a `tokenizer.json`; pads with `pad_token`, or what the file says, or the first of
    /// [`PAD_TOKENS`] it has. Chat template and separator are those of `config`.
    pub(crate) fn new(tokenizer_json: &[u8], config: &TextConfig) -> Result<Self> {
        let unreadable = |cause| DataError::Tokenizer { path: None, cause };
        let mut tokenizer = read_tokenizer(tokenizer_json).map_err(unreadable)?;
        let pad_id = find_pad_id(&tokenizer)?;
        tokenizer.with_truncation(None).map_err(unreadable)?;
        tokenizer.with_padding(None);
        let post_processor = tokenizer.get_post_processor().cloned();
        tokenizer.with_post_processor(None::<PostProcessorWrapper>);

        let template = config.chat_template.as_ref();
        let separated = config.separator.as_ref().map(|separator| {
            let processor = post_processor.clone();
            SeparatedTokenizer::new(tokenizer.clone(), processor, template, separator)
        });
        let separated = separated.transpose()?;
        let chat = match &separated {
            Some(_) => None,
            None => template
                .map(|template| Chat::new(template, &mut tokenizer))
                .transpose()?,
        };

        let largest_id = tokenizer.get_vocab(true).into_values().max();
        let mut pair_tokenizer = Self {
            vocab_size: largest_id.map_or(0, |id| id as usize + 1),
            tokenizer,
            chat,
            separated,
            post_processor,
            pad_id,
            special_tokens: 0,
            max_type_id: 0,
        };
        if let Some(separated) = &pair_tokenizer.separated {
            pair_tokenizer.special_tokens = separated.num_around()?;
            return Ok(pair_tokenizer);
        }
        if let Some(chat) = &pair_tokenizer.chat {
            pair_tokenizer.special_tokens = chat.num_around(&pair_tokenizer.tokenizer)?;
            return Ok(pair_tokenizer);
        }
        // Texts that are not empty, to detect a post-processor that loses one.
        let one_token =
            || Encoding::from_tokens(vec![Token::new(pad_id, String::new(), (0, 1))], 0);
        let pair = pair_tokenizer.join_texts(one_token(), one_token())?;
        pair_tokenizer.special_tokens = pair.encoding.len() - 2;
        let types = pair.encoding.get_type_ids().iter();
        pair_tokenizer.max_type_id = types.copied().max().unwrap_or(0);
        Ok(pair_tokenizer)
    }

    /// Tokenizes one complete text of the example `id`, without special tokens; offsets count characters.
    pub(crate) fn tokenize(&self, text: &str, id: &str) -> Result<Encoding> {
        guarded(|| self.tokenizer.encode_char_offsets(text, false)).map_err(|cause| {
            DataError::Tokenize {
                id: id.to_owned(),
                cause,
            }
        })
    }

    /// Tokenizes a prompt and, after it, the context if there is one.
    pub(crate) fn question(
        &self,
        prompt: &str,
        context: Option<&str>,
        id: &str,
    ) -> Result<Question> {
        let prompt_chars = prompt.chars().count();
        let joined = context.map(|context| format!("{prompt}\n{context}"));
        let text = joined.as_deref().unwrap_or(prompt);
        if let Some(chat) = &self.chat {
            return chat.question(&self.tokenizer, text, prompt_chars, id);
        }
        let encoding = self.tokenize(text, id)?;
        let prompt = match context {
            None => encoding.len(),
            Some(_) => token_starts(text, encoding.get_offsets())
                .partition_point(|&start| start < prompt_chars),
        };
        Ok(Question {
            head: Encoding::default(),
            text: encoding,
            tail: Encoding::default(),
            prompt,
        })
    }

    /// Joins question, response and special tokens by the chat template or, without one, by the tokenizer.
    pub(crate) fn join(&self, question: Question, response: Encoding) -> Result<JoinedPair> {
        if self.chat.is_none() && self.separated.is_none() {
            return self.join_texts(question.text, response);
        }
        let Question {
            head, text, tail, ..
        } = question;
        let lengths = [head.len(), text.len(), tail.len(), response.len()];
        let sources = [None, Some(0), None, Some(1)];
        let sequence_ids = sources.into_iter().zip(lengths);
        Ok(JoinedPair {
            encoding: Encoding::merge([head, text, tail, response], false),
            sequence_ids: sequence_ids
                .flat_map(|(source, length)| std::iter::repeat_n(source, length))
                .collect(),
            second_start: lengths[..3].iter().sum(),
        })
    }

    /// Joins two texts and the special tokens by the post-processor.
    fn join_texts(&self, first: Encoding, second: Encoding) -> Result<JoinedPair> {
        let lengths = [first.len(), second.len()];
        let cannot_join = |cause| DataError::Tokenizer { path: None, cause };
        let encoding = match &self.post_processor {
            Some(processor) => {
                guarded(|| processor.process(first, Some(second), true)).map_err(cannot_join)?
            }
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
            let is_of_text = |id: &&Option<usize>| **id == Some(text);
            let behind = sequence_ids.iter().skip(start);
            let found = behind.take_while(is_of_text).count();
            // A post-processor that repeats a text would exceed the maximum length.
            let all = sequence_ids.iter().filter(is_of_text).count();
            if found != expected || all != expected {
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

    /// Id of the padding token.
    pub(crate) fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// The padding token.
    pub(crate) fn pad_token(&self) -> String {
        self.tokenizer.id_to_token(self.pad_id).unwrap_or_default()
    }

    /// One more than the largest token id.
    pub(crate) fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The largest type id of a pair.
    pub(crate) fn max_type_id(&self) -> u32 {
        self.max_type_id
    }

    /// Number of special tokens around a pair, including all tokens of a chat template.
    pub(crate) fn special_tokens(&self) -> usize {
        self.special_tokens
    }

    /// The number for this question. It may differ by a token if the text of a chat template or separator merges with
    /// the prompt.
    pub(crate) fn tokens_around(&self, question: &Question) -> usize {
        if self.chat.is_some() || self.separated.is_some() {
            question.around()
        } else {
            self.special_tokens
        }
    }

    /// The layout with separators, if there are any.
    pub(crate) fn separated(&self) -> Option<&SeparatedTokenizer> {
        self.separated.as_ref()
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

impl JoinedPair {
    /// The tokens of the second text.
    pub(crate) fn response(&self) -> TokenSpan {
        let behind = self.sequence_ids.iter().skip(self.second_start);
        let length = behind.take_while(|&&id| id == Some(1)).count();
        TokenSpan::new(self.second_start, self.second_start + length)
    }
}

/// The pair without a post-processor, as `tokenizers` joins it.
fn concatenate(mut first: Encoding, mut second: Encoding) -> Encoding {
    second.set_type_ids(vec![1; second.len()]);
    first.set_sequence_id(0);
    second.set_sequence_id(1);
    first.merge_with(second, false);
    first
}

fn find_pad_id(tokenizer: &Tokenizer) -> Result<u32> {
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
