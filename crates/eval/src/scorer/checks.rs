//! Whether the parts of a bundle belong together.

use gradus_data::SegmentTokenizer;
use gradus_model::EncoderConfig;

use crate::{EvalError, Result};

/// Tells whether the text settings and the tokenizer of a bundle fit its model: what does not would
/// end in a panic, or in scores under a wrong name.
pub(super) fn check_text(text: &SegmentTokenizer, encoder: &EncoderConfig) -> Result<()> {
    if text.vocab_size() > encoder.vocab_size() {
        return Err(EvalError::Vocabulary {
            tokenizer: text.vocab_size(),
            model: encoder.vocab_size(),
        });
    }
    if let Some(types) = encoder.sizes().num_token_types
        && text.max_type_id() as usize >= types
    {
        let expected = format!(
            "at most {}, as config.json has {types} token types",
            types - 1
        );
        return Err(EvalError::BundleText {
            key: "the type id of the response in tokenizer.json",
            found: text.max_type_id().to_string(),
            expected,
        });
    }
    Ok(())
}
