//! The published forms: a file for each, and the table that names them.
//!
//! A new one is a file, its `mod` and its entry here, and its section of `docs/importing.md`.

mod argilla;
mod doccano;
mod fine_grained_feedback;
mod fine_grained_tags;
mod grouped;
mod help_steer2;
mod help_steer3;
mod label_studio;
mod lettuce_detect;
mod math_shepherd;
mod prm800k;
mod prm_bench;
mod process_bench;
mod prodigy;
mod psilo_qa;
mod rag_truth;
mod rag_truth_processed;
mod span_csv;
mod step_conversations;
mod trl_stepwise;
mod ultra_feedback;
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

            /// Whether its responses have marks instead of segments, so that they are cut and a rule rates the
            /// segments.
            pub const fn has_marks(self) -> bool {
                matches!(
                    self,
                    Self::FineGrainedFeedback
                        | Self::RagTruth
                        | Self::RagTruthProcessed
                        | Self::LettuceDetect
                        | Self::PsiloQa
                        | Self::LabelStudio
                        | Self::Argilla
                        | Self::Prodigy
                        | Self::Doccano
                )
            }

            /// Whether its texts may have ratings of several raters.
            pub const fn has_raters(self) -> bool {
                matches!(
                    self,
                    Self::LabelStudio
                        | Self::Argilla
                        | Self::Prodigy
                        | Self::Doccano
                        | Self::HelpSteer3
                        | Self::WmtMqm
                )
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
    FineGrainedFeedback => Reading::Marked(fine_grained_feedback::parse);

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

    "ragtruth-processed"
    /// the rows of `wandb/RAGTruth-processed`, with the marks of `RAGTruth` as a text of JSON.
    RagTruthProcessed => Reading::Marked(rag_truth_processed::parse);

    "lettucedetect"
    /// the records of `LettuceDetect` (<https://arxiv.org/abs/2502.17125>), answers with marked hallucinations.
    LettuceDetect => Reading::Marked(lettuce_detect::parse);

    "psiloqa"
    /// `PsiloQA` (<https://arxiv.org/abs/2510.04849>), answers in many languages with marked hallucinations.
    PsiloQa => Reading::Marked(psilo_qa::parse);

    "step-conversations"
    /// conversations of steps and `+` or `-`, as in the data of `RLHFlow`'s process reward models.
    StepConversations => Reading::Prepared(step_conversations::prepare);

    "helpsteer3"
    /// `HelpSteer3` (<https://arxiv.org/abs/2505.11475>), two responses compared by several raters.
    HelpSteer3 => Reading::Records(help_steer3::parse);

    "ultrafeedback"
    /// `UltraFeedback` (<https://arxiv.org/abs/2310.01377>), responses rated as a whole in four aspects.
    UltraFeedback => Reading::Records(ultra_feedback::parse);

    "label-studio"
    /// exports of Label Studio: spans with labels or ratings, of one or more raters.
    LabelStudio => Reading::Marked(label_studio::parse);

    "argilla"
    /// records of Argilla 2: spans and ratings, of one or more raters.
    Argilla => Reading::Marked(argilla::parse);

    "prodigy"
    /// exports of Prodigy: spans, of one or more raters.
    Prodigy => Reading::Table(prodigy::read);

    "doccano"
    /// exports of doccano: spans, with a file for each rater.
    Doccano => Reading::Table(doccano::read);

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
