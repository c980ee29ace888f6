//! The module and its bindings.

use std::path::Path;

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

pub(crate) fn write(module: &Path, output: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name("gradus_web")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)?;
    bindgen
        .generate(output)
        .with_context(|| format!("making the bindings of {}", module.display()))
}
