//! States a gap as a sentence.

use super::{Gap, GapVerdict};

pub(super) fn sentence(gap: &Gap) -> String {
    let Gap { a, b, .. } = gap;
    let (better, worse) = match gap.verdict {
        GapVerdict::Second => (b, a),
        _ => (a, b),
    };
    let numbers = numbers(gap);
    match (gap.verdict, gap.corrected.is_some()) {
        (GapVerdict::NotComparable, _) => {
            format!(
                "`{a}` and `{b}` cannot be compared: fewer than two prompts are answered by both."
            )
        }
        (GapVerdict::CannotTell, true) => {
            format!("`{a}` and `{b}` cannot be told apart: {numbers}.")
        }
        (_, true) => format!("`{better}` is better than `{worse}`: {numbers}."),
        (GapVerdict::CannotTell, false) => format!(
            "The judge cannot tell `{a}` and `{b}` apart: {numbers}. Without rated answers a true gap may be hidden by \
             the judge's bias."
        ),
        (_, false) => format!(
            "The judge prefers `{better}` to `{worse}`: {numbers}. Without rated answers the gap may be the judge's, \
             not the answers': its interval does not cover a bias."
        ),
    }
}

fn numbers(gap: &Gap) -> String {
    let judged = gap.judged.map(|judged| {
        format!(
            "gap of the scores {:+.4} ({:.4} to {:.4}) on {} prompts",
            judged.estimate, judged.low, judged.high, gap.prompts
        )
    });
    let corrected = gap.corrected.map(|corrected| {
        let mean = corrected.mean;
        format!(
            "gap {:+.4} ({:.4} to {:.4}), corrected by {} rated prompts",
            mean.estimate, mean.low, mean.high, corrected.rated
        )
    });
    let parts: Vec<String> = corrected.into_iter().chain(judged).collect();
    parts.join("; ")
}
