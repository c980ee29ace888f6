//! README of an export: how to score with it in Python.

use gradus::bundle::Bundle;
use gradus::data::{TextConfig, visible_markdown};
use gradus::model::{Output, Pooling};

/// The README of an export. Its code blocks run as they are.
pub(super) fn text(bundle: &Bundle, text: &TextConfig, units: &[(f64, f64)]) -> String {
    let pooled = match &bundle.config.pooling {
        Pooling::Last => "tokens[-1]",
        Pooling::First => "tokens[0]",
        _ => "torch.stack(tokens).mean(0)",
    };
    let score = match bundle.config.output {
        Output::Identity => pooled.to_owned(),
        Output::Sigmoid => format!(
            "torch.sigmoid({pooled}) * torch.tensor({:?}) + torch.tensor({:?})",
            units.iter().map(|unit| unit.0).collect::<Vec<_>>(),
            units.iter().map(|unit| unit.1).collect::<Vec<_>>(),
        ),
    };
    let (code, note) = match text.chat_template {
        Some(_) => (CHAT, CHAT_NOTE),
        None => (PAIR, ""),
    };
    let aspects = visible_markdown(&bundle.manifest.aspects().join(", "));
    let max_length = text.max_length;
    format!(
        r#"# Segment-level reward model

Scores every segment of a response: {aspects}. Exported by gradus {version}; pooling: `{pooling}`. Append a context to the prompt
after a line break. The model was trained on texts of at most {max_length} tokens.{note}

```python
import torch
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerFast

tokenizer = PreTrainedTokenizerFast.from_pretrained(".")
model = AutoModelForTokenClassification.from_pretrained(".").eval()

{code}    return [({score}).tolist() if tokens else None for tokens in own]
```

To export an ONNX model, with the package `onnx` (tested with torch 2.15 and transformers 5.23):

```python
model = AutoModelForTokenClassification.from_pretrained(".", attn_implementation="eager").eval()
model.config.use_cache = False
names = tokenizer.model_input_names
torch.onnx.export(model, (dict(tokenizer("A prompt.", "A response.", return_tensors="pt")),), "model.onnx",
                  input_names=names, output_names=["logits"], dynamo=False,
                  dynamic_axes={{name: {{0: "batch", 1: "tokens"}} for name in [*names, "logits"]}})
```
"#,
        version = visible_markdown(&bundle.manifest.gradus_version),
        pooling = bundle.config.pooling,
    )
}

/// Code without a chat template: the tokenizer joins prompt and response.
const PAIR: &str = r#"def score(prompt, response, spans):
    """The scores of the segments between the given characters, (start, end), of the response."""
    encoded = tokenizer(prompt, response, return_offsets_mapping=True, return_tensors="pt")
    offsets, sides = encoded.pop("offset_mapping")[0].tolist(), encoded.sequence_ids(0)
    with torch.no_grad():
        values = model(**encoded).logits[0]
    own, place = [[] for _ in spans], 0
    for token, (start, end) in enumerate(offsets):
        if sides[token] != 1:
            continue
        # A token belongs to the segment of its first character that is not white space.
        place = max(place, next((c for c in range(start, end) if not response[c].isspace()), start))
        for tokens, (first, last) in zip(own, spans):
            tokens += [values[token]] if first <= place < last else []
"#;

/// Code with a chat template around the prompt.
const CHAT: &str = r#"def score(prompt, response, spans):
    """The scores of the segments between the given characters, (start, end), of the response."""
    messages = [{"role": "user", "content": prompt}]
    question = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    question = tokenizer(question, add_special_tokens=False, return_tensors="pt")
    answer = tokenizer(response, add_special_tokens=False, split_special_tokens=True,
                       return_offsets_mapping=True, return_tensors="pt")
    offsets = answer.pop("offset_mapping")[0].tolist()
    encoded = {name: torch.cat([question[name], answer[name]], 1) for name in answer}
    with torch.no_grad():
        values = model(**encoded).logits[0][-len(offsets):]
    own, place = [[] for _ in spans], 0
    for token, (start, end) in enumerate(offsets):
        # A token belongs to the segment of its first character that is not white space.
        place = max(place, next((c for c in range(start, end) if not response[c].isspace()), start))
        for tokens, (first, last) in zip(own, spans):
            tokens += [values[token]] if first <= place < last else []
"#;

/// Where the code and this program part.
const CHAT_NOTE: &str = "
Prompts are written by the chat template of the tokenizer. Special tokens written out in a prompt are special tokens here;
gradus takes them for text.";
