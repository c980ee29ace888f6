//! What the words of a key say about its value.

use super::spelling::fold;

/// Words for a rating in other data formats, folded.
const RATING_WORDS: &[&str] = &[
    "annotation",
    "annotations",
    "correct",
    "correctness",
    "gold",
    "grade",
    "grades",
    "groundtruth",
    "hallucinated",
    "hallucination",
    "iscorrect",
    "issupported",
    "judgement",
    "judgements",
    "judgment",
    "judgments",
    "label",
    "labels",
    "likert",
    "overall",
    "points",
    "quality",
    "reward",
    "rewards",
    "rewardscore",
    "score",
    "scores",
    "severity",
    "stars",
    "steplabels",
    "supported",
    "target",
    "targets",
    "truth",
    "value",
    "values",
    "verdict",
    "factuality",
    "faithfulness",
    "helpfulness",
    "relevance",
    "truthfulness",
];
/// Words that show that a compound key is no rating although it contains a word for one:
/// `label_source`, `num_labels`, `correct_answer`.
const OTHER_WORDS: [&str; 44] = [
    "annotator",
    "answer",
    "answers",
    "by",
    "choice",
    "class",
    "comment",
    "comments",
    "completion",
    "confidence",
    "count",
    "date",
    "explanation",
    "file",
    "id",
    "ids",
    "index",
    "key",
    "language",
    "length",
    "model",
    "n",
    "name",
    "names",
    "num",
    "option",
    "output",
    "path",
    "prompt",
    "question",
    "rater",
    "raters",
    "rationale",
    "reason",
    "response",
    "size",
    "solution",
    "solutions",
    "source",
    "text",
    "time",
    "type",
    "unit",
    "version",
];
/// Words for numbers that say where a segment is or how long, not how good.
const PLACE_WORDS: [&str; 22] = [
    "begin",
    "char",
    "chars",
    "end",
    "from",
    "idx",
    "len",
    "line",
    "number",
    "offset",
    "order",
    "page",
    "paragraph",
    "pos",
    "position",
    "start",
    "step",
    "time",
    "to",
    "token",
    "tokens",
    "turn",
];
/// Words for a rating that are reported even beside a `rating`.
pub(super) const SURE_WORDS: [&str; 5] = ["label", "labels", "reward", "rewards", "humanscore"];
/// Words in keys that tell where or whether an answer is wrong: `first_error`, `mistake_index`.
pub(super) const ERROR_WORDS: [&str; 6] = [
    "error",
    "errors",
    "incorrect",
    "mistake",
    "mistakes",
    "wrong",
];
/// Words for `context` in other data formats.
pub(super) const CONTEXT_WORDS: [&str; 8] = [
    "document",
    "documents",
    "evidence",
    "evidences",
    "knowledge",
    "passage",
    "passages",
    "retrieved",
];
/// Keys of system messages, which belong into `prompt`.
pub(super) const SYSTEM_KEYS: [&str; 3] = ["system", "systemprompt", "systemmessage"];
/// Words for `segments` in other data formats.
pub(super) const SEGMENT_WORDS: [&str; 6] = [
    "spans",
    "sentences",
    "steps",
    "annotations",
    "labels",
    "errors",
];

/// Whether a key is, or contains, a word for a rating: `score`, `judge_score`, `ratingValue`, `rating_2`.
pub(crate) fn names_a_rating(key: &str) -> bool {
    let folded = fold(key);
    let is_word = |word: &str| {
        RATING_WORDS.contains(&word)
            || SURE_WORDS.contains(&word)
            || ["rating", "ratings"].contains(&word)
    };
    if RATING_WORDS.contains(&folded.as_str()) || SURE_WORDS.contains(&folded.as_str()) {
        return true;
    }
    let words = words(key);
    let is_about_one = words
        .iter()
        .any(|word| OTHER_WORDS.contains(&word.as_str()));
    let is_compound = ["rating", "ratings"]
        .iter()
        .any(|end| folded.len() > end.len() && folded.ends_with(end));
    is_compound || (words.len() > 1 && !is_about_one && words.iter().any(|word| is_word(word)))
}

/// The words of a key in lower case. Capitals and all characters but letters and digits separate words:
/// `step_label`, `step-label` and `stepLabel` have two each.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = None;
    for char in key.chars() {
        let is_new = char.is_uppercase() && before.is_some_and(char::is_lowercase);
        if is_new || !char.is_alphanumeric() {
            words.push(String::new());
        }
        if char.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(char.to_lowercase());
        }
        before = Some(char);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a key names a position, a length or something else that is no rating.
pub(super) fn names_a_place(key: &str) -> bool {
    has_word(key, &PLACE_WORDS) || names_other(key)
}

/// Whether one of the words of a key is in `of`.
pub(super) fn has_word(key: &str, of: &[&str]) -> bool {
    words(key).iter().any(|word| of.contains(&word.as_str()))
}

/// Whether a key is about something other than the word for a rating or a context in it: `document_id`,
/// `evidence_count`.
pub(super) fn names_other(key: &str) -> bool {
    has_word(key, &OTHER_WORDS)
}
