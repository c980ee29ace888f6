//! The files of the page: those that `gradus serve` has too, and its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::args::Args;
use crate::bindings::WEBGPU;

/// Files of this page that are parts of others.
const PARTS: [&str; 3] = ["head.html", "bundles.html", "train.html"];

/// The files of the bundle that scoring needs; others are left out where they are not there.
const BUNDLE: [&str; 4] = [
    "manifest.json",
    "config.json",
    "tokenizer.json",
    "model.safetensors",
];

const WORKER: &str = "sw.js";

pub(crate) fn write(args: &Args) -> Result<()> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (shared, own) = (crates.join("serve/page"), crates.join("web/page"));
    let output = &args.output;
    let colors = crates.join("eval/src/report/colors.css");
    fs_err::copy(colors, output.join("colors.css"))?;
    for file in files(&shared)?.into_iter().chain(files(&own)?) {
        let name = file.file_name().unwrap_or_default();
        if !PARTS.iter().any(|part| name == *part) {
            fs_err::copy(&file, output.join(name))?;
        }
    }
    let html = index(&shared, &own, args)?;
    fs_err::write(output.join("index.html"), html)?;
    let bundle = output.join("quickstart");
    fs_err::create_dir(&bundle)?;
    for name in BUNDLE {
        fs_err::copy(args.bundle.join(name), bundle.join(name))?;
    }
    let worker = service_worker(output)?;
    fs_err::write(output.join(WORKER), worker)?;
    Ok(())
}

/// The files of a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        found.push(entry?.path());
    }
    found.sort();
    Ok(found)
}

/// Nothing of another place but what `connect` allows, and no script or style within the page itself.
fn policy(connect: &[String]) -> String {
    let mut sources = "'self'".to_owned();
    for origin in connect {
        sources.push(' ');
        sources.push_str(origin);
    }
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
         img-src 'self' data:; manifest-src 'self'; connect-src {sources}; base-uri 'none'; form-action 'none'"
    )
}

/// The page of `gradus serve` with what this one has besides.
fn index(shared: &Path, own: &Path, args: &Args) -> Result<String> {
    let mut html = fs_err::read_to_string(shared.join("index.html"))?;
    let part = |name: &str| fs_err::read_to_string(own.join(name));
    let devices = args.webgpu.as_ref().map_or("cpu", |_| "cpu webgpu");
    let head = part("head.html")?
        .replace("@POLICY@", &policy(&args.connect))
        .replace("@DEVICES@", devices);
    let rate = "      <li><a href=\"#rate\" data-mode=\"rate\">Rate</a></li>\n";
    let form = "  <form id=\"score-form\">\n";
    let changes = [
        ("<title>Gradus</title>\n", format!("<title>Gradus</title>\n{head}")),
        (
            rate,
            format!("{rate}      <li><a href=\"#train\" data-mode=\"train\">Train</a></li>\n"),
        ),
        (form, format!("{}{form}", part("bundles.html")?)),
        ("</main>\n", format!("\n{}</main>\n", part("train.html")?)),
        (
            "This page needs its script, which comes from this server.",
            "This page needs its script.".to_owned(),
        ),
        (
            "Texts go to this server only. Ratings stay in this browser until you export or discard them.",
            "Everything is computed in this browser. Texts, ratings and models stay on this machine.".to_owned(),
        ),
    ];
    for (before, after) in changes {
        ensure!(
            html.matches(before).count() == 1,
            "the page of `gradus serve` no longer has {before:?} once"
        );
        html = html.replace(before, &after);
    }
    Ok(html)
}

/// The service worker with the names of all files, and a digest of them. Those of a module that not everybody uses are
/// kept when they are used.
fn service_worker(output: &Path) -> Result<String> {
    let (mut names, mut later) = (vec!["./".to_owned()], Vec::new());
    let mut hasher = Sha256::new();
    for folder in ["", "quickstart"] {
        for file in files(&output.join(folder))? {
            let name = file
                .file_name()
                .and_then(|name| name.to_str())
                .context("a name in Unicode")?;
            if file.is_dir() || name == WORKER || name == "index.html" && folder.is_empty() {
                hasher.update(if file.is_dir() {
                    Vec::new()
                } else {
                    fs_err::read(&file)?
                });
                continue;
            }
            hasher.update(fs_err::read(&file)?);
            if name.starts_with(WEBGPU) {
                later.push(name.to_owned());
            } else if folder.is_empty() {
                names.push(name.to_owned());
            } else {
                names.push(format!("{folder}/{name}"));
            }
        }
    }
    let mut digest = String::new();
    for byte in &hasher.finalize()[..8] {
        write!(digest, "{byte:02x}")?;
    }
    let (names, later) = (
        serde_json::to_string(&names)?,
        serde_json::to_string(&later)?,
    );
    let script = fs_err::read_to_string(output.join(WORKER))?;
    Ok(script
        .replace("\"@FILES@\"", &names)
        .replace("\"@LATER@\"", &later)
        .replace("@DIGEST@", &digest))
}
