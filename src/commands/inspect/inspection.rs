//! What `gradus inspect` shows of a directory.

use std::collections::BTreeMap;

use gradus::data::Separator;
use gradus::model::{LeftTensor, MemoryEstimate, ParameterCounts, Pooling};
use serde::Serialize;

/// The description of a directory.
#[derive(Debug, Serialize)]
pub(super) struct Inspection {
    /// `encoder` or `bundle`.
    pub(super) kind: &'static str,
    /// The Hub model and commit of the encoder.
    pub(super) origin: Option<String>,
    pub(super) supported: bool,
    /// Reason if the model is not supported.
    pub(super) reason: Option<String>,
    pub(super) model: Option<Described>,
    pub(super) weights: Option<Weights>,
    pub(super) tokenizer: Option<Tokenizer>,
    /// Ignored or contradictory settings in the files.
    pub(super) notes: Vec<String>,
    /// Whether a bundle reads contexts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) use_context: Option<bool>,
    /// The file of the chat template, or why it cannot be used.
    pub(super) chat_template: Option<String>,
    /// Text after every segment, if the bundle has a separator.
    pub(super) separator: Option<Separator>,
    pub(super) memory: Option<Memory>,
}

/// The configuration of a model.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    pub(super) family: String,
    /// Whether attention is causal.
    pub(super) causal: bool,
    pub(super) d_model: usize,
    pub(super) num_layers: usize,
    pub(super) num_heads: usize,
    pub(super) d_feed_forward: usize,
    pub(super) vocab_size: usize,
    pub(super) max_positions: usize,
    pub(super) parameters: ParameterCounts,
    /// The bundle's pooling, or the default for training.
    pub(super) pooling: Pooling,
    pub(super) aspects: Option<Vec<String>>,
}

/// Summary of the weight headers.
#[derive(Debug, Serialize)]
pub(super) struct Weights {
    /// Number of tensors of each type.
    pub(super) types: BTreeMap<String, usize>,
    /// Known tensors that are not used.
    pub(super) left: Vec<LeftTensor>,
}

/// The tokenizer of a model.
#[derive(Debug, Serialize)]
pub(super) struct Tokenizer {
    pub(super) vocab_size: usize,
    pub(super) special_tokens: usize,
    pub(super) pad_id: u32,
}

/// An estimate in bytes.
#[derive(Debug, Serialize)]
pub(super) struct Memory {
    pub(super) batch_size: usize,
    pub(super) seq_length: usize,
    #[serde(flatten)]
    pub(super) bytes: MemoryEstimate,
}

impl Inspection {
    /// The rows of the table, name and value.
    pub(super) fn rows(&self) -> Vec<[String; 2]> {
        let mut rows = vec![("kind", self.kind.to_owned())];
        if let Some(origin) = &self.origin {
            rows.push(("encoder", origin.clone()));
        }
        let supported = if self.supported { "yes" } else { "no" };
        rows.push(("supported", supported.to_owned()));
        if let Some(reason) = &self.reason {
            rows.push(("reason", reason.clone()));
        }
        if let Some(model) = &self.model {
            rows.extend(model.rows());
        }
        if let Some(weights) = &self.weights {
            let types = weights.types.iter();
            let types: Vec<String> = types
                .map(|(kind, count)| format!("{count} × {kind}"))
                .collect();
            rows.push(("tensors", types.join(", ")));
            for left in &weights.left {
                rows.push(("not loaded", format!("{} ({})", left.name, left.reason)));
            }
        }
        if let Some(tokenizer) = &self.tokenizer {
            rows.push(("tokenizer", format!("{} tokens", tokenizer.vocab_size)));
        }
        for note in &self.notes {
            rows.push(("note", note.clone()));
        }
        if let Some(reads) = self.use_context {
            let read = if reads {
                "read after the prompt"
            } else {
                "not read"
            };
            rows.push(("context", read.to_owned()));
        }
        if let Some(separator) = &self.separator {
            rows.push(("separator", format!("{:?}", separator.text)));
        }
        if let Some(template) = &self.chat_template {
            rows.push(("chat template", template.clone()));
        }
        if let Some(memory) = &self.memory {
            rows.extend(memory.rows());
        }
        rows.into_iter()
            .map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

impl Described {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let attention = if self.causal {
            "causal attention"
        } else {
            "bidirectional attention"
        };
        let counts = self.parameters;
        let mut rows = vec![
            ("family", format!("{} ({attention})", self.family)),
            ("layers", self.num_layers.to_string()),
            ("width", self.d_model.to_string()),
            ("heads", self.num_heads.to_string()),
            ("feed-forward width", self.d_feed_forward.to_string()),
            ("vocabulary", self.vocab_size.to_string()),
            ("longest sequence", format!("{} tokens", self.max_positions)),
            ("parameters", counted(counts.total)),
            ("- embeddings", counted(counts.embeddings)),
            ("- layers", counted(counts.layers)),
            ("pooling", self.pooling.to_string()),
        ];
        if counts.adapters > 0 {
            rows.push(("- adapters", counted(counts.adapters)));
        }
        if let Some(aspects) = &self.aspects {
            rows.push(("aspects", aspects.join(", ")));
        }
        rows
    }
}

impl Memory {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let bytes = self.bytes;
        let at = format!("{} × {} tokens", self.batch_size, self.seq_length);
        vec![
            ("memory estimate for", at),
            ("- weights", binary(bytes.weights)),
            ("- scoring", binary(bytes.scoring)),
            ("- training", binary(bytes.training)),
            ("- training adapters", binary(bytes.training_adapters)),
            ("- training the head", binary(bytes.training_head)),
        ]
    }
}

fn counted(count: usize) -> String {
    let count = count as f64;
    match count {
        1e9.. => format!("{:.2} billion", count / 1e9),
        1e6.. => format!("{:.1} million", count / 1e6),
        _ => format!("{count:.0}"),
    }
}

fn binary(bytes: usize) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 {
        format!("{mebibytes:.1} MiB")
    } else {
        format!("{:.1} GiB", mebibytes / 1024.0)
    }
}
