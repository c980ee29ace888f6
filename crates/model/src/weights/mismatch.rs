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
#[derive(Debug, Clone, PartialEq, Eq)]
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
        for name in &self.missing {
            write!(f, "\n  missing: {name}")?;
        }
        for name in &self.unexpected {
            write!(f, "\n  unexpected: {name}")?;
        }
        for [first, second] in &self.ambiguous {
            write!(f, "\n  the same tensor twice: {first} and {second}")?;
        }
        for WrongShape {
            name,
            found,
            expected,
        } in &self.wrong_shape
        {
            write!(
                f,
                "\n  wrong shape: {name}: found {found:?}, expected {expected:?}"
            )?;
        }
        for (name, found) in &self.wrong_type {
            write!(
                f,
                "\n  wrong type: {name}: found {found}, expected F32, F16, BF16 or F64"
            )?;
        }
        Ok(())
    }
}
