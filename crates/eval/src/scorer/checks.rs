//! Whether the parts of a bundle belong together.

use gradus_data::SegmentTokenizer;
use gradus_model::{EncoderConfig, Manifest};

use crate::{EvalError, Result};

/// Tells whether the text settings and the tokenizer of a bundle fit its model: what does not would
/// end in a panic, or in scores under a wrong name.
pub(super) fn check_text(
    text: &SegmentTokenizer,
    manifest: &Manifest,
    encoder: &EncoderConfig,
) -> Result<()> {
    if text.vocab_size() > encoder.vocab_size() {
        return Err(EvalError::Vocabulary {
            tokenizer: text.vocab_size(),
            model: encoder.vocab_size(),
        });
    }
    let disagreement = |key, found, expected| {
        Err(EvalError::BundleText {
            key,
            found,
            expected,
        })
    };
    let (max_length, positions) = (text.config().max_length, encoder.max_positions());
    if max_length > positions {
        let expected = format!("at most {positions}, the positions of the encoder in config.json");
        return disagreement("text.max_length", max_length.to_string(), expected);
    }
    if let Some(types) = encoder.sizes().num_token_types
        && text.max_type_id() as usize >= types
    {
        let expected = format!(
            "at most {}, as config.json has {types} token types",
            types - 1
        );
        let found = text.max_type_id().to_string();
        return disagreement(
            "the type id of the response in tokenizer.json",
            found,
            expected,
        );
    }
    let named: Vec<&str> = text
        .config()
        .aspects
        .iter()
        .map(|aspect| aspect.name.as_str())
        .collect();
    if named != manifest.aspects {
        let expected = format!("{:?}, the `aspects` beside it", manifest.aspects);
        return disagreement("text.aspects", format!("{named:?}"), expected);
    }
    Ok(())
}
