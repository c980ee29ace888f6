//! The task `sums`: one number is added to each number of a list.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::draft::{Claim, Draft, Sentence, Verdict};
use super::words::{NAMES, opening, pick};

const LENGTH: usize = 5;
/// Probability that a wrong number is the sum for another number of the list.
const OTHER: f64 = 0.3;
const MAX_NUMBER: u32 = 9;
const MAX_ADDEND: u32 = 5;
const MAX_SUM: u32 = MAX_NUMBER + MAX_ADDEND;

pub(super) fn draft(rng: &mut ChaCha8Rng) -> Draft {
    let addend = rng.random_range(1..=MAX_ADDEND);
    let numbers: [u32; LENGTH] = std::array::from_fn(|_| rng.random_range(1..=MAX_NUMBER));
    let sums = numbers.map(|number| number + addend);
    let sentences = (0..rng.random_range(3..=LENGTH))
        .map(|place| {
            let claim = draw_claim(sums[place], &sums, rng);
            Sentence {
                text: format!("{}: {}.", opening(place, rng), claim.said),
                claims: vec![claim],
            }
        })
        .collect();
    Draft {
        prompt: format!(
            "{} adds {addend} to {}.",
            pick(&NAMES, rng),
            numbers.map(|number| number.to_string()).join(", ")
        ),
        sentences,
    }
}

/// A number that is right, almost right or wrong, with equal probability.
///
/// It is always in the range of right sums, because other numbers would be recognizably wrong.
fn draw_claim(sum: u32, sums: &[u32], rng: &mut ChaCha8Rng) -> Claim {
    let verdict = pick(&Verdict::ALL, rng);
    let said = match verdict {
        Verdict::Right => sum,
        Verdict::Half => draw_neighbor(sum, rng),
        Verdict::Wrong => draw_wrong(sum, sums, rng),
    };
    Claim {
        said: said.to_string(),
        verdict,
    }
}

fn draw_neighbor(sum: u32, rng: &mut ChaCha8Rng) -> u32 {
    match sum {
        2 => 3,
        MAX_SUM => MAX_SUM - 1,
        _ => pick(&[sum - 1, sum + 1], rng),
    }
}

/// With some probability, another sum of the list, if one is far enough away.
fn draw_wrong(sum: u32, sums: &[u32], rng: &mut ChaCha8Rng) -> u32 {
    let is_wrong = |other: &u32| other.abs_diff(sum) > 1;
    let other_sums: Vec<u32> = sums.iter().copied().filter(is_wrong).collect();
    if !other_sums.is_empty() && rng.random_bool(OTHER) {
        return pick(&other_sums, rng);
    }
    loop {
        let other = rng.random_range(1..=MAX_NUMBER) + rng.random_range(1..=MAX_ADDEND);
        if is_wrong(&other) {
            return other;
        }
    }
}
