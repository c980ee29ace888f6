//! Promises of statistics, held against a truth that is known because it is drawn.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

use gradus_eval::ResponsePairs;
use gradus_eval::bootstrap::Bootstrap;
use gradus_eval::generators::{GeneratorOptions, PromptAnswers, compare_generators};
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

/// A prompt with answers of two generators: quality, and what a judge makes of it. The judge squeezes qualities together,
/// likes the second generator, and errs.
fn answers(random: &mut impl Rng) -> [(f64, f64); 2] {
    let of_prompt = normal(random);
    [(0.3, 0.0), (0.0, 0.4)].map(|(better, liked)| {
        let quality = 0.5 * of_prompt + better + 0.6 * normal(random);
        (0.5 * quality + liked + 0.3 * normal(random), quality)
    })
}

#[test]
fn the_corrected_gap_covers_the_truth_and_the_judges_gap_does_not_and_says_so() {
    const TRUTH: f64 = 0.3;
    const DRAWS: u64 = 2000;
    let names = ["better", "liked"].map(String::from);
    let mut options = GeneratorOptions::default();
    options.bootstrap.resamples = 200;
    let (mut corrected, mut judged) = (0_u64, 0_u64);
    for seed in 0..DRAWS {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut prompts = |count: usize, is_rated: bool| -> Vec<PromptAnswers> {
            let prompt = |_| {
                let answers = answers(&mut random);
                PromptAnswers {
                    scores: answers.map(|(score, _)| Some(score)).into(),
                    // A rater errs, too, but not to one side.
                    ratings: answers
                        .map(|(_, quality)| is_rated.then(|| quality + 0.2 * normal(&mut random)))
                        .into(),
                }
            };
            (0..count).map(prompt).collect()
        };
        let (unrated, rated) = (prompts(300, false), prompts(50, true));
        let report = compare_generators(&names, &unrated, &rated, &options);
        let gap = &report.gaps[0];
        corrected += u64::from(gap.corrected.unwrap().mean.contains(TRUTH));
        let alone = compare_generators(&names, &unrated, &[], &options);
        let gap = &alone.gaps[0];
        judged += u64::from(gap.judged.unwrap().contains(TRUTH));
        assert!(
            gap.sentence.contains("Without rated answers"),
            "{}",
            gap.sentence
        );
    }
    println!("of {DRAWS} draws, corrected intervals cover {corrected}, the judge's {judged}");
    assert!(
        (930..=970).contains(&(1000 * corrected / DRAWS)),
        "{corrected} of {DRAWS}"
    );
    assert!(judged < DRAWS / 2, "{judged} of {DRAWS}");
}
