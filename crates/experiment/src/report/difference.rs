//! The difference of two settings over seeds and responses.
//!
//! Two things vary: which seed a model was trained with, and which responses it is judged on. Both are drawn from more
//! than were looked at, and every seed is judged on the same responses. With `k` seeds and `n` responses, the variance
//! of the mean difference is `σ_s²/k + σ_r²/n + σ_e²/(kn)`: of seeds, of responses, and of what is particular to both.
//! The metric need not be a mean: the leave-one-out values of the jackknife stand for those of the responses
//! (Tukey 1958), and a two-way analysis of variance of them gives the three parts. The quantiles are those of Student's
//! t with the degrees of freedom of Satterthwaite (1946). For a metric that is a mean over responses, with one response
//! per segment and seeds without an effect, this is the paired t-test.

use gradus_eval::bootstrap::WeightedMetrics;
use gradus_eval::{Metric, ResponsePairs};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// A metric of one run, over all responses and without each of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Replicates {
    /// Over all responses; `None` if it does not exist.
    pub whole: Option<f64>,
    /// Without each response in turn, so that there are as many as responses; `None` if it does not exist.
    pub without: Vec<Option<f64>>,
}

impl Replicates {
    /// The metric over `pairs`.
    pub fn of(pairs: &ResponsePairs, metric: Metric) -> Self {
        use rayon::prelude::*;
        let weighted = WeightedMetrics::prepare(pairs, &[metric]);
        let count = pairs.num_responses();
        let whole = weighted.at(&vec![1; count])[0];
        let without = (0..count).into_par_iter().map_init(
            || vec![1_u32; count],
            |counts, left_out| {
                counts[left_out] = 0;
                let value = weighted.at(counts)[0];
                counts[left_out] = 1;
                value
            },
        );
        Self {
            whole,
            without: without.collect(),
        }
    }
}

/// A mean difference with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Mean over seeds.
    pub estimate: f64,
    /// Its standard error over seeds and responses; over responses alone with one seed.
    pub standard_error: f64,
    /// Degrees of freedom of the standard error.
    pub degrees: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Two-sided p of no difference.
    pub p: f64,
    /// Seeds that both have.
    pub seeds: usize,
    /// Responses.
    pub responses: usize,
}

/// The mean difference of `pairs` of runs, one for each seed, of the same responses.
///
/// `confidence` is in `(0, 1)`. `None` without pairs, for fewer than two responses, where the metric does not exist for
/// one of the runs with a response left out, and where the runs do not differ at all, so that there is no error.
pub fn paired_difference(
    pairs: &[(&Replicates, &Replicates)],
    confidence: f64,
) -> Option<Difference> {
    let responses = pairs.first()?.0.without.len();
    if responses < 2 {
        return None;
    }
    let (k, n) = (pairs.len() as f64, responses as f64);
    let mut by_seed = Vec::new();
    // Pseudo-values of the jackknife, one row for each seed.
    let mut table: Vec<Vec<f64>> = Vec::new();
    for (one, other) in pairs {
        let whole = one.whole? - other.whole?;
        by_seed.push(whole);
        let without = one.without.iter().zip(&other.without);
        let row = without.map(|(one, other)| Some(n * whole - (n - 1.0) * ((*one)? - (*other)?)));
        let row: Option<Vec<f64>> = row.collect();
        table.push(row.filter(|row| row.len() == responses)?);
    }
    let estimate = mean(&by_seed);
    let by_response: Vec<f64> = (0..responses)
        .map(|i| table.iter().map(|row| row[i]).sum::<f64>() / k)
        .collect();
    let over_responses = variance(&by_response) / n;
    let (over_seeds, over_both) = if pairs.len() > 1 {
        (
            variance(&by_seed) / k,
            interaction(&table, &by_response) / (k * n),
        )
    } else {
        (0.0, 0.0)
    };
    // The parts of responses and of seeds both hold that of both; it counts once.
    let sum = over_responses + over_seeds - over_both;
    let variance = sum.max(over_responses).max(over_seeds);
    if !(variance > 0.0 && variance.is_finite()) {
        return None;
    }
    let share = |part: f64, degrees: f64| {
        if part > 0.0 {
            part * part / degrees
        } else {
            0.0
        }
    };
    let mut shares = share(over_responses, n - 1.0);
    if pairs.len() > 1 {
        shares += share(over_seeds, k - 1.0) + share(over_both, (k - 1.0) * (n - 1.0));
    }
    let degrees = (variance * variance / shares).max(1.0);
    let standard_error = variance.sqrt();
    let distribution = StudentsT::new(0.0, 1.0, degrees).ok()?;
    let reach = standard_error * distribution.inverse_cdf(0.5 + confidence / 2.0);
    let p = 2.0 * distribution.sf((estimate / standard_error).abs());
    Some(Difference {
        estimate,
        standard_error,
        degrees,
        low: estimate - reach,
        high: estimate + reach,
        p: p.clamp(0.0, 1.0),
        seeds: pairs.len(),
        responses,
    })
}

/// The variance of what is neither of the seed nor of the response.
fn interaction(table: &[Vec<f64>], by_response: &[f64]) -> f64 {
    let (k, n) = (table.len() as f64, by_response.len() as f64);
    let all = mean(by_response);
    let squares = table.iter().map(|row| {
        let of_seed = mean(row);
        let rest = row.iter().zip(by_response).map(|(value, response)| {
            let rest = value - of_seed - response + all;
            rest * rest
        });
        rest.sum::<f64>()
    });
    squares.sum::<f64>() / ((k - 1.0) * (n - 1.0))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance with `n - 1`; 0 of fewer than two values.
fn variance(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean).powi(2));
    squares.sum::<f64>() / (values.len() as f64 - 1.0)
}

/// Mean and standard deviation (with `n - 1`); the latter is `None` of fewer than two values.
pub(super) fn mean_and_sd(values: &[f64]) -> Option<(f64, Option<f64>)> {
    if values.is_empty() {
        return None;
    }
    let sd = (values.len() > 1).then(|| variance(values).sqrt());
    Some((mean(values), sd))
}

/// Half the width of the interval of a mean over seeds; `None` of fewer than two values.
pub(super) fn reach_of_mean(values: &[f64], confidence: f64) -> Option<f64> {
    let (_, sd) = mean_and_sd(values)?;
    let count = values.len() as f64;
    let distribution = StudentsT::new(0.0, 1.0, count - 1.0).ok()?;
    Some(sd? / count.sqrt() * distribution.inverse_cdf(0.5 + confidence / 2.0))
}

#[cfg(test)]
mod tests;
