//! Bytes as tokens.

use std::collections::BTreeMap;

use super::word_level::{SPECIAL, special_tokens, template};
use serde_json::json;

/// A `tokenizer.json` whose tokens are UTF-8 bytes: it needs no training texts, and no text is unknown.
///
/// Ids 0 to 3 are `[PAD]`, `[UNK]`, `[CLS]` and `[SEP]`; byte `b` has the id `4 + b`, so there are
/// 260 ids. Pairs have the form `[CLS] prompt [SEP] response [SEP]` with type ids 0 and 1.
pub fn byte_level_tokenizer() -> Vec<u8> {
    let special = SPECIAL.iter().map(|&token| token.to_owned());
    let bytes = (0..=255).map(|byte| letter(byte).to_string());
    let vocabulary: BTreeMap<String, usize> = special
        .chain(bytes)
        .enumerate()
        .map(|(id, token)| (token, id))
        .collect();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": special_tokens(),
        "normalizer": null,
        "pre_tokenizer": {
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
        },
        "post_processor": template(&vocabulary),
        "decoder": {
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
        },
        "model": {"type": "BPE", "vocab": vocabulary, "merges": [], "unk_token": "[UNK]"},
    })
    .to_string()
    .into_bytes()
}

/// The character that represents a byte in byte-level vocabularies, as in GPT-2 (Radford et al., 2019): a printable
/// byte is itself, the others are the next free characters from U+0100.
fn letter(byte: u8) -> char {
    let prints = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if prints(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&other| !prints(other)).count();
    u32::try_from(0x100 + before)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AspectSpec, CharSpan, DEFAULT_ASPECT, Example, Segment, SegmentTokenizer, TextConfig,
        TokenSpan, TruncationCounts,
    };

    #[test]
    fn every_byte_has_its_own_letter() {
        let letters: std::collections::BTreeSet<char> = (0..=255).map(letter).collect();
        assert_eq!(letters.len(), 256);
        assert!(!letters.contains(&char::REPLACEMENT_CHARACTER));
        assert_eq!((letter(b' '), letter(b'a')), ('Ġ', 'a'));
    }

    #[test]
    fn tokens_are_bytes_and_segments_keep_theirs() {
        let config = TextConfig {
            aspects: vec![AspectSpec::identity(DEFAULT_ASPECT)],
            ..TextConfig::default()
        };
        let tokenizer = SegmentTokenizer::new(&byte_level_tokenizer(), config).unwrap();
        assert_eq!(tokenizer.vocab_size(), 260);
        let example = Example {
            id: "a".into(),
            prompt: "Hi\n".into(),
            response: "é a🙂".into(),
            segments: vec![
                Segment::unrated(CharSpan::new(0, 1)),
                Segment::unrated(CharSpan::new(2, 4)),
            ],
            ..Example::default()
        };
        let found = tokenizer
            .tokenize(&example, &mut TruncationCounts::default())
            .unwrap();
        let bytes = |text: &str| {
            text.bytes()
                .map(|byte| u32::from(byte) + 4)
                .collect::<Vec<_>>()
        };
        let expected = [vec![2], bytes("Hi\n"), vec![3], bytes("é a🙂"), vec![3]].concat();
        assert_eq!(found.token_ids, expected);
        let spans: Vec<TokenSpan> = found
            .segments
            .iter()
            .map(|segment| segment.tokens)
            .collect();
        assert_eq!(spans, [TokenSpan::new(5, 7), TokenSpan::new(8, 13)]);
    }
}
