#!/usr/bin/env python3
"""Writes an encoder of the BERT family as ONNX, in f32 and in 8 bits, as transformers.js reads it: what
scripts/web_speed_transformers.mjs compares with.

    python3 -m venv DIR && DIR/bin/pip install torch transformers onnx onnxruntime
    DIR/bin/python scripts/minilm_onnx.py ENCODER OUTPUT     (ENCODER: config.json, tokenizer.json, model.safetensors)
"""

import shutil
import sys
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel

NAMES = ["input_ids", "attention_mask", "token_type_ids"]


class States(torch.nn.Module):
    """The last hidden states."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.encoder(input_ids, attention_mask, token_type_ids).last_hidden_state


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    encoder, output = Path(sys.argv[1]), Path(sys.argv[2])
    (output / "onnx").mkdir(parents=True, exist_ok=True)
    for file in encoder.glob("*.json"):
        shutil.copy(file, output / file.name)
    model = AutoModel.from_pretrained(encoder, attn_implementation="eager").eval()
    example = tuple(torch.ones(1, 8, dtype=torch.long) for _ in NAMES)
    axes = {name: {0: "batch", 1: "length"} for name in [*NAMES, "last_hidden_state"]}
    whole = output / "onnx" / "model.onnx"
    torch.onnx.export(
        States(model), example, whole, input_names=NAMES, output_names=["last_hidden_state"], dynamic_axes=axes,
        opset_version=17, dynamo=False,
    )
    quantize_dynamic(whole, output / "onnx" / "model_quantized.onnx", weight_type=QuantType.QUInt8)


if __name__ == "__main__":
    main()
