//! The command line.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

const USAGE: &str = "usage: gradus-web-build --module FILE.wasm [--webgpu FILE.wasm] --bundle DIR --output DIR [--connect ORIGIN]..";

/// What to build from, and where to.
pub(crate) struct Args {
    /// The module as cargo has built it.
    pub(crate) module: PathBuf,
    /// The module that computes by WebGPU, if the page has one.
    pub(crate) webgpu: Option<PathBuf>,
    /// The bundle that the page comes with.
    pub(crate) bundle: PathBuf,
    /// The folder of the page.
    pub(crate) output: PathBuf,
    /// Other sites that bundles may be fetched from.
    pub(crate) connect: Vec<String>,
}

impl Args {
    pub(crate) fn read() -> Result<Self> {
        let (mut module, mut webgpu, mut bundle, mut output) = (None, None, None, None);
        let mut connect = Vec::new();
        let mut given = std::env::args().skip(1);
        while let Some(name) = given.next() {
            let Some(value) = given.next() else {
                bail!("{name} needs a value\n{USAGE}");
            };
            match name.as_str() {
                "--module" => module = Some(value.into()),
                "--webgpu" => webgpu = Some(value.into()),
                "--bundle" => bundle = Some(value.into()),
                "--output" => output = Some(value.into()),
                "--connect" => connect.push(checked_origin(value)?),
                _ => bail!("found {name}\n{USAGE}"),
            }
        }
        match (module, bundle, output) {
            (Some(module), Some(bundle), Some(output)) => Ok(Self {
                module,
                webgpu,
                bundle,
                output,
                connect,
            }),
            _ => bail!("{USAGE}"),
        }
    }
}

/// An origin becomes part of the page's policy, so it must be nothing else.
fn checked_origin(origin: String) -> Result<String> {
    let host = origin.strip_prefix("https://").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    ensure!(
        !host.is_empty() && host.bytes().all(plain),
        "--connect: found {origin:?}, expected an origin such as https://models.example"
    );
    Ok(origin)
}

/// Refuses to replace a folder that is not of an earlier build.
pub(crate) fn check_own(output: &Path) -> Result<()> {
    let is_own =
        output.join("gradus_web.js").is_file() || fs_err::read_dir(output)?.next().is_none();
    ensure!(
        is_own,
        "{} is not the page of an earlier build: name another folder, or remove it",
        output.display()
    );
    Ok(())
}
