//! Losses by name, in run configurations and on the command line.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use gradus_model::{ConfigProblem, PartConflict, read_settings};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{AbsoluteError, CrossEntropy, Huber, PointwiseLoss, SquaredError};
use crate::json::to_value;

/// A [`PointwiseLoss`] that run configurations name: `loss = "KIND"`, or with its settings
/// `loss = { kind = "KIND", quantile = 0.1 }`. The settings are the fields that serde sees.
pub trait NamedLoss: PointwiseLoss + Serialize + DeserializeOwned {
    /// Its name, such as `huber`.
    const KIND: &'static str;

    /// What it is, in a few words.
    const ABOUT: &'static str;

    /// The setting that may follow the name and a colon: `delta` in `huber:0.1`. Default: none.
    const SHORT: Option<&'static str> = None;
}

/// The loss of a rated segment: any [`PointwiseLoss`], which `into` makes one.
///
/// As text: the name of a [`NamedLoss`], with its setting where it has one: `mse`, `mae`,
/// `huber:DELTA`, `bce`. Two are equal if they are written alike.
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
    /// A text, or a table with a `kind`.
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

/// A loss that this program knows by name.
#[derive(Debug, Clone, Copy)]
pub struct LossInfo {
    /// Its name.
    pub kind: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// The setting that may follow the name and a colon.
    pub short: Option<&'static str>,
    read: fn(Map<String, Value>) -> Result<RatingLoss, ConfigProblem>,
}

impl LossInfo {
    const fn of<L: NamedLoss>() -> Self {
        Self {
            kind: L::KIND,
            about: L::ABOUT,
            short: L::SHORT,
            read: read::<L>,
        }
    }

    /// How it is written: `mse`, `huber:DELTA`.
    pub fn usage(&self) -> String {
        match self.short {
            Some(setting) => format!("{}:{}", self.kind, setting.to_uppercase()),
            None => self.kind.to_owned(),
        }
    }
}

/// The losses of this crate, in the order help texts list them.
static KNOWN: RwLock<Vec<LossInfo>> = RwLock::new(Vec::new());

const BUILT_IN: [LossInfo; 4] = [
    LossInfo::of::<SquaredError>(),
    LossInfo::of::<AbsoluteError>(),
    LossInfo::of::<Huber>(),
    LossInfo::of::<CrossEntropy>(),
];

/// The losses that this program knows by name: those of this crate, then those that were registered.
pub fn losses() -> Vec<LossInfo> {
    let added = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    BUILT_IN.iter().chain(added.iter()).copied().collect()
}

/// Makes a loss known by its name, to this whole process. A second time changes nothing.
///
/// # Errors
/// If another loss has the name.
pub fn register_loss<L: NamedLoss>() -> Result<(), PartConflict> {
    let new = LossInfo::of::<L>();
    let mut added = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let known = BUILT_IN
        .iter()
        .chain(added.iter())
        .find(|known| known.kind == new.kind);
    match known {
        Some(known) if std::ptr::fn_addr_eq(known.read, new.read) => {}
        Some(_) => return Err(PartConflict::new("loss", new.kind)),
        None => added.push(new),
    }
    Ok(())
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

/// The shortest form that is read back as this loss.
fn write<L: NamedLoss>(loss: &L) -> Value {
    let Value::Object(settings) = to_value(loss) else {
        return L::KIND.into();
    };
    let mut entries = settings.iter();
    match (entries.next(), entries.next()) {
        (None, _) => L::KIND.into(),
        (Some((key, value)), None) if L::SHORT == Some(key) => {
            format!("{}:{}", L::KIND, plain(value)).into()
        }
        _ => {
            let mut table = Map::new();
            table.insert("kind".into(), L::KIND.into());
            table.extend(settings);
            Value::Object(table)
        }
    }
}

/// A value as text: a number as Rust writes it, a text without quotes.
fn plain(value: &Value) -> String {
    match (value.as_f64(), value.as_str()) {
        (Some(number), _) => number.to_string(),
        (_, Some(text)) => text.to_owned(),
        _ => value.to_string(),
    }
}

fn show(kind: &str, settings: &Map<String, Value>) -> String {
    let mut values = settings.values();
    match (values.next(), values.next()) {
        (None, _) => format!("`{kind}`"),
        (Some(value), None) => format!("`{kind}:{}`", plain(value)),
        _ => format!("`{kind}` with {}", Value::Object(settings.clone())),
    }
}

fn find(kind: &str, found: &str) -> Result<LossInfo, ConfigProblem> {
    let known = losses();
    let named = known.iter().find(|known| known.kind == kind).copied();
    named.ok_or_else(|| {
        let names: Vec<String> = known
            .iter()
            .map(|known| format!("`{}`", known.usage()))
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
        let known = find(kind, text)?;
        let mut settings = Map::new();
        match (setting, known.short) {
            (None, _) => {}
            (Some(setting), Some(key)) => {
                let value = serde_json::from_str(setting);
                settings.insert(key.into(), value.unwrap_or_else(|_| setting.into()));
            }
            (Some(_), None) => {
                let expected = format!("`{}`", known.usage());
                return Err(ConfigProblem::new("loss", format!("`{text}`"), expected));
            }
        }
        (known.read)(settings)
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
                find(&kind, &kind).and_then(|known| (known.read)(settings))
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
