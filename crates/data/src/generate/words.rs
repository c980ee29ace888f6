//! The words of the generated texts.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// A model learns every word from scratch, so there are few words, and each is frequent.
pub(super) const NAMES: [&str; 8] = ["Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gus", "Hana"];
pub(super) const THINGS: [&str; 12] = [
    "kites", "drums", "boats", "lamps", "rings", "hats", "books", "bells", "cups", "flutes",
    "ropes", "coats",
];

/// All of `words` in random order.
pub(super) fn shuffled<const N: usize>(
    mut words: [&'static str; N],
    rng: &mut ChaCha8Rng,
) -> [&'static str; N] {
    words.shuffle(rng);
    words
}

/// A random item; `items` must not be empty.
pub(super) fn pick<T: Copy>(items: &[T], rng: &mut ChaCha8Rng) -> T {
    items[rng.random_range(0..items.len())]
}

/// The first word of sentence `index` of a response.
pub(super) fn opening(index: usize, rng: &mut ChaCha8Rng) -> &'static str {
    match index {
        0 => "First",
        _ => pick(&["Then", "Next"], rng),
    }
}

/// "kites", "kites and drums", "kites, drums and rings".
pub(super) fn list<S: AsRef<str>>(things: &[S]) -> String {
    let mut text = String::new();
    for (index, thing) in things.iter().enumerate() {
        if index > 0 {
            text.push_str(if index + 1 == things.len() {
                " and "
            } else {
                ", "
            });
        }
        text.push_str(thing.as_ref());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_read_like_english() {
        assert_eq!(list(&["kites"]), "kites");
        assert_eq!(list(&["kites", "drums"]), "kites and drums");
        assert_eq!(list(&["kites", "drums", "rings"]), "kites, drums and rings");
    }
}
