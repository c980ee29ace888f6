//! A value that a function consumes and replaces.

use std::ops::Deref;

/// Holds a value that [`update`](Self::update) passes to a function by value, so that the result can reuse its
/// memory: a model with no other references to its weights is trained in place.
#[derive(Debug)]
pub(crate) struct Slot<T>(Option<T>);

impl<T> Slot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Replaces the value by the result of `change`.
    pub(crate) fn update(&mut self, change: impl FnOnce(T) -> T) {
        self.0 = self.0.take().map(change);
    }
}

/// The value is absent only after a panic in the closure of `update`.
const EMPTY: &str = "a value whose update was not interrupted by a panic";

impl<T> Deref for Slot<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(EMPTY)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_update_is_the_only_holder_of_the_value() {
        let mut slot = Slot::new(Arc::new(1));
        slot.update(|mut value| {
            *Arc::get_mut(&mut value).unwrap() += 1;
            value
        });
        assert_eq!(**slot, 2);
    }
}
