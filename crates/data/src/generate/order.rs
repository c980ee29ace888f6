//! The task `order`: things in order, repeated from the first.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::draft::{Claim, Draft, Sentence, Verdict};
use super::words::{NAMES, THINGS, opening, pick, shuffled};

const LENGTH: usize = 5;
/// Probability that a wrong thing is not in the prompt.
const ABSENT: f64 = 0.7;

pub(super) fn draft(rng: &mut ChaCha8Rng) -> Draft {
    let things = shuffled(THINGS, rng);
    let (shown, absent) = things.split_at(LENGTH);
    // One fewer than shown, so that the last answer too has a next thing, which is half right.
    let num_sentences = rng.random_range(3..LENGTH);
    let claims = loop {
        if let Some(claims) = draw_claims(num_sentences, shown, absent, rng) {
            break claims;
        }
    };
    let sentence = |(place, claim): (usize, Claim)| Sentence {
        text: format!("{}: {}.", opening(place, rng), claim.said),
        claims: vec![claim],
    };
    let sentences = claims.into_iter().enumerate().map(sentence).collect();
    Draft {
        prompt: format!("{} shows in order {}.", pick(&NAMES, rng), shown.join(", ")),
        sentences,
    }
}

/// One claim for each of the first places. No thing is named twice: if wrong claims repeated things more often than
/// right ones, the words of a response would predict its ratings.
///
/// Independently of earlier claims, the mean rating of the next claim is 0.5: if a truth value is no longer
/// possible, its counterpart is not drawn either. `None` if only wrong claims are left.
fn draw_claims(
    num_claims: usize,
    shown: &[&'static str],
    absent: &[&'static str],
    rng: &mut ChaCha8Rng,
) -> Option<Vec<Claim>> {
    let mut claims: Vec<Claim> = Vec::new();
    for place in 0..num_claims {
        let choice = |verdict| {
            let of_verdict = (0..LENGTH).filter(|other| judge(other.abs_diff(place)) == verdict);
            unsaid(of_verdict.map(|other| shown[other]), &claims)
        };
        let (right, half) = (choice(Verdict::Right), choice(Verdict::Half));
        let verdict = match (right.is_empty(), half.is_empty()) {
            (false, false) => pick(&Verdict::ALL, rng),
            (false, true) => pick(&[Verdict::Right, Verdict::Wrong], rng),
            (true, false) => Verdict::Half,
            (true, true) => return None,
        };
        let mut things = match verdict {
            Verdict::Right => right,
            Verdict::Half => half,
            Verdict::Wrong => choice(Verdict::Wrong),
        };
        if verdict == Verdict::Wrong && (things.is_empty() || rng.random_bool(ABSENT)) {
            things = unsaid(absent.iter().copied(), &claims);
        }
        let said = pick(&things, rng);
        claims.push(Claim {
            said: said.to_owned(),
            verdict,
        });
    }
    Some(claims)
}

fn judge(places_off: usize) -> Verdict {
    match places_off {
        0 => Verdict::Right,
        1 => Verdict::Half,
        _ => Verdict::Wrong,
    }
}

/// The things that no claim names.
fn unsaid(things: impl Iterator<Item = &'static str>, claims: &[Claim]) -> Vec<&'static str> {
    let is_unsaid = |thing: &&str| claims.iter().all(|claim| claim.said != **thing);
    things.filter(is_unsaid).collect()
}
