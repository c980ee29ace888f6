//! Everything that is wrong with the tensors of a file.

use std::fmt;

/// Every way in which a file's tensors differ from those a model needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WeightMismatch {
    /// Tensors the model needs and the file lacks, by their names in the file.
    pub missing: Vec<String>,
    /// Tensors of the file that have no place in the model.
    pub unexpected: Vec<String>,
    /// Tensors of the file that stand for the same tensor of the model.
    pub ambiguous: Vec<[String; 2]>,
    /// Tensors whose shape is not the model's.
    pub wrong_shape: Vec<WrongShape>,
    /// Tensors that are not floating-point numbers of a readable type: name and type.
    pub wrong_type: Vec<(String, String)>,
}

/// A tensor whose shape is not the model's, in the layout of the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WrongShape {
    /// The tensor's name in the file.
    pub name: String,
    /// Its shape in the file.
    pub found: Vec<usize>,
    /// The shape the configuration asks for.
    pub expected: Vec<usize>,
}

impl WeightMismatch {
    /// Whether nothing is wrong.
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

/// Tensors with the same fault that are listed; the rest is counted.
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
