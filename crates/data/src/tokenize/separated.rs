//! Tokenizes a response with a separator after every segment.

use std::collections::BTreeMap;
use std::ops::Range;

use tokenizers::processors::PostProcessorWrapper;
use tokenizers::{Encoding, PostProcessor, Tokenizer};

use super::chat::{Question, part, without_offsets};
use super::chat_template::ChatPrompt;
use super::tokenizer_file::guarded;
use super::tokens::token_starts;
use crate::{CharSpan, ChatTemplate, DataError, Example, Result, Separator, TokenSpan};

/// A tokenizer for the layout of a [`Separator`].
#[derive(Clone)]
pub(crate) struct SeparatedTokenizer {
    /// Without post-processor. Written-out special tokens become special tokens.
    tokenizer: Tokenizer,
    post_processor: Option<PostProcessorWrapper>,
    chat: Option<ChatPrompt>,
    separator: Separator,
    /// Tokens that texts of an example must not contain, by id.
    reserved: BTreeMap<u32, String>,
}

/// The tokens of an example before truncation.
pub(crate) struct LaidOut {
    pub(crate) question: Question,
    /// Segments and separators; offsets count characters of the response.
    pub(crate) response: Encoding,
    /// Tokens of the response for each segment, its separator at the end.
    pub(crate) segments: Vec<TokenSpan>,
}

/// The complete text and the positions of its pieces, in characters.
struct Layout {
    pieces: Vec<(LayoutPart, String)>,
    /// The position of each piece.
    places: Vec<Range<usize>>,
    /// Number of characters of the question that the template drops at its start.
    skipped: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LayoutPart {
    Around,
    Question,
    BeforeResponse,
    Segment(usize),
    /// The separator after a segment.
    Separator(usize),
    Between(usize),
}

impl SeparatedTokenizer {
    /// `tokenizer` must have no truncation, padding or post-processor.
    pub(crate) fn new(
        tokenizer: Tokenizer,
        post_processor: Option<PostProcessorWrapper>,
        chat_template: Option<&ChatTemplate>,
        separator: &Separator,
    ) -> Result<Self> {
        let chat = chat_template.map(ChatPrompt::new).transpose()?;
        let mut separated = Self {
            tokenizer,
            post_processor,
            chat,
            separator: separator.clone(),
            reserved: BTreeMap::new(),
        };
        separated.reserved = separated.reserved_tokens()?;
        Ok(separated)
    }

    /// Special tokens, and other added tokens in the layout.
    fn reserved_tokens(&self) -> Result<BTreeMap<u32, String>> {
        let (before, behind) = self.around();
        let Separator { text, between, .. } = &self.separator;
        let mut written = Vec::new();
        for text in [before, behind, text, between] {
            written.extend(self.encode(text, "")?.get_ids().to_vec());
        }
        let added = self.tokenizer.get_added_tokens_decoder();
        let reserved = added
            .iter()
            .filter(|(id, token)| token.special || written.contains(id));
        Ok(reserved
            .map(|(&id, token)| (id, token.content.clone()))
            .collect())
    }

    /// The texts before the prompt, and between prompt and response.
    fn around(&self) -> (&str, &str) {
        match &self.chat {
            Some(chat) => (chat.before(), chat.behind()),
            None => (
                &self.separator.before_prompt,
                &self.separator.before_response,
            ),
        }
    }

    /// Number of tokens around the shortest example.
    pub(crate) fn num_around(&self) -> Result<usize> {
        let example = Example {
            prompt: "x".into(),
            response: "x".into(),
            segments: vec![crate::Segment::unrated(CharSpan::new(0, 1))],
            ..Example::default()
        };
        Ok(self.lay_out(&example, None)?.question.around())
    }

    /// Tokenizes an example with its separators.
    pub(crate) fn lay_out(&self, example: &Example, context: Option<&str>) -> Result<LaidOut> {
        refuse_unlisted(example)?;
        let prompt_chars = example.prompt.chars().count();
        let joined = context.map(|context| format!("{}\n{context}", example.prompt));
        let question = joined.as_deref().unwrap_or(&example.prompt);
        let layout = self.layout(example, question)?;
        let (lead, encoding) = self.tokens(&layout, &example.id)?;
        self.refuse_reserved(&layout, &encoding, &example.id)?;

        let starts = token_starts(&layout.text(), encoding.get_offsets());
        let before = |char: usize| starts.partition_point(|&start| start < char);
        let place = |wanted: LayoutPart| layout.place(wanted);
        let asked = place(LayoutPart::Question);
        let (first, last) = (before(asked.start), before(asked.end));
        let response = before(place(LayoutPart::BeforeResponse).end);
        let prompt_end = asked.start + prompt_chars.saturating_sub(layout.skipped);
        let prompt = before(prompt_end.min(asked.end)).clamp(first, last) - first;

        let mut segments = Vec::with_capacity(example.segments.len());
        for number in 0..example.segments.len() {
            let separator = place(LayoutPart::Separator(number));
            let tokens = (
                before(place(LayoutPart::Segment(number)).start),
                before(separator.end),
            );
            let ends = encoding.get_offsets()[..tokens.1].last();
            // A token that extends into the next segment would reveal it.
            if tokens.0 >= tokens.1 || ends.is_none_or(|&(_, end)| end != separator.end) {
                return Err(DataError::SeparatorWithoutToken {
                    id: example.id.clone(),
                    segment: number,
                    separator: self.separator.text.clone(),
                });
            }
            segments.push(TokenSpan::new(tokens.0 - response, tokens.1 - response));
        }

        let mut text = part(&encoding, first, last);
        for (start, end) in text.get_offsets_mut() {
            *start = start.saturating_sub(asked.start) + layout.skipped;
            *end = end.saturating_sub(asked.start) + layout.skipped;
        }
        let mut answer = part(&encoding, response, encoding.len());
        for offset in answer.get_offsets_mut() {
            *offset = layout.in_response(*offset, example);
        }
        let head = without_offsets(part(&encoding, 0, first));
        Ok(LaidOut {
            question: Question {
                head: Encoding::merge([lead, head], false),
                text,
                tail: without_offsets(part(&encoding, last, response)),
                prompt,
            },
            response: answer,
            segments,
        })
    }

    fn layout(&self, example: &Example, question: &str) -> Result<Layout> {
        let (before, behind) = self.around();
        let (asked, skipped) = match &self.chat {
            Some(chat) => {
                let at = |problem: crate::tokenize::chat_template::TemplateProblem| {
                    problem.at(format!("example `{}`: chat template", example.id))
                };
                let placed = chat.place(question).map_err(at)?;
                (placed.text, placed.skipped)
            }
            None => (question, 0),
        };
        let mut pieces = vec![
            (LayoutPart::Around, before.to_owned()),
            (LayoutPart::Question, asked.to_owned()),
            (LayoutPart::BeforeResponse, behind.to_owned()),
        ];
        for number in 0..example.segments.len() {
            if number > 0 {
                pieces.push((
                    LayoutPart::Between(number - 1),
                    self.separator.between.clone(),
                ));
            }
            let text = example.segment_text(number).to_owned();
            pieces.push((LayoutPart::Segment(number), text));
            pieces.push((LayoutPart::Separator(number), self.separator.text.clone()));
        }
        let mut end = 0;
        let places = pieces.iter().map(|(_, text)| {
            let start = end;
            end += text.chars().count();
            start..end
        });
        Ok(Layout {
            places: places.collect(),
            pieces,
            skipped,
        })
    }

    /// The tokens that the tokenizer puts in front, and the tokens of the complete text; offsets count its characters.
    /// Tokens that it would add at the end are left out: no score is read there, and causal models do not look
    /// ahead.
    fn tokens(&self, layout: &Layout, id: &str) -> Result<(Encoding, Encoding)> {
        let encoding = if self.separator.apart {
            let mut all = Vec::new();
            for (start_char, text) in layout.apart() {
                let mut encoding = self.encode(&text, id)?;
                for (start, end) in encoding.get_offsets_mut() {
                    *start += start_char;
                    *end += start_char;
                }
                all.push(encoding);
            }
            Encoding::merge(all, false)
        } else {
            self.encode(&layout.text(), id)?
        };
        let lead = match (&self.chat, &self.post_processor) {
            // A template writes all special tokens.
            (None, Some(processor)) => lead(processor, &encoding)?,
            _ => Encoding::default(),
        };
        Ok((lead, encoding))
    }

    fn encode(&self, text: &str, id: &str) -> Result<Encoding> {
        guarded(|| self.tokenizer.encode_char_offsets(text, false)).map_err(|cause| {
            DataError::Tokenize {
                id: id.to_owned(),
                cause,
            }
        })
    }

    /// Refuses texts with a written-out special token, which could end a segment or a turn.
    fn refuse_reserved(&self, layout: &Layout, encoding: &Encoding, id: &str) -> Result<()> {
        let of_example: Vec<&Range<usize>> = layout
            .pieces
            .iter()
            .zip(&layout.places)
            .filter(|((piece, _), _)| {
                matches!(piece, LayoutPart::Question | LayoutPart::Segment(_))
            })
            .map(|(_, place)| place)
            .collect();
        for (token, &(start, end)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
            let Some(name) = self.reserved.get(token) else {
                continue;
            };
            if of_example
                .iter()
                .any(|place| start < place.end && place.start < end)
            {
                return Err(DataError::SpecialTokenInText {
                    id: id.to_owned(),
                    token: name.clone(),
                });
            }
        }
        Ok(())
    }
}

impl Layout {
    fn text(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The texts that are tokenized separately, with their first characters: the prompt with the text around it, every
    /// segment and every separator.
    fn apart(&self) -> Vec<(usize, String)> {
        let pieces = self.pieces.iter().zip(&self.places);
        let before = |(piece, _): &&(LayoutPart, String)| {
            matches!(
                piece,
                LayoutPart::Around | LayoutPart::Question | LayoutPart::BeforeResponse
            )
        };
        let asked = self.pieces.iter().take_while(before);
        let (number, asked) = (asked.clone().count(), asked.map(|(_, text)| text.as_str()));
        let rest = pieces.skip(number);
        let rest = rest.map(|((_, text), place)| (place.start, text.clone()));
        std::iter::once((0, asked.collect())).chain(rest).collect()
    }

    fn place(&self, wanted: LayoutPart) -> Range<usize> {
        let found = self.pieces.iter().position(|(piece, _)| *piece == wanted);
        self.places[found.expect("every layout has this piece")].clone()
    }

    /// Maps characters of the complete text to characters of the response; characters of separators have none.
    fn in_response(&self, (start, end): (usize, usize), example: &Example) -> (usize, usize) {
        let number = self.places.partition_point(|place| place.end <= start);
        let number = number.min(self.pieces.len() - 1);
        let place = &self.places[number];
        match self.pieces[number].0 {
            LayoutPart::Segment(segment) => {
                let span = example.segments[segment].span;
                let shift =
                    |char: usize| char.clamp(place.start, place.end) - place.start + span.start;
                (shift(start), shift(end))
            }
            LayoutPart::Separator(segment) | LayoutPart::Between(segment) => {
                let end = example.segments[segment].span.end;
                (end, end)
            }
            LayoutPart::Around | LayoutPart::Question | LayoutPart::BeforeResponse => (0, 0),
        }
    }
}

/// The special tokens that a post-processor puts in front of a text.
fn lead(processor: &PostProcessorWrapper, encoding: &Encoding) -> Result<Encoding> {
    let unusable = |cause| DataError::Tokenizer { path: None, cause };
    let processed =
        guarded(|| processor.process(encoding.clone(), None, true)).map_err(unusable)?;
    let (ids, length) = (encoding.get_ids(), encoding.len());
    let found = processed
        .get_ids()
        .windows(length.max(1))
        .position(|window| window == ids);
    match found {
        Some(first) => Ok(without_offsets(part(&processed, 0, first))),
        None if length == 0 => Ok(Encoding::default()),
        None => Err(unusable(
            "its post-processor changes the tokens of a text".into(),
        )),
    }
}

/// Refuses a response with text outside of segments.
fn refuse_unlisted(example: &Example) -> Result<()> {
    let mut characters = example.response.chars().enumerate();
    let unlisted = characters.find(|(place, character)| {
        let inside =
            |segment: &crate::Segment| (segment.span.start..segment.span.end).contains(place);
        !character.is_whitespace() && !example.segments.iter().any(inside)
    });
    match unlisted {
        None => Ok(()),
        Some((start, _)) => Err(DataError::UnlistedText {
            id: example.id.clone(),
            start,
            text: example.response.chars().skip(start).take(40).collect(),
        }),
    }
}
