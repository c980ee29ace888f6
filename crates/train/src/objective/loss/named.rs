//! Losses by name, in run configurations and on the command line.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use gradus_model::ConfigProblem;
use gradus_parts::{Kinds, PartConflict, PartInfo, plain, read_settings};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{AbsoluteError, CrossEntropy, Huber, PointwiseLoss, SquaredError};
use crate::json::to_value;

/// A [`PointwiseLoss`] with a name for run configurations: `loss = "KIND"`, or with settings
/// `loss = { kind = "KIND", quantile = 0.1 }`. The settings are the fields that serde reads.
pub trait NamedLoss: PointwiseLoss + Serialize + DeserializeOwned {
    /// The name, such as `huber`.
    const KIND: &'static str;

    /// A description in a few words.
    const ABOUT: &'static str;

    /// The setting that may follow the name and a colon: `delta` for `huber:0.1`. Default: none.
    const SHORT: Option<&'static str> = None;
}

/// The loss of a rated segment: any [`PointwiseLoss`], converted with `into`.
///
/// As text: the name of a [`NamedLoss`], with its setting if it has one: `mse`, `mae`,
/// `huber:DELTA`, `bce`. Two losses are equal if their texts are.
///
/// ```
/// use gradus_train::{Huber, RatingLoss};
///
/// let loss: RatingLoss = "huber:0.1".parse()?;
/// assert_eq!(loss, Huber { delta: 0.1 }.into());
/// # Ok::<(), gradus_model::ConfigProblem>(())
/// ```
#[derive(Debug, Clone)]
pub struct RatingLoss {
    loss: Arc<dyn PointwiseLoss>,
    /// A string, or a table with a `kind`.
    written: Value,
}

impl<L: PointwiseLoss> From<L> for RatingLoss {
    fn from(loss: L) -> Self {
        Self {
            written: loss.id().into(),
            loss: Arc::new(loss),
        }
    }
}

impl Default for RatingLoss {
    fn default() -> Self {
        SquaredError.into()
    }
}

impl Deref for RatingLoss {
    type Target = dyn PointwiseLoss;

    fn deref(&self) -> &Self::Target {
        &*self.loss
    }
}

impl PartialEq for RatingLoss {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

type Read = fn(Map<String, Value>) -> Result<RatingLoss, ConfigProblem>;

const fn info<L: NamedLoss>() -> PartInfo {
    PartInfo::new(L::KIND, L::ABOUT).with_short(L::SHORT)
}

/// The losses of this crate, in the order of help texts.
const BUILT_IN: [(PartInfo, Read); 4] = [
    (info::<SquaredError>(), read::<SquaredError>),
    (info::<AbsoluteError>(), read::<AbsoluteError>),
    (info::<Huber>(), read::<Huber>),
    (info::<CrossEntropy>(), read::<CrossEntropy>),
];

static ADDED: Kinds<Read> = Kinds::new("loss");

/// All losses with a name: those of this crate, then registered ones.
pub fn losses() -> Vec<PartInfo> {
    let built_in = BUILT_IN.into_iter().map(|(info, _)| info);
    built_in.chain(ADDED.all()).collect()
}

/// Registers a loss under its name for this process. Registering it again has no effect.
///
/// # Errors
/// If another loss has the name, or if the name has characters other than lower-case letters, digits and `-`.
pub fn register_loss<L: NamedLoss>() -> Result<(), PartConflict> {
    let is_taken = BUILT_IN.iter().any(|(known, _)| known.kind == L::KIND);
    ADDED.add::<L>(info::<L>(), read::<L>, is_taken)
}

fn read<L: NamedLoss>(settings: Map<String, Value>) -> Result<RatingLoss, ConfigProblem> {
    let found = show(L::KIND, &settings);
    let loss: L = read_settings(settings)
        .map_err(|error| ConfigProblem::new("loss", found, format!("other settings: {error}")))?;
    loss.check()?;
    Ok(RatingLoss {
        written: write::<L>(&loss),
        loss: Arc::new(loss),
    })
}

/// The shortest text that parses to this loss.
fn write<L: NamedLoss>(loss: &L) -> Value {
    let settings = match to_value(loss) {
        Value::Object(settings) => settings,
        _ => Map::new(),
    };
    gradus_parts::write(&info::<L>(), settings)
}

fn show(kind: &str, settings: &Map<String, Value>) -> String {
    let mut values = settings.values();
    match (values.next(), values.next()) {
        (None, _) => format!("`{kind}`"),
        (Some(value), None) => format!("`{kind}:{}`", plain(value)),
        _ => format!("`{kind}` with {}", Value::Object(settings.clone())),
    }
}

fn find(kind: &str, found: &str) -> Result<(PartInfo, Read), ConfigProblem> {
    let built_in = BUILT_IN.into_iter().find(|(known, _)| known.kind == kind);
    built_in.or_else(|| ADDED.find(kind)).ok_or_else(|| {
        let names: Vec<String> = losses()
            .iter()
            .map(|known| format!("`{}`", gradus_parts::usage(known)))
            .collect();
        ConfigProblem::new("loss", format!("`{found}`"), names.join(", "))
    })
}

impl FromStr for RatingLoss {
    type Err = ConfigProblem;

    fn from_str(text: &str) -> Result<Self, ConfigProblem> {
        let (kind, setting) = match text.split_once(':') {
            Some((kind, setting)) => (kind, Some(setting)),
            None => (text, None),
        };
        let (info, read) = find(kind, text)?;
        let settings = gradus_parts::written(&info, setting).ok_or_else(|| {
            let expected = format!("`{}`", gradus_parts::usage(&info));
            ConfigProblem::new("loss", format!("`{text}`"), expected)
        })?;
        read(settings)
    }
}

impl fmt::Display for RatingLoss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.written.as_str() {
            Some(text) => formatter.write_str(text),
            None => write!(formatter, "{}", self.written),
        }
    }
}

impl Serialize for RatingLoss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RatingLoss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a name, or a table with a `kind`")]
        enum Written {
            Text(String),
            Table {
                kind: String,
                #[serde(flatten)]
                settings: Map<String, Value>,
            },
        }
        let loss = match Written::deserialize(deserializer)? {
            Written::Text(text) => text.parse(),
            Written::Table { kind, settings } => {
                find(&kind, &kind).and_then(|(_, read)| read(settings))
            }
        };
        loss.map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_written_as_it_names_itself() {
        for text in ["mse", "mae", "huber:0.1", "huber:2", "bce"] {
            let loss: RatingLoss = text.parse().unwrap();
            assert_eq!(
                (loss.to_string().as_str(), loss.id().as_str()),
                (text, text)
            );
            let json = serde_json::to_string(&loss).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<RatingLoss>(&json).unwrap(), loss);
        }
    }

    #[test]
    fn a_table_names_a_loss_and_its_settings() {
        let read = |text: &str| serde_json::from_str::<RatingLoss>(text);
        let loss = read(r#"{"kind": "huber", "delta": 0.5}"#).unwrap();
        assert_eq!(loss, Huber { delta: 0.5 }.into());
        for (text, part) in [
            (r#"{"kind": "huber", "dleta": 0.5}"#, "dleta"),
            (r#"{"kind": "huber", "delta": 0}"#, "above 0"),
            (
                r#"{"kind": "cosine"}"#,
                "`cosine`, expected `mse`, `mae`, `huber:DELTA`, `bce`",
            ),
            ("3", "expected a name"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
