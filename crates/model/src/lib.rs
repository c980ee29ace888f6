//! The model of Gradus: tensors in, one score per segment and aspect out.
//!
//! In order of use:
//! - [`PretrainedEncoder`]: an encoder in a Hugging Face directory, or [`EncoderConfig`]: one from
//!   scratch
//! - [`RewardModelConfig`], [`RewardModel`]: encoder, [`Pooling`], [`Head`] and [`Output`]
//! - [`SegmentModel`]: any model that can be trained
//! - [`LoraConfig`]: low-rank adapters of the encoder
//! - [`SegmentInput`]: a batch of tokenized responses with segment spans
//! - [`import_hugging_face`]: a published reward model
//! - [`encoder`]: the encoder families and their blocks
//!
//! This crate knows nothing of text. Dimensions are named `batch_size`, `seq_length`, `d_model`,
//! `num_segments`, `num_aspects`, always in this order.
//!
//! ```
//! use burn::tensor::{Bool, Device, Int, Tensor};
//! use gradus_model::encoder::BertConfig;
//! use gradus_model::{EncoderConfig, Pooling, RewardModelConfig, SegmentInput};
//!
//! let device = Device::flex();
//! let encoder = EncoderConfig::Bert(BertConfig::small(100));
//! let config = RewardModelConfig::new(encoder, Pooling::Mean, 1);
//! let scores = config.init(&device).forward(SegmentInput {
//!     token_ids: Tensor::from_data([[2, 17, 3, 25, 26, 3]], &device),
//!     type_ids: Tensor::from_data([[0, 0, 0, 1, 1, 1]], &device),
//!     mask_pad: Tensor::<2, Int>::zeros([1, 6], &device).bool(),
//!     response_spans: None,
//!     segment_spans: Tensor::from_data([[[3, 4], [4, 5]]], &device),
//! });
//! assert_eq!(scores.dims(), [1, 2, 1]);
//! ```

mod adapter;
pub mod encoder;
mod erased;
mod error;
mod export;
mod head;
mod import;
mod lora;
mod memory;
mod named;
mod output;
mod pooling;
mod pretrained;
mod process_model;
mod reward_model;
mod row_wise;
mod scalar_mix;
mod segment_model;
mod weights;

pub use encoder::{
    Encoder, EncoderConfig, EncoderInput, NamedEncoder, TokenEncoder, register_encoder,
    registered_encoders,
};
pub use erased::PartModule;
pub use error::{ConfigProblem, ModelError, Result};
pub use export::{ExportOptions, check_exportable, export_hugging_face};
pub use gradus_kernels::{Precision, TrainingPrecision};
pub use head::{Head, HeadConfig, NamedHead, ScoreHead, register_head, registered_heads};
pub use import::{ImportOptions, ImportedModel, ProblemType, import_hugging_face};
pub use lora::{LoraConfig, LoraTarget};
pub use memory::{MemoryEstimate, ParameterCounts};
pub use output::Output;
pub use pooling::{
    AttentionPooling, ContextPooling, FirstPooling, LastPooling, MaxPooling, MeanPooling,
    MultiAttentionPooling, NamedPooling, Pooler, Pooling, SegmentPooling, TokenStates,
    register_pooling, registered_poolings,
};
pub use pretrained::{PretrainedEncoder, load_encoder};
pub use process_model::{
    ProcessHead, ProcessModel, architecture, has_two_labels, import_process_model,
};
pub use reward_model::{RewardModel, RewardModelConfig, SegmentInput};
pub use scalar_mix::ScalarMix;
pub use segment_model::SegmentModel;
pub use weights::{
    CastTensor, EmbeddingFormat, LeftTensor, LoadReport, WeightMismatch, WrongShape,
};
