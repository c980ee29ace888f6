"""What transformers computes where keys of a config.json are changed: `python make.py > reference.json` beside the tiny encoders.

Made with torch 2.15 and transformers 5.24 on a CPU in 32-bit floats."""

import json
import pathlib
import tempfile

import torch
import transformers

GOLDEN = pathlib.Path(__file__).resolve().parent.parent
CASES = [
    ("qwen2", {"is_causal": False}),
    ("qwen3", {"is_causal": False}),
    ("llama", {"is_causal": False}),
    ("llama", {"is_causal": True}),
    ("qwen2", {"is_causal": False, "use_sliding_window": True, "sliding_window": 4, "layer_types": None, "max_window_layers": 1}),
    ("qwen2", {"use_sliding_window": True, "sliding_window": 4, "layer_types": None, "max_window_layers": 1}),
    ("qwen3", {"use_sliding_window": True, "sliding_window": None, "layer_types": None, "max_window_layers": 0}),
    ("llama", {"rope_scaling": {"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0}}),
    ("llama", {"rope_parameters": None, "rope_theta": 700.0, "rope_scaling": {"type": "linear", "factor": 2.0}}),
    ("llama", {"rope_scaling": {}, "rope_parameters": {"rope_type": "default", "rope_theta": 300.0}, "rope_theta": 7.0}),
    ("qwen3", {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1000.0}, "original_max_position_embeddings": 48}),
    ("qwen3", {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1000.0, "original_max_position_embeddings": 48,
                                   "mscale": 1.0, "mscale_all_dim": 0.5}}),
    ("qwen3", {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1000.0, "original_max_position_embeddings": 48,
                                   "mscale": 3.0}}),
    ("qwen3", {"rope_parameters": {"rope_type": "yarn", "factor": 2.0, "rope_theta": 1000.0, "original_max_position_embeddings": 4}}),
    ("llama", {"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 1000.0,
                                   "original_max_position_embeddings": 96}, "original_max_position_embeddings": 32}),
    ("qwen2", {"partial_rotary_factor": 1}),
    ("modernbert", {"sliding_window": 3}),
    ("modernbert", {"layer_types": None, "global_attn_every_n_layers": 3, "local_attention": 9}),
    ("bert", {"hidden_act": "gelu_python"}),
    ("bert", {"hidden_act": "gelu_fast"}),
    ("bert", {"hidden_act": "gelu_accurate"}),
    ("bert", {"hidden_act": "gelu_python_tanh"}),
    ("bert", {"hidden_act": "relu"}),
    ("bert", {"is_causal": False, "chunk_size_feed_forward": 1}),
    ("deberta-v2", {"attention_head_size": 8, "pos_att_type": "C2P|P2C", "norm_rel_ebd": "none|layer_norm"}),
]


def states(model, rows):
    for row in rows:
        ids = torch.tensor([row["input_ids"]])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if model.config.model_type == "bert":
            inputs["token_type_ids"] = torch.tensor([row["type_ids"]])
        with torch.no_grad():
            yield model(**inputs).last_hidden_state[0]


def case(family, changed):
    source = GOLDEN / f"tiny-{family}"
    rows = json.loads((source / "reference.json").read_text())["rows"][:2]
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        config = json.loads((source / "config.json").read_text()) | changed
        (directory / "config.json").write_text(json.dumps(config))
        (directory / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes())
        found = []
        for implementation in ("eager", "sdpa"):
            try:
                model = transformers.AutoModel.from_pretrained(directory, attn_implementation=implementation).eval()
            except ValueError:  # DeBERTa has no `sdpa`
                continue
            found.append(list(states(model, rows)))
    for other in found[1:]:
        worst = max((a - b).abs().max().item() for a, b in zip(found[0], other))
        assert worst < 1e-4, (family, changed, worst)
    round6 = lambda values: [round(float(value), 6) for value in values]
    return {
        "family": family,
        "keys": changed,
        "rows": [
            {
                "input_ids": row["input_ids"],
                "type_ids": row["type_ids"],
                "hidden_first4": [round6(token[:4]) for token in hidden],
                "hidden_mean": round6(hidden.mean(0)),
                "hidden_norm": round(float(hidden.norm()), 5),
            }
            for row, hidden in zip(rows, found[0])
        ],
    }


print("[")
print(",\n".join(json.dumps(case(*one)) for one in CASES))
print("]")
