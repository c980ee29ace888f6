use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    normalizers::BertNormalizer, pre_tokenizers::bert::BertPreTokenizer,
};

use crate::{DataError, Result};

/// The first tokens of a vocabulary, in the order of their ids.
pub(super) const SPECIAL: [&str; 4] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];

/// A `tokenizer.json` with the words of `texts` as vocabulary, for small models from scratch.
///
/// Text is lower-cased and split at white space and punctuation, as in BERT. A word that is not in `texts` becomes
/// `[UNK]`. Ids are sorted by descending frequency, then alphabetically, so that the same texts give the same file.
/// Pairs have the form `[CLS] prompt [SEP] response [SEP]` with type ids 0 and 1.
///
/// # Errors
/// [`DataError::Tokenizer`] if a text cannot be split. No such text is known.
pub fn word_level_tokenizer<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>> {
    let mut counts = WordCounts::default();
    for text in texts {
        counts.add(text)?;
    }
    Ok(counts.into_tokenizer())
}

/// Counts of the words of texts, the vocabulary of a [`word_level_tokenizer`].
#[derive(Debug, Clone, Default)]
pub struct WordCounts(HashMap<String, usize>);

impl WordCounts {
    /// Counts the words of a text.
    ///
    /// # Errors
    /// [`DataError::Tokenizer`] if it cannot be split. No such text is known.
    pub fn add(&mut self, text: &str) -> Result<()> {
        for word in words(text).map_err(|cause| DataError::Tokenizer { path: None, cause })? {
            *self.0.entry(word).or_default() += 1;
        }
        Ok(())
    }

    /// The `tokenizer.json` with these words.
    pub fn into_tokenizer(self) -> Vec<u8> {
        tokenizer_of(self.0)
    }
}

fn tokenizer_of(counts: HashMap<String, usize>) -> Vec<u8> {
    let mut words: Vec<(String, usize)> = counts.into_iter().collect();
    words.sort_by(|(a, count_a), (b, count_b)| count_b.cmp(count_a).then_with(|| a.cmp(b)));
    let special = SPECIAL.iter().map(|&token| token.to_owned());
    let vocabulary: BTreeMap<String, usize> = special
        .chain(words.into_iter().map(|(word, _)| word))
        .enumerate()
        .map(|(id, token)| (token, id))
        .collect();
    tokenizer_json(&vocabulary).to_string().into_bytes()
}

fn words(text: &str) -> std::result::Result<Vec<String>, tokenizers::Error> {
    let mut normalized = NormalizedString::from(text);
    BertNormalizer::default().normalize(&mut normalized)?;
    let mut pieces = PreTokenizedString::from(normalized);
    BertPreTokenizer.pre_tokenize(&mut pieces)?;
    let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
    Ok(splits
        .into_iter()
        .map(|(word, _, _)| word.to_owned())
        .collect())
}

/// The special tokens in the form of a `tokenizer.json`.
pub(super) fn special_tokens() -> Vec<Value> {
    let token = |(id, content): (usize, &&str)| {
        json!({
            "id": id, "content": content, "special": true, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false,
        })
    };
    SPECIAL.iter().enumerate().map(token).collect()
}

/// `[CLS] prompt [SEP] response [SEP]`, with type ids 0 and 1.
pub(super) fn template(vocabulary: &BTreeMap<String, usize>) -> Value {
    let special =
        |id: &str, type_id: usize| json!({"SpecialToken": {"id": id, "type_id": type_id}});
    let sequence = |id: &str, type_id: usize| json!({"Sequence": {"id": id, "type_id": type_id}});
    let token = |id: &str| json!({"id": id, "ids": [vocabulary[id]], "tokens": [id]});
    json!({
        "type": "TemplateProcessing",
        "single": [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)],
        "pair": [
            special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0),
            sequence("B", 1), special("[SEP]", 1),
        ],
        "special_tokens": {"[CLS]": token("[CLS]"), "[SEP]": token("[SEP]")},
    })
}

fn tokenizer_json(vocabulary: &BTreeMap<String, usize>) -> Value {
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": special_tokens(),
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": template(vocabulary),
        "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AspectSpec, CharSpan, DEFAULT_ASPECT, Example, Segment, SegmentTokenizer, TextConfig,
        TruncationCounts,
    };

    fn tokenize(tokenizer: &[u8], prompt: &str, response: &str) -> Vec<u32> {
        let config = TextConfig {
            aspects: vec![AspectSpec::identity(DEFAULT_ASPECT)],
            ..TextConfig::default()
        };
        let tokenizer = SegmentTokenizer::new(tokenizer, config).unwrap();
        let span = CharSpan {
            start: 0,
            end: response.chars().count(),
        };
        let example = Example {
            id: "a".into(),
            prompt: prompt.into(),
            response: response.into(),
            segments: vec![Segment::unrated(span)],
            ..Example::default()
        };
        tokenizer
            .tokenize(&example, &mut TruncationCounts::default())
            .unwrap()
            .token_ids
    }

    #[test]
    fn words_get_ids_by_frequency_and_strangers_are_unknown() {
        let tokenizer = word_level_tokenizer(["B a b.", "a b c"]).unwrap();
        // [PAD] [UNK] [CLS] [SEP] b a . c
        assert_eq!(
            tokenize(&tokenizer, "A b", "c zebra."),
            [2, 5, 4, 3, 7, 1, 6, 3]
        );
    }

    #[test]
    fn the_same_texts_give_the_same_bytes() {
        let texts = ["one two three", "three two"];
        assert_eq!(
            word_level_tokenizer(texts).unwrap(),
            word_level_tokenizer(texts).unwrap()
        );
    }
}
