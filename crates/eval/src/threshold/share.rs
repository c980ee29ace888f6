//! A lower bound of a share over clustered items.

use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

/// Hits among the items of one response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) hits: usize,
    pub(super) items: usize,
}

/// A one-sided lower bound of the share of hits, which lies above the true share with a probability of at most
/// `error`; items of one response may depend on each other. `None` without items.
///
/// The bound of Clopper and Pearson for the effective number of items of Korn and Graubard ("Confidence intervals for
/// proportions with small expected number of positive counts estimated from survey data", Survey Methodology 24,
/// 1998): the number of independent items that would give the variance that is found between responses, at most the
/// number of items, and lowered for the few responses that the variance was found in. Where all items, or none, are
/// hits, no variance can be found, and every response counts as one item.
pub(super) fn lower_bound(clusters: &[Cluster], error: f64) -> Option<f64> {
    let clusters: Vec<&Cluster> = clusters.iter().filter(|one| one.items > 0).collect();
    let items: usize = clusters.iter().map(|one| one.items).sum();
    let hits: usize = clusters.iter().map(|one| one.hits).sum();
    if items == 0 {
        return None;
    }
    if hits == 0 {
        return Some(0.0);
    }
    let share = hits as f64 / items as f64;
    let independent = effective_items(&clusters, share, items, error);
    let found = share * independent;
    let beta = Beta::new(found, independent - found + 1.0).ok()?;
    Some(beta.inverse_cdf(error).clamp(0.0, share))
}

/// The number of independent items with the variance that is found between responses.
fn effective_items(clusters: &[&Cluster], share: f64, items: usize, error: f64) -> f64 {
    let (count, items) = (clusters.len() as f64, items as f64);
    let squares: f64 = clusters
        .iter()
        .map(|one| (one.hits as f64 - share * one.items as f64).powi(2))
        .sum();
    if clusters.len() < 2 || squares <= 0.0 {
        return count;
    }
    let variance = count / (count - 1.0) * squares / (items * items);
    let found = share * (1.0 - share) / variance;
    (found * few_clusters(items, count, error)).min(items)
}

/// Below 1 where the variance was found in few responses: the squared ratio of the t-quantiles for as many items and
/// for as many responses.
fn few_clusters(items: f64, clusters: f64, error: f64) -> f64 {
    let quantile = |freedom: f64| {
        let t = StudentsT::new(0.0, 1.0, freedom.max(1.0)).ok()?;
        Some(t.inverse_cdf(error))
    };
    let ratio = quantile(items - 1.0)
        .zip(quantile(clusters - 1.0))
        .map(|(of_items, of_clusters)| of_items / of_clusters);
    ratio
        .filter(|ratio| ratio.is_finite())
        .map_or(1.0, |ratio| ratio.powi(2).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(hits: usize, items: usize) -> Vec<Cluster> {
        let one = |hit: usize| Cluster {
            hits: usize::from(hit < hits),
            items: 1,
        };
        (0..items).map(one).collect()
    }

    #[test]
    fn independent_items_have_the_bound_of_clopper_and_pearson() {
        // scipy.stats.beta.ppf(0.05, 17, 4): 17 hits of 20. The variance between single items is that of items,
        // except for the factor 19 / 20 of its estimate.
        let bound = lower_bound(&single(17, 20), 0.05).unwrap();
        assert!((bound - 0.6562).abs() < 0.01, "{bound}");
        // All of 20: 0.05^(1/20).
        let bound = lower_bound(&single(20, 20), 0.05).unwrap();
        assert!((bound - 0.05_f64.powf(1.0 / 20.0)).abs() < 1e-6, "{bound}");
        assert_eq!(lower_bound(&single(0, 20), 0.05), Some(0.0));
        assert_eq!(lower_bound(&[], 0.05), None);
    }

    #[test]
    fn items_that_go_together_count_less() {
        let together = |hits: usize| Cluster { hits, items: 5 };
        let clustered: Vec<Cluster> = (0..20)
            .map(|k| together(if k < 17 { 5 } else { 0 }))
            .collect();
        let bound = lower_bound(&clustered, 0.05).unwrap();
        let of_responses = lower_bound(&single(17, 20), 0.05).unwrap();
        assert!(
            (bound - of_responses).abs() < 0.02,
            "{bound} {of_responses}"
        );
        let apart = lower_bound(&single(85, 100), 0.05).unwrap();
        assert!(apart > bound + 0.05, "{apart} {bound}");
        // Whole responses all right: each counts once.
        let all: Vec<Cluster> = (0..20).map(|_| together(5)).collect();
        let bound = lower_bound(&all, 0.05).unwrap();
        assert!((bound - 0.05_f64.powf(1.0 / 20.0)).abs() < 1e-6, "{bound}");
    }
}
