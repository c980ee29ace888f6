//! The task `packing`: needed, optional and other things.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::draft::{Draft, Sentence, Verdict};
use super::lists::{Pool, draw_claims, draw_lists, said};
use super::words::{NAMES, THINGS, list, pick, shuffled};

pub(super) fn draft(rng: &mut ChaCha8Rng) -> Draft {
    let things = shuffled(THINGS, rng);
    let [needed, optional, unnamed] = draw_lists(&things, rng);
    let pools = [
        Pool::new(needed, Verdict::Right, 7),
        Pool::new(optional, Verdict::Half, 6),
        Pool::new(unnamed, Verdict::Wrong, 7),
    ];
    let who = pick(&NAMES, rng);
    let num_sentences = rng.random_range(3..=4);
    let sentence = |_| {
        let claims = draw_claims(&pools, rng);
        let verb = pick(&["Pack", "Take"], rng);
        Sentence {
            text: format!("{verb} {}.", list(&said(&claims))),
            claims,
        }
    };
    Draft {
        prompt: format!("{who} needs {}, maybe {}.", list(needed), list(optional)),
        sentences: (0..num_sentences).map(sentence).collect(),
    }
}
