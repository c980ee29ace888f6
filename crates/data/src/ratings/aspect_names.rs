//! Names that are no aspects, but figures of one rating, the people who gave it, or its possible values.

/// Measures of spread, which never rate anything.
const SPREADS: [&str; 14] = [
    "ci",
    "iqr",
    "sd",
    "se",
    "sem",
    "sigma",
    "standarddeviation",
    "standarderror",
    "std",
    "stddev",
    "stderr",
    "stdev",
    "var",
    "variance",
];
/// Figures of several numbers, if nothing else stands beside them.
const FIGURES: [&str; 21] = [
    "annotators",
    "count",
    "counts",
    "max",
    "maximum",
    "mean",
    "median",
    "min",
    "minimum",
    "n",
    "numannotators",
    "numraters",
    "numratings",
    "numvotes",
    "nraters",
    "nratings",
    "percentile",
    "quantile",
    "raters",
    "ratingscount",
    "votes",
];
/// What may stand beside figures and be one of them, or the rating itself.
const BESIDE: [&str; 15] = [
    "agreement",
    "average",
    "avg",
    "confidence",
    "high",
    "low",
    "lower",
    "mode",
    "range",
    "rating",
    "score",
    "sum",
    "total",
    "upper",
    "value",
];
/// Who rates.
const PEOPLE: [&str; 9] = [
    "annotator",
    "coder",
    "evaluator",
    "expert",
    "judge",
    "labeler",
    "rater",
    "reviewer",
    "worker",
];
/// Answers that are counted, or have a probability each.
const ANSWERS: [&str; 8] = [
    "agree", "disagree", "down", "false", "no", "true", "up", "yes",
];

/// What the keys of a map are where they are no aspects; `None` if they may be aspects.
///
/// ```
/// use gradus_data::not_aspects;
///
/// assert_eq!(not_aspects(["mean", "std"]), Some("figures of one rating"));
/// assert_eq!(not_aspects(["rater_1", "rater_2"]), Some("raters"));
/// assert_eq!(not_aspects(["1", "2", "3"]), Some("values of a rating"));
/// assert_eq!(not_aspects(["clarity", "average"]), None);
/// ```
pub fn not_aspects<'k>(keys: impl IntoIterator<Item = &'k str>) -> Option<&'static str> {
    let mut keys: Vec<String> = keys.into_iter().map(plain).collect();
    let any = |is: fn(&str) -> bool| keys.iter().any(|key| is(key));
    let all = |is: fn(&str) -> bool| !keys.is_empty() && keys.iter().all(|key| is(key));
    let is_figures = any(is_figure) && all(|key| is_figure(key) || is_beside(key));
    let like = if any(str::is_empty) {
        "a name that was left out"
    } else if any(is_spread) || is_figures {
        "figures of one rating"
    } else if all(is_person) {
        "raters"
    } else if all(is_number) || (keys.len() > 1 && all(is_answer)) {
        "values of a rating"
    } else {
        keys.sort_unstable();
        let is_repeated = keys.windows(2).any(|pair| pair[0] == pair[1]);
        return is_repeated.then_some("one name in two spellings");
    };
    Some(like)
}

/// A key in small letters, without the signs between words.
fn plain(key: &str) -> String {
    let counts = |char: &char| !char.is_whitespace() && !matches!(char, '_' | '-');
    key.chars()
        .filter(counts)
        .flat_map(char::to_lowercase)
        .collect()
}

fn is_spread(key: &str) -> bool {
    SPREADS.contains(&key)
}

fn is_figure(key: &str) -> bool {
    FIGURES.contains(&key) || is_spread(key)
}

fn is_beside(key: &str) -> bool {
    // `p25` and `q1`, too.
    let place = key.strip_prefix(['p', 'q']);
    BESIDE.contains(&key) || place.is_some_and(is_number)
}

fn is_person(key: &str) -> bool {
    let name = PEOPLE.iter().find_map(|person| key.strip_prefix(person));
    name.is_some_and(|rest| rest.chars().count() == 1 || is_number(rest))
}

fn is_number(key: &str) -> bool {
    key.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_answer(key: &str) -> bool {
    ANSWERS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_raters_and_values_are_no_aspects() {
        for (keys, expected) in [
            (&["mean", "std"][..], "figures of one rating"),
            (&["Mean"], "figures of one rating"),
            (&["value", "n"], "figures of one rating"),
            (&["average", "min", "max"], "figures of one rating"),
            (&["score", "std_err"], "figures of one rating"),
            (&["p5", "median", "p95"], "figures of one rating"),
            (&["factuality", "stddev"], "figures of one rating"),
            (&["rater_1", "Rater 2"], "raters"),
            (&["annotatorA", "annotatorB"], "raters"),
            (&["worker17"], "raters"),
            (&["1", "2", "3.5"], "values of a rating"),
            (&["-1"], "values of a rating"),
            (&["yes", "No"], "values of a rating"),
            (&["clarity", " "], "a name that was left out"),
            (&["clarity", "Clarity"], "one name in two spellings"),
            (
                &["step_score", "x", "step-score"],
                "one name in two spellings",
            ),
        ] {
            let found = not_aspects(keys.iter().copied());
            assert_eq!(found, Some(expected), "{keys:?}");
        }
    }

    #[test]
    fn other_names_may_be_aspects() {
        for keys in [
            &["factuality", "relevance"][..],
            &["clarity", "average"],
            &["clarity", "count"],
            &["average"],
            &["score"],
            &["value", "confidence"],
            &["judge"],
            &["judgement"],
            &["yes"],
            &["q1", "q2"],
            &["rating", "range"],
            &["NaN"],
            &[],
        ] {
            assert_eq!(not_aspects(keys.iter().copied()), None, "{keys:?}");
        }
    }
}
