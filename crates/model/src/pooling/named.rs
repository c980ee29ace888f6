//! Poolings of other programs by name, in run configurations and bundles.

use burn::tensor::Device;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Pooler, Pooling, SegmentPooling};
use crate::error::ConfigProblem;
use crate::parts::{Kinds, OwnPart, PartConflict, PartInfo, read_settings};

/// A [`SegmentPooling`] that run configurations and bundles name:
/// `pooling = { kind = "my-gate", temperature = 0.5 }`.
///
/// [`register_pooling`] makes it known. A program that does not know it refuses a bundle that has it.
pub trait NamedPooling: SegmentPooling {
    /// What may be set, by key; `()` for nothing. Defaults are those of serde.
    type Settings: Serialize + DeserializeOwned + 'static;

    /// Its name, other than those of [`Pooling::ALL`].
    const KIND: &'static str;

    /// What it is, in a few words.
    const ABOUT: &'static str;

    /// Grows when a bundle of an older version would be misread. Default: 1.
    const VERSION: u32 = 1;

    /// Refuses settings out of range. Default: accepts all.
    ///
    /// # Errors
    /// The setting, what was found and what was expected.
    fn check(settings: &Self::Settings) -> Result<(), ConfigProblem> {
        let _ = settings;
        Ok(())
    }

    /// Width of a segment's vector, which the head reads. Default: that of a token's state.
    fn d_output(settings: &Self::Settings, d_model: usize) -> usize {
        let _ = settings;
        d_model
    }

    /// The module with random weights, for token states of width `d_model`.
    fn init(settings: &Self::Settings, d_model: usize, device: &Device) -> Self;
}

type Written = Map<String, Value>;

#[derive(Clone, Copy)]
struct Named {
    info: PartInfo,
    /// Settings in full, once they were checked.
    check: fn(Written) -> Result<Written, ConfigProblem>,
    d_output: fn(Written, usize) -> Option<usize>,
    init: fn(Written, usize, &Device) -> Option<Pooler>,
}

static KNOWN: Kinds<Named> = Kinds::new();

/// Makes a pooling known by its name, to this whole process. A second time changes nothing.
///
/// # Errors
/// If another pooling has the name.
pub fn register_pooling<P: NamedPooling>() -> Result<(), PartConflict> {
    let conflict = PartConflict::new("pooling", P::KIND);
    if Pooling::ALL.iter().any(|known| known.name() == P::KIND) {
        return Err(conflict);
    }
    let new = Named {
        info: PartInfo {
            kind: P::KIND,
            about: P::ABOUT,
            version: P::VERSION,
        },
        check: check::<P>,
        d_output: |settings, d_model| {
            let settings = read_settings(settings).ok()?;
            Some(P::d_output(&settings, d_model))
        },
        init: |settings, d_model, device| {
            let settings = read_settings(settings).ok()?;
            Some(P::init(&settings, d_model, device).into())
        },
    };
    let is_it = |known: &Named| known.info.kind == P::KIND;
    KNOWN.add(new, is_it, |known| {
        if std::ptr::fn_addr_eq(known.check, new.check) {
            Ok(())
        } else {
            Err(conflict)
        }
    })
}

/// The poolings of other programs that this process knows.
pub fn registered_poolings() -> Vec<PartInfo> {
    KNOWN.all().into_iter().map(|known| known.info).collect()
}

fn check<P: NamedPooling>(settings: Written) -> Result<Written, ConfigProblem> {
    let found = Value::Object(settings.clone());
    let problem = |error: serde_json::Error| {
        ConfigProblem::new(format!("pooling.{}", P::KIND), &found, error.to_string())
    };
    let read: P::Settings = read_settings(settings).map_err(problem)?;
    P::check(&read)?;
    match serde_json::to_value(&read).map_err(problem)? {
        Value::Object(settings) => Ok(settings),
        _ => Ok(Map::new()),
    }
}

fn find(part: &OwnPart) -> Result<Named, ConfigProblem> {
    let kind = &part.kind;
    let Some(known) = KNOWN.find(|known| known.info.kind == kind) else {
        let names = Pooling::names();
        let found = format!("`{kind}`, which is not known to this program");
        return Err(ConfigProblem::new("pooling", found, names.join(", ")));
    };
    let version = part.version.unwrap_or(known.info.version);
    if version != known.info.version {
        let found = format!("`{kind}` of version {version}");
        let expected = format!("version {}, which this program knows", known.info.version);
        return Err(ConfigProblem::new("pooling", found, expected));
    }
    Ok(known)
}

/// The part with its version and all of its settings.
pub(super) fn resolved(part: &OwnPart) -> Result<OwnPart, ConfigProblem> {
    let known = find(part)?;
    Ok(OwnPart {
        kind: part.kind.clone(),
        version: Some(known.info.version),
        settings: (known.check)(part.settings.clone())?,
    })
}

/// Width of its vectors. The part was [resolved](resolved).
pub(super) fn d_output(part: &OwnPart, d_model: usize) -> usize {
    let known = find(part).ok();
    let width = known.and_then(|known| (known.d_output)(part.settings.clone(), d_model));
    width.expect(CHECKED)
}

pub(super) fn init(part: &OwnPart, d_model: usize, device: &Device) -> Pooler {
    let known = find(part).ok();
    let pooler = known.and_then(|known| (known.init)(part.settings.clone(), d_model, device));
    pooler.expect(CHECKED)
}

const CHECKED: &str = "a pooling that was checked";
