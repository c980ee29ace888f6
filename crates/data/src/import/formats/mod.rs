//! The published forms: a file for each, and the table that names them.
//!
//! A new one is a file, its `mod` and its entry here, and its section of `docs/importing.md`.

mod fine_grained_feedback;
mod fine_grained_tags;
mod help_steer2;
mod math_shepherd;
mod prm800k;
mod prm_bench;
mod process_bench;
mod rag_truth;
mod span_csv;
mod trl_stepwise;
mod wmt_mqm;

use super::OwnFormat;
use super::importer::Reading;

macro_rules! formats {
    ($($name:literal $(#[doc = $doc:literal])+ $variant:ident => $reading:expr;)+) => {
        /// The published form of a data set.
        ///
        /// As text (command line, [`FromStr`](std::str::FromStr), [`Display`](std::fmt::Display)):
        /// the name in front.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Format {
            $(
                #[doc = concat!("`", $name, "`:")]
                $(#[doc = $doc])+
                $variant,
            )+
            /// A [`NamedFormat`](crate::NamedFormat) of another program.
            Own(OwnFormat),
        }

        impl Format {
            /// Every format of this crate.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Own(format) => format.name(),
                }
            }

            /// What it is, in a few words of Markdown; nothing for one of another program.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                    Self::Own(_) => "",
                }
            }

            pub(in crate::import) fn reading(self) -> Reading {
                match self {
                    $(Self::$variant => $reading,)+
                    Self::Own(format) => Reading::Own(format.open()),
                }
            }
        }
    };
}

formats! {
    "prmbench"
    /// PRMBench (<https://arxiv.org/abs/2501.03124>), every step rated in two aspects.
    PrmBench => Reading::Record(prm_bench::parse);

    "fine-grained-feedback"
    /// the feedback files of `FineGrainedRLHF` (<https://arxiv.org/abs/2306.01693>), sentences rated
    /// by marked errors.
    FineGrainedFeedback => Reading::Prepared(fine_grained_feedback::prepare);

    "trl-stepwise"
    /// stepwise supervision of TRL, `completions` and `labels`.
    TrlStepwise => Reading::Record(trl_stepwise::parse);

    "prm800k"
    /// PRM800K (<https://arxiv.org/abs/2305.20050>), one example for each solution.
    Prm800k => Reading::Record(prm800k::parse_solution);

    "prm800k-tree"
    /// PRM800K, one example for each rated completion behind its chosen steps.
    Prm800kTree => Reading::Records(prm800k::parse_tree);

    "processbench"
    /// `ProcessBench` (<https://arxiv.org/abs/2412.06559>), the first wrong step.
    ProcessBench => Reading::Record(process_bench::parse);

    "math-shepherd"
    /// Math-Shepherd (<https://arxiv.org/abs/2312.08935>), tagged steps.
    MathShepherd => Reading::Record(math_shepherd::parse);

    "ragtruth"
    /// `RAGTruth` (<https://arxiv.org/abs/2401.00396>), sentences rated by marked hallucinations. Its
    /// prompts are in a second file.
    RagTruth => Reading::Prepared(rag_truth::prepare);

    "helpsteer2"
    /// `HelpSteer2` (<https://arxiv.org/abs/2406.08673>), a response rated as a whole.
    HelpSteer2 => Reading::Record(help_steer2::parse);

    "fine-grained-tags"
    /// the processed files of `FineGrainedRLHF`, words and tags.
    FineGrainedTags => Reading::Record(fine_grained_tags::parse);

    "wmt-mqm"
    /// the MQM tables of WMT (<https://arxiv.org/abs/2104.14478>), a translation rated by its weighted
    /// errors.
    WmtMqm => Reading::Table(wmt_mqm::read);

    "span-csv"
    /// a table with a rated span in each row, for data of one's own.
    SpanCsv => Reading::Table(span_csv::read);
}
