//! A module and its bindings.

use std::path::Path;

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

/// The name of the module that computes on the CPU, and of the one that computes by WebGPU.
pub(crate) const CPU: &str = "gradus_web";
pub(crate) const WEBGPU: &str = "gradus_webgpu";

pub(crate) fn write(module: &Path, name: &str, output: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name(name)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)?;
    bindgen
        .generate(output)
        .with_context(|| format!("making the bindings of {}", module.display()))
}
