"""Adapters of the tiny encoders and what Python's peft computes with them: `python make.py`.

Made with torch 2.15, transformers 5.24 and peft 0.21 on a CPU in 32-bit floats. Every adapter lies in a folder of its own beside this
file; `reference.json` holds the values of each token, not merged: logits of classifiers, else the first four features."""

import json
import pathlib
import tempfile

import peft
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
CASES = {
    "qwen2-token": ("qwen2", "AutoModelForTokenClassification", 1,
                    dict(task_type="TOKEN_CLS", r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"])),
    "qwen3-sequence": ("qwen3", "AutoModelForSequenceClassification", 1,
                       dict(task_type="SEQ_CLS", r=4, lora_alpha=8, use_rslora=True, target_modules="all-linear",
                            rank_pattern={"q_proj": 2}, alpha_pattern={"layers.1.self_attn.k_proj": 3, "gate_proj": 5})),
    "bert-biases": ("bert", "AutoModelForTokenClassification", 2,
                    dict(task_type="TOKEN_CLS", r=2, lora_alpha=6, bias="lora_only", fan_in_fan_out=True, target_modules=["query", "value"])),
    "bert-all-biases": ("bert", "AutoModelForTokenClassification", 1,
                        dict(task_type="TOKEN_CLS", r=2, lora_alpha=6, bias="all", target_modules=["query"])),
    "modernbert-features": ("modernbert", "AutoModel", None,
                            dict(task_type="FEATURE_EXTRACTION", r=4, lora_alpha=4, target_modules=["Wqkv", "Wi", "Wo"])),
    "llama-norms": ("llama", "AutoModel", None,
                    dict(task_type=None, r=3, lora_alpha=1, target_modules=["o_proj"], modules_to_save=["norm"])),
}


def make(name, family, auto, num_labels, settings):
    base = HERE.parent / f"tiny-{family}"
    torch.manual_seed(len(name))
    more = {} if num_labels is None else {"num_labels": num_labels, "problem_type": "regression"}
    model = getattr(transformers, auto).from_pretrained(base, **more)
    model = peft.get_peft_model(model, peft.LoraConfig(**settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        (HERE / name).mkdir(exist_ok=True)
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            (HERE / name / file).write_bytes((pathlib.Path(saved) / file).read_bytes())
        # The base is named as the tests know it, not by a path of this machine.
        config = json.loads((HERE / name / "adapter_config.json").read_text())
        config["base_model_name_or_path"] = f"tiny/{family}"
        (HERE / name / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    row = json.loads((base / "reference.json").read_text())["rows"][0]
    ids = torch.tensor([row["input_ids"]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if family == "bert":
        inputs["token_type_ids"] = torch.tensor([row["type_ids"]])
    with torch.no_grad():
        if auto == "AutoModelForSequenceClassification":
            # Its class reads the last token only; the head is asked for every token.
            inner = model.base_model.model
            values = inner.score(inner.model(**inputs).last_hidden_state)[0]
        elif num_labels is None:
            values = model(**inputs).last_hidden_state[0][:, :4]
        else:
            values = model(**inputs).logits[0]
    rounded = [[round(float(value), 6) for value in token] for token in values]
    return {"adapter": name, "family": family, "input_ids": row["input_ids"], "type_ids": row["type_ids"], "values": rounded}


found = [make(name, *case) for name, case in CASES.items()]
(HERE / "reference.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in found) + "\n]\n")
