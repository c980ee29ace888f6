//! What named parts with weights share: poolings, heads, encoders of other programs.

use gradus_parts::{Kinds, OwnPart, PartInfo, read_settings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ConfigProblem;

/// Settings as files have them.
pub(crate) type Written = Map<String, Value>;

/// What a role needs of each of its parts.
#[derive(Clone, Copy)]
pub(crate) struct Named<C> {
    /// Settings in full, once they were checked.
    pub(crate) check: fn(Written) -> Result<Written, ConfigProblem>,
    pub(crate) calls: C,
}

/// The named parts of one role.
pub(crate) struct Role<C: 'static> {
    /// `pooling`, for messages.
    pub(crate) name: &'static str,
    pub(crate) known: Kinds<Named<C>>,
    /// Names of all parts, those of this crate too.
    pub(crate) names: fn() -> Vec<String>,
}

impl<C: Copy> Role<C> {
    pub(crate) const fn new(name: &'static str, names: fn() -> Vec<String>) -> Self {
        Self {
            name,
            known: Kinds::new(name),
            names,
        }
    }

    /// The part that is meant.
    pub(crate) fn find(&self, part: &OwnPart) -> Result<(PartInfo, Named<C>), ConfigProblem> {
        let kind = &part.kind;
        let Some((info, named)) = self.known.find(kind) else {
            let found = format!("`{kind}`, which is not known to this program");
            let names = (self.names)().join(", ");
            return Err(ConfigProblem::new(self.name, found, names));
        };
        match part.version {
            Some(version) if version != info.version => {
                let found = format!("`{kind}` of version {version}");
                let expected = format!("version {}, which this program knows", info.version);
                Err(ConfigProblem::new(self.name, found, expected))
            }
            _ => Ok((info, named)),
        }
    }

    /// The part with its version and all of its settings.
    pub(crate) fn resolved(&self, part: &OwnPart) -> Result<OwnPart, ConfigProblem> {
        let (info, named) = self.find(part)?;
        Ok(OwnPart {
            kind: part.kind.clone(),
            version: Some(info.version),
            settings: (named.check)(part.settings.clone())?,
        })
    }

    /// What a call makes of the settings of a part that was checked.
    ///
    /// # Panics
    /// If it was not.
    pub(crate) fn call<T>(&self, part: &OwnPart, call: impl Fn(C, Written) -> Option<T>) -> T {
        let known = self.find(part).ok();
        let made = known.and_then(|(_, named)| call(named.calls, part.settings.clone()));
        made.unwrap_or_else(|| panic!("{} `{}` was not checked", self.name, part.kind))
    }
}

/// Reads, checks and completes settings; `place` names them, such as `pooling.my-gate`.
pub(crate) fn checked<S: Serialize + DeserializeOwned>(
    place: &str,
    settings: Written,
    check: impl Fn(&S) -> Result<(), ConfigProblem>,
) -> Result<Written, ConfigProblem> {
    let found = Value::Object(settings.clone());
    let problem = |error: serde_json::Error| ConfigProblem::new(place, &found, error.to_string());
    let read: S = read_settings(settings).map_err(problem)?;
    check(&read)?;
    match serde_json::to_value(&read).map_err(problem)? {
        Value::Object(settings) => Ok(settings),
        _ => Ok(Map::new()),
    }
}
