//! Claims about things that are drawn from several lists.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::draft::{Claim, Verdict};
use super::words::pick;

/// Maximum number of things in a sentence. Lists have at least as many, so that a sentence need not repeat a thing or
/// use another list. Otherwise its length would reveal its rating.
const MAX_CLAIMS: usize = 3;

/// Things that a claim may name, and the rating for naming one.
pub(super) struct Pool<'a> {
    things: &'a [&'static str],
    verdict: Verdict,
    share: usize,
}

impl<'a> Pool<'a> {
    /// - `things`: at least [`MAX_CLAIMS`]
    /// - `share`: how often claims are drawn from this pool, relative to the others
    pub(super) fn new(things: &'a [&'static str], verdict: Verdict, share: usize) -> Self {
        Self {
            things,
            verdict,
            share,
        }
    }
}

/// Three lists of distinct things, with three or four things each.
///
/// All lengths have the same distribution. If the list of right things were shorter, things that a response names
/// twice would be right more often.
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

/// One to [`MAX_CLAIMS`] claims about distinct things, each from a separately drawn pool.
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
