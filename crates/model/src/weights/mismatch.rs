//! Mismatches between the tensors of a file and a model.

use std::fmt;

/// All differences between a file's tensors and those a model needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WeightMismatch {
    /// Tensors missing from the file, by their names in files.
    pub missing: Vec<String>,
    /// Tensors of the file that the model does not have.
    pub unexpected: Vec<String>,
    /// Pairs of tensors of the file for the same tensor of the model.
    pub ambiguous: Vec<[String; 2]>,
    /// Tensors with a shape other than the model's.
    pub wrong_shape: Vec<WrongShape>,
    /// Tensors of unsupported types: name and type.
    pub wrong_type: Vec<(String, String)>,
}

/// A tensor with a shape other than the model's, in the layout of the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WrongShape {
    /// The tensor's name in the file.
    pub name: String,
    /// Its shape in the file.
    pub found: Vec<usize>,
    /// The shape that the configuration requires.
    pub expected: Vec<usize>,
}

impl WeightMismatch {
    /// Whether there are no differences.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
            && self.unexpected.is_empty()
            && self.ambiguous.is_empty()
            && self.wrong_shape.is_empty()
            && self.wrong_type.is_empty()
    }
}

impl fmt::Display for WeightMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lines(f, &self.missing, |name| format!("missing: {name}"))?;
        lines(f, &self.unexpected, |name| format!("unexpected: {name}"))?;
        lines(f, &self.ambiguous, |[first, second]| {
            format!("the same tensor twice: {first} and {second}")
        })?;
        lines(f, &self.wrong_shape, |wrong| {
            let WrongShape {
                name,
                found,
                expected,
            } = wrong;
            format!("wrong shape: {name}: found {found:?}, expected {expected:?}")
        })?;
        lines(f, &self.wrong_type, |(name, found)| {
            format!("wrong type: {name}: found {found}, expected F32, F16, BF16 or F64")
        })
    }
}

/// Maximum tensors listed per kind of difference; the rest is counted.
const LISTED: usize = 1000;

fn lines<T>(f: &mut fmt::Formatter<'_>, faults: &[T], line: impl Fn(&T) -> String) -> fmt::Result {
    for fault in faults.iter().take(LISTED) {
        write!(f, "\n  {}", line(fault))?;
    }
    match faults.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => write!(f, "\n  and {more} more of the kind"),
    }
}
