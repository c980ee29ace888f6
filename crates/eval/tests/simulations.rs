//! Promises of statistics, held against a truth that is known because it is drawn.

#![allow(clippy::unwrap_used, reason = "clippy knows tests, not their helpers")]

use gradus_eval::ResponsePairs;
use gradus_eval::bootstrap::Bootstrap;
use gradus_eval::calibration::{RecalibrationKind, fit_recalibration};
use gradus_eval::generators::{GeneratorOptions, PromptAnswers, compare_generators};
use gradus_eval::prediction_interval::{half_width, held_out_half_width};
use gradus_eval::stacking::{StackedSegment, stack};
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

/// Responses of 1 to 8 segments. Those of a response err alike, and those of long ones more.
fn draw_uneven(responses: usize, random: &mut impl Rng) -> ResponsePairs {
    let mut pairs = ResponsePairs::new();
    for _ in 0..responses {
        let segments = random.random_range(1..=8);
        let error = 0.5 * normal(random) * f64::from(segments).sqrt();
        let of_segments: Vec<(f64, f64)> = (0..segments)
            .map(|_| {
                let score = normal(random);
                (score, score.tanh() + error + 0.4 * normal(random))
            })
            .collect();
        pairs.push_response(of_segments);
    }
    pairs
}

/// Share of targets within this distance of what `map` makes of their predictions; each response counts alike.
fn covered(pairs: &ResponsePairs, half_width: f64, map: impl Fn(f64) -> f64) -> f64 {
    let of_response = |(scores, ratings): (&[f64], &[f64])| {
        let pairs = scores.iter().zip(ratings);
        let within = pairs.filter(|(score, rating)| (map(**score) - **rating).abs() <= half_width);
        within.count() as f64 / scores.len() as f64
    };
    pairs.responses().map(of_response).sum::<f64>() / pairs.num_responses() as f64
}

#[test]
fn prediction_intervals_cover_what_they_promise_within_two_points() {
    const DRAWS: u64 = 400;
    let truth = draw_uneven(20_000, &mut ChaCha8Rng::seed_from_u64(1));
    for (promised, responses) in [(0.9, 40), (0.9, 300), (0.8, 100), (0.5, 100), (0.95, 100)] {
        let (mut found, mut pooled) = (0.0, 0.0);
        for seed in 0..DRAWS {
            let pairs = draw_uneven(responses, &mut ChaCha8Rng::seed_from_u64(100 + seed));
            let width = half_width(&pairs, promised).unwrap().half_width;
            found += covered(&truth, width, |score| score) / DRAWS as f64;
            // As if segments were independent of each other.
            let alone = pairs.predictions().iter().zip(pairs.targets());
            let alone = ResponsePairs::ungrouped(alone.map(|(a, b)| (*a, *b)));
            let width = half_width(&alone, promised).unwrap().half_width;
            pooled += covered(&truth, width, |score| score) / DRAWS as f64;
        }
        println!("{promised} of {responses} responses: {found:.4}; segments pooled: {pooled:.4}");
        assert!(
            (found - promised).abs() <= 0.02,
            "{promised}, {responses}: {found}"
        );
        assert!(
            (pooled - promised).abs() > (found - promised).abs(),
            "{promised}, {responses}: {pooled} beside {found}"
        );
    }
}

#[test]
fn prediction_intervals_of_recalibrated_scores_cover_although_the_map_saw_their_responses() {
    const DRAWS: u64 = 200;
    const PROMISED: f64 = 0.9;
    let truth = draw_uneven(20_000, &mut ChaCha8Rng::seed_from_u64(1));
    for (kind, responses) in [
        (RecalibrationKind::Isotonic, 60),
        (RecalibrationKind::Linear, 60),
    ] {
        let (mut found, mut naive) = (0.0, 0.0);
        for seed in 0..DRAWS {
            let raw = draw_uneven(responses, &mut ChaCha8Rng::seed_from_u64(100 + seed));
            let map = fit_recalibration(kind, raw.predictions(), raw.targets()).unwrap();
            let width = held_out_half_width(&raw, kind, PROMISED)
                .unwrap()
                .half_width;
            found += covered(&truth, width, |score| map.apply(score)) / DRAWS as f64;
            let mut seen = ResponsePairs::new();
            for (scores, ratings) in raw.responses() {
                let pairs = scores.iter().zip(ratings);
                seen.push_response(pairs.map(|(score, rating)| (map.apply(*score), *rating)));
            }
            let width = half_width(&seen, PROMISED).unwrap().half_width;
            naive += covered(&truth, width, |score| map.apply(score)) / DRAWS as f64;
        }
        println!("{kind}: {found:.4}; from distances that the map has seen: {naive:.4}");
        assert!((found - PROMISED).abs() <= 0.02, "{kind}: {found}");
        assert!(naive < found, "{kind}: {naive} beside {found}");
    }
}

/// What stacking makes of the true error, and how often it is done, for a model and a baseline that both predict a part of
/// the rating. Segments of a response are alike.
fn stacked_errors(
    responses: usize,
    [knows, errs, placed]: [f64; 3],
    draws: u64,
) -> (f64, f64, u32) {
    let draw = |responses: usize, random: &mut ChaCha8Rng| -> Vec<StackedSegment> {
        let mut all = Vec::new();
        for response in 0..responses {
            let of_response = 0.5 * normal(random);
            for _ in 0..4 {
                let (read, place) = (normal(random), 0.5 * normal(random));
                all.push(StackedSegment {
                    response,
                    // The variance of its error is `errs` squared.
                    score: knows * read + errs * normal(random),
                    rating: read + placed * place + of_response + normal(random),
                    baselines: vec![place, 0.5 * normal(random)],
                });
            }
        }
        all
    };
    let truth = draw(5_000, &mut ChaCha8Rng::seed_from_u64(7));
    let error = |of: &dyn Fn(&StackedSegment) -> f64| {
        truth
            .iter()
            .map(|one| (of(one) - one.rating).powi(2))
            .sum::<f64>()
            / truth.len() as f64
    };
    let (mut after, mut times) = (0.0, 0);
    for seed in 0..draws {
        let seen = draw(responses, &mut ChaCha8Rng::seed_from_u64(1000 + seed));
        let found = stack(0.0, &seen).unwrap();
        times += u32::from(found.model < 1.0);
        after += error(&|one| {
            let added = found
                .baseline
                .map_or(0.0, |(place, weight)| weight * one.baselines[place]);
            found.model * one.score + added
        });
    }
    (error(&|one| one.score), after / draws as f64, times)
}

#[test]
fn stacking_helps_a_model_that_knows_little_and_hardly_harms_one_that_needs_nothing() {
    println!(
        "model, responses: true error alone, stacked on average of 200 draws, times that it was stacked"
    );
    for responses in [12, 45, 250] {
        let (alone, stacked, times) = stacked_errors(responses, [0.3, 0.8, 1.0], 200);
        println!("poor, {responses}: {alone:.3}, {stacked:.3}, {times}");
        assert!(stacked < 0.9 * alone, "{responses}: {alone} {stacked}");
        // Here only the place in the text is left to be learned.
        let (alone, stacked, times) = stacked_errors(responses, [1.0, 0.0, 1.0], 200);
        println!("good, {responses}: {alone:.3}, {stacked:.3}, {times}");
        assert!(stacked < alone, "{responses}: {alone} {stacked}");
        let (alone, stacked, times) = stacked_errors(responses, [1.0, 0.0, 0.0], 200);
        println!("complete, {responses}: {alone:.3}, {stacked:.3}, {times}");
        let most = if responses < 20 { 1.08 } else { 1.015 };
        assert!(stacked < most * alone, "{responses}: {alone} {stacked}");
    }
}
