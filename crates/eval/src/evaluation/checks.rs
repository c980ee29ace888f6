//! Whether scores and baselines belong to what is evaluated.

use crate::baselines::BaselineScores;
use crate::{Aspect, EvalError, Result, ScoredResponse, ScoredSegment};

pub(super) fn check_scores(scored: &[ScoredResponse], expected: usize) -> Result<()> {
    for response in scored {
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
        let name = name.clone();
        if !aspects.iter().any(|known| known.name == *aspect) {
            let known = aspects
                .iter()
                .map(|a| a.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(EvalError::BaselineAspect {
                name,
                aspect: aspect.clone(),
                known,
            });
        }
        let (found, expected) = (scores.len(), scored.len());
        if found != expected {
            return Err(EvalError::BaselineResponses {
                name,
                found,
                expected,
            });
        }
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
