//! What a visitor downloads, held to a budget.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

/// The most bytes of the module with its bindings, compressed as servers do.
const BUDGET: usize = 2_400_000;

const MODULE: [&str; 2] = ["gradus_web.js", "gradus_web_bg.wasm"];

/// Prints the sizes; an error where the module is over its budget.
pub(crate) fn report(output: &Path) -> Result<()> {
    let mut out = std::io::stdout();
    let (mut module, mut page, mut bundle) = (0, 0, 0);
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
            if MODULE.contains(&name) {
                writeln!(out, "{name}: {} bytes, {packed} compressed", bytes.len())?;
                module += packed;
            } else if folder == output {
                page += packed;
            } else {
                bundle += packed;
            }
        }
    }
    writeln!(
        out,
        "module: {module} bytes compressed, of {BUDGET}; page: {page}; quickstart bundle: {bundle}"
    )?;
    ensure!(
        module <= BUDGET,
        "the module has {module} bytes compressed, more than {BUDGET}"
    );
    Ok(())
}

fn gzip(bytes: &[u8]) -> Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
