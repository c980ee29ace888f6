//! README of an export: how to score with it in Python.

use gradus::bundle::Bundle;
use gradus::data::{CutSegments, Segmenter, TextConfig, TruncationPolicy, visible_markdown};
use gradus::model::{Output, Pooling};

/// The README of an export. Its code blocks run as they are.
pub(super) fn text(bundle: &Bundle, text: &TextConfig, units: &[(f64, f64)]) -> String {
    let pooled = match &bundle.config.pooling {
        Pooling::Last => "own[-1]",
        Pooling::First => "own[0]",
        _ => "own.mean(0)",
    };
    let score = match bundle.config.output {
        Output::Identity => pooled.to_owned(),
        Output::Sigmoid => format!(
            "torch.sigmoid({pooled}) * torch.tensor({:?}) + torch.tensor({:?})",
            units.iter().map(|unit| unit.0).collect::<Vec<_>>(),
            units.iter().map(|unit| unit.1).collect::<Vec<_>>(),
        ),
    };
    let (join, note) = match text.chat_template {
        Some(_) => (CHAT, CHAT_NOTE),
        None => (PAIR, ""),
    };
    let (import, segments, cuts) = segments(&text.segmenter);
    let (context, argument, question) = if text.use_context {
        (
            "The model reads a `context` behind the prompt.",
            ", context=\"\"",
            r#"f"{prompt}\n{context}" if context.strip() else prompt"#,
        )
    } else {
        ("The model was trained without contexts.", "", "prompt")
    };
    let aspects = visible_markdown(&bundle.manifest.aspects().join(", "));
    let max_length = text.max_length;
    let too_long = too_long(text);
    let code = SCORE
        .replace("{JOIN}", join)
        .replace("{CONTEXT}", argument)
        .replace("{TEXT}", question)
        .replace("{MAX_LENGTH}", &max_length.to_string())
        .replace("{SEGMENTS}", segments)
        .replace("{TOO_LONG}", too_long.check)
        .replace("{OWN}", too_long.own)
        .replace("{SCORE}", &score);
    let told = too_long.told;
    let offset = offset(bundle);
    format!(
        r#"# Segment-level reward model

Scores every segment of a response: {aspects}. Exported by gradus {version}; pooling: `{pooling}`. {context}
{cuts} The model reads at most {max_length} tokens. {told}{note}
{offset}
```python
import torch
{import}from transformers import AutoModelForTokenClassification, PreTrainedTokenizerFast

tokenizer = PreTrainedTokenizerFast.from_pretrained(".")
model = AutoModelForTokenClassification.from_pretrained(".").eval()

{code}```

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

/// What the scores of the bundle have and those of the export lack.
fn offset(bundle: &Bundle) -> String {
    let Some(kinds) = &bundle.manifest.offset else {
        return String::new();
    };
    format!(
        "
**These scores are not those of the gradus bundle.** The bundle adds what a trivial baseline says of each segment (from its
place, its length and, for a bag of words, its words: {}) to what this model says of it. The baseline is not part of the
export: scores are as with `--offset drop`, around the same mean, and predict ratings less well.
",
        visible_markdown(&kinds.to_string()),
    )
}

/// The import of the segmenter, the spans where none are given, and what the README says of them.
fn segments(segmenter: &Segmenter) -> (&'static str, &'static str, String) {
    let cuts = format!(
        "`segmenter.py` cuts responses as gradus does, by `{}`.",
        visible_markdown(&segmenter.to_string())
    );
    let import = "from segmenter import segment\n";
    match segmenter {
        Segmenter::Own(_) => (
            "",
            "list(spans)",
            "The segmenter belongs to another program: give the spans of the segments.".to_owned(),
        ),
        Segmenter::Tokens(_) => (
            import,
            "segment(response, tokenizer=tokenizer) if spans is None else list(spans)",
            cuts,
        ),
        _ => (
            import,
            "segment(response) if spans is None else list(spans)",
            cuts,
        ),
    }
}

/// What becomes of texts that are too long.
struct TooLong {
    /// A check of the whole text.
    check: &'static str,
    /// The values of the tokens of a segment.
    own: &'static str,
    /// What the README says.
    told: &'static str,
}

fn too_long(text: &TextConfig) -> TooLong {
    if text.truncation == TruncationPolicy::Error {
        return TooLong {
            check: "    if len(first) + len(second) > room:\n        raise ValueError(f\"{len(first) + len(second)} tokens, expected at most {room}\")\n",
            own: "values[inside]",
            told: "A longer text is an error.",
        };
    }
    match text.cut_segments {
        CutSegments::Drop => TooLong {
            check: "",
            own: "values[inside] if len(values) >= inside.stop else values[:0]",
            told: "Of a longer text, `score` leaves out what gradus leaves out: the end of the context, then of the prompt (down to a\nquarter), then of the response; a segment that is not whole has no score (`None`).",
        },
        _ => TooLong {
            check: "",
            own: "values[inside]",
            told: "Of a longer text, `score` leaves out what gradus leaves out: the end of the context, then of the prompt (down to a\nquarter), then of the response; of a segment that is not whole, the rest is scored.",
        },
    }
}

/// The code, of which the braces in capitals are filled in.
const SCORE: &str = r#"def places(text, offsets):
    """For each token its first character that is not white space, never one ahead of the token before."""
    place = 0
    for start, end in offsets:
        place = max(place, next((at for at in range(start, min(end, len(text))) if not text[at].isspace()), start))
        yield place


def score(prompt, response, spans=None{CONTEXT}):
    """The scores of the segments between the given characters, (start, end), of the response; None for one without."""
    spans = {SEGMENTS}
    backend = tokenizer.backend_tokenizer
    backend.no_truncation(), backend.no_padding()
    text = {TEXT}
{JOIN}    # Tokens of prompt and context, and of the response, that fit.
    prompt_tokens = sum(place < len(prompt) for place in places(text, first))
{TOO_LONG}    kept = min(len(second), room - min(prompt_tokens, -(-room // 4)))
    inputs, start = join(min(len(first), room - kept), kept)
    with torch.no_grad():
        values = model(**inputs).logits[0]
    values = values[start : start + kept]
    found, scores = list(places(response, second)), []
    for start, end in spans:
        inside = slice(sum(place < start for place in found), sum(place < end for place in found))
        own = {OWN}
        scores.append(({SCORE}).tolist() if len(own) else None)
    return scores
"#;

/// Without a chat template: the tokenizer joins prompt and response.
const PAIR: &str = r#"    question, answer = (backend.encode(part, add_special_tokens=False) for part in (text, response))
    first, second = question.offsets, answer.offsets
    room = {MAX_LENGTH} - backend.num_special_tokens_to_add(True)

    def join(question_tokens, answer_tokens):
        question.truncate(question_tokens), answer.truncate(answer_tokens)
        pair = backend.post_process(question, answer)
        found = {"input_ids": pair.ids, "attention_mask": pair.attention_mask, "token_type_ids": pair.type_ids}
        inputs = {name: torch.tensor([found[name]]) for name in tokenizer.model_input_names}
        return inputs, pair.sequence_ids.index(1) if answer_tokens else 0

"#;

/// With a chat template around the prompt.
const CHAT: &str = r#"    messages = [{"role": "user", "content": text}]
    rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    question = backend.encode(rendered, add_special_tokens=False)
    answer = tokenizer(response, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
    # The tokens of the template ahead of the text and behind it stay.
    text_start = rendered.find(text.strip()) - (len(text) - len(text.lstrip()))
    found = list(places(rendered, question.offsets))
    ahead, behind = (sum(place < at for place in found) for at in (text_start, text_start + len(text.rstrip())))
    first = [(start - text_start, end - text_start) for start, end in question.offsets[ahead:behind]]
    second = answer["offset_mapping"]
    room = {MAX_LENGTH} - (len(question.ids) - len(first))

    def join(question_tokens, answer_tokens):
        ids = question.ids[: ahead + question_tokens] + question.ids[behind:] + answer["input_ids"][:answer_tokens]
        inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
        return inputs, len(ids) - answer_tokens

"#;

/// Where the code and this program part.
const CHAT_NOTE: &str = "
Prompts are written by the chat template of the tokenizer. Special tokens written out in a prompt are special tokens here;
gradus takes them for text.";
