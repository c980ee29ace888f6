//! The scores of a batch.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::http::StatusCode;
use gradus_eval::ExampleScores;

use super::Job;
use crate::refusal::Refusal;

/// What each record of a batch is answered.
#[derive(Default)]
pub(super) struct Computed {
    pub(super) answers: Vec<(Job, Result<ExampleScores, Refusal>)>,
    /// What a panic said.
    pub(super) panic: Option<String>,
}

/// Why a batch has no scores.
struct Fault {
    refusal: Refusal,
    panic: Option<String>,
}

/// Scores a batch. Where it fails, each of its records is scored alone, so that only the one at fault is refused.
pub(super) fn compute(jobs: Vec<Job>) -> Computed {
    match scores_of(&jobs) {
        Ok(scores) => Computed {
            answers: jobs.into_iter().zip(scores.into_iter().map(Ok)).collect(),
            panic: None,
        },
        Err(_) if jobs.len() > 1 => {
            let mut computed = Computed::default();
            for job in jobs {
                let alone = compute(vec![job]);
                computed.answers.extend(alone.answers);
                computed.panic = alone.panic.or(computed.panic);
            }
            computed
        }
        Err(Fault { refusal, panic }) => {
            let refused = jobs.into_iter().map(|job| (job, Err(refusal.clone())));
            Computed {
                answers: refused.collect(),
                panic,
            }
        }
    }
}

/// The scores of records of one model, in their order.
fn scores_of(jobs: &[Job]) -> Result<Vec<ExampleScores>, Fault> {
    let Some(first) = jobs.first() else {
        return Ok(Vec::new());
    };
    let scorer = &first.model.scorer;
    let scores = || scorer.raw_scores(jobs.iter().map(|job| &job.prepared));
    let refusal = |message: &str| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message);
    match catch_unwind(AssertUnwindSafe(scores)) {
        Ok(Ok(scores)) => Ok(scores),
        // The bundle is at fault, not the record.
        Ok(Err(error)) => Err(Fault {
            refusal: refusal(&error.to_string()),
            panic: None,
        }),
        Err(panic) => Err(Fault {
            refusal: refusal("the model failed on this record"),
            panic: Some(panic_message(panic.as_ref())),
        }),
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
