//! The setting `training.offset`.

use std::fmt;
use std::str::FromStr;

use gradus_baselines::{OffsetKind, OffsetKinds};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NONE: &str = "none";
const AUTO: &str = "auto";

/// Beside which trivial baseline a model is trained.
///
/// As JSON or TOML: `"none"`, `"auto"`, or one of [`OffsetKinds`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetOption {
    /// Beside none.
    #[default]
    None,
    /// For each aspect the one that the ratings of the validation split follow, if any; see
    /// [`choose_offset`](crate::choose_offset()). A run that continues a bundle takes its offset. Where only tokens are
    /// known, as in [`fit`](crate::fit()) and [`prepare`](crate::prepare()), it is none.
    Auto,
    /// Beside these.
    Of(OffsetKinds),
}

impl OffsetOption {
    /// The baselines of a run that has some; none where they are still to be chosen.
    pub fn kinds(&self) -> Option<&OffsetKinds> {
        match self {
            Self::Of(kinds) if !kinds.is_nothing() => Some(kinds),
            _ => None,
        }
    }
}

/// A name: `none`, `auto`, or that of an [`OffsetKind`].
impl FromStr for OffsetOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut kinds = OffsetKind::ALL.into_iter();
        match text {
            NONE => Ok(Self::None),
            AUTO => Ok(Self::Auto),
            _ => kinds
                .find(|kind| kind.to_string() == text)
                .map(Self::from)
                .ok_or_else(|| {
                    let known = OffsetKind::ALL.map(|kind| format!(", `{kind}`")).concat();
                    format!("found `{text}`, expected one of `{AUTO}`, `{NONE}`{known}")
                }),
        }
    }
}

impl From<OffsetKind> for OffsetOption {
    fn from(kind: OffsetKind) -> Self {
        Self::Of(kind.into())
    }
}

impl From<Option<OffsetKinds>> for OffsetOption {
    fn from(kinds: Option<OffsetKinds>) -> Self {
        kinds.map_or(Self::None, Self::Of)
    }
}

impl fmt::Display for OffsetOption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.pad(NONE),
            Self::Auto => formatter.pad(AUTO),
            Self::Of(kinds) => kinds.fmt(formatter),
        }
    }
}

impl Serialize for OffsetOption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str(NONE),
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Of(kinds) => kinds.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for OffsetOption {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = OffsetOption;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of an offset, or a table of names by aspect")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OffsetOption, E> {
        text.parse().map_err(|error| {
            E::custom(format_args!(
                "`offset`: {error}, or a table of names by aspect"
            ))
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OffsetOption, A::Error> {
        OffsetKinds::deserialize(MapAccessDeserializer::new(map))
            .map(OffsetOption::Of)
            .map_err(|error| A::Error::custom(format_args!("`offset`: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_itself() {
        for text in [
            r#""none""#,
            r#""auto""#,
            r#""bag-of-words""#,
            r#"{"a":"none","b":"position+length"}"#,
        ] {
            let option: OffsetOption = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&option).unwrap(), text);
            let has_some = matches!(option, OffsetOption::Of(_));
            assert_eq!(option.kinds().is_some(), has_some, "{text}");
        }
        let nothing: OffsetOption = serde_json::from_str(r#"{"a":"none"}"#).unwrap();
        assert_eq!(nothing.kinds(), None);
    }

    #[test]
    fn a_table_with_another_word_names_the_aspect() {
        let read = serde_json::from_str::<OffsetOption>(r#"{"a":"auto"}"#);
        let message = read.unwrap_err().to_string();
        assert!(message.contains("`offset`: `a`: found `auto`"), "{message}");
    }
}
