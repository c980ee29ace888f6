//! Poolings of other programs by name, in run configurations and bundles.

use burn::tensor::Device;
use gradus_parts::{OwnPart, PartConflict, PartInfo, read_settings};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Pooler, Pooling, SegmentPooling};
use crate::error::ConfigProblem;
use crate::named::{Named, Role, Written, checked};

/// A [`SegmentPooling`] that run configurations and bundles name:
/// `pooling = { kind = "my-gate", temperature = 0.5 }`.
///
/// [`register_pooling`] makes it known. A program that does not know it refuses a bundle that has it.
pub trait NamedPooling: SegmentPooling {
    /// What may be set, by key; `()` for nothing. Defaults are those of serde.
    type Settings: Serialize + DeserializeOwned + 'static;

    /// Its name: lower-case letters, digits and `-`, other than those of [`Pooling::ALL`].
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

#[derive(Clone, Copy)]
struct Calls {
    d_output: fn(Written, usize) -> Option<usize>,
    init: fn(Written, usize, &Device) -> Option<Pooler>,
}

static POOLINGS: Role<Calls> = Role::new("pooling", Pooling::names);

/// Makes a pooling known by its name, to this whole process. A second time changes nothing.
///
/// # Errors
/// If another pooling has the name, or it has other characters than lower-case letters, digits and `-`.
pub fn register_pooling<P: NamedPooling>() -> Result<(), PartConflict> {
    let is_taken = Pooling::ALL.iter().any(|known| known.name() == P::KIND);
    let info = PartInfo::new(P::KIND, P::ABOUT).with_version(P::VERSION);
    let calls = Calls {
        d_output: |settings, d_model| {
            let settings = read_settings(settings).ok()?;
            Some(P::d_output(&settings, d_model))
        },
        init: |settings, d_model, device| {
            let settings = read_settings(settings).ok()?;
            Some(P::init(&settings, d_model, device).into())
        },
    };
    let check = |settings| checked(&format!("pooling.{}", P::KIND), settings, P::check);
    POOLINGS
        .known
        .add::<P>(info, Named { check, calls }, is_taken)
}

/// The poolings of other programs that this process knows.
pub fn registered_poolings() -> Vec<PartInfo> {
    POOLINGS.known.all()
}

/// The part with its version and all of its settings.
pub(super) fn resolved(part: &OwnPart) -> Result<OwnPart, ConfigProblem> {
    POOLINGS.resolved(part)
}

/// Width of the vectors of a part that was checked.
pub(super) fn d_output(part: &OwnPart, d_model: usize) -> usize {
    POOLINGS.call(part, |calls, settings| (calls.d_output)(settings, d_model))
}

/// The module of a part that was checked.
pub(super) fn init(part: &OwnPart, d_model: usize, device: &Device) -> Pooler {
    POOLINGS.call(part, |calls, settings| {
        (calls.init)(settings, d_model, device)
    })
}
