//! How to score with an exported model in Python.

use gradus::data::TextConfig;
use gradus::model::{Bundle, Output, Pooling};

/// The README of an export. What stands between the marks of code runs as it is.
pub(super) fn text(bundle: &Bundle, text: &TextConfig, units: &[(f64, f64)]) -> String {
    let pooled = match bundle.config.pooling {
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
    let (aspects, max_length) = (bundle.manifest.aspects.join(", "), text.max_length);
    format!(
        r#"# Segment-level reward model

Scores every segment of a response: {aspects}. Exported by gradus {version}; pooling: `{pooling}`. A context belongs behind
the prompt and a line break. Texts of more than {max_length} tokens are more than the model was trained on.

```python
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")
model = AutoModelForTokenClassification.from_pretrained(".").eval()

def score(prompt, segments):
    encoded = tokenizer(prompt, "".join(segments), return_offsets_mapping=True, return_tensors="pt")
    response, offsets = "".join(segments), encoded.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        values = model(**encoded).logits[0]
    # A token belongs where the first character stands that it covers and that is no white space.
    first = [next((c for c in range(*o) if not response[c].isspace()), o[0]) for o in offsets]
    scores, start = [], 0
    for end in (sum(map(len, segments[:k + 1])) for k in range(len(segments))):
        own = [t for t, side in enumerate(encoded.sequence_ids(0)) if side == 1 and start <= first[t] < end]
        tokens, start = [values[t] for t in own], end
        scores.append(({score}).tolist() if tokens else None)
    return scores
```
"#,
        version = bundle.manifest.gradus_version,
        pooling = bundle.config.pooling,
    )
}
