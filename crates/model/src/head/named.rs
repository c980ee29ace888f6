//! Heads of other programs by name, in run configurations and bundles.

use burn::tensor::Device;
use gradus_parts::{OwnPart, PartConflict, PartInfo, read_settings};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Head, ScoreHead};
use crate::error::ConfigProblem;
use crate::named::{Named, Role, Written, checked};

/// A [`ScoreHead`] that run configurations and bundles name: `head = { kind = "mixture", experts = 4 }`.
///
/// [`register_head`] makes it known. A program that does not know it refuses a bundle that has it.
pub trait NamedHead: ScoreHead {
    /// What may be set, by key; `()` for nothing. Defaults are those of serde.
    type Settings: Serialize + DeserializeOwned + 'static;

    /// Its name: lower-case letters, digits and `-`, neither `linear` nor `mlp`.
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

    /// The module with random weights, from a segment's vector of width `d_input` to `num_aspects` values.
    fn init(settings: &Self::Settings, d_input: usize, num_aspects: usize, device: &Device)
    -> Self;
}

type Init = fn(Written, usize, usize, &Device) -> Option<Head>;

static HEADS: Role<Init> = Role::new("head", names);

fn names() -> Vec<String> {
    let own = HEADS.known.all().into_iter().map(|known| known.kind);
    let all = ["linear", "mlp:D_HIDDEN", "mlp:D_HIDDEN:DROPOUT"];
    let all = all.into_iter().chain(own);
    all.map(|name| format!("`{name}`")).collect()
}

/// Makes a head known by its name, to this whole process. A second time changes nothing.
///
/// # Errors
/// If another head has the name, or it has other characters than lower-case letters, digits and `-`.
pub fn register_head<H: NamedHead>() -> Result<(), PartConflict> {
    let info = PartInfo::new(H::KIND, H::ABOUT).with_version(H::VERSION);
    let init: Init = |settings, d_input, num_aspects, device| {
        let settings = read_settings(settings).ok()?;
        Some(H::init(&settings, d_input, num_aspects, device).into())
    };
    let named = Named {
        check: |settings| checked(&format!("head.{}", H::KIND), settings, H::check),
        calls: init,
    };
    let is_taken = ["linear", "mlp"].contains(&H::KIND);
    HEADS.known.add::<H>(info, named, is_taken)
}

/// The heads of other programs that this process knows.
pub fn registered_heads() -> Vec<PartInfo> {
    HEADS.known.all()
}

/// The part with its version and all of its settings.
pub(super) fn resolved(part: &OwnPart) -> Result<OwnPart, ConfigProblem> {
    HEADS.resolved(part)
}

/// The part that a text means; `None` where it means none.
pub(super) fn from_text(text: &str) -> Option<Result<OwnPart, ConfigProblem>> {
    HEADS.known.find(text)?;
    Some(resolved(&OwnPart::new(text)))
}

/// The module of a part that was checked.
pub(super) fn init(part: &OwnPart, d_input: usize, num_aspects: usize, device: &Device) -> Head {
    HEADS.call(part, |init, settings| {
        init(settings, d_input, num_aspects, device)
    })
}
