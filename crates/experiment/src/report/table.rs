//! The table of settings on the same data: mean and spread over seeds, and differences to the reference.

use std::collections::BTreeMap;

use gradus_eval::compare::{SharedPairs, System};
use gradus_eval::{JudgedAspect, Metric, ResponsePairs};
use serde::Serialize;

use super::difference::{Difference, Replicates, mean_and_sd, paired_difference, reach_of_mean};
use super::gather::{Gathered, GatheredArm, GatheredRun, Key};
use crate::Result;
use crate::result::Ratings;

/// The settings that were judged on the same data and aspect.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Table {
    /// The labels on the axes of data, with the names of the axes.
    pub data: Vec<(String, String)>,
    /// The aspect.
    pub aspect: String,
    /// What is rated.
    pub ratings: Ratings,
    /// Segments, or responses, that all runs score, on which all figures are computed.
    pub pairs: usize,
    /// The most of them that a run scores but another does not, which are left out.
    pub left_out: usize,
    /// Responses with these.
    pub responses: usize,
    /// Name of the reference.
    pub reference: String,
    /// The settings in the order of the plan, then the trivial baselines.
    pub arms: Vec<Arm>,
}

/// Settings with their seeds, or a trivial baseline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is said of an arm by itself"
)]
pub struct Arm {
    /// The labels on the other axes.
    pub labels: Vec<String>,
    /// The labels as a name.
    pub name: String,
    /// Whether it is a trivial baseline.
    pub is_baseline: bool,
    /// Whether these are the scores of the models alone, of settings whose scores hold a baseline.
    pub is_model_alone: bool,
    /// Whether another seed would give the same.
    pub is_fixed: bool,
    /// Whether another seed of the reference would give the same.
    #[serde(skip)]
    pub(super) reference_is_fixed: bool,
    /// Seeds with a result, and those planned.
    pub seeds: usize,
    /// Planned seeds.
    pub planned: usize,
    /// Mean and spread of the metrics, the deciding one first.
    pub metrics: Vec<MetricSummary>,
    /// The deciding metric of each seed.
    pub values: Vec<(u64, f64)>,
    /// The deciding metric minus that of the reference. For a metric with a best value inside its range, such as 0 for
    /// the bias, the difference of the values.
    pub difference: Option<Difference>,
    /// Its p after Holm's correction for all comparisons of the report.
    pub adjusted_p: Option<f64>,
    /// The verdict about the difference.
    pub verdict: Verdict,
    /// The verdict as a sentence.
    pub sentence: String,
    /// Mean wall time of a run in seconds, of those that were not interrupted.
    pub seconds: Option<f64>,
}

impl Arm {
    /// Whether it is that of the runs with these labels, with all that their scores hold.
    fn is_labeled(&self, labels: &[String]) -> bool {
        !self.is_baseline && !self.is_model_alone && self.labels == labels
    }
}

/// A metric over seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricSummary {
    /// Its name.
    pub metric: Metric,
    /// Mean over seeds; `None` if it does not exist for one of them.
    pub mean: Option<f64>,
    /// Standard deviation over seeds; `None` with fewer than two.
    pub sd: Option<f64>,
    /// Half the width of the interval of the mean over seeds.
    pub reach: Option<f64>,
}

/// What can be said of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is the reference.
    Reference,
    /// Better than the reference, beyond noise of seeds and responses.
    Better,
    /// Worse than the reference, beyond noise of seeds and responses.
    Worse,
    /// The difference may be noise.
    CannotTell,
    /// There is no interval: one seed, one response, or a metric that does not exist.
    NotComparable,
}

impl Verdict {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::CannotTell => "cannot_tell",
            Self::NotComparable => "not_comparable",
        }
    }

    /// The verdict in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::CannotTell => "cannot tell",
            Self::NotComparable => "not compared",
        }
    }
}

/// A run of an arm on the shared pairs.
struct Seeded {
    seed: u64,
    pairs: ResponsePairs,
    replicates: Replicates,
}

/// An arm before differences.
struct Judged {
    arm: Arm,
    runs: Vec<Seeded>,
}

pub(super) fn table(
    key: &Key,
    gathered: &Gathered,
    metrics: &[Metric],
    confidence: f64,
) -> Result<Table> {
    let arms = arms_of(gathered);
    let systems = systems(&arms, gathered);
    let shared = SharedPairs::of(&systems, None)?;
    let scored = |judged: &JudgedAspect| judged.responses.iter().map(|r| r.segments.len()).sum();
    let most: usize = systems
        .iter()
        .map(|system| scored(&system.judged))
        .max()
        .unwrap_or(0);
    let mut pairs = shared.systems.into_iter();
    let responses = pairs
        .as_slice()
        .first()
        .map_or(0, ResponsePairs::num_responses);
    let summary =
        |name: &str, labels, runs: &[Seeded]| summary(name, labels, runs, metrics, confidence);
    let mut judged = Vec::new();
    for arm in &arms {
        let own = pairs.by_ref().take(arm.runs.len());
        let runs = runs(arm.runs.iter().map(|run| run.seed).zip(own), metrics[0]);
        let of = arm.gathered;
        let arm = Arm {
            seconds: of.seconds(),
            planned: of.planned,
            is_fixed: of.is_fixed,
            is_model_alone: arm.is_model_alone,
            ..summary(&arm.name, of.labels.clone(), &runs)
        };
        judged.push(Judged { arm, runs });
    }
    for ((name, _), pairs) in gathered.baselines.iter().zip(pairs) {
        let runs = runs(std::iter::once((0, pairs)), metrics[0]);
        let arm = Arm {
            is_baseline: true,
            is_fixed: true,
            planned: 1,
            ..summary(name, Vec::new(), &runs)
        };
        judged.push(Judged { arm, runs });
    }
    compare(&mut judged, &key.reference, confidence);
    let reference = judged
        .iter()
        .find(|judged| judged.arm.is_labeled(&key.reference));
    Ok(Table {
        data: key.data.clone(),
        aspect: key.aspect.clone(),
        ratings: key.ratings,
        pairs: shared.pairs,
        left_out: most - shared.pairs,
        responses,
        reference: reference
            .map_or_else(|| key.reference.join(", "), |found| found.arm.name.clone()),
        arms: judged.into_iter().map(|judged| judged.arm).collect(),
    })
}

/// What is judged: the runs of all arms, and the baselines.
fn systems(arms: &[ArmRuns<'_>], gathered: &Gathered) -> Vec<System> {
    let of_arm = |arm: &ArmRuns<'_>| -> Vec<System> {
        let runs = arm.runs.iter().map(|run| System {
            name: format!("{}, seed {}", arm.name, run.seed),
            judged: run.judged.clone(),
        });
        runs.collect()
    };
    let baselines = gathered.baselines.iter().map(|(name, judged)| System {
        name: name.clone(),
        judged: judged.clone(),
    });
    arms.iter().flat_map(of_arm).chain(baselines).collect()
}

/// The runs of a row.
struct ArmRuns<'a> {
    name: String,
    gathered: &'a GatheredArm,
    is_model_alone: bool,
    runs: &'a [GatheredRun],
}

/// Every arm, and behind it its models alone, where a baseline is part of the scores.
fn arms_of(gathered: &Gathered) -> Vec<ArmRuns<'_>> {
    let mut arms = Vec::new();
    for arm in &gathered.arms {
        let of = |name: String, is_model_alone, runs| ArmRuns {
            name,
            gathered: arm,
            is_model_alone,
            runs,
        };
        arms.push(of(arm.name.clone(), false, arm.runs.as_slice()));
        if arm.is_stacked && arm.alone.len() == arm.runs.len() {
            arms.push(of(
                format!("{}, model alone", arm.name),
                true,
                arm.alone.as_slice(),
            ));
        }
    }
    arms
}

fn runs(runs: impl Iterator<Item = (u64, ResponsePairs)>, metric: Metric) -> Vec<Seeded> {
    runs.map(|(seed, pairs)| Seeded {
        seed,
        replicates: Replicates::of(&pairs, metric),
        pairs,
    })
    .collect()
}

fn summary(
    name: &str,
    labels: Vec<String>,
    runs: &[Seeded],
    metrics: &[Metric],
    confidence: f64,
) -> Arm {
    let of_metric = |metric: &Metric| {
        let values: Option<Vec<f64>> = runs.iter().map(|run| metric.compute(&run.pairs)).collect();
        let found = values.as_deref().and_then(mean_and_sd);
        MetricSummary {
            metric: *metric,
            mean: found.map(|(mean, _)| mean),
            sd: found.and_then(|(_, sd)| sd),
            reach: values.and_then(|values| reach_of_mean(&values, confidence)),
        }
    };
    let values = runs
        .iter()
        .filter_map(|run| Some((run.seed, run.replicates.whole?)));
    Arm {
        labels,
        name: name.to_owned(),
        is_baseline: false,
        is_model_alone: false,
        is_fixed: false,
        reference_is_fixed: false,
        seeds: runs.len(),
        planned: runs.len(),
        metrics: metrics.iter().map(of_metric).collect(),
        values: values.collect(),
        difference: None,
        adjusted_p: None,
        verdict: Verdict::NotComparable,
        sentence: String::new(),
        seconds: None,
    }
}

/// Sets the difference of every arm to the reference.
fn compare(judged: &mut [Judged], reference: &[String], confidence: f64) {
    let place = judged
        .iter()
        .position(|judged| judged.arm.is_labeled(reference));
    let Some(place) = place else {
        return;
    };
    let mut found: BTreeMap<usize, Option<Difference>> = BTreeMap::new();
    for (index, other) in judged.iter().enumerate() {
        if index != place {
            let pairs = paired(other, &judged[place]);
            found.insert(index, paired_difference(&pairs, confidence));
        }
    }
    let is_fixed = judged[place].arm.is_fixed;
    for (index, difference) in found {
        judged[index].arm.difference = difference;
        judged[index].arm.reference_is_fixed = is_fixed;
    }
    judged[place].arm.verdict = Verdict::Reference;
}

/// The runs of both with the same seed; one without seeds beside every run of the other.
fn paired<'a>(one: &'a Judged, other: &'a Judged) -> Vec<(&'a Replicates, &'a Replicates)> {
    let of = |run: &'a Seeded| &run.replicates;
    match (one.arm.is_fixed, other.arm.is_fixed) {
        (true, true) => one
            .runs
            .first()
            .map(of)
            .into_iter()
            .zip(other.runs.first().map(of))
            .collect(),
        (true, false) => {
            let fixed = one.runs.first().map(of);
            fixed
                .into_iter()
                .flat_map(|fixed| other.runs.iter().map(move |run| (fixed, of(run))))
                .collect()
        }
        (false, true) => {
            let fixed = other.runs.first().map(of);
            fixed
                .into_iter()
                .flat_map(|fixed| one.runs.iter().map(move |run| (of(run), fixed)))
                .collect()
        }
        (false, false) => one
            .runs
            .iter()
            .filter_map(|run| {
                let same = other.runs.iter().find(|other| other.seed == run.seed)?;
                Some((of(run), of(same)))
            })
            .collect(),
    }
}
