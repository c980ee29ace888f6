//! The segmenters in Python, for models that are used there.

use std::fmt::Write as _;

use super::{Segmenter, sentence, unicode};

/// A file in Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonFile {
    /// The name of the file.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

const SEGMENTER: &str = include_str!("python/segmenter.py");

impl Segmenter {
    /// A module in Python, `segmenter.py`, that cuts as all rules of this crate do and needs nothing but the standard
    /// library, and the tables it reads. `segment(text)` cuts by this rule; by [`Segmenter::Tokens`] it takes the
    /// tokenizer, too. `None` for a segmenter of another program.
    pub fn python(&self) -> Option<[PythonFile; 2]> {
        if matches!(self, Self::Own(_)) {
            return None;
        }
        let tables = PythonFile {
            name: "segmenter_tables.py",
            text: tables(&self.versioned()),
        };
        let segmenter = PythonFile {
            name: "segmenter.py",
            text: SEGMENTER.to_owned(),
        };
        Some([segmenter, tables])
    }

    /// The text that will mean the same rules when there are newer ones.
    fn versioned(&self) -> String {
        match self {
            Self::Sentence => "sentence-5".to_owned(),
            other => other.to_string(),
        }
    }
}

fn tables(rule: &str) -> String {
    let (major, minor, _) = unicode_segmentation::UNICODE_VERSION;
    let mut text = format!(
        "\"\"\"Tables of segmenter.py, of Unicode {major}.{minor}: written by gradus {}.\"\"\"\n\nRULE = {}\n\n",
        env!("CARGO_PKG_VERSION"),
        quoted(rule)
    );
    text.push_str("# Ranges of code points, in hexadecimal.\nCLASSES = {\n");
    for line in unicode::CLASSES.lines() {
        if let Some((name, ranges)) = line.split_once(':') {
            let _ = writeln!(text, "    {}: {},", quoted(name), quoted(ranges.trim()));
        }
    }
    text.push_str("}\n\nWORDS = {\n");
    for (name, words) in sentence::word_lists() {
        let words = words.iter().map(|word| match &word[..] {
            [word] => quoted(word),
            parts => list(parts.iter().map(|part| quoted(part))),
        });
        let _ = writeln!(text, "    {}: {},", quoted(name), list(words));
    }
    text.push_str("}\n");
    text
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A text as JSON writes it, which Python reads as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_the_rule_for_good() {
        for (segmenter, rule) in [
            (Segmenter::Sentence, "RULE = \"sentence-5\"\n"),
            (Segmenter::Sentence1, "RULE = \"sentence-1\"\n"),
            (
                Segmenter::Delimiter("\n\"".into()),
                "RULE = \"delimiter:\\n\\\"\"\n",
            ),
        ] {
            let [_, tables] = segmenter.python().unwrap();
            assert!(tables.text.contains(rule), "{}", &tables.text[..200]);
        }
        let newest = serde_json::to_value(Segmenter::Sentence).unwrap();
        assert_eq!(newest, Segmenter::Sentence.versioned());
    }
}
