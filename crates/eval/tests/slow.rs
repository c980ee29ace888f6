//! Slow checks: the coverage of intervals and the time they take. Run with `--ignored`.

use gradus_eval::bootstrap::{Bootstrap, IntervalMethod};
use gradus_eval::{Metric, ResponsePairs};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

/// Standard normal numbers by Box and Muller's transform.
struct Normals(ChaCha8Rng);

impl Normals {
    fn next(&mut self) -> f64 {
        let (u, v): (f64, f64) = (self.0.random(), self.0.random());
        (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

/// Responses whose segments share a part of their value, so that they are not independent; score
/// and rating correlate with `correlation` at segment level.
fn simulate(
    normals: &mut Normals,
    responses: usize,
    segments: usize,
    correlation: f64,
) -> ResponsePairs {
    let mut pairs = ResponsePairs::new();
    let correlated = |normals: &mut Normals| {
        let (x, y) = (normals.next(), normals.next());
        (
            x,
            correlation * x + (1.0 - correlation * correlation).sqrt() * y,
        )
    };
    for _ in 0..responses {
        let (shared_x, shared_y) = correlated(normals);
        let response: Vec<(f64, f64)> = (0..segments)
            .map(|_| {
                let (x, y) = correlated(normals);
                (0.6 * shared_x + 0.8 * x, 0.6 * shared_y + 0.8 * y)
            })
            .collect();
        pairs.push_response(response);
    }
    pairs
}

fn coverage(correlation: f64, method: IntervalMethod, runs: u64) -> f64 {
    let covered = (0..runs)
        .filter(|&seed| {
            let mut normals = Normals(ChaCha8Rng::seed_from_u64(seed));
            let pairs = simulate(&mut normals, 120, 4, correlation);
            let bootstrap = Bootstrap {
                seed,
                method,
                ..Bootstrap::default()
            };
            bootstrap.metrics(&pairs, &[Metric::PEARSON])[&Metric::PEARSON].contains(correlation)
        })
        .count();
    covered as f64 / runs as f64
}

#[test]
#[ignore = "500 simulated runs per case"]
fn ninety_five_percent_intervals_hold_the_true_correlation_as_often() {
    for method in [IntervalMethod::Percentile, IntervalMethod::Bca] {
        for correlation in [0.0, 0.3, 0.7] {
            let share = coverage(correlation, method, 500);
            println!("{method:?}, correlation {correlation}: {share}");
            assert!(
                (0.92..=0.98).contains(&share),
                "{method:?} {correlation}: {share}"
            );
        }
    }
}

#[test]
#[ignore = "resampling segments as if they were independent, for comparison"]
fn resampling_segments_instead_of_responses_would_not_cover() {
    let mut covered = 0;
    for seed in 0..200 {
        let mut normals = Normals(ChaCha8Rng::seed_from_u64(seed));
        let pairs = simulate(&mut normals, 40, 25, 0.5);
        let flat = ResponsePairs::ungrouped(
            pairs
                .predictions()
                .iter()
                .copied()
                .zip(pairs.targets().iter().copied()),
        );
        let bootstrap = Bootstrap {
            resamples: 400,
            ..Bootstrap::default()
        };
        covered += usize::from(
            bootstrap.metrics(&flat, &[Metric::PEARSON])[&Metric::PEARSON].contains(0.5),
        );
    }
    assert!(covered < 170, "{covered} of 200");
}

#[test]
#[ignore = "takes seconds by design"]
fn a_thousand_resamples_of_a_hundred_thousand_segments_take_seconds() {
    let mut normals = Normals(ChaCha8Rng::seed_from_u64(1));
    let pairs = simulate(&mut normals, 20_000, 5, 0.5).with_midpoint(Some(0.0));
    for metrics in [
        &[Metric::MSE, Metric::PEARSON][..],
        &[Metric::SPEARMAN],
        &[Metric::AUROC],
        &[Metric::AUPRC],
        &[Metric::KENDALL_TAU_B],
        &Metric::all(),
    ] {
        let start = Instant::now();
        let intervals = Bootstrap::default().metrics(&pairs, metrics);
        let took = start.elapsed();
        println!("{metrics:?}: {took:?}");
        assert_eq!(intervals.len(), metrics.len());
        assert!(took < Duration::from_mins(1), "{metrics:?} took {took:?}");
    }
}
