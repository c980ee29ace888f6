use super::*;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Errors by seed and response.
type Errors = Vec<Vec<f64>>;

/// Runs of which every response has one segment with this squared error.
fn runs(errors: &[Vec<f64>]) -> Vec<Replicates> {
    let of_seed = |errors: &Vec<f64>| {
        let pairs = ResponsePairs::ungrouped(errors.iter().map(|error| (error.sqrt(), 0.0)));
        Replicates::of(&pairs, Metric::MSE)
    };
    errors.iter().map(of_seed).collect()
}

fn difference(one: &[Vec<f64>], other: &[Vec<f64>], confidence: f64) -> Option<Difference> {
    let (one, other) = (runs(one), runs(other));
    let pairs: Vec<_> = one.iter().zip(&other).collect();
    paired_difference(&pairs, confidence)
}

#[test]
fn differences_equal_those_of_scipy() {
    let text = include_str!("../../../tests/golden/differences.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let errors = |key: &str| -> Errors {
            // A shift keeps squared errors above 0 and differences as they are.
            let table: Errors = serde_json::from_value(case[key].clone()).unwrap();
            table
                .into_iter()
                .map(|row| row.into_iter().map(|e| e + 2.0).collect())
                .collect()
        };
        let found = difference(&errors("one"), &errors("other"), 0.95).unwrap();
        for (name, found) in [
            ("estimate", found.estimate),
            ("low", found.low),
            ("high", found.high),
            ("degrees", found.degrees),
            ("p", found.p),
        ] {
            let expected = case["expected"][name].as_f64().unwrap();
            let near = (found - expected).abs() < 1e-6 * expected.abs().max(1e-3);
            assert!(
                near,
                "{}: {name}: {found}, expected {expected}",
                case["name"]
            );
        }
    }
}

#[test]
fn what_has_no_error_has_no_interval() {
    let same = vec![vec![0.1, 0.4, 0.3]; 2];
    assert_eq!(difference(&same, &same, 0.95), None);
    assert_eq!(difference(&[vec![0.1]], &[vec![0.3]], 0.95), None);
    assert_eq!(paired_difference(&[], 0.95), None);
    // The correlation of two responses does not exist without one of them.
    let pairs = ResponsePairs::ungrouped([(0.0, 0.1), (1.0, 0.4)]);
    let replicates = Replicates::of(&pairs, Metric::PEARSON);
    assert_eq!(paired_difference(&[(&replicates, &replicates)], 0.95), None);
}

/// A number of the standard normal distribution, nearly: the sum of twelve uniform ones.
fn normal(random: &mut impl Rng) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// What varies: standard deviations of seeds, of responses, and of both.
#[derive(Clone, Copy)]
struct Spread {
    seeds: f64,
    responses: f64,
    both: f64,
}

/// Errors of a setting and of a reference whose true difference is `effect`, with seeds and responses drawn anew.
fn draw(
    (k, n): (usize, usize),
    effect: f64,
    spread: Spread,
    random: &mut ChaCha8Rng,
) -> (Errors, Errors) {
    let of_response: Vec<f64> = (0..n).map(|_| spread.responses * normal(random)).collect();
    let level: Vec<f64> = (0..n).map(|_| 3.0 + random.random::<f64>()).collect();
    let (mut one, mut other) = (Errors::new(), Errors::new());
    for _ in 0..k {
        let of_seed = spread.seeds * normal(random);
        other.push(level.clone());
        let row = level.iter().zip(&of_response).map(|(level, response)| {
            level + effect + of_seed + response + spread.both * normal(random)
        });
        one.push(row.collect());
    }
    (one, other)
}

/// The share of draws whose interval holds the true difference.
fn coverage(size: (usize, usize), spread: Spread, draws: u64) -> f64 {
    let effect = 0.02;
    let holds = (0..draws).filter(|&seed| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (one, other) = draw(size, effect, spread, &mut random);
        let found = difference(&one, &other, 0.95).unwrap();
        found.low <= effect && effect <= found.high
    });
    holds.count() as f64 / draws as f64
}

#[test]
fn intervals_hold_the_true_difference_as_often_as_they_say() {
    // The bounds are those of the draws, which have seeds of their own: nothing here depends on chance.
    let spread = |seeds, responses, both| Spread {
        seeds,
        responses,
        both,
    };
    for (size, spread, least) in [
        ((5, 60), spread(0.0, 0.3, 0.1), 0.93),
        ((5, 60), spread(0.1, 0.01, 0.01), 0.93),
        ((5, 60), spread(0.05, 0.3, 0.1), 0.93),
        ((3, 30), spread(0.05, 0.3, 0.3), 0.93),
        ((8, 200), spread(0.02, 0.2, 0.4), 0.93),
    ] {
        let found = coverage(size, spread, 600);
        assert!(
            (least..=0.985).contains(&found),
            "{size:?} {} {} {}: {found}",
            spread.seeds,
            spread.responses,
            spread.both
        );
    }
}

#[test]
fn holms_correction_keeps_the_chance_of_any_false_verdict_below_the_level() {
    let spread = Spread {
        seeds: 0.05,
        responses: 0.3,
        both: 0.1,
    };
    let families = 400;
    let mut false_ones = 0;
    for family in 0..families {
        let mut random = ChaCha8Rng::seed_from_u64(10_000 + family);
        let p: Vec<f64> = (0..8)
            .map(|_| {
                let (one, other) = draw((5, 40), 0.0, spread, &mut random);
                difference(&one, &other, 0.95).unwrap().p
            })
            .collect();
        let any = |p: &[f64]| p.iter().any(|p| *p < 0.05);
        false_ones += u32::from(any(&gradus_eval::compare::holm(&p)));
    }
    let share = f64::from(false_ones) / families as f64;
    assert!(share <= 0.07, "{share}");
}
