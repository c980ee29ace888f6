//! Tables of keys that several families share. A family lists those that apply to it, after its own.

use super::KnownKeys;
use super::Treatment::{Ignored, Only, Reported, Used};
use super::keys;

/// BERT and RoBERTa.
#[rustfmt::skip] // one line per kind
pub(in crate::encoder) const BERT: &[KnownKeys] = &[
    keys(Only("`false`"), &["is_decoder", "add_cross_attention"]),
    keys(Only("`\"absolute\"`"), &["position_embedding_type"]),
    keys(Reported("this family's embeddings are as wide as its hidden states"), &["embedding_size"]),
];

/// BERT, RoBERTa and DeBERTa.
#[rustfmt::skip] // one line per kind
pub(in crate::encoder) const BERT_AND_DEBERTA: &[KnownKeys] = &[
    keys(Used, &["hidden_act", "layer_norm_eps", "type_vocab_size", "hidden_dropout_prob",
        "attention_probs_dropout_prob"]),
    keys(Reported("this family has no rotary positions, sliding windows or grouped heads, and other norms"), &["head_dim", "layer_types", "num_key_value_heads", "rms_norm_eps", "rope_parameters", "rope_scaling", "rope_theta",
        "sliding_window"]),
    keys(Ignored("old or pre-training parameters; nothing uses them"), &["directionality", "output_past", "adapters", "language", "z_steps", "max_relative_position"]),
];

/// All encoders that are not decoders.
#[rustfmt::skip] // one line per kind
pub(in crate::encoder) const BIDIRECTIONAL: &[KnownKeys] = &[
    keys(Only("`false`"), &["is_causal"]),
    keys(Ignored("this family is bidirectional anyway"), &["use_bidirectional_attention"]),
];

/// Qwen2 and Qwen3.
#[rustfmt::skip] // one line per kind
pub(in crate::encoder) const QWEN: &[KnownKeys] = &[
    keys(Used, &["use_sliding_window", "sliding_window", "max_window_layers", "layer_types"]),
    keys(Only("`false`"), &["use_mrope"]),
    keys(Reported("chunked attention (for texts longer than a chunk) is not supported"), &["dual_chunk_attention_config"]),
    keys(Ignored("this family does not use it: its layers and biases are fixed"), &["attention_bias", "mlp_bias", "pretraining_tp"]),
];

/// All decoders.
#[rustfmt::skip] // one line per kind
pub(in crate::encoder) const DECODER: &[KnownKeys] = &[
    keys(Used, &["hidden_act", "rms_norm_eps", "num_key_value_heads", "head_dim", "attention_dropout",
        "is_causal", "rope_theta", "rope_parameters", "rope_scaling", "original_max_position_embeddings"]),
    keys(Only("`1`"), &["partial_rotary_factor"]),
    keys(Only("`false`, or `true` beside `is_causal` false"), &["use_bidirectional_attention"]),
    keys(Ignored("this family has no token types"), &["type_vocab_size"]),
];

/// All families. A family that treats a key differently has it in an earlier table.
#[rustfmt::skip] // one line per kind
pub(in crate::encoder) const COMMON: &[KnownKeys] = &[
    keys(Used, &["model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "max_position_embeddings", "initializer_range"]),
    keys(Only("`null`"), &["quantization_config", "compression_config", "attention_chunk_size",
        "transformers_weights"]),
    keys(Only("`null` or `{}`"), &["per_layer_config", "pruned_heads", "fusion_config"]),
    keys(Only("`false`"), &["is_encoder_decoder"]),
    keys(Reported("the model's own code is not run; the standard model of the family is computed"), &["auto_map"]),
    keys(Ignored("weights are always converted to 32-bit floats"), &["dtype", "torch_dtype"]),
    keys(Ignored("`gradus import` reads it for the head"), &["architectures", "id2label", "label2id", "num_labels",
        "problem_type", "classifier_bias", "classifier_activation", "token_classification_bias"]),
    keys(Ignored("heads of other tasks, which are not loaded"), &["tie_word_embeddings", "classifier_pooling",
        "decoder_bias", "sparse_prediction", "sparse_pred_ignore_index", "legacy", "pooler_dropout", "pooler_hidden_act",
        "pooler_hidden_size", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers",
        "pooler_size_per_head", "pooler_type", "summary_type", "summary_activation", "summary_first_dropout",
        "summary_last_dropout", "summary_proj_to_labels", "summary_use_proj", "lm_head_bias", "logits_mup_width_multiplier",
        "unpadded_vocab_size", "num_mtp_layers", "mtp_per_layer_config", "mtp_hidden_states_first", "chain_hidden_post_norm",
        "mtp_layer_types", "mtp_mlp_layer_types", "tie_last_hidden_states", "cross_attention_hidden_size",
        "tie_encoder_decoder", "finetuning_task", "task_specific_params"]),
    keys(Ignored("the run configuration sets dropout (`dropout`, `attention_dropout`)"), &["classifier_dropout", "cls_dropout", "mlp_dropout", "hidden_dropout", "attention_dropout",
        "attention_probs_dropout_prob", "hidden_dropout_prob", "embd_pdrop", "resid_pdrop", "attn_pdrop"]),
    keys(Ignored("initial weights, which the file replaces"), &["initializer_cutoff_factor",
        "initializer_factor", "init_std"]),
    keys(Ignored("padding is masked, whatever its token"), &["pad_token_id"]),
    keys(Ignored("the tokenizer defines special tokens"), &["bos_token_id", "eos_token_id", "cls_token_id",
        "sep_token_id", "unk_token_id", "mask_token_id", "decoder_start_token_id", "tokenizer_class", "prefix",
        "vocab_type"]),
    keys(Ignored("this family does not use it"), &["is_decoder", "add_cross_attention",
        "position_embedding_type"]),
    keys(Ignored("settings of the library that do not change results"), &["chunk_size_feed_forward", "use_cache",
        "gradient_checkpointing", "attn_implementation", "_attn_implementation", "_attn_implementation_autoset",
        "_attn_implementation_internal", "_experts_implementation", "_experts_implementation_internal",
        "deterministic_flash_attn", "reference_compile", "repad_logits_with_grad", "use_flash_attn", "_flash_attn_2_enabled",
        "distributed_config", "torchscript", "use_bfloat16", "tp_plan", "rope_interleaved", "pad_vocab_size_multiple"]),
    keys(Ignored("additional outputs of the library"), &["output_attentions", "output_hidden_states", "return_dict",
        "output_scores", "return_dict_in_generate"]),
    keys(Ignored("origin of the file"), &["_name_or_path", "name_or_path", "_commit_hash",
        "transformers_version", "transformers.js_config", "unsloth_version", "unsloth_fixed", "gradus", "sentence_transformers",
        "peft_version", "model_max_length", "tokenizer_name"]),
    keys(Ignored("settings for text generation"), &["assistant_confidence_threshold", "assistant_lookbehind",
        "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping",
        "encoder_no_repeat_ngram_size", "encoder_repetition_penalty", "epsilon_cutoff", "eta_cutoff",
        "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id", "length_penalty", "max_length",
        "min_length", "no_repeat_ngram_size", "num_assistant_tokens", "num_assistant_tokens_schedule", "num_beam_groups",
        "num_beams", "num_return_sequences", "remove_invalid_values", "repetition_penalty", "suppress_tokens",
        "target_lookbehind", "temperature", "tf_legacy_loss", "top_k", "top_p", "typical_p", "max_new_tokens"]),
];
