//! A value that is sometimes replaced by what is made of it.

use std::ops::Deref;

/// Holds a value that [`update`](Self::update) can take by value, so that what is made of it can
/// use its memory: a model whose weights nobody else holds is trained in place.
#[derive(Debug)]
pub(crate) struct Slot<T>(Option<T>);

impl<T> Slot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Replaces the value by what `change` makes of it.
    pub(crate) fn update(&mut self, change: impl FnOnce(T) -> T) {
        self.0 = self.0.take().map(change);
    }
}

/// `update` leaves nothing behind only where its closure panicked.
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
