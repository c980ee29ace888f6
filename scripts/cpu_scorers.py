#!/usr/bin/env python3
"""The same encoder in other programs that score on a CPU, in 32, 16 and 8 bits. One scorer, one process.

    cpu_scorers.py prepare --model DIR --files DIR --calibrate FILE     once: exports and quantized models
    cpu_scorers.py speed SCORER --model DIR --files DIR --length 256 --batch-size 16
    cpu_scorers.py score SCORER --model DIR --files DIR --data FILE --output FILE

SCORER is one of:
    onnxruntime              f32, exported with eager attention, which ONNX Runtime's optimizer fuses
    onnxruntime-int8         dynamic quantization, weights a channel at a time
    openvino, openvino-bf16  the export with SDPA, computed in f32 or with the bf16 hint
    openvino-int8[-bf16]     NNCF quantization after training, calibrated on --calibrate; the rest in f32 or bf16
    pytorch-bf16             autocast
    torchao-int8             dynamic activations, compiled
    zentorch[-bf16]          AMD's plug-in, compiled; it needs the version of PyTorch that it was built for

DIR is a Hugging Face directory of a BERT encoder, or what `gradus export` wrote: then its head is used, else a vector
drawn at random. `prepare` needs torch, transformers, onnx, onnxruntime and, for OpenVINO, openvino and nncf. Pooling and
head are done in NumPy: a mean per segment and a product with one vector.
"""
import argparse
import contextlib
import json
import os
import warnings
from pathlib import Path

SCORERS = (
    "onnxruntime", "onnxruntime-int8", "openvino", "openvino-bf16", "openvino-int8", "openvino-int8-bf16",
    "pytorch-bf16", "torchao-int8", "zentorch", "zentorch-bf16",
)  # fmt: skip


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("command", choices=["prepare", "speed", "score"])
    p.add_argument("scorer", nargs="?", choices=SCORERS)
    p.add_argument("--model", required=True, help="Hugging Face directory")
    p.add_argument("--files", required=True, type=Path, help="directory of the exports")
    p.add_argument("--calibrate", help="prepare: records for OpenVINO's quantization; without them it is left out")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--batch-size", type=int, default=16)
    p.add_argument("--max-len", type=int, default=256)
    p.add_argument("--data")
    p.add_argument("--output")
    p.add_argument("--length", default="256")
    p.add_argument("--repetitions", type=int, default=5)
    p.add_argument("--at-least", type=float, default=1.0)
    found = p.parse_args()
    if found.command != "prepare" and not found.scorer:
        p.error(f"{found.command} needs a scorer: {', '.join(SCORERS)}")
    return found


a = arguments()
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = str(a.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "true"
os.environ["HF_HUB_OFFLINE"] = "1"
warnings.filterwarnings("ignore")

import numpy as np

import reference_data as data

INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def encoder(attention):
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(a.threads)
    more = dict(add_pooling_layer=False, dtype=torch.float32, attn_implementation=attention)
    return transformers.AutoModel.from_pretrained(a.model, **more).eval()


def export(attention, path):
    import torch
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder(attention)

        def forward(self, ids, types, mask):
            return self.encoder(input_ids=ids, token_type_ids=types, attention_mask=mask).last_hidden_state

    ids = torch.ones(2, 16, dtype=torch.int64)
    axes = {name: {0: "batch", 1: "length"} for name in (*INPUTS, "hidden")}
    torch.onnx.export(
        Encoder().eval(), (ids, 0 * ids, ids), str(path), input_names=list(INPUTS), output_names=["hidden"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip


def prepare_onnxruntime():
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    export("eager", a.files / "eager.onnx")
    config = json.loads((Path(a.model) / "config.json").read_text())
    sizes = dict(num_heads=config["num_attention_heads"], hidden_size=config["hidden_size"])
    fused = optimizer.optimize_model(str(a.files / "eager.onnx"), model_type="bert", opt_level=1, **sizes)
    found = fused.get_fused_operator_statistics()["Attention"]
    if found != config["num_hidden_layers"]:
        raise SystemExit(f"ONNX Runtime fused {found} of {config['num_hidden_layers']} attentions")
    fused.save_model_to_file(str(a.files / "fused.onnx"))
    more = dict(MatMulConstBOnly=True, EnableSubgraph=False, DefaultTensorType=1)
    quantize_dynamic(
        str(a.files / "eager.onnx"), str(a.files / "int8.onnx"), per_channel=True, weight_type=QuantType.QInt8,
        extra_options=more,
    )  # fmt: skip


def prepare_openvino():
    import nncf
    import openvino

    export("sdpa", a.files / "sdpa.onnx")
    if not a.calibrate:
        return
    rows = data.load(a.calibrate, data.Tok(a.model), 128, True)[:128]
    batches = (data.collate([row]) for row in rows)
    inputs = [dict(zip(INPUTS, (b["ids"], b["types"], b["mask"]))) for b in batches]
    model = openvino.Core().read_model(a.files / "sdpa.onnx")
    kind = nncf.ModelType.TRANSFORMER
    quantized = nncf.quantize(model, nncf.Dataset(inputs), model_type=kind, subset_size=len(inputs))
    openvino.save_model(quantized, a.files / "openvino-int8.xml", compress_to_fp16=False)


def prepare():
    a.files.mkdir(parents=True, exist_ok=True)
    prepare_onnxruntime()
    prepare_openvino()


def onnxruntime_scorer():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = a.threads
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    name = "int8.onnx" if a.scorer.endswith("int8") else "fused.onnx"
    run = onnxruntime.InferenceSession(str(a.files / name), options, providers=["CPUExecutionProvider"])
    types = {i.name: np.int32 if "int32" in i.type else np.int64 for i in run.get_inputs()}

    def states(batch):
        found = dict(zip(INPUTS, (batch["ids"], batch["types"], batch["mask"])))
        return run.run(None, {name: found[name].astype(kind, copy=False) for name, kind in types.items()})[0]

    return states


def openvino_scorer():
    import openvino

    core = openvino.Core()
    name = "openvino-int8.xml" if "int8" in a.scorer else "sdpa.onnx"
    settings = dict(
        INFERENCE_NUM_THREADS=a.threads, PERFORMANCE_HINT="LATENCY", NUM_STREAMS=1,
        INFERENCE_PRECISION_HINT="bf16" if a.scorer.endswith("bf16") else "f32",
    )  # fmt: skip
    request = core.compile_model(core.read_model(a.files / name), "CPU", settings).create_infer_request()

    def states(batch):
        inputs = dict(zip(INPUTS, (batch["ids"], batch["types"], batch["mask"])))
        request.infer(inputs, share_inputs=True, share_outputs=True)
        return request.get_output_tensor(0).data

    return states


def torch_scorer():
    import torch

    if a.scorer.startswith("zentorch"):
        import zentorch  # noqa: F401, registers its backend
    model, precision = encoder("sdpa"), contextlib.nullcontext
    if a.scorer == "pytorch-bf16":
        precision = lambda: torch.autocast("cpu", torch.bfloat16)
    elif a.scorer == "torchao-int8":
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        quantize_(model, Int8DynamicActivationInt8WeightConfig())
        model = torch.compile(model)
    else:
        model = torch.compile(model.bfloat16() if a.scorer.endswith("bf16") else model, backend="zentorch")

    def states(batch):
        ids, types, mask = (torch.from_numpy(batch[key]) for key in ("ids", "types", "mask"))
        with torch.inference_mode(), precision():
            found = model(input_ids=ids, token_type_ids=types, attention_mask=mask)
            return found.last_hidden_state.float().numpy()

    return states


def scorer():
    family = a.scorer.split("-")[0]
    return dict(onnxruntime=onnxruntime_scorer, openvino=openvino_scorer).get(family, torch_scorer)()


def head():
    """A weight vector and a bias: those of an exported bundle, or random weights."""
    from safetensors import safe_open

    with safe_open(Path(a.model) / "model.safetensors", "np") as file:
        if "classifier.weight" in file.keys():
            return file.get_tensor("classifier.weight")[0], file.get_tensor("classifier.bias")[0]
    width = json.loads((Path(a.model) / "config.json").read_text())["hidden_size"]
    return np.random.default_rng(0).normal(0, 0.02, width).astype(np.float32), np.float32(0)


def score_batch(states, head, batch):
    """Scores of the segments of a batch, in a row."""
    hidden, (weight, bias) = states(batch), head
    return np.array([hidden[row, start:end].mean(0) @ weight + bias for row, start, end in batch["spans"]])


def score():
    states, weights = scorer(), head()
    rows = data.load(a.data, data.Tok(a.model), a.max_len, False)
    scores = [None] * len(rows)
    for planned in data.batches(rows, a.batch_size, None, True):
        found = score_batch(states, weights, data.collate([rows[i] for i in planned]))
        ends = np.cumsum([len(rows[i]["spans"]) for i in planned])
        for i, values in zip(planned, np.split(found, ends[:-1])):
            scores[i] = values
    data.write_scores(a.output, rows, scores)
    print(json.dumps(dict(rows=len(rows), tokens=sum(len(r["ids"]) for r in rows), peak_memory=data.peak_memory())))


def speed():
    states, weights = scorer(), head()
    for length in map(int, a.length.split(",")):
        batch = data.collate(data.full_rows(length, a.batch_size))
        seconds = data.repeat(lambda: score_batch(states, weights, batch), a.repetitions, a.at_least)
        row = data.speed_row("score", length, a.batch_size, len(batch["targets"]), seconds)
        print(json.dumps(row), flush=True)


dict(prepare=prepare, score=score, speed=speed)[a.command]()
