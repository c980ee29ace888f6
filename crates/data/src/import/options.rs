use std::path::PathBuf;
use std::str::FromStr;

use super::mark_rule::MarkRule;
use super::offsets::Offsets;
use super::rater_merge::RaterMerge;
use super::rating_map::Label;
use crate::records::field::Checked;
use crate::{
    CharSpan, ColumnMap, DataError, RatingMap, ReadLimits, ReadProgress, RecordError,
    RecordProblem, Result, Segmenter,
};

/// How to read a published data set where there is a choice.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// Which rating each published label becomes; by default the rule of the format. A label that
    /// is not in the map is an error.
    pub rating_map: Option<RatingMap>,
    /// How responses that come with marked errors are cut; by default into sentences. Matters to the formats of
    /// which [`Format::has_marks`](crate::Format::has_marks) is true.
    pub segmenter: Segmenter,
    /// Whether such responses are cut at the borders of their marks instead.
    pub cut_at_marks: bool,
    /// What the offsets of marks count; by default characters.
    pub offsets: Offsets,
    /// How marked errors become ratings; by default any mark counts. Matters to the same formats.
    pub mark_rule: MarkRule,
    /// How the ratings of several raters become one; by default their mean.
    pub rater_merge: RaterMerge,
    /// What becomes of answers that nobody has annotated; by default they are kept without ratings.
    pub unannotated: Unannotated,
    /// The file with the prompts (`source_info.jsonl`); needed by
    /// [`Format::RagTruth`](crate::Format::RagTruth), read by no other format.
    pub sources: Option<PathBuf>,
    /// Which keys of the file stand for which of the format; by default each for itself. Tables read
    /// their columns by their own names.
    pub columns: ColumnMap,
    /// How long a line, an element of a list or a row of a table may be.
    pub limits: ReadLimits,
    /// Follows the reading of the file, of which a copy tells.
    pub progress: ReadProgress,
}

/// What becomes of an answer that nobody has annotated. It is not one without a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unannotated {
    /// It is kept without ratings.
    #[default]
    Keep,
    /// It is left out.
    Skip,
}

impl FromStr for Unannotated {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "keep" => Ok(Self::Keep),
            "skip" => Ok(Self::Skip),
            _ => Err(DataError::InvalidUnannotated {
                found: text.to_owned(),
            }),
        }
    }
}

impl ImportOptions {
    /// Cuts a response as the options say; for formats that have no segments.
    ///
    /// # Errors
    /// If it cannot be cut, or holds white space only; `field` names it.
    pub fn cut(&self, response: &str, field: &str) -> Checked<Vec<CharSpan>> {
        super::marks::cut(response, &self.segmenter, field)
    }

    /// The rating of a published label: that of the map if there is one, else `default`.
    pub(super) fn rate(
        &self,
        label: impl Into<Label>,
        default: f64,
        field: impl FnOnce() -> String,
    ) -> Checked<f64> {
        let Some(map) = &self.rating_map else {
            return Ok(default);
        };
        let label = label.into();
        map.get(&label).ok_or_else(|| {
            let problem = RecordProblem::NotInRatingMap {
                found: label.to_string(),
                map: map.to_string(),
            };
            RecordError::new(field(), problem)
        })
    }
}
