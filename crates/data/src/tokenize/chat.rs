//! The tokens of a chat template around a prompt.

use tokenizers::{AddedToken, Encoding, Tokenizer};

use super::chat_template::{ChatPrompt, ChatTemplate, TemplateProblem};
use super::tokenizer_file::guarded;
use super::tokens::token_starts;
use crate::{DataError, Result};

/// A prompt that shows whether a tokenizer separates texts at special tokens.
const SAMPLE: &str = "Why is the sky blue?";

/// A chat template in tokens.
///
/// The text between the nearest special tokens and the prompt is tokenized together with the prompt. Everything beyond
/// is the same for every prompt.
#[derive(Clone)]
pub(crate) struct Chat {
    prompt: ChatPrompt,
    /// All tokens up to the last special token before the prompt.
    head: Encoding,
    /// The text between that token and the prompt.
    lead: String,
    /// The text between the prompt and the first special token after it.
    trail: String,
    /// All tokens from that token on.
    tail: Encoding,
}

/// The tokens of prompt and context, with the template's tokens around them.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// The tokens of a chat template before them; empty without one.
    pub(crate) head: Encoding,
    /// Prompt and context; offsets count their characters.
    pub(crate) text: Encoding,
    /// The tokens of a chat template after them.
    pub(crate) tail: Encoding,
    /// The number of tokens of `text` that belong to the prompt.
    pub(crate) prompt: usize,
}

impl Question {
    /// Tokens that truncation never removes.
    pub(crate) fn around(&self) -> usize {
        self.head.len() + self.tail.len()
    }
}

impl Chat {
    /// Tokenizes the template. From then on, the tokenizer treats special tokens that are written out in a text as text,
    /// including other added tokens that the template writes, so that no prompt or response can end its turn.
    pub(crate) fn new(template: &ChatTemplate, tokenizer: &mut Tokenizer) -> Result<Self> {
        let prompt = ChatPrompt::new(template)?;
        let at_template = |problem: TemplateProblem| problem.at(&template.source);
        make_special(&prompt, tokenizer).map_err(unreadable)?;
        let (before, behind) = (prompt.before().to_owned(), prompt.behind().to_owned());
        let whole = encode(tokenizer, &format!("{before}{SAMPLE}{behind}"))?;
        let (first, last) = (encode(tokenizer, &before)?, encode(tokenizer, &behind)?);
        let special = special_ids(tokenizer);
        let is_special = |id: &u32| special.contains(id);

        let head = first.get_ids().iter().rposition(is_special);
        let head_tokens = head.map_or(0, |token| token + 1);
        let lead_start = head.map_or(0, |token| first.get_offsets()[token].1);
        let tail = last.get_ids().iter().position(is_special);
        let tail_tokens = tail.unwrap_or(last.len());
        let trail_end = tail.map_or(behind.len(), |token| last.get_offsets()[token].0);
        let chat = Self {
            lead: before[lead_start..].to_owned(),
            trail: behind[..trail_end].to_owned(),
            head: without_offsets(part(&first, 0, head_tokens)),
            tail: without_offsets(part(&last, tail_tokens, last.len())),
            prompt,
        };
        tokenizer.set_encode_special_tokens(true);
        let question = chat.question(tokenizer, SAMPLE, SAMPLE.len(), "")?;
        let parts = [&question.head, &question.text, &question.tail];
        if !parts
            .into_iter()
            .flat_map(Encoding::get_ids)
            .eq(whole.get_ids())
        {
            let cause = "the tokenizer does not cut texts apart at special tokens, so that the \
                         template's tokens depend on the prompt";
            return Err(at_template(TemplateProblem::new(cause)));
        }
        Ok(chat)
    }

    /// The tokens of a text that starts with `prompt_chars` characters of prompt, and the template's tokens around it.
    pub(crate) fn question(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        prompt_chars: usize,
        id: &str,
    ) -> Result<Question> {
        let placed = self
            .prompt
            .place(text)
            .map_err(|problem| problem.at(format!("example `{id}`: chat template")))?;
        let middle = format!("{}{}{}", self.lead, placed.text, self.trail);
        let encoding =
            guarded(|| tokenizer.encode_char_offsets(middle.as_str(), false)).map_err(|cause| {
                DataError::Tokenize {
                    id: id.to_owned(),
                    cause,
                }
            })?;
        let starts = token_starts(&middle, encoding.get_offsets());
        let lead = self.lead.chars().count();
        let before = |char: usize| starts.partition_point(|&start| start < char);
        let (first, last) = (before(lead), before(lead + placed.text.chars().count()));
        let prompt = before(lead + prompt_chars.saturating_sub(placed.skipped));
        let mut text = part(&encoding, first, last);
        for (start, end) in text.get_offsets_mut() {
            *start = start.saturating_sub(lead) + placed.skipped;
            *end = end.saturating_sub(lead) + placed.skipped;
        }
        let around = |from, to| without_offsets(part(&encoding, from, to));
        Ok(Question {
            head: Encoding::merge([self.head.clone(), around(0, first)], false),
            tail: Encoding::merge([around(last, encoding.len()), self.tail.clone()], false),
            text,
            prompt: prompt.clamp(first, last) - first,
        })
    }

    /// Tokens around a prompt.
    pub(crate) fn num_around(&self, tokenizer: &Tokenizer) -> Result<usize> {
        Ok(self.question(tokenizer, SAMPLE, SAMPLE.len(), "")?.around())
    }
}

/// Makes every added token that the template writes a special token of the tokenizer.
fn make_special(prompt: &ChatPrompt, tokenizer: &mut Tokenizer) -> tokenizers::Result<()> {
    let added = tokenizer.get_added_tokens_decoder();
    let mut written: Vec<u32> = Vec::new();
    for text in [prompt.before(), prompt.behind()] {
        written.extend(guarded(|| tokenizer.encode(text, false))?.get_ids());
    }
    let tokens: Vec<AddedToken> = written
        .iter()
        .filter_map(|id| added.get(id))
        .filter(|token| !token.special)
        .map(|token| AddedToken {
            special: true,
            ..token.clone()
        })
        .collect();
    tokenizer.add_special_tokens(tokens)?;
    Ok(())
}

fn special_ids(tokenizer: &Tokenizer) -> Vec<u32> {
    let added = tokenizer.get_added_tokens_decoder();
    let special = added.iter().filter(|(_, token)| token.special);
    special.map(|(&id, _)| id).collect()
}

/// Tokenizes a part of the template; offsets count bytes.
fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Encoding> {
    guarded(|| tokenizer.encode(text, false)).map_err(unreadable)
}

fn unreadable(cause: tokenizers::Error) -> DataError {
    DataError::Tokenizer { path: None, cause }
}

/// The tokens from `start` to `end`.
pub(crate) fn part(encoding: &Encoding, start: usize, end: usize) -> Encoding {
    let range = start..end;
    Encoding::new(
        encoding.get_ids()[range.clone()].to_vec(),
        encoding.get_type_ids()[range.clone()].to_vec(),
        encoding.get_tokens()[range.clone()].to_vec(),
        encoding.get_word_ids()[range.clone()].to_vec(),
        encoding.get_offsets()[range.clone()].to_vec(),
        encoding.get_special_tokens_mask()[range.clone()].to_vec(),
        encoding.get_attention_mask()[range].to_vec(),
        Vec::new(),
        std::iter::empty().collect(),
    )
}

/// Tokens that represent no character of prompt or response.
pub(crate) fn without_offsets(mut encoding: Encoding) -> Encoding {
    encoding.get_offsets_mut().fill((0, 0));
    encoding
}
