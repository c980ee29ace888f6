//! Files that commands write.

use std::path::Path;

use anyhow::Result;
use gradus::data::{AtomicFile, STANDARD_INPUT};
use gradus_files::{is_same_file, is_standard_input};

use crate::elsewhere;
use crate::failure::Usage;

/// Opens `path` for writing; `-` is standard output. An existing file is replaced only with
/// `overwrite`, and never if it is one of `inputs` or in an input directory.
pub(crate) fn create(path: &Path, overwrite: bool, inputs: &[&Path]) -> Result<AtomicFile> {
    elsewhere::refuse_output(path)?;
    for input in inputs {
        refuse_input(path, input)?;
    }
    Ok(if overwrite {
        AtomicFile::create(path)?
    } else {
        AtomicFile::create_new(path)?
    })
}

/// Refuses an output that is an input, or lies in a directory that is one.
pub(crate) fn refuse_input(output: &Path, input: &Path) -> Result<()> {
    let is_input = if input == Path::new(STANDARD_INPUT) {
        is_standard_input(output)?
    } else if input.is_dir() {
        let mut entries = fs_err::read_dir(input)?;
        entries.any(|entry| entry.is_ok_and(|entry| is_same_file(output, &entry.path())))
    } else {
        is_same_file(output, input)
    };
    if !is_input {
        return Ok(());
    }
    let (output, input) = (output.display(), input.display());
    Err(Usage::new(format!(
        "{output}: found the input `{input}`, expected another file to write to"
    ))
    .with_hint("choose another file; an input is never overwritten")
    .into())
}
