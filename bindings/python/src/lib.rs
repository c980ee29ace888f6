//! The native half of the Python package `gradus`: scoring in the process, and the command line.
//!
//! It takes and gives JSON texts, which the Python half turns into objects of Python, so that both halves
//! stay small and the words of records are those of the data format; or tables of Arrow, without a copy.

mod arrow;
mod command;
mod errors;
mod scorer;
mod tokens;

use pyo3::prelude::*;

/// Functions and classes of the package that are written in Rust.
#[pymodule]
mod _gradus {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::scorer::Scorer;

    #[pymodule_export]
    use super::arrow::{Scores, Texts, texts};

    #[pymodule_export]
    use super::tokens::token_rewards;

    #[pymodule_export]
    use super::command::{run, run_config};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
