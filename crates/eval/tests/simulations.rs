//! Promises of statistics, held against a truth that is known because it is drawn.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

use gradus_eval::ResponsePairs;
use gradus_eval::bootstrap::Bootstrap;
use gradus_eval::threshold::{ThresholdOptions, Wish, choose_threshold, figures_at};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A number of the standard normal distribution, nearly: the sum of twelve uniform ones.
fn normal(random: &mut impl Rng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// Responses of four segments. Segments of a response are alike in rating and in score, so that each says less than an
/// independent one.
fn draw(responses: usize, random: &mut impl Rng) -> ResponsePairs {
    let mut pairs = ResponsePairs::new();
    for _ in 0..responses {
        let of_response = normal(random);
        let segments: Vec<(f64, f64)> = (0..4)
            .map(|_| {
                let quality = 0.6 * of_response + 0.8 * normal(random);
                let score = quality + 0.5 * normal(random);
                (score, f64::from(u8::from(quality > -0.8)))
            })
            .collect();
        pairs.push_response(segments);
    }
    pairs
}

/// Draws in which a threshold was found, and those of them in which it keeps its promise.
fn kept(wish: Wish, responses: usize, draws: u64) -> (u32, u32) {
    let truth = draw(50_000, &mut ChaCha8Rng::seed_from_u64(1));
    let options = |seed| {
        let mut options = ThresholdOptions::new(wish);
        options.bootstrap = Bootstrap {
            resamples: 0,
            seed,
            ..Bootstrap::default()
        };
        options
    };
    let (mut found, mut kept) = (0, 0);
    for seed in 0..draws {
        let pairs = draw(responses, &mut ChaCha8Rng::seed_from_u64(100 + seed));
        let Ok(report) = choose_threshold(&pairs, 0.5, &options(seed)) else {
            continue;
        };
        found += 1;
        let truth = figures_at(&truth, report.threshold, 0.5, None);
        let holds = match wish {
            Wish::Precision(share) => truth.precision >= Some(share),
            Wish::Recall(share) => truth.recall >= Some(share),
            Wish::Cost { .. } => unreachable!("costs promise nothing"),
        };
        kept += u32::from(holds);
    }
    (found, kept)
}

#[test]
fn thresholds_keep_their_promise_in_nine_of_ten_draws() {
    for (wish, responses) in [
        (Wish::Precision(0.8), 300),
        (Wish::Precision(0.6), 100),
        (Wish::Recall(0.8), 300),
        (Wish::Recall(0.6), 60),
    ] {
        let (found, kept) = kept(wish, responses, 200);
        println!("{wish}, {responses} responses: kept in {kept} of {found}");
        assert!(found >= 100, "{wish}: found in {found} of 200 draws");
        assert!(10 * kept >= 9 * found, "{wish}: kept in {kept} of {found}");
    }
}
