//! A module and its bindings.

use std::path::Path;

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::order;

/// The name of the module that computes on the CPU, and of the one that computes by WebGPU.
pub(crate) const CPU: &str = "gradus_web";
pub(crate) const WEBGPU: &str = "gradus_webgpu";

pub(crate) fn write(module: &Path, name: &str, output: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .out_name(name)
        .typescript(false)
        // The order needs the names, and takes them out.
        .remove_name_section(false)
        .remove_producers_section(true)
        .web(true)?;
    bindgen
        .generate(output)
        .with_context(|| format!("making the bindings of {}", module.display()))?;
    let file = output.join(format!("{name}_bg.wasm"));
    let ordered = order::for_compression(&fs_err::read(&file)?)
        .with_context(|| format!("ordering the functions of {}", file.display()))?;
    fs_err::write(&file, ordered)?;
    Ok(())
}
