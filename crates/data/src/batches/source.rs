use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::{DataError, Result, TokenizedExample};

/// The source of a loader's examples: memory, or anything else with random access, such as a file that is larger
/// than memory.
///
/// A loader reads every example once before the first batch, to check it and find its length, and then once per
/// epoch, on the thread that requests the batch.
pub trait ExampleSource: fmt::Debug + Send + Sync {
    /// Number of examples.
    fn len(&self) -> usize;

    /// Whether there is no example.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The example at `index`, which is below [`len`](Self::len). Must return the same example every time.
    ///
    /// # Errors
    /// If it cannot be read.
    fn get(&self, index: usize) -> Result<Cow<'_, TokenizedExample>>;
}

impl ExampleSource for Vec<TokenizedExample> {
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn get(&self, index: usize) -> Result<Cow<'_, TokenizedExample>> {
        Ok(Cow::Borrowed(&self[index]))
    }
}

impl ExampleSource for Arc<[TokenizedExample]> {
    fn len(&self) -> usize {
        self.deref().len()
    }

    fn get(&self, index: usize) -> Result<Cow<'_, TokenizedExample>> {
        Ok(Cow::Borrowed(&self[index]))
    }
}

/// Shared examples of any [`ExampleSource`], converted with `into`: `vec.into()`.
#[derive(Debug, Clone)]
pub struct Examples(Arc<dyn ExampleSource>);

impl<S: ExampleSource + 'static> From<S> for Examples {
    fn from(source: S) -> Self {
        Self(Arc::new(source))
    }
}

impl Examples {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The example at `index`.
    ///
    /// # Errors
    /// [`DataError::ExamplePosition`] if there is none, and errors of the source.
    pub fn get(&self, index: usize) -> Result<Cow<'_, TokenizedExample>> {
        let count = self.len();
        if index >= count {
            return Err(DataError::ExamplePosition { index, count });
        }
        self.0.get(index)
    }

    /// All examples in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Cow<'_, TokenizedExample>>> {
        (0..self.len()).map(|index| self.0.get(index))
    }
}
