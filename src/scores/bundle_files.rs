//! Files of a bundle that evaluation reads or makes anew.

use std::path::Path;

use anyhow::{Context as _, Result};
use gradus::bundle::{Bundle, CARD, CardRenewal};
use gradus::data::TextsSketch;
use gradus::eval::Baselines;

use crate::failure::Usage;
use crate::show;

/// Bundle file with the baselines fitted on the training split.
pub(crate) const BASELINES: &str = "baselines.json";
/// Bundle file with digests of the training records.
pub(crate) const TEXTS: &str = "train-texts.json";

/// Makes the model card of a bundle anew, with `measured` or what it says was measured before.
pub(crate) fn renew_card(bundle: &Path, measured: Option<&str>) -> Result<()> {
    if Bundle::renew_card(bundle, measured)? == CardRenewal::Foreign {
        show::status(&format!(
            "{}: left as it is, since it is not the model card that gradus wrote; remove it for a new one",
            bundle.join(CARD).display()
        ));
    }
    Ok(())
}

/// The sketch of the texts that a bundle was trained on, if it has one.
pub(crate) fn stored_sketch(directory: &Path) -> Result<Option<TextsSketch>> {
    let Some(bytes) = Bundle::read_extra(directory, TEXTS)? else {
        return Ok(None);
    };
    let sketch = serde_json::from_slice(&bytes).with_context(|| {
        let path = directory.join(TEXTS);
        Usage::new(format!("{}: not the list of this version", path.display()))
            .with_hint("remove it; the bundle then no longer knows which texts it was trained on")
    })?;
    Ok(Some(sketch))
}

/// The baselines stored in the bundle; if there are none, says so.
pub(crate) fn stored_baselines(bundle: &Path) -> Result<Baselines> {
    let path = bundle.join(BASELINES);
    let Some(bytes) = Bundle::read_extra(bundle, BASELINES)? else {
        show::status(&format!(
            "{}: no {BASELINES}, so no trivial baselines; give the training split with --train",
            bundle.display()
        ));
        return Ok(Baselines::default());
    };
    let baselines = serde_json::from_slice(&bytes).with_context(|| {
        Usage::new(format!(
            "{}: not the baselines of this version",
            path.display()
        ))
        .with_hint("give the training split with --train")
    })?;
    Ok(baselines)
}
