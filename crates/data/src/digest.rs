//! Whether two data sets hold the same texts.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Example, fold_text};

/// The texts of a data set in short: equal for the same prompts, contexts and responses, whatever
/// their order, ids, segments and ratings, and however the file is compressed.
///
/// Texts are compared as [`fold_text`] has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextsDigest {
    /// Number of records.
    pub records: usize,
    /// SHA-256 over the sorted digests of the records, in hexadecimal.
    pub sha256: String,
}

impl TextsDigest {
    /// The digest of `examples`.
    pub fn of(examples: &[Example]) -> Self {
        let mut digests: Vec<[u8; 32]> = examples.iter().map(texts).collect();
        digests.sort_unstable();
        let mut hasher = Sha256::new();
        for digest in &digests {
            hasher.update(digest);
        }
        let mut sha256 = String::new();
        for byte in hasher.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        Self {
            records: examples.len(),
            sha256,
        }
    }
}

/// Digest of the texts of one record, each with its length in front, so that no two records with
/// other texts run together.
fn texts(example: &Example) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let context = example.context.as_deref().unwrap_or_default();
    for text in [&example.prompt, context, &example.response] {
        let folded = fold_text(text);
        hasher.update((folded.len() as u64).to_le_bytes());
        hasher.update(folded);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(id: &str, prompt: &str, context: Option<&str>, response: &str) -> Example {
        Example {
            id: id.into(),
            prompt: prompt.into(),
            context: context.map(str::to_owned),
            response: response.into(),
            ..Example::default()
        }
    }

    #[test]
    fn order_and_ids_do_not_count_and_texts_do() {
        let a = example("1", "p", Some("c"), "r");
        let b = example("2", "q", None, "s");
        let digest = TextsDigest::of(&[a.clone(), b.clone()]);
        let renamed = example("9", " P", Some("c"), "r");
        assert_eq!(TextsDigest::of(&[b.clone(), renamed]), digest);
        for other in [
            vec![a.clone()],
            vec![a.clone(), a.clone()],
            vec![a.clone(), example("2", "q", Some("s"), "")],
            vec![a, example("2", "qs", None, "")],
        ] {
            assert_ne!(TextsDigest::of(&other), digest);
        }
    }
}
