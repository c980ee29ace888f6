use std::any::TypeId;
use std::sync::{PoisonError, RwLock};

use thiserror::Error;

/// A part that this program knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartInfo {
    /// Its name.
    pub kind: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Its version.
    pub version: u32,
    /// The setting that may follow the name and a colon.
    pub short: Option<&'static str>,
}

impl PartInfo {
    /// A part of version 1 without a short form.
    pub const fn new(kind: &'static str, about: &'static str) -> Self {
        Self {
            kind,
            about,
            version: 1,
            short: None,
        }
    }

    /// The same of another version.
    #[must_use]
    pub const fn with_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// The same with a setting that may follow the name and a colon.
    #[must_use]
    pub const fn with_short(mut self, short: Option<&'static str>) -> Self {
        self.short = short;
        self
    }
}

/// Whether a text can be the name of a part: lower-case letters, digits and `-`, at least one.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(fits)
}

/// A part that cannot have its name: another of its role has it, or it is no name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{role} `{kind}`: {}", conflict(*.is_name))]
#[non_exhaustive]
pub struct PartConflict {
    /// What it is a part of, such as `loss` or `pooling`.
    pub role: &'static str,
    /// The name.
    pub kind: &'static str,
    /// Whether it is a name: lower-case letters, digits and `-`.
    pub is_name: bool,
}

fn conflict(is_name: bool) -> &'static str {
    if is_name {
        "found a second one of this name, expected a name of its own"
    } else {
        "expected lower-case letters, digits and `-`"
    }
}

/// The parts of one role that were made known to this process, in that order, each with what its crate needs
/// to use it.
#[derive(Debug)]
pub struct Kinds<T> {
    role: &'static str,
    added: RwLock<Vec<Added<T>>>,
}

#[derive(Debug, Clone, Copy)]
struct Added<T> {
    info: PartInfo,
    /// The type that the part is: a name may be added again for the same.
    type_id: TypeId,
    part: T,
}

impl<T: Copy> Kinds<T> {
    /// No part of a role such as `loss` or `pooling`.
    pub const fn new(role: &'static str) -> Self {
        Self {
            role,
            added: RwLock::new(Vec::new()),
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<PartInfo> {
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        added.iter().map(|known| known.info).collect()
    }

    /// The one of this name.
    pub fn find(&self, kind: &str) -> Option<(PartInfo, T)> {
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        let known = added.iter().find(|known| known.info.kind == kind)?;
        Some((known.info, known.part))
    }

    /// Adds the part that the type `P` is. A second time changes nothing.
    ///
    /// # Errors
    /// If another type has the name, `is_taken` says that a built-in part has it, or it has other characters
    /// than lower-case letters, digits and `-`.
    pub fn add<P: 'static>(
        &self,
        info: PartInfo,
        part: T,
        is_taken: bool,
    ) -> Result<(), PartConflict> {
        let conflict = PartConflict {
            role: self.role,
            kind: info.kind,
            is_name: is_name(info.kind),
        };
        if is_taken || !conflict.is_name {
            return Err(conflict);
        }
        let type_id = TypeId::of::<P>();
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        match added.iter().find(|known| known.info.kind == info.kind) {
            Some(known) if known.type_id == type_id => {}
            Some(_) => return Err(conflict),
            None => added.push(Added {
                info,
                type_id,
                part,
            }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_added_once_and_found_by_name() {
        struct A;
        struct B;
        let kinds: Kinds<u32> = Kinds::new("test");
        let info = |kind| PartInfo::new(kind, "");
        assert_eq!(kinds.add::<A>(info("a"), 1, false), Ok(()));
        assert_eq!(kinds.add::<A>(info("a"), 1, false), Ok(()));
        let error = kinds.add::<B>(info("a"), 2, false).unwrap_err();
        assert!(error.to_string().starts_with("test `a`: found a second"));
        assert_eq!(kinds.add::<B>(info("b-2"), 2, false), Ok(()));
        assert!(kinds.add::<B>(info("c"), 2, true).is_err());
        assert_eq!(kinds.all(), [info("a"), info("b-2")]);
        assert_eq!(kinds.find("b-2"), Some((info("b-2"), 2)));
        assert_eq!(kinds.find("c"), None);
        for kind in ["", "A", "a b", "a:1"] {
            let error = kinds.add::<B>(info(kind), 2, false).unwrap_err();
            assert!(error.to_string().contains("expected lower-case"), "{error}");
        }
    }
}
