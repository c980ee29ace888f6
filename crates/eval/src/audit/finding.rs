//! The findings of an audit.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// How many examples a finding names; all are counted.
pub(super) const EXAMPLES_LISTED: usize = 5;

/// The severity of a finding, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Results on this data will mislead.
    Problem,
    /// Likely a mistake, or to be known before results are believed.
    Warning,
    /// Good to know; nothing to stop for.
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
    /// Where a segment stands tells its rating.
    PlaceShortcut,
    /// Responses end at their first low rating.
    EndsAtFirstError,
    /// Lists of segments end at the first low rating, though the text goes on.
    ListEndsAtFirstError,
    /// The length of a segment tells its rating.
    LengthShortcut,
    /// The words a segment shares with its prompt tell its rating.
    OverlapShortcut,
    /// Single words and pairs of words tell nearly all of the rating.
    WordsShortcut,
    /// A token stands for the rating.
    TokenLeak,
    /// A number in the text is the rating.
    NumberLeak,
    /// A prompt is in two splits.
    SharedPrompts,
    /// A prompt of one split is nearly one of another.
    NearPrompts,
    /// A response is in two splits.
    SharedResponses,
    /// A context is in two splits.
    SharedContexts,
    /// The same response is rated differently.
    ContradictoryRepeats,
    /// The same response occurs more than once.
    Repeats,
    /// Ratings outside the scale.
    OutOfScale,
    /// Ratings far from all others.
    Outliers,
    /// Ratings on two scales in one aspect.
    MixedScales,
    /// An aspect that next to no record rates, or two that have nearly one name.
    RareAspect,
    /// All ratings, or nearly all, are the same.
    Constant,
    /// Two aspects are rated alike.
    AspectsAlike,
    /// Every segment of a response has the same rating.
    CopiedRating,
    /// One rated segment a response.
    SingleSegment,
    /// An aspect is rated in one split and not in another.
    MissingAspect,
    /// Nothing is rated.
    Unrated,
    /// Segments of white space.
    BlankSegments,
    /// Segments that begin or end inside a word.
    InsideWords,
    /// Much of the text lies in no segment.
    TextOutside,
}

impl FindingKind {
    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::PlaceShortcut => {
                "judge every model against the position floor, and rate the segments that are \
                 missing: keep what follows an error (rated or not), or rate only one segment a \
                 response"
            }
            Self::EndsAtFirstError => {
                "append the rest of each response, unrated where nobody judged it, so that the \
                 end of the text does not give the error away; or rate only the last segment of \
                 each partial response; or train a decoder, whose tokens do not see the end"
            }
            Self::ListEndsAtFirstError => {
                "list the rest of each response as segments without a rating, so that place and \
                 the trivial baselines do not know where a judge has stopped"
            }
            Self::LengthShortcut => {
                "judge every model against a length-only predictor, and look whether segments of \
                 one kind were cut or written differently"
            }
            Self::OverlapShortcut => {
                "judge every model against an overlap-only predictor; a response that repeats its \
                 prompt should not score for that alone"
            }
            Self::WordsShortcut => {
                "judge every model against the bag of words; look at its strongest words for marks \
                 that should not be in the text"
            }
            Self::TokenLeak => {
                "look at the examples: remove marks that a rater or a tool has left in the text; \
                 where the token is honest text, expect the model to learn the token"
            }
            Self::NumberLeak => "remove the rating from the text",
            Self::SharedPrompts => {
                "split again so that no prompt is in two splits: join the files and \
                 `gradus data split --group prompt`"
            }
            Self::NearPrompts => {
                "read the pairs; where they ask the same thing, give both the same value of a key of \
                 `meta`, and join the files and split again: \
                 `gradus data split --group prompt,meta.KEY`"
            }
            Self::SharedResponses => {
                "split again so that no response is in two splits: join the files and \
                 `gradus data split --group prompt,response`"
            }
            Self::SharedContexts => {
                "know that the model has seen these contexts rated; for figures on new ones join the \
                 files and `gradus data split --group prompt,context`"
            }
            Self::ContradictoryRepeats => {
                "average or drop the repeats; no model can be right about both"
            }
            Self::Repeats => "keep one of each, or know that it counts more than once",
            Self::OutOfScale => "correct or remove them, or state the scale they are on",
            Self::Outliers => {
                "look at them: a mark for `missing` (null in this format), or another scale? \
                 `--scale LOW:HIGH` states what is right"
            }
            Self::MixedScales => {
                "bring them to one scale (a rating from 1 to 5 is (rating - 1) / 4 from 0 to 1), or \
                 make them two aspects, before anything is trained on them"
            }
            Self::RareAspect => {
                "correct the name in those records, or name the aspects to learn with `--aspects`; a \
                 plain number belongs to the aspect `rating`"
            }
            Self::Constant => {
                "leave the aspect out: there is nothing to learn and no correlation to measure"
            }
            Self::AspectsAlike => "keep one of the two, or average them",
            Self::CopiedRating => {
                "train on one segment a response, or rate the segments; scores within a response \
                 cannot be judged with these ratings"
            }
            Self::SingleSegment => {
                "know that order within a response can be neither learned nor measured here"
            }
            Self::MissingAspect => {
                "split again, or train and judge only the aspects that all splits rate"
            }
            Self::Unrated => "add ratings: such a split cannot be trained on or judged by",
            Self::BlankSegments => {
                "remove or merge them: a rated one stops training, as no token stands for it"
            }
            Self::InsideWords => {
                "look whether the offsets count Unicode characters: those of JavaScript count UTF-16 code \
                 units, others bytes; segments of tokens do begin inside words"
            }
            Self::TextOutside => {
                "nothing, if it is context on purpose; else look at how the spans were made"
            }
        }
    }
}

/// A finding of an audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub grade: Grade,
    /// What kind of thing it is.
    pub kind: FindingKind,
    /// The aspect it is about, where it is about one.
    pub aspect: Option<String>,
    /// What was found, as a sentence with its numbers.
    pub message: String,
    /// The numbers by name.
    pub numbers: BTreeMap<String, f64>,
    /// Some of the examples concerned.
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
pub struct ExampleRef {
    /// Name of the split.
    pub split: String,
    /// Id of the example.
    pub id: String,
    /// Index of the segment, from 0, where one is meant.
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

/// A share as a percentage for people: `12 %`, `0.4 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 10.0 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}
