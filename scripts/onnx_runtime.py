#!/usr/bin/env python3
"""The same model in ONNX Runtime, for scoring: exported once with PyTorch, then run without PyTorch.

    onnx_runtime.py export --model DIR --onnx FILE
    onnx_runtime.py score --model DIR --onnx FILE --data FILE --output FILE
    onnx_runtime.py speed --model DIR --onnx FILE --length 256 --batch-size 16

`export` needs torch, transformers, onnx; the others onnxruntime, tokenizers, numpy. Pooling and head are done in
NumPy: a mean per segment and a product with one vector.
"""
import argparse
import json
import os


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("command", choices=["export", "score", "speed"])
    p.add_argument("--model", required=True, help="Hugging Face directory")
    p.add_argument("--onnx", required=True, help="file of the exported encoder")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--batch-size", type=int, default=16)
    p.add_argument("--max-len", type=int, default=256)
    p.add_argument("--data")
    p.add_argument("--output")
    p.add_argument("--length", default="256")
    p.add_argument("--repetitions", type=int, default=5)
    p.add_argument("--at-least", type=float, default=1.0)
    return p.parse_args()


a = arguments()
for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = str(a.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "true"

import numpy as np

import reference_data as data

INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def export():
    import torch
    from torch import nn
    from transformers import AutoModel

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = AutoModel.from_pretrained(a.model, add_pooling_layer=False, dtype=torch.float32)

        def forward(self, ids, types, mask):
            return self.encoder(input_ids=ids, token_type_ids=types, attention_mask=mask).last_hidden_state

    ids = torch.ones(2, 16, dtype=torch.int64)
    axes = {name: {0: "batch", 1: "length"} for name in (*INPUTS, "hidden")}
    torch.onnx.export(
        Encoder().eval(), (ids, 0 * ids, ids), a.onnx, input_names=list(INPUTS), output_names=["hidden"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip


def session():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = a.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(a.onnx, options, providers=["CPUExecutionProvider"])


def score_batch(run, head, batch):
    """Scores of the segments of a batch, in a row."""
    inputs = dict(zip(INPUTS, (batch["ids"], batch["types"], batch["mask"])))
    hidden = run.run(None, inputs)[0]
    return np.array([hidden[row, start:end].mean(0) @ head for row, start, end in batch["spans"]])


def head_of(run):
    width = run.get_outputs()[0].shape[2]
    return np.random.default_rng(0).normal(0, 0.02, width).astype(np.float32)


def score():
    run = session()
    head = head_of(run)
    rows = data.load(a.data, data.Tok(a.model), a.max_len, False)
    scores = [None] * len(rows)
    for planned in data.batches(rows, a.batch_size, None, True):
        found = score_batch(run, head, data.collate([rows[i] for i in planned]))
        ends = np.cumsum([len(rows[i]["spans"]) for i in planned])
        for i, values in zip(planned, np.split(found, ends[:-1])):
            scores[i] = values
    data.write_scores(a.output, rows, scores)
    print(json.dumps(dict(rows=len(rows), tokens=sum(len(r["ids"]) for r in rows), peak_memory=data.peak_memory())))


def speed():
    run = session()
    head = head_of(run)
    for length in map(int, a.length.split(",")):
        batch = data.collate(data.full_rows(length, a.batch_size))
        seconds = data.repeat(lambda: score_batch(run, head, batch), a.repetitions, a.at_least)
        row = data.speed_row("score", length, a.batch_size, len(batch["targets"]), seconds)
        print(json.dumps(row), flush=True)


dict(export=export, score=score, speed=speed)[a.command]()
