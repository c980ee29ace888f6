//! Properties of metrics, aggregations, tests and calibration that hold for any values.

#![allow(clippy::float_cmp)] // Ties are exact.

use gradus_eval::bootstrap::WeightedMetrics;
use gradus_eval::calibration::{RecalibrationKind, Reliability, fit_recalibration};
use gradus_eval::compare::{holm, paired_t_test, wilcoxon_signed_rank};
use gradus_eval::metrics::{
    PairCounts, auprc, auroc, bias, concordance, decompose_mse, kendall_tau_b, mae, mse, pearson,
    r2, spearman,
};
use gradus_eval::{Aggregation, Metric, MetricValues, ResponsePairs};
use proptest::prelude::*;

type Pairs = (Vec<f64>, Vec<f64>);

/// Values with many ties: multiples of a quarter.
fn graded() -> impl Strategy<Value = f64> + Clone {
    prop::sample::select(vec![-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0])
}

fn pairs_of(
    value: impl Strategy<Value = f64> + Clone + 'static,
    count: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Pairs> {
    prop::collection::vec((value.clone(), value), count).prop_map(|pairs| pairs.into_iter().unzip())
}

fn graded_pairs() -> impl Strategy<Value = Pairs> {
    prop_oneof![pairs_of(graded(), 0..40), pairs_of(-1.0..1.0, 0..40)]
}

/// Groups of pairs with how often each counts.
fn counted_groups() -> impl Strategy<Value = Vec<(Vec<(f64, f64)>, u32)>> {
    let group = prop::collection::vec((graded(), graded()), 1..5);
    prop::collection::vec((group, 0u32..4), 1..8)
}

fn close(a: Option<f64>, b: Option<f64>, tolerance: f64) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => (a - b).abs() <= tolerance,
        _ => false,
    }
}

fn map(values: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    values.iter().copied().map(f).collect()
}

/// Kendall's τ-b and the counts, by looking at every pair.
fn naive_counts(p: &[f64], t: &[f64]) -> PairCounts {
    let mut counts = PairCounts {
        pairs: 0,
        tied_predictions: 0,
        tied_targets: 0,
        tied_both: 0,
        discordant: 0,
    };
    for i in 0..p.len() {
        for j in 0..i {
            counts.pairs += 1;
            counts.tied_predictions += u64::from(p[i] == p[j]);
            counts.tied_targets += u64::from(t[i] == t[j]);
            counts.tied_both += u64::from(p[i] == p[j] && t[i] == t[j]);
            counts.discordant += u64::from((p[i] - p[j]) * (t[i] - t[j]) < 0.0);
        }
    }
    counts
}

proptest! {
    #[test]
    fn pair_counts_equal_those_of_looking_at_every_pair((p, t) in graded_pairs()) {
        prop_assume!(!p.is_empty());
        prop_assert_eq!(PairCounts::count(&p, &t).unwrap(), naive_counts(&p, &t));
    }

    #[test]
    fn a_shift_of_predictions_moves_the_bias_and_leaves_the_order((p, t) in graded_pairs(), shift in -8i32..8) {
        let shift = f64::from(shift);
        let moved = map(&p, |value| value + shift);
        prop_assert!(close(bias(&moved, &t), bias(&p, &t).map(|b| b + shift), 1e-12));
        for metric in [pearson, spearman, kendall_tau_b] {
            prop_assert!(close(metric(&moved, &t), metric(&p, &t), 1e-9));
        }
    }

    #[test]
    fn scaling_leaves_correlations_and_squares_the_error((p, t) in graded_pairs(), power in -6i32..6) {
        let scale = 2f64.powi(power);
        let (sp, st) = (map(&p, |v| v * scale), map(&t, |v| v * scale));
        for metric in [pearson, spearman, kendall_tau_b, concordance, r2] {
            prop_assert!(close(metric(&sp, &st), metric(&p, &t), 1e-9));
            }
        prop_assert!(close(mse(&sp, &st), mse(&p, &t).map(|v| v * scale * scale), 1e-9 * scale * scale));
        prop_assert!(close(mae(&sp, &st), mae(&p, &t).map(|v| v * scale), 1e-9 * scale));
    }

    #[test]
    fn reversing_predictions_reverses_correlations((p, t) in graded_pairs()) {
        let reversed = map(&p, |value| -value);
        for metric in [pearson, spearman, kendall_tau_b] {
            prop_assert!(close(metric(&reversed, &t), metric(&p, &t).map(|r| -r), 1e-9));
        }
        let area = auroc(&p, &t, 0.1);
        prop_assert!(close(auroc(&reversed, &t, 0.1), area.map(|a| 1.0 - a), 1e-9));
    }

    #[test]
    fn no_metric_depends_on_the_order_of_the_pairs((p, t) in graded_pairs(), turn in 0usize..40) {
        let all = |p: &[f64], t: &[f64]| {
            let pairs = p.iter().copied().zip(t.iter().copied());
            MetricValues::compute(&ResponsePairs::ungrouped(pairs).with_midpoint(Some(0.1)))
        };
        let (mut turned_p, mut turned_t) = (p.clone(), t.clone());
        if !p.is_empty() {
            turned_p.rotate_left(turn % p.len());
            turned_t.rotate_left(turn % p.len());
            turned_p.reverse();
            turned_t.reverse();
        }
        let (before, after) = (all(&p, &t), all(&turned_p, &turned_t));
        for metric in Metric::all() {
            prop_assert!(close(before.get(metric), after.get(metric), 1e-9), "{}", metric);
        }
        prop_assert_eq!(before.absences, after.absences);
    }

    #[test]
    fn metrics_keep_to_their_range_and_are_never_nan((p, t) in graded_pairs()) {
        for metric in [pearson, spearman, kendall_tau_b, concordance] {
            prop_assert!(metric(&p, &t).is_none_or(|r| (-1.0..=1.0).contains(&r)));
        }
        for area in [auroc, auprc] {
            prop_assert!(area(&p, &t, 0.1).is_none_or(|a| (0.0..=1.0 + 1e-12).contains(&a)));
        }
        prop_assert!(r2(&p, &t).is_none_or(|r| r <= 1.0));
    }

    #[test]
    fn extreme_values_never_give_nan(values in prop::collection::vec((any::<f64>(), any::<f64>()), 0..12)) {
        let (p, t): Pairs = values.iter().copied().unzip();
        let finite = |value: Option<f64>| value.is_none_or(f64::is_finite);
        for metric in [mse, mae, bias, r2, pearson, spearman, kendall_tau_b, concordance] {
            prop_assert!(finite(metric(&p, &t)));
        }
        prop_assert!(decompose_mse(&p, &t).is_none_or(|parts| parts.total() >= 0.0));
        for aggregation in Aggregation::ALL {
            prop_assert!(finite(aggregation.aggregate(&p)));
        }
        prop_assert!(paired_t_test(&p, &t).is_none_or(|test| (0.0..=1.0).contains(&test.p)));
        prop_assert!(wilcoxon_signed_rank(&p, &t).is_none_or(|test| (0.0..=1.0).contains(&test.p)));
        let pairs = ResponsePairs::ungrouped(values);
        let midpoint = pairs.middle_of_targets();
        let computed = MetricValues::compute(&pairs.with_midpoint(midpoint));
        prop_assert!(computed.get(Metric::PEARSON).is_some() || !computed.absences.is_empty());
        for metric in Metric::all() {
            prop_assert!(finite(computed.get(metric)));
        }
    }

    #[test]
    fn the_decomposition_sums_to_the_mean_squared_error((p, t) in graded_pairs()) {
        let parts = decompose_mse(&p, &t);
        prop_assert!(close(parts.map(|parts| parts.total()), mse(&p, &t), 1e-12));
        prop_assert!(parts.is_none_or(|parts| parts.bias_squared >= 0.0 && parts.spread >= 0.0 && parts.correlation >= 0.0));
    }

    #[test]
    fn an_absent_correlation_always_has_a_reason((p, t) in graded_pairs()) {
        let values = MetricValues::compute(&ResponsePairs::ungrouped(p.into_iter().zip(t)));
        prop_assert!(values.get(Metric::PEARSON).is_some() || !values.absences.is_empty());
    }

    #[test]
    fn aggregates_lie_between_the_lowest_and_the_highest(values in prop::collection::vec(-2.0..2.0, 1..20)) {
        let get = |aggregation: Aggregation| aggregation.aggregate(&values).unwrap();
        let (low, high) = (get(Aggregation::Min), get(Aggregation::Max));
        for aggregation in [Aggregation::Mean, Aggregation::Last] {
            prop_assert!((low - 1e-12..=high + 1e-12).contains(&get(aggregation)));
        }
        prop_assert!((get(Aggregation::Sum) - get(Aggregation::Mean) * values.len() as f64).abs() < 1e-9);
        let shares: Vec<f64> = values.iter().map(|value| value.abs() / 2.0).collect();
        let product = Aggregation::Product.aggregate(&shares).unwrap();
        prop_assert!(product <= Aggregation::Min.aggregate(&shares).unwrap() + 1e-12);
    }

    #[test]
    fn counted_responses_give_the_metrics_of_the_resample_written_out(groups in counted_groups()) {
        let (mut all, mut written_out) = (ResponsePairs::new(), ResponsePairs::new());
        for (pairs, count) in &groups {
            all.push_response(pairs.iter().copied());
            for _ in 0..*count {
                written_out.push_response(pairs.iter().copied());
            }
        }
        let (all, written_out) = (all.with_midpoint(Some(0.1)), written_out.with_midpoint(Some(0.1)));
        let counts: Vec<u32> = groups.iter().map(|group| group.1).collect();
        let found = WeightedMetrics::prepare(&all, &Metric::all()).at(&counts);
        for (metric, found) in Metric::all().into_iter().zip(found) {
            let expected = metric.compute(&written_out);
            prop_assert!(close(found, expected, 1e-9), "{}: {:?} {:?}", metric, found, expected);
        }
    }

    #[test]
    fn recalibration_never_falls_and_never_adds_error((p, t) in graded_pairs(), probes in prop::collection::vec(-3.0..3.0, 2..20)) {
        prop_assume!(!p.is_empty());
        let mut probes: Vec<f64> = probes;
        probes.sort_by(f64::total_cmp);
        for kind in [RecalibrationKind::Linear, RecalibrationKind::Isotonic] {
            let fitted = fit_recalibration(kind, &p, &t).unwrap();
            let ratings = map(&probes, |score| fitted.apply(score));
            prop_assert!(ratings.is_sorted(), "{:?}", ratings);
            let after = mse(&map(&p, |score| fitted.apply(score)), &t).unwrap();
            prop_assert!(after <= mse(&p, &t).unwrap() + 1e-9);
        }
    }

    #[test]
    fn isotonic_recalibration_leaves_no_bias((p, t) in graded_pairs()) {
        prop_assume!(!p.is_empty());
        let fitted = fit_recalibration(RecalibrationKind::Isotonic, &p, &t).unwrap();
        let after = bias(&map(&p, |score| fitted.apply(score)), &t).unwrap();
        prop_assert!(after.abs() < 1e-9, "{}", after);
    }

    #[test]
    fn calibration_error_lies_between_bias_and_mean_error((p, t) in graded_pairs(), bins in 1usize..15) {
        prop_assume!(!p.is_empty());
        let reliability = Reliability::compute(&p, &t, bins).unwrap();
        let error = reliability.expected_calibration_error;
        prop_assert!(error >= bias(&p, &t).unwrap().abs() - 1e-9);
        prop_assert!(error <= mae(&p, &t).unwrap() + 1e-9);
        prop_assert_eq!(reliability.bins.iter().map(|bin| bin.count).sum::<usize>(), p.len());
        prop_assert!(reliability.bins.len() <= bins);
    }

    #[test]
    fn swapping_the_sides_of_a_test_changes_only_the_sign((p, t) in graded_pairs()) {
        let (there, back) = (paired_t_test(&p, &t), paired_t_test(&t, &p));
        prop_assert!(close(there.map(|r| r.p), back.map(|r| r.p), 1e-9));
        prop_assert!(close(there.map(|r| r.statistic), back.map(|r| -r.statistic), 1e-9));
        let (there, back) = (wilcoxon_signed_rank(&p, &t), wilcoxon_signed_rank(&t, &p));
        prop_assert!(close(there.map(|r| r.p), back.map(|r| r.p), 1e-9));
    }

    #[test]
    fn holm_never_lowers_a_p_value_and_keeps_their_order(p_values in prop::collection::vec(0.0..1.0, 0..8)) {
        let adjusted = holm(&p_values);
        for (index, (&before, &after)) in p_values.iter().zip(&adjusted).enumerate() {
            prop_assert!(before <= after && after <= 1.0);
            for (other, &other_after) in p_values.iter().zip(&adjusted).skip(index) {
                prop_assert!((before <= *other) == (after <= other_after) || after == other_after);
            }
        }
    }

    #[test]
    fn recalibration_never_turns_two_scores_around((p, t) in graded_pairs(), probes in prop::collection::vec(-2.0..2.0f64, 2..20)) {
        prop_assume!(!p.is_empty());
        for kind in RecalibrationKind::ALL {
            let map_of = fit_recalibration(kind, &p, &t).unwrap();
            let mut scores = probes.clone();
            scores.extend(&p);
            scores.sort_by(f64::total_cmp);
            let mapped = map(&scores, |score| map_of.apply(score));
            prop_assert!(mapped.is_sorted(), "{:?} {:?}", kind, mapped);
            // What is fitted is never worse where it was fitted.
            let after = map(&p, |score| map_of.apply(score));
            prop_assert!(mse(&after, &t).unwrap() <= mse(&p, &t).unwrap() + 1e-12);
        }
    }

    #[test]
    fn pairwise_accuracy_knows_the_order_only((p, t) in graded_pairs(), shift in -4i32..4, power in -3i32..3) {
        let accuracy = |p: &[f64]| {
            let mut pairs = ResponsePairs::new();
            for (p, t) in p.chunks(5).zip(t.chunks(5)) {
                pairs.push_response(p.iter().copied().zip(t.iter().copied()));
            }
            Metric::PAIRWISE_ACCURACY.compute(&pairs)
        };
        let moved = map(&p, |value| value * 2f64.powi(power) + f64::from(shift));
        let reversed = map(&p, |value| -value);
        if p.iter().all(|v| (v * 4.0).fract() == 0.0) {
            // Multiples of a quarter are moved without rounding, so that ties stay ties.
            prop_assert_eq!(accuracy(&moved), accuracy(&p));
        }
        prop_assert!(close(accuracy(&reversed), accuracy(&p).map(|a| 1.0 - a), 1e-12));
    }

    #[test]
    fn concordance_is_symmetric_and_never_above_correlation((p, t) in graded_pairs()) {
        prop_assert!(close(concordance(&p, &t), concordance(&t, &p), 1e-12));
        if let (Some(agreement), Some(correlation)) = (concordance(&p, &t), pearson(&p, &t)) {
            prop_assert!(agreement.abs() <= correlation.abs() + 1e-9);
        }
    }

    #[test]
    fn calibration_error_follows_scale_and_ignores_order_and_a_common_shift((p, t) in pairs_of(graded(), 1..60), shift in -4i32..4, power in -3i32..3) {
        let error = |p: &[f64], t: &[f64]| {
            Reliability::compute(p, t, 10).map(|r| r.expected_calibration_error)
        };
        let (scale, shift) = (2f64.powi(power), f64::from(shift));
        let moved = |values: &[f64]| map(values, |v| v * scale + shift);
        let expected = error(&p, &t).map(|e| e * scale);
        prop_assert!(close(error(&moved(&p), &moved(&t)), expected, 1e-9));
        let turned = |values: &[f64]| -> Vec<f64> { values.iter().rev().copied().collect() };
        prop_assert!(close(error(&turned(&p), &turned(&t)), error(&p, &t), 1e-12));
        // The bias is what is left when all segments are in one bin.
        let one = Reliability::compute(&p, &t, 1).map(|r| r.expected_calibration_error);
        prop_assert!(close(one, bias(&p, &t).map(f64::abs), 1e-12));
    }

    #[test]
    fn every_metric_that_does_not_exist_has_a_reason((p, t) in graded_pairs(), midpoint in prop::option::of(-1.0..1.0f64)) {
        let pairs = ResponsePairs::ungrouped(p.into_iter().zip(t)).with_midpoint(midpoint);
        let values = MetricValues::compute(&pairs);
        for metric in Metric::all() {
            prop_assert_eq!(values.get(metric).is_none(), values.absence(metric).is_some(), "{}", metric);
        }
    }
}
