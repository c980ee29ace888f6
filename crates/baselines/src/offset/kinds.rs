//! Which baseline each aspect has.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::OffsetKind;

/// An aspect to which nothing is added, in a table.
const NONE: &str = "none";

/// The baselines of an [`Offset`](crate::Offset): one for all aspects, or a table of aspects.
///
/// As JSON or TOML: `"bag-of-words"`, or a table such as `{"relevance": "bag-of-words", "tone": "none"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OffsetKinds {
    /// The same for all aspects.
    All(OffsetKind),
    /// By aspect; `None`, and an aspect that is not there: nothing is added.
    ByAspect(BTreeMap<String, Option<OffsetKind>>),
}

impl OffsetKinds {
    /// The baseline of an aspect.
    pub fn of(&self, aspect: &str) -> Option<OffsetKind> {
        match self {
            Self::All(kind) => Some(*kind),
            Self::ByAspect(kinds) => kinds.get(aspect).copied().flatten(),
        }
    }

    /// Whether there is no baseline for any aspect.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::All(_) => false,
            Self::ByAspect(kinds) => kinds.values().all(Option::is_none),
        }
    }

    /// Whether both say the same of these aspects.
    pub fn agrees_with(&self, other: &Self, aspects: &[String]) -> bool {
        aspects
            .iter()
            .all(|aspect| self.of(aspect) == other.of(aspect))
    }

    /// The kind with this name.
    fn named(text: &str) -> Option<OffsetKind> {
        let mut known = OffsetKind::ALL.into_iter();
        known.find(|kind| kind.to_string() == text)
    }
}

impl From<OffsetKind> for OffsetKinds {
    fn from(kind: OffsetKind) -> Self {
        Self::All(kind)
    }
}

/// `bag-of-words`, or `relevance bag-of-words, tone none`.
impl fmt::Display for OffsetKinds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(kind) => kind.fmt(formatter),
            Self::ByAspect(kinds) => {
                for (place, (aspect, kind)) in kinds.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(formatter, "{comma}{aspect} {}", name(*kind))?;
                }
                Ok(())
            }
        }
    }
}

/// The name of a kind in a table.
pub(super) fn name(kind: Option<OffsetKind>) -> String {
    kind.map_or_else(|| NONE.to_owned(), |kind| kind.to_string())
}

impl Serialize for OffsetKinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All(kind) => kind.serialize(serializer),
            Self::ByAspect(kinds) => {
                serializer.collect_map(kinds.iter().map(|(aspect, kind)| (aspect, name(*kind))))
            }
        }
    }
}

impl<'de> Deserialize<'de> for OffsetKinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = OffsetKinds;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<String> = OffsetKind::ALL.iter().map(ToString::to_string).collect();
        write!(
            formatter,
            "`{}`, or a table of them or `{NONE}` by aspect",
            known.join("`, `")
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OffsetKinds, E> {
        match OffsetKinds::named(text) {
            Some(kind) => Ok(OffsetKinds::All(kind)),
            None => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OffsetKinds, A::Error> {
        let names = BTreeMap::<String, String>::deserialize(MapAccessDeserializer::new(map))?;
        let kinds = names.into_iter().map(|(aspect, text)| {
            let kind = OffsetKinds::named(&text);
            if kind.is_some() || text == NONE {
                return Ok((aspect, kind));
            }
            let known = OffsetKind::ALL.map(|kind| format!("`{kind}`, ")).concat();
            Err(A::Error::custom(format_args!(
                "`{aspect}`: found `{text}`, expected one of {known}`{NONE}`"
            )))
        });
        Ok(OffsetKinds::ByAspect(kinds.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OffsetKinds, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn one_for_all_or_a_table_reads_back_as_itself_and_names_its_aspects() {
        let all = read(r#""bag-of-words""#).unwrap();
        assert_eq!(all, OffsetKinds::All(OffsetKind::BagOfWords));
        assert_eq!(all.of("anything"), Some(OffsetKind::BagOfWords));
        let text = r#"{"relevance":"position+length","tone":"none"}"#;
        let table = read(text).unwrap();
        assert_eq!(serde_json::to_string(&table).unwrap(), text);
        assert_eq!(table.to_string(), "relevance position+length, tone none");
        assert_eq!(table.of("relevance"), Some(OffsetKind::PositionLength));
        assert_eq!((table.of("tone"), table.of("other")), (None, None));
        assert!(!table.is_nothing() && !all.is_nothing());
        assert!(read(r#"{"tone":"none"}"#).unwrap().is_nothing());
    }

    #[test]
    fn two_agree_if_they_say_the_same_of_the_aspects_that_there_are() {
        let all = OffsetKinds::All(OffsetKind::BagOfWords);
        let one = read(r#"{"relevance":"bag-of-words"}"#).unwrap();
        let aspects =
            |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        assert!(one.agrees_with(&all, &aspects(&["relevance"])));
        assert!(!one.agrees_with(&all, &aspects(&["relevance", "tone"])));
    }

    #[test]
    fn a_word_that_is_none_of_them_is_named_with_those_that_are() {
        for (text, found) in [
            (r#""words""#, "\"words\""),
            (r#""none""#, "\"none\""),
            (r#"{"tone":"words"}"#, "`tone`: found `words`"),
            ("3", "integer `3`"),
        ] {
            let message = read(text).unwrap_err();
            assert!(
                message.contains(found) && message.contains("`position+length`, `bag-of-words`"),
                "{message}"
            );
        }
    }
}
