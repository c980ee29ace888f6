//! The findings of an audit.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Maximum number of examples that a finding names. All are counted.
pub(super) const EXAMPLES_LISTED: usize = 5;

/// The severity of a finding, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Results on this data will mislead.
    Problem,
    /// Probably a mistake, or something to know before trusting results.
    Warning,
    /// For information.
    Note,
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Problem => "problem",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The position of a segment predicts its rating.
    PlaceShortcut,
    /// Responses end at their first low rating.
    EndsAtFirstError,
    /// Lists of segments end at the first low rating, although the text goes on.
    ListEndsAtFirstError,
    /// The length of a segment predicts its rating.
    LengthShortcut,
    /// The share of words that occur in the prompt predicts the rating.
    OverlapShortcut,
    /// Single words and pairs of words predict the rating almost completely.
    WordsShortcut,
    /// A token marks the rating.
    TokenLeak,
    /// A number in the text equals the rating.
    NumberLeak,
    /// A prompt is in two splits.
    SharedPrompts,
    /// Nearly the same prompt is in two splits.
    NearPrompts,
    /// A response is in two splits.
    SharedResponses,
    /// A context is in two splits.
    SharedContexts,
    /// Copies of a response have different ratings.
    ContradictoryRepeats,
    /// A response occurs more than once in a split.
    Repeats,
    /// Ratings outside the given scale.
    OutOfScale,
    /// Ratings far from all others.
    Outliers,
    /// Ratings of one aspect on two scales.
    MixedScales,
    /// An aspect that very few records rate, or two aspects with nearly the same name.
    RareAspect,
    /// So many aspects that only the most rated are checked.
    ManyAspects,
    /// All or nearly all ratings are equal.
    Constant,
    /// Two aspects have nearly the same ratings.
    AspectsAlike,
    /// Every segment of a response has the same rating.
    CopiedRating,
    /// Every response has one rated segment.
    SingleSegment,
    /// An aspect is rated in one split but not in another.
    MissingAspect,
    /// A split has no ratings.
    Unrated,
    /// Segments of white space.
    BlankSegments,
    /// Segments that begin or end inside a word.
    InsideWords,
    /// Much of the text is outside of segments.
    TextOutside,
}

impl FindingKind {
    /// What the user can do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::PlaceShortcut => {
                "compare every model with the position baseline, and add the missing segments: keep what \
                 follows an error (rated or not), or rate only one segment per response"
            }
            Self::EndsAtFirstError => {
                "append the rest of each response, unrated where nobody judged it, so that the end of the \
                 text does not reveal the error; or rate only the last segment of each partial response; \
                 or train a decoder, whose tokens do not see the end"
            }
            Self::ListEndsAtFirstError => {
                "list the rest of each response as segments without a rating, so that the trivial \
                 baselines cannot see where the judge stopped"
            }
            Self::LengthShortcut => {
                "compare every model with a length-only predictor, and check whether good and bad segments \
                 were cut or written differently"
            }
            Self::OverlapShortcut => {
                "compare every model with an overlap-only predictor: repeating the prompt or the \
                 context should not be enough for a score"
            }
            Self::WordsShortcut => {
                "compare every model with the bag of words, and check its strongest words for marks that \
                 should not be in the text"
            }
            Self::TokenLeak => {
                "look at the examples and remove marks that a rater or a tool left in the text; if the token \
                 is ordinary text, expect the model to learn it"
            }
            Self::NumberLeak => "remove the rating from the text",
            Self::SharedPrompts => {
                "split again so that no prompt is in two splits: join the files and \
                 `gradus data split --group prompt`"
            }
            Self::NearPrompts => {
                "read the pairs; give those that ask the same the same value of a key of `meta`, then join \
                 the files and split again: `gradus data split --group prompt,meta.KEY`"
            }
            Self::SharedResponses => {
                "split again so that no response is in two splits: join the files and \
                 `gradus data split --group prompt,response`"
            }
            Self::SharedContexts => {
                "the model is trained on rated responses to these contexts; to measure it on new contexts, \
                 join the files and `gradus data split --group prompt,context`"
            }
            Self::ContradictoryRepeats => {
                "average or drop the repeats: no model can match both ratings"
            }
            Self::Repeats => "keep one of each; repeats count more than once",
            Self::OutOfScale => "correct or remove them, or set `--scale` to the scale they are on",
            Self::Outliers => {
                "look at them: if they mean `missing`, write null; if they are on another scale, convert \
                 them; `--scale LOW:HIGH` sets the expected range"
            }
            Self::MixedScales => {
                "before training, convert them to one scale (from 1..5 to 0..1: (rating - 1) / 4), or make \
                 them two aspects"
            }
            Self::RareAspect => {
                "correct the name in those records, or select the aspects to train with `--aspects`; a plain \
                 number belongs to the aspect `rating`"
            }
            Self::ManyAspects => {
                "check whether ids or texts stand in place of aspect names; `train --aspects` selects the \
                 aspects to train"
            }
            Self::Constant => {
                "leave the aspect out: equal ratings give nothing to learn and no correlation"
            }
            Self::AspectsAlike => "keep one of the two, or average them",
            Self::CopiedRating => {
                "train on one segment per response, or rate the segments: these ratings cannot measure \
                 differences within a response"
            }
            Self::SingleSegment => {
                "order within a response can be neither trained nor measured with this data"
            }
            Self::MissingAspect => {
                "split again, or train and evaluate only aspects that all splits rate"
            }
            Self::Unrated => {
                "add ratings: without them, a split is useless for training and evaluation"
            }
            Self::BlankSegments => {
                "remove or merge them: a rated segment without tokens stops training"
            }
            Self::InsideWords => {
                "check whether the offsets count Unicode characters: JavaScript counts UTF-16 code units, \
                 other tools bytes; for segments made of tokens, this is normal"
            }
            Self::TextOutside => {
                "nothing, if this text is meant as context; otherwise check how the spans were made"
            }
        }
    }
}

/// A finding of an audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its severity.
    pub grade: Grade,
    /// Its kind.
    pub kind: FindingKind,
    /// The aspect, if it is about one.
    pub aspect: Option<String>,
    /// The finding as a sentence with its numbers.
    pub message: String,
    /// The numbers by name.
    pub numbers: BTreeMap<String, f64>,
    /// Some of the affected examples.
    pub examples: Vec<ExampleRef>,
    /// What to do about it.
    pub advice: String,
}

impl Finding {
    pub(super) fn new(grade: Grade, kind: FindingKind, message: String) -> Self {
        Self {
            grade,
            kind,
            aspect: None,
            message,
            numbers: BTreeMap::new(),
            examples: Vec::new(),
            advice: kind.advice().to_owned(),
        }
    }

    pub(super) fn about(mut self, aspect: &str) -> Self {
        self.aspect = Some(aspect.to_owned());
        self
    }

    pub(super) fn number(mut self, name: &str, value: f64) -> Self {
        self.numbers.insert(name.to_owned(), value);
        self
    }

    pub(super) fn examples(mut self, examples: Vec<ExampleRef>) -> Self {
        self.examples = examples;
        self.examples.truncate(EXAMPLES_LISTED);
        self
    }
}

/// An example, or a segment of it. Displayed as ``train `x1` segment 3``.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExampleRef {
    /// Name of the split.
    pub split: String,
    /// Id of the example.
    pub id: String,
    /// Index of the segment, from 0; `None` for a whole example.
    pub segment: Option<usize>,
}

impl fmt::Display for ExampleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.split, self.id)?;
        match self.segment {
            Some(segment) => write!(f, " segment {segment}"),
            None => Ok(()),
        }
    }
}

/// A share as a percentage for display: `12 %`, `0.4 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 10.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}
