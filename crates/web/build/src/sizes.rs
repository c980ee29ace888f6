//! What a visitor downloads, held to a budget.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::bindings::{CPU, WEBGPU};

/// The modules with the most bytes that each may have with its bindings, compressed as servers do.
const BUDGETS: [(&str, usize); 2] = [(CPU, 2_100_000), (WEBGPU, 3_600_000)];

/// Prints the sizes; an error where a module is over its budget.
pub(crate) fn report(output: &Path) -> Result<()> {
    let mut out = std::io::stdout();
    let (mut modules, mut page, mut bundle) = ([0; 2], 0, 0);
    for folder in [output.to_owned(), output.join("quickstart")] {
        for entry in fs_err::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                continue;
            }
            let bytes = fs_err::read(&path)?;
            let packed = gzip(&bytes)?;
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if let Some(module) = module_of(name) {
                writeln!(out, "{name}: {} bytes, {packed} compressed", bytes.len())?;
                modules[module] += packed;
            } else if folder == output {
                page += packed;
            } else {
                bundle += packed;
            }
        }
    }
    writeln!(
        out,
        "compressed: page {page} bytes, quickstart bundle {bundle}"
    )?;
    // The module for GPUs is not in every page.
    let built = BUDGETS
        .into_iter()
        .zip(modules)
        .filter(|(_, size)| *size > 0);
    for ((name, budget), size) in built {
        writeln!(out, "compressed: {name} {size} bytes, of {budget}")?;
        ensure!(
            size <= budget,
            "{name} has {size} bytes compressed, more than {budget}"
        );
    }
    Ok(())
}

/// Which module a file is a part of.
fn module_of(file: &str) -> Option<usize> {
    let is_part = |name: &str| {
        let rest = file.strip_prefix(name);
        rest.is_some_and(|rest| [".js", "_bg.wasm"].contains(&rest))
    };
    BUDGETS.iter().position(|(name, _)| is_part(name))
}

fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
