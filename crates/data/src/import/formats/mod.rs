//! One file for each published form.

pub(super) mod fine_grained_feedback;
pub(super) mod fine_grained_tags;
pub(super) mod help_steer2;
pub(super) mod math_shepherd;
pub(super) mod prm800k;
pub(super) mod prm_bench;
pub(super) mod process_bench;
pub(super) mod rag_truth;
pub(super) mod span_csv;
pub(super) mod trl_stepwise;
pub(super) mod wmt_mqm;
