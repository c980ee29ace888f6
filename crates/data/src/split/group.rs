//! Groups of examples with the same prompt, context, response or `meta` value.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::str::FromStr;

use serde_json::Value;

use crate::{DataError, Example, Result, fold_text};

/// A property that examples of a group share; as text `prompt`, `context`, `response` or `meta.KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupKey {
    /// The same prompt after [`fold_text`].
    Prompt,
    /// The same context after [`fold_text`]. Examples without a context share none.
    Context,
    /// The same response after [`fold_text`].
    Response,
    /// The same value of a key of `meta` (see [`meta_name`]) after [`fold_text`]. Examples without the key share none.
    Meta(String),
}

impl GroupKey {
    /// The value of the property; `None` if the example has none.
    pub fn of(&self, example: &Example) -> Option<String> {
        match self {
            Self::Prompt => Some(fold_text(&example.prompt)),
            Self::Context => {
                let folded = fold_text(example.context.as_deref()?);
                (!folded.is_empty()).then_some(folded)
            }
            Self::Response => Some(fold_text(&example.response)),
            Self::Meta(key) => meta_name(example.meta.get(key)?).map(|name| fold_text(&name)),
        }
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prompt => f.write_str("prompt"),
            Self::Context => f.write_str("context"),
            Self::Response => f.write_str("response"),
            Self::Meta(key) => write!(f, "meta.{key}"),
        }
    }
}

impl FromStr for GroupKey {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        match (text, text.strip_prefix("meta.")) {
            ("prompt", _) => Ok(Self::Prompt),
            ("context", _) => Ok(Self::Context),
            ("response", _) => Ok(Self::Response),
            (_, Some(key)) if !key.is_empty() => Ok(Self::Meta(key.to_owned())),
            _ => Err(DataError::UnknownGroupKey {
                found: text.to_owned(),
            }),
        }
    }
}

/// A value of `meta` as a name: a string unchanged, anything else as JSON; `None` for `null`.
pub fn meta_name(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The number of each example's group, in the order in which groups first appear.
///
/// Two examples are in one group if they share any of `keys`, directly or through other examples: groups are the
/// connected components of this relation.
///
/// # Errors
/// [`DataError::GroupKeyAbsent`] for a context or a key of `meta` that no example has.
pub fn group_examples(examples: &[Example], keys: &[GroupKey]) -> Result<Vec<usize>> {
    let mut groups = GroupCollector::new(keys.to_vec());
    for example in examples {
        groups.add(example, &groups.values(example));
    }
    groups.finish()
}

/// The values of the keys of one example, as hashes; see [`GroupCollector::values_of`].
pub type GroupValues = Vec<Option<u128>>;

/// Finds the groups of [`group_examples`], example by example.
///
/// It keeps 8 bytes of each example, and a hash of 16 bytes of each distinct value of a key; fewer than one in 10^20 pairs
/// of values share one.
#[derive(Debug)]
pub struct GroupCollector {
    keys: Vec<GroupKey>,
    /// The first example with each value, by key.
    first: Vec<HashMap<u128, usize>>,
    parts: UnionFind,
    names: BTreeSet<String>,
}

impl GroupCollector {
    /// A collector without examples.
    pub fn new(keys: Vec<GroupKey>) -> Self {
        Self {
            first: keys.iter().map(|_| HashMap::new()).collect(),
            keys,
            parts: UnionFind {
                parents: Vec::new(),
            },
            names: BTreeSet::new(),
        }
    }

    /// The values of an example, which take longest.
    pub fn values(&self, example: &Example) -> GroupValues {
        Self::values_of(&self.keys, example)
    }

    /// The same without a collector, on any thread.
    pub fn values_of(keys: &[GroupKey], example: &Example) -> GroupValues {
        let hash = |value: String| {
            let half = |seed: u8| {
                let mut hasher = DefaultHasher::new();
                (seed, &value).hash(&mut hasher);
                u128::from(hasher.finish())
            };
            half(0) << 64 | half(1)
        };
        keys.iter().map(|key| key.of(example).map(hash)).collect()
    }

    /// Adds an example with its values.
    pub fn add(&mut self, example: &Example, values: &GroupValues) {
        let index = self.parts.parents.len();
        self.parts.parents.push(index);
        for name in example.meta.keys() {
            if !self.names.contains(name) {
                self.names.insert(name.clone());
            }
        }
        for (first, value) in self.first.iter_mut().zip(values) {
            if let Some(value) = *value {
                let with = *first.entry(value).or_insert(index);
                self.parts.join(with, index);
            }
        }
    }

    /// The number of each example's group.
    ///
    /// # Errors
    /// As [`group_examples`].
    pub fn finish(self) -> Result<Vec<usize>> {
        let examples = self.parts.parents.len();
        for (key, first) in self.keys.iter().zip(&self.first) {
            if first.is_empty() && examples > 0 {
                return Err(DataError::GroupKeyAbsent {
                    key: key.to_string(),
                    examples,
                    known: self.names.into_iter().collect(),
                });
            }
        }
        Ok(self.parts.numbered())
    }
}

/// Disjoint sets of indices; the smallest index represents its set.
#[derive(Debug)]
struct UnionFind {
    parents: Vec<usize>,
}

impl UnionFind {
    fn root(&mut self, mut index: usize) -> usize {
        while self.parents[index] != index {
            self.parents[index] = self.parents[self.parents[index]];
            index = self.parents[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }

    /// The number of each index's set, in the order of their smallest indices.
    fn numbered(mut self) -> Vec<usize> {
        let mut numbers = HashMap::new();
        (0..self.parents.len())
            .map(|index| {
                let next = numbers.len();
                *numbers.entry(self.root(index)).or_insert(next)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn example(prompt: &str, context: Option<&str>, response: &str) -> Example {
        Example {
            prompt: prompt.into(),
            context: context.map(str::to_owned),
            response: response.into(),
            ..Example::default()
        }
    }

    fn groups(examples: &[Example], keys: &str) -> Vec<usize> {
        let keys: Vec<GroupKey> = keys.split(',').map(|key| key.parse().unwrap()).collect();
        group_examples(examples, &keys).unwrap()
    }

    #[test]
    fn examples_are_joined_by_any_of_the_keys_and_through_a_third() {
        let examples = [
            example("p", Some("c"), "r1"),
            example(" P ", None, "r2"),
            example("q", Some("C"), "r3"),
            example("s", Some(" "), "r4"),
            example("t", None, "R2"),
        ];
        assert_eq!(groups(&examples, "prompt"), [0, 0, 1, 2, 3]);
        assert_eq!(groups(&examples, "context"), [0, 1, 0, 2, 3]);
        assert_eq!(groups(&examples, "response"), [0, 1, 2, 3, 1]);
        assert_eq!(groups(&examples, "prompt,context"), [0, 0, 0, 1, 2]);
        assert_eq!(
            groups(&examples, "prompt,context,response"),
            [0, 0, 0, 1, 0]
        );
    }

    #[test]
    fn meta_values_are_names_and_null_is_none() {
        let mut examples = [(); 5].map(|()| example("p", None, "r"));
        for (example, value) in
            (examples.iter_mut()).zip([json!("3"), json!(3), json!(null), json!("A"), json!("a")])
        {
            example.meta.insert("source".into(), value);
        }
        assert_eq!(groups(&examples, "meta.source"), [0, 0, 1, 2, 2]);
        for (example, value) in
            (examples.iter_mut()).zip(["X ", "x", "y", "caf\u{e9}", "CAFE\u{301}"])
        {
            example.meta.insert("source".into(), json!(value));
        }
        assert_eq!(groups(&examples, "meta.source"), [0, 0, 1, 2, 2]);
    }

    #[test]
    fn what_no_example_has_is_refused_with_what_there_is() {
        let mut examples = vec![example("p", None, "r")];
        let error = group_examples(&examples, &[GroupKey::Context]).unwrap_err();
        assert!(error.to_string().contains("`context`"), "{error}");
        examples[0].meta.insert("topic".into(), json!("x"));
        let key = GroupKey::Meta("source".into());
        let error = group_examples(&examples, &[key]).unwrap_err();
        assert!(
            error.to_string().contains("meta.source") && error.hint().unwrap().contains("topic"),
            "{error}"
        );
    }

    #[test]
    fn a_key_reads_what_it_writes() {
        for key in ["prompt", "context", "response", "meta.a.b"] {
            assert_eq!(key.parse::<GroupKey>().unwrap().to_string(), key);
        }
        for wrong in ["", "meta", "meta.", "prompts", "id"] {
            let error = wrong.parse::<GroupKey>().unwrap_err().to_string();
            assert!(error.contains("meta.KEY"), "{error}");
        }
    }

    /// The connected components, found by comparing every two texts.
    fn by_comparison(examples: &[Example], keys: &[GroupKey]) -> Vec<usize> {
        let shares = |a: &Example, b: &Example| {
            keys.iter()
                .any(|key| key.of(a).is_some() && key.of(a) == key.of(b))
        };
        let mut groups: Vec<usize> = (0..examples.len()).collect();
        for a in 0..examples.len() {
            for b in 0..a {
                if shares(&examples[a], &examples[b]) && groups[a] != groups[b] {
                    let (from, to) = (groups[a].max(groups[b]), groups[a].min(groups[b]));
                    for group in &mut groups {
                        if *group == from {
                            *group = to;
                        }
                    }
                }
            }
        }
        let mut seen = Vec::new();
        groups
            .into_iter()
            .map(|group| {
                seen.iter()
                    .position(|known| *known == group)
                    .unwrap_or_else(|| {
                        seen.push(group);
                        seen.len() - 1
                    })
            })
            .collect()
    }

    proptest! {
        #[test]
        fn hashes_group_as_texts_do(
            texts in prop::collection::vec(("[a-fA ]{1,2}", "[a-d]{0,2}", "[a-h]{1,2}"), 1..30),
        ) {
            let examples: Vec<Example> = texts
                .iter()
                .map(|(prompt, context, response)| example(prompt, Some(context), response))
                .collect();
            for keys in ["prompt", "prompt,response", "prompt,context,response"] {
                let keys: Vec<GroupKey> = keys.split(',').map(|key| key.parse().unwrap()).collect();
                let Ok(found) = group_examples(&examples, &keys) else {
                    prop_assert!(texts.iter().all(|(_, context, _)| context.is_empty()));
                    continue;
                };
                prop_assert_eq!(found, by_comparison(&examples, &keys));
            }
        }
    }
}
