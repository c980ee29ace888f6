"""Makes the reference scores of process reward models, each as its authors' code computes them.

    python tests/cli/golden/process/make.py     (torch, transformers, safetensors)

The backbones are the tiny ones of crates/model/tests/golden; the heads are random and lie here. Reads are
those of the published code: Qwen2.5-Math-PRM's card (softmax of two logits at `<extra_0>`), Math-Shepherd's
card (softmax of two tokens' logits at the step tag), RLHFlow's (the same, in turns of a chat), TRL's
`PRMTrainer.tokenize_row` (separators tokenised apart), Skywork's `PRM_MODEL` (sigmoid of a value head).
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer
from transformers import LlamaModel, PreTrainedTokenizerFast, Qwen2Model

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
MODELS = ROOT / "crates/model/tests/golden"
TOKENIZERS = ROOT / "crates/data/tests/golden"
TEMPLATE = (TOKENIZERS / "chat/turns.jinja").read_text()

RECORDS = [
    {"id": "a", "prompt": "How many are three and four?", "steps": ["Three and four make seven.", "So the answer is 7."]},
    {"id": "b", "prompt": "Qué es más grande, 2 o 3?", "steps": ["Dos es menor.", "Café naïve 😀 tres.", "La respuesta: 3!"]},
    {"id": "c", "prompt": "Is 9 odd?", "steps": ["Yes."]},
]


def qwen_tokenizer():
    """The tiny tokenizer with its last word renamed to the separator, as Qwen renamed one of its own."""
    data = json.loads((TOKENIZERS / "tiny-qwen2/tokenizer.json").read_text())
    model = data["model"]
    last = max(model["vocab"], key=model["vocab"].get)
    number = model["vocab"].pop(last)
    model["merges"] = [merge for merge in model["merges"] if "".join(merge) != last]
    token = {"id": number, "content": "<extra_0>", "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": False}
    data["added_tokens"].append(token)
    (HERE / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=False))
    return Tokenizer.from_file(str(HERE / "tokenizer.json"))


def linear(generator, rows, columns):
    weight = torch.randn(rows, columns, generator=generator) * 0.5
    return weight, torch.randn(rows, generator=generator) * 0.1


def hidden(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).last_hidden_state[0]


def main():
    generator = torch.Generator().manual_seed(7)
    qwen = Qwen2Model.from_pretrained(MODELS / "tiny-qwen2").eval()
    llama = LlamaModel.from_pretrained(MODELS / "tiny-llama").eval()
    extra = qwen_tokenizer()
    wide = qwen.config.hidden_size
    reference = {}

    # Qwen2ForProcessRewardModel.
    (w0, b0), (w2, b2) = linear(generator, wide, wide), linear(generator, 2, wide)
    save_file({"score.0.weight": w0, "score.0.bias": b0, "score.2.weight": w2, "score.2.bias": b2},
              HERE / "qwen-prm.safetensors")
    chat = PreTrainedTokenizerFast(tokenizer_object=extra)
    separator = extra.token_to_id("<extra_0>")
    scores = []
    for record in RECORDS:
        messages = [{"role": "user", "content": record["prompt"]},
                    {"role": "assistant", "content": "<extra_0>".join(record["steps"]) + "<extra_0>"}]
        text = chat.apply_chat_template(messages, tokenize=False, add_generation_prompt=False, chat_template=TEMPLATE)
        ids = chat.encode(text)
        states = hidden(qwen, ids)
        logits = torch.relu(states @ w0.T + b0) @ w2.T + b2
        probabilities = logits.softmax(-1)[torch.tensor(ids) == separator][:, 1]
        assert len(probabilities) == len(record["steps"])
        scores.append(probabilities.tolist())
    reference["qwen-prm"] = scores

    # Math-Shepherd: LlamaForCausalLM in place of Mistral's, `question steps`, the tag's last token.
    lm_head = torch.randn(llama.config.vocab_size, wide, generator=generator) * 0.5
    save_file({"lm_head.weight": lm_head}, HERE / "lm-head.safetensors")
    tokenizer = Tokenizer.from_file(str(TOKENIZERS / "tiny-llama/tokenizer.json"))
    pair = [tokenizer.token_to_id("+"), tokenizer.token_to_id("-")]
    tag = "ки"
    scores = []
    for record in RECORDS:
        steps = "".join(f"Step {k + 1}: {step} {tag}\n" for k, step in enumerate(record["steps"]))
        encoding = tokenizer.encode(f"{record['prompt']} {steps}")
        text, places = f"{record['prompt']} {steps}", []
        at = text.find(tag)
        while at >= 0:
            covers = [k for k, (start, end) in enumerate(encoding.offsets) if start < at + len(tag) <= end]
            places.append(covers[-1])
            at = text.find(tag, at + 1)
        logits = (hidden(llama, encoding.ids) @ lm_head.T)[:, pair]
        scores.append(logits.softmax(-1)[places][:, 0].tolist())
    reference["math-shepherd"] = scores

    # RLHFlow: every step is a turn of the user, the answer `+` is read where the assistant begins.
    tokenizer = Tokenizer.from_file(str(TOKENIZERS / "tiny-qwen2/tokenizer.json"))
    chat = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    turns = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    plus = tokenizer.token_to_id("+")
    scores = []
    for record in RECORDS:
        messages = []
        for k, step in enumerate(record["steps"]):
            messages.append({"role": "user", "content": step if k else record["prompt"] + " " + step})
            messages.append({"role": "assistant", "content": "+"})
        ids = chat.encode(chat.apply_chat_template(messages, tokenize=False, chat_template=turns))
        opening = tokenizer.encode("<|im_end|>\n<|im_start|>assistant\n").ids
        ends = [k + len(opening) - 1 for k in range(len(ids)) if ids[k:k + len(opening)] == opening]
        ends = [k for k in ends if ids[k + 1] == plus]
        assert len(ends) == len(record["steps"]), ends
        logits = (hidden(qwen, ids) @ lm_head.T)[:, pair]
        scores.append(logits.softmax(-1)[ends][:, 0].tolist())
    reference["rlhflow"] = scores

    # TRL: two labels, prompt, steps and separators tokenised one by one behind the first special token.
    weight, bias = linear(generator, 2, wide)
    save_file({"score.weight": weight, "score.bias": bias}, HERE / "trl.safetensors")
    tokenizer = Tokenizer.from_file(str(TOKENIZERS / "tiny-llama/tokenizer.json"))
    alone = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    scores = []
    for record in RECORDS:
        ids = [tokenizer.token_to_id("<s>")] + alone(record["prompt"])
        places = []
        for step in record["steps"]:
            ids += alone(step) + alone("\n")
            places.append(len(ids) - 1)
        logits = hidden(llama, ids) @ weight.T + bias
        scores.append(logits.softmax(-1)[places][:, 1].tolist())
    reference["trl"] = scores

    # Skywork: a value head under a sigmoid, at the line break behind a step.
    weight, bias = linear(generator, 1, wide)
    save_file({"v_head.summary.weight": weight, "v_head.summary.bias": bias}, HERE / "value-head.safetensors")
    tokenizer = Tokenizer.from_file(str(TOKENIZERS / "tiny-qwen2/tokenizer.json"))
    scores = []
    for record in RECORDS:
        ids = tokenizer.encode(record["prompt"] + "\n").ids
        places = []
        for step in record["steps"]:
            ids += tokenizer.encode(step).ids + tokenizer.encode("\n").ids
            places.append(len(ids) - 1)
        values = (hidden(qwen, ids) @ weight.T + bias)[places][:, 0]
        scores.append(values.sigmoid().tolist())
    reference["value-head"] = scores

    for record in RECORDS:
        record["segments"] = record.pop("steps")
    data = {"records": RECORDS, "scores": reference}
    (HERE / "reference.json").write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
