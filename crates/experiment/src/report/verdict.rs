//! Corrects the differences for their number, and says what they mean.

use gradus_eval::Metric;
use gradus_eval::compare::holm;

use super::table::{Arm, Table, Verdict};

/// Sets corrected p-values, verdicts and sentences of all tables. Returns how many comparisons were corrected for.
pub(super) fn decide(tables: &mut [Table], metric: Metric, significance: f64) -> usize {
    let arms = || tables.iter().flat_map(|table| &table.arms);
    let found: Vec<f64> = arms().filter_map(tested).collect();
    let tests = found.len();
    let mut adjusted = holm(&found).into_iter();
    for table in tables {
        let reference = table
            .arms
            .iter()
            .find(|arm| arm.verdict == Verdict::Reference);
        let reference = reference.map(|arm| (arm.name.clone(), arm.metrics[0].mean));
        for arm in &mut table.arms {
            if arm.verdict == Verdict::Reference {
                arm.sentence = "the reference".into();
                continue;
            }
            if tested(arm).is_some() {
                arm.adjusted_p = adjusted.next();
            }
            let Some((name, value)) = &reference else {
                arm.sentence = "not compared: the reference has no result".into();
                continue;
            };
            arm.verdict = verdict(arm, *value, metric, significance);
            arm.sentence = sentence(arm, name, metric, tests);
        }
    }
    tests
}

/// The p of a difference that says something of the settings: not of one seed alone.
fn tested(arm: &Arm) -> Option<f64> {
    let difference = arm.difference?;
    let fixed = arm.is_fixed && difference.seeds == 1;
    (difference.seeds > 1 || fixed && arm.reference_is_fixed).then_some(difference.p)
}

fn verdict(arm: &Arm, reference: Option<f64>, metric: Metric, significance: f64) -> Verdict {
    let (Some(own), Some(reference), Some(p)) = (arm.metrics[0].mean, reference, arm.adjusted_p)
    else {
        return Verdict::NotComparable;
    };
    let advantage = metric.goodness(own) - metric.goodness(reference);
    if p >= significance || advantage == 0.0 {
        Verdict::CannotTell
    } else if advantage > 0.0 {
        Verdict::Better
    } else {
        Verdict::Worse
    }
}

fn sentence(arm: &Arm, reference: &str, metric: Metric, tests: usize) -> String {
    let Some(difference) = arm.difference else {
        return match arm.metrics[0].mean {
            None => format!("not compared: {} does not exist", metric.label()),
            Some(_) if arm.seeds == 0 => "not compared: no result".into(),
            Some(_) => {
                format!("no difference to {reference} at all, or no seed and response in common")
            }
        };
    };
    let Some(p) = arm.adjusted_p else {
        return format!("one seed: not enough to tell it from {reference}");
    };
    let words = match arm.verdict {
        Verdict::Better => "better than",
        Verdict::Worse => "worse than",
        _ => "cannot be told from",
    };
    let corrected = if tests > 1 {
        format!(", corrected for {tests} comparisons")
    } else {
        String::new()
    };
    format!(
        "{words} {reference} ({} seeds, {} responses; p = {}{corrected})",
        difference.seeds,
        difference.responses,
        p_text(p),
    )
}

/// A probability with three decimals.
pub(super) fn p_text(p: f64) -> String {
    if p < 0.0005 {
        "< .001".into()
    } else {
        format!("{p:.3}")
    }
}
