//! Claims that each draw on one of several lists of things.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::draft::{Claim, Verdict};
use super::words::pick;

/// The most things a sentence names. Lists hold at least as many, so that a sentence never has to
/// name something twice, nor to turn to another list: its length would tell of its rating.
const MAX_CLAIMS: usize = 3;

/// Things a claim may name, and what naming one is worth.
pub(super) struct Pool<'a> {
    things: &'a [&'static str],
    verdict: Verdict,
    share: usize,
}

impl<'a> Pool<'a> {
    /// - `things`: at least [`MAX_CLAIMS`]
    /// - `share`: how often claims come from here, relative to the other pools
    pub(super) fn new(things: &'a [&'static str], verdict: Verdict, share: usize) -> Self {
        Self {
            things,
            verdict,
            share,
        }
    }
}

/// Three lists of different things, of three or four each.
///
/// The lengths have one distribution: were the list of right things shorter than that of wrong
/// ones, then what a response names twice would likely be right.
pub(super) fn draw_lists<'a>(
    things: &'a [&'static str; 12],
    rng: &mut ChaCha8Rng,
) -> [&'a [&'static str]; 3] {
    let mut rest = &things[..];
    [(); 3].map(|()| {
        let (list, others) = rest.split_at(rng.random_range(MAX_CLAIMS..=MAX_CLAIMS + 1));
        rest = others;
        list
    })
}

/// One to [`MAX_CLAIMS`] claims about different things, each from a pool of its own drawing.
pub(super) fn draw_claims(pools: &[Pool], rng: &mut ChaCha8Rng) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for _ in 0..rng.random_range(1..=MAX_CLAIMS) {
        let pool = draw_pool(pools, rng);
        let unsaid: Vec<&str> = pool
            .things
            .iter()
            .copied()
            .filter(|thing| claims.iter().all(|claim| claim.said != *thing))
            .collect();
        claims.push(Claim {
            said: pick(&unsaid, rng).to_owned(),
            verdict: pool.verdict,
        });
    }
    claims
}

fn draw_pool<'a, 'b>(pools: &'a [Pool<'b>], rng: &mut ChaCha8Rng) -> &'a Pool<'b> {
    let drawers: Vec<&Pool> = pools
        .iter()
        .flat_map(|pool| std::iter::repeat_n(pool, pool.share))
        .collect();
    pick(&drawers, rng)
}

/// The texts of claims.
pub(super) fn said(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.said.as_str()).collect()
}
