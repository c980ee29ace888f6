//! Tokens that are given by their texts.
//!
//! Tokenizers spell a token in several ways, of which the first that makes up the response is taken:
//! the text itself; the alphabet of byte-level BPE, where `Ġ` is a space and `ð`, `Ł`, … are bytes;
//! `SentencePiece`, where `▁` is a space and `<0xF0>` a byte; and what decoding each token by itself gives,
//! where a part of a character is `U+FFFD`.

use gradus_data::CharSpan;

use super::TokenError;

/// What a part of a character decodes to.
const REPLACEMENT: char = '\u{fffd}';
/// The space of `SentencePiece`.
const WORD_START: char = '▁';
/// The most characters of the response that a message shows.
const SHOWN: usize = 20;

/// A spelling: the bytes that a token stands for, `None` if it is none of that spelling.
type Spelling = fn(&str) -> Option<Vec<u8>>;

/// Finds the tokens in a response.
pub(super) fn locate(tokens: &[String], response: &str) -> Result<Vec<CharSpan>, TokenError> {
    let spellings: [Spelling; 3] = [plain, byte_level, sentence_piece];
    let mut best: Option<Mismatch> = None;
    for spelling in spellings {
        let found = in_bytes(tokens, response, spelling, best.is_some());
        match found {
            Ok(bytes) => return Ok(in_chars(&bytes, response)),
            Err(mismatch) if best.is_none_or(|best| best.byte < mismatch.byte) => {
                best = Some(mismatch);
            }
            Err(_) => {}
        }
    }
    if let Some(spans) = decoded(tokens, response) {
        return Ok(spans);
    }
    let mismatch = best.unwrap_or(Mismatch { token: 0, byte: 0 });
    Err(mismatch.error(tokens, response))
}

/// Where tokens and response go apart.
#[derive(Clone, Copy)]
struct Mismatch {
    /// The token; one past the last where the response goes on behind it.
    token: usize,
    byte: usize,
}

impl Mismatch {
    fn error(self, tokens: &[String], response: &str) -> TokenError {
        let byte = (0..=self.byte)
            .rev()
            .find(|&byte| response.is_char_boundary(byte))
            .unwrap_or(0);
        let rest: String = response[byte..].chars().take(SHOWN).collect();
        let place = response[..byte].chars().count();
        let expected = if rest.is_empty() {
            "no more text, as the response ends there".to_owned()
        } else {
            format!("the text of the response at character {place}: {rest:?}")
        };
        let hint = "give the tokens of the response, and no others, as the tokenizer spells or decodes \
                    them, or `offsets`";
        match tokens.get(self.token) {
            Some(token) => {
                let shown: String = token.chars().take(SHOWN).collect();
                TokenError::new(
                    format!("tokens[{}]", self.token),
                    format!("{shown:?}"),
                    expected,
                )
                .with_hint(hint)
            }
            None => TokenError::new("tokens", "the end of the tokens", expected).with_hint(hint),
        }
    }
}

/// The bytes of each token. A special token, which stands for no text, has none.
fn in_bytes(
    tokens: &[String],
    response: &str,
    spelling: Spelling,
    may_lack_first_space: bool,
) -> Result<Vec<(usize, usize)>, Mismatch> {
    let text = response.as_bytes();
    let mut at = 0;
    let mut spans = Vec::with_capacity(tokens.len());
    for (number, token) in tokens.iter().enumerate() {
        let bytes = spelling(token).unwrap_or_default();
        let rest = &text[at..];
        // `SentencePiece` puts a space before the first word.
        let bytes = match bytes.strip_prefix(b" ") {
            Some(word) if may_lack_first_space && at == 0 && !rest.starts_with(b" ") => {
                word.to_vec()
            }
            _ => bytes,
        };
        if !(token.is_empty() || is_word_start(token)) && bytes.is_empty()
            || !rest.starts_with(&bytes)
        {
            if !is_special(token) {
                return Err(Mismatch {
                    token: number,
                    byte: at,
                });
            }
            spans.push((at, at));
            continue;
        }
        spans.push((at, at + bytes.len()));
        at += bytes.len();
    }
    if response[..].len() > at && !text[at..].trim_ascii().is_empty() {
        return Err(Mismatch {
            token: tokens.len(),
            byte: at,
        });
    }
    Ok(spans)
}

fn is_word_start(token: &str) -> bool {
    token.chars().all(|char| char == WORD_START)
}

/// Whether a token has the look of one that stands for no text: `</s>`, `<|im_end|>`, `[SEP]`.
fn is_special(token: &str) -> bool {
    token.len() > 2
        && (token.starts_with('<') && token.ends_with('>')
            || token.starts_with('[') && token.ends_with(']'))
}

/// The characters that bytes are of; a character is of every token that has a byte of it.
fn in_chars(bytes: &[(usize, usize)], response: &str) -> Vec<CharSpan> {
    // The character of each byte, and one past the last.
    let mut char_of = Vec::with_capacity(response.len() + 1);
    for (number, char) in response.chars().enumerate() {
        char_of.extend(std::iter::repeat_n(number, char.len_utf8()));
    }
    char_of.push(char_of.last().map_or(0, |last| last + 1));
    let spans = bytes.iter().map(|&(start, end)| {
        let first = char_of[start];
        let end = if start == end {
            first
        } else {
            char_of[end - 1] + 1
        };
        CharSpan { start: first, end }
    });
    spans.collect()
}

#[expect(clippy::unnecessary_wraps, reason = "one spelling among others")]
fn plain(token: &str) -> Option<Vec<u8>> {
    Some(token.as_bytes().to_vec())
}

/// The alphabet of byte-level BPE: bytes that are visible in Latin-1 are themselves, the others are the
/// characters from 256 on.
fn byte_level(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

fn byte_of(char: char) -> Option<u8> {
    let is_visible = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    match u32::from(char) {
        code @ 0..=0xff => u8::try_from(code).ok().filter(|&byte| is_visible(byte)),
        code => {
            let place = usize::try_from(code - 256).ok()?;
            (0..=0xff).filter(|&byte| !is_visible(byte)).nth(place)
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one spelling among others")]
fn sentence_piece(token: &str) -> Option<Vec<u8>> {
    let byte = token
        .strip_prefix("<0x")
        .and_then(|rest| rest.strip_suffix('>'));
    if let Some(byte) = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
        return Some(vec![byte]);
    }
    Some(token.replace(WORD_START, " ").into_bytes())
}

/// The characters of tokens that have been decoded one by one. Where a character is split it is not known
/// which bytes of it a token has: the characters of neighboring parts are dealt to them evenly. How many
/// characters they are is not known either, so it is tried until all that follows fits.
fn decoded(tokens: &[String], response: &str) -> Option<Vec<CharSpan>> {
    let chars: Vec<char> = response.chars().collect();
    let mut spans: Vec<CharSpan> = Vec::with_capacity(tokens.len());
    let mut runs: Vec<SplitCharacters> = Vec::new();
    // Texts of nothing but repeated parts could be dealt in too many ways to try them all.
    for _ in 0..16 * tokens.len() + 64 {
        let at = spans.last().map_or(0, |span| span.end);
        let goes_on = match tokens.get(spans.len()) {
            None if at == chars.len() => return Some(spans),
            Some(token) if is_part(token) => {
                runs.push(SplitCharacters::new(tokens, spans.len(), at));
                false
            }
            Some(token) if is_at(token, &chars, at) => {
                let end = at + token.chars().count();
                spans.push(CharSpan { start: at, end });
                true
            }
            Some(token) if is_special(token) => {
                spans.push(CharSpan { start: at, end: at });
                true
            }
            _ => false,
        };
        if !goes_on {
            // The last run, or the last before it that has another end, is dealt out anew.
            let end = loop {
                let run = runs.last_mut()?;
                match run.next_end(tokens, &chars) {
                    Some(end) => break end,
                    None => {
                        runs.pop();
                    }
                }
            };
            let run = runs.last()?;
            spans.truncate(run.first);
            spans.extend(run.deal(end));
        }
    }
    None
}

/// Whether a token has a part of a character.
fn is_part(token: &str) -> bool {
    token.contains(REPLACEMENT)
}

/// Whether the response has the text of a token at a place.
fn is_at(token: &str, chars: &[char], at: usize) -> bool {
    let mut rest = chars.get(at..).unwrap_or_default().iter();
    token.chars().all(|char| rest.next() == Some(&char))
}

/// Neighboring tokens that have parts of characters.
struct SplitCharacters {
    /// The first of them.
    first: usize,
    count: usize,
    /// Where their characters begin.
    at: usize,
    /// The next end of their characters to try, and the last.
    next: usize,
    last: usize,
}

impl SplitCharacters {
    fn new(tokens: &[String], first: usize, at: usize) -> Self {
        let rest = &tokens[first..];
        let count = rest.iter().take_while(|token| is_part(token)).count();
        let whole = rest[..count].iter().flat_map(|token| token.chars());
        let whole = whole.filter(|&char| char != REPLACEMENT).count();
        Self {
            first,
            count,
            at,
            // A character has at most four parts, and a token has parts of at most two characters.
            next: at + whole + count.div_ceil(4),
            last: at + whole + 2 * count,
        }
    }

    /// The next end behind which the response has the text of the next token.
    fn next_end(&mut self, tokens: &[String], chars: &[char]) -> Option<usize> {
        let behind = tokens[self.first + self.count..].iter();
        let mut behind = behind.filter(|token| !token.is_empty() && !is_special(token));
        let next = behind.next();
        let last = self.last.min(chars.len());
        let end = (self.next..=last).find(|&end| match next {
            Some(next) => is_at(next, chars, end),
            None => end == chars.len(),
        })?;
        self.next = end + 1;
        Some(end)
    }

    /// The characters up to `end`, dealt to the tokens.
    fn deal(&self, end: usize) -> impl Iterator<Item = CharSpan> {
        let (at, count, chars) = (self.at, self.count, end - self.at);
        (0..count).map(move |part| CharSpan {
            start: at + part * chars / count,
            end: at + ((part + 1) * chars).div_ceil(count),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn located(tokens: &[&str], response: &str) -> Result<Vec<(usize, usize)>, String> {
        let tokens: Vec<String> = tokens.iter().map(|&token| token.to_owned()).collect();
        let spans = locate(&tokens, response).map_err(|error| error.to_string())?;
        Ok(spans.iter().map(|span| (span.start, span.end)).collect())
    }

    /// How byte-level BPE spells bytes.
    fn spelled(bytes: &[u8]) -> String {
        let char_of = |byte: u8| {
            (0..0x200)
                .filter_map(char::from_u32)
                .find(|&char| byte_of(char) == Some(byte))
                .unwrap()
        };
        bytes.iter().map(|&byte| char_of(byte)).collect()
    }

    #[test]
    fn every_spelling_is_understood() {
        assert_eq!(
            located(&["The", " cat", "", "."], "The cat."),
            Ok(vec![(0, 3), (3, 7), (7, 7), (7, 8)])
        );
        assert_eq!(
            located(&["The", "Ġcat", "Ċ", ".", "<|im_end|>"], "The cat\n."),
            Ok(vec![(0, 3), (3, 7), (7, 8), (8, 9), (9, 9)])
        );
        assert_eq!(
            located(&["▁The", "▁cat", "."], "The cat."),
            Ok(vec![(0, 3), (3, 7), (7, 8)])
        );
        // An emoji of four bytes in three tokens, the last with the full stop.
        assert_eq!(
            located(&["aĠ", "ðŁ", "Ļ", "Ĥ."], "a 🙂."),
            Ok(vec![(0, 2), (2, 3), (2, 3), (2, 4)])
        );
        assert_eq!(
            located(
                &["▁a", "▁", "<0xF0>", "<0x9F>", "<0x99>", "<0x82>", "</s>"],
                "a 🙂"
            ),
            Ok(vec![(0, 1), (1, 2), (2, 3), (2, 3), (2, 3), (2, 3), (3, 3)])
        );
        assert_eq!(
            located(&["a ", "\u{fffd}", "\u{fffd}", "\u{fffd}", "."], "a 🙂."),
            Ok(vec![(0, 2), (2, 3), (2, 3), (2, 3), (3, 4)])
        );
        // One emoji in parts, before others: the first end that fits is not the right one.
        assert_eq!(
            located(&["\u{fffd}", "\u{fffd}", "🙂", "🙂 "], "🙂🙂🙂 "),
            Ok(vec![(0, 1), (0, 1), (1, 2), (2, 4)])
        );
        assert_eq!(
            located(
                &["\u{fffd}", "\u{fffd}\u{fffd}", "\u{fffd}", "🙂"],
                "🙂🙂🙂"
            ),
            Ok(vec![(0, 1), (0, 2), (1, 2), (2, 3)])
        );
        assert_eq!(
            located(&["a", " \u{fffd}", "\u{fffd}"], "a é"),
            Ok(vec![(0, 1), (1, 2), (2, 3)])
        );
    }

    #[test]
    fn a_text_that_looks_like_a_spelling_is_text() {
        assert_eq!(located(&["Ġ", "is"], "Ġis"), Ok(vec![(0, 1), (1, 3)]));
        assert_eq!(located(&["</s>", "x"], "</s>x"), Ok(vec![(0, 4), (4, 5)]));
    }

    #[test]
    fn tokens_of_another_text_are_refused_where_they_go_apart() {
        assert_eq!(
            located(&["The", " dog"], "The cat.").unwrap_err(),
            "field `tokens[1]`: found \" dog\", expected the text of the response at character 3: \" cat.\""
        );
        assert_eq!(
            located(&["The"], "The cat.").unwrap_err(),
            "field `tokens`: found the end of the tokens, expected the text of the response at character 3: \" cat.\""
        );
        assert_eq!(
            located(&["The", " cat"], "The").unwrap_err(),
            "field `tokens[1]`: found \" cat\", expected no more text, as the response ends there"
        );
        assert!(located(&[], "é").is_err());
        assert_eq!(located(&[], ""), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn bytes_cut_anywhere_are_found_where_they_were_cut(
            response in "[a-c é🙂\n.]{0,20}",
            mut cuts in prop::collection::vec(0_usize..60, 0..12),
        ) {
            let bytes = response.as_bytes();
            for cut in &mut cuts {
                *cut = (*cut).min(bytes.len());
            }
            cuts.sort_unstable();
            cuts.insert(0, 0);
            cuts.push(bytes.len());
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let char_at = |byte: usize| response.char_indices().filter(|&(at, _)| at < byte).count();
            let tokens: Vec<String> = pieces.iter().map(|piece| spelled(piece)).collect();
            let spans = locate(&tokens, &response).unwrap();
            for (pair, span) in cuts.windows(2).zip(&spans) {
                prop_assert_eq!(span.end, if pair[0] == pair[1] { span.start } else { char_at(pair[1]) });
            }
            // Decoded one by one, they are found too, in order and without a gap.
            let decoded: Vec<String> = pieces.iter().map(|piece| String::from_utf8_lossy(piece).into_owned()).collect();
            if let Ok(spans) = locate(&decoded, &response) {
                let mut end = 0;
                for span in spans.iter().filter(|span| span.start < span.end) {
                    prop_assert!(span.start <= end && end <= span.end, "{:?}", spans);
                    end = span.end;
                }
                prop_assert_eq!(end, response.chars().count());
            } else {
                prop_assert!(decoded.iter().any(|token| token.contains(REPLACEMENT)));
            }
        }
    }
}
