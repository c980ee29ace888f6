//! Checks that scores and baselines match the responses that are evaluated.

use crate::baselines::{BaselineScores, ResponseBaselineScores};
use crate::{Aspect, EvalError, Result, ScoredResponse, ScoredSegment};

pub(super) fn check_scores(scored: &[ScoredResponse], expected: usize) -> Result<()> {
    for response in scored {
        let found = response.scores.as_ref().map_or(expected, Vec::len);
        if found != expected {
            let id = response.id.clone();
            return Err(EvalError::ResponseScoreCount {
                id,
                found,
                expected,
            });
        }
        for (segment, ScoredSegment { scores, .. }) in response.segments.iter().enumerate() {
            let found = scores.as_ref().map_or(expected, Vec::len);
            if found != expected {
                let id = response.id.clone();
                return Err(EvalError::ScoreCount {
                    id,
                    segment,
                    found,
                    expected,
                });
            }
        }
    }
    Ok(())
}

pub(super) fn check_baselines(
    scored: &[ScoredResponse],
    aspects: &[Aspect],
    baselines: &[BaselineScores],
) -> Result<()> {
    for BaselineScores {
        name,
        aspect,
        scores,
    } in baselines
    {
        check_baseline(name, aspect, scores.len(), (scored, aspects))?;
        let name = name.clone();
        for (response, scores) in scored.iter().zip(scores) {
            let (found, expected) = (scores.len(), response.segments.len());
            if found != expected {
                let id = response.id.clone();
                return Err(EvalError::BaselineSegments {
                    name,
                    id,
                    found,
                    expected,
                });
            }
        }
    }
    Ok(())
}

pub(super) fn check_response_baselines(
    scored: &[ScoredResponse],
    aspects: &[Aspect],
    baselines: &[ResponseBaselineScores],
) -> Result<()> {
    baselines.iter().try_for_each(|baseline| {
        let ResponseBaselineScores {
            name,
            aspect,
            scores,
        } = baseline;
        check_baseline(name, aspect, scores.len(), (scored, aspects))
    })
}

/// The aspect that a baseline names, and the number of responses it has scores for.
fn check_baseline(
    name: &str,
    aspect: &str,
    found: usize,
    (scored, aspects): (&[ScoredResponse], &[Aspect]),
) -> Result<()> {
    if !aspects.iter().any(|known| known.name == aspect) {
        let known: Vec<&str> = aspects.iter().map(|known| known.name.as_str()).collect();
        return Err(EvalError::BaselineAspect {
            name: name.to_owned(),
            aspect: aspect.to_owned(),
            known: known.join(", "),
        });
    }
    let expected = scored.len();
    if found != expected {
        return Err(EvalError::BaselineResponses {
            name: name.to_owned(),
            found,
            expected,
        });
    }
    Ok(())
}
