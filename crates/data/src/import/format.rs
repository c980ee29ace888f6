use std::fmt;
use std::str::FromStr;

use crate::{DataError, Result};

/// The published form of a data set.
///
/// As text (command line, [`FromStr`], [`Display`](fmt::Display)): the name in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `prmbench`: PRMBench (<https://arxiv.org/abs/2501.03124>), every step rated in two aspects.
    PrmBench,
    /// `fine-grained-feedback`: the feedback files of `FineGrainedRLHF`
    /// (<https://arxiv.org/abs/2306.01693>), sentences rated by marked errors.
    FineGrainedFeedback,
    /// `trl-stepwise`: stepwise supervision of TRL, `completions` and `labels`.
    TrlStepwise,
    /// `prm800k`: PRM800K (<https://arxiv.org/abs/2305.20050>), one example for each solution.
    Prm800k,
    /// `prm800k-tree`: PRM800K, one example for each rated completion behind its chosen steps.
    Prm800kTree,
    /// `processbench`: `ProcessBench` (<https://arxiv.org/abs/2412.06559>), the first wrong step.
    ProcessBench,
    /// `math-shepherd`: Math-Shepherd (<https://arxiv.org/abs/2312.08935>), tagged steps.
    MathShepherd,
    /// `ragtruth`: `RAGTruth` (<https://arxiv.org/abs/2401.00396>), sentences rated by marked
    /// hallucinations. Its prompts lie in a second file.
    RagTruth,
    /// `helpsteer2`: `HelpSteer2` (<https://arxiv.org/abs/2406.08673>), a response rated as a whole.
    HelpSteer2,
    /// `fine-grained-tags`: the processed files of `FineGrainedRLHF`, words and tags.
    FineGrainedTags,
    /// `wmt-mqm`: the MQM tables of WMT (<https://arxiv.org/abs/2104.14478>), a translation rated
    /// by its weighted errors.
    WmtMqm,
    /// `span-csv`: a table with a rated span in each row, for data of one's own.
    SpanCsv,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 12] = [
        Self::PrmBench,
        Self::FineGrainedFeedback,
        Self::TrlStepwise,
        Self::Prm800k,
        Self::Prm800kTree,
        Self::ProcessBench,
        Self::MathShepherd,
        Self::RagTruth,
        Self::HelpSteer2,
        Self::FineGrainedTags,
        Self::WmtMqm,
        Self::SpanCsv,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrmBench => "prmbench",
            Self::FineGrainedFeedback => "fine-grained-feedback",
            Self::TrlStepwise => "trl-stepwise",
            Self::Prm800k => "prm800k",
            Self::Prm800kTree => "prm800k-tree",
            Self::ProcessBench => "processbench",
            Self::MathShepherd => "math-shepherd",
            Self::RagTruth => "ragtruth",
            Self::HelpSteer2 => "helpsteer2",
            Self::FineGrainedTags => "fine-grained-tags",
            Self::WmtMqm => "wmt-mqm",
            Self::SpanCsv => "span-csv",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self> {
        let format = Self::ALL.into_iter().find(|format| format.name() == text);
        format.ok_or_else(|| DataError::UnknownFormat {
            found: text.to_owned(),
        })
    }
}
