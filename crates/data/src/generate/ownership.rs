//! The task `ownership`: two owners with lists, and a question about one of them.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::draft::{Draft, Sentence, Verdict};
use super::lists::{Pool, draw_claims, draw_lists, said};
use super::words::{NAMES, THINGS, list, shuffled};

pub(super) fn draft(rng: &mut ChaCha8Rng) -> Draft {
    let things = shuffled(THINGS, rng);
    let [first, second, unnamed] = draw_lists(&things, rng);
    let [first_name, second_name, ..] = shuffled(NAMES, rng);
    let (asked, own, other) = if rng.random_bool(0.5) {
        (first_name, first, second)
    } else {
        (second_name, second, first)
    };
    // As many as there are unnamed things, see `draw_lists`; one or two of them belong to the other owner.
    let mut not_own = unnamed.to_vec();
    let num_other = rng.random_range(1..=2);
    for (slot, &thing) in other.sample(rng, num_other).enumerate() {
        not_own[slot] = thing;
    }
    let pools = [
        Pool::new(own, Verdict::Right, 1),
        Pool::new(&not_own, Verdict::Wrong, 1),
    ];
    let num_sentences = rng.random_range(3..=4);
    let sentence = |_| {
        let claims = draw_claims(&pools, rng);
        Sentence {
            text: format!("{asked} has {}.", list(&said(&claims))),
            claims,
        }
    };
    Draft {
        prompt: format!(
            "{first_name} has {}, {second_name} has {}. What does {asked} have?",
            list(first),
            list(second)
        ),
        sentences: (0..num_sentences).map(sentence).collect(),
    }
}
