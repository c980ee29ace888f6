#!/usr/bin/env python3
"""Writes an encoder of the BERT family as ONNX, in f32 and in 8 bits, as transformers.js reads it: what
scripts/web_speed_transformers.mjs compares with.

    python3 -m venv DIR && DIR/bin/pip install onnx onnxruntime safetensors sympy
    DIR/bin/python scripts/minilm_onnx.py ENCODER OUTPUT     (ENCODER: config.json, tokenizer.json, model.safetensors)

It says how far segment scores of both are from those of transformers for the same tokens and head, which the test of
gradus-model `segment_scores_are_those_of_transformers` holds Gradus to within 1e-4, and fails where those of f32 are further.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT = "last_hidden_state"
EXPECTED = Path(__file__).parent.parent / "crates/model/tests/golden/minilm"
TOLERANCE = 1e-4


class Graph:
    """Nodes and constants, each named by its number."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants = weights, [], []

    def constant(self, value):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(value), name))
        return name

    def number(self, value):
        return self.constant(numpy.float32(value))

    def node(self, kind, *inputs, **attributes):
        name = f"node{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def weight(self, name):
        return self.constant(self.weights[name])

    def linear(self, states, name):
        product = self.node("MatMul", states, self.constant(self.weights[f"{name}.weight"].T))
        return self.node("Add", product, self.weight(f"{name}.bias"))

    def norm(self, states, name, epsilon):
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", states, weight, bias, axis=-1, epsilon=epsilon)


def embeddings(graph, config):
    """The states before the first layer."""
    table = "embeddings.{}_embeddings.weight".format
    words = graph.node("Gather", graph.weight(table("word")), INPUTS[0])
    kinds = graph.node("Gather", graph.weight(table("token_type")), INPUTS[2])
    length = graph.node("Shape", INPUTS[0], start=1, end=2)
    first, axis = graph.constant(numpy.array([0])), graph.constant(numpy.array([0]))
    places = graph.node("Slice", graph.weight(table("position")), first, length, axis)
    states = graph.node("Add", graph.node("Add", words, kinds), places)
    return graph.norm(states, "embeddings.LayerNorm", config["layer_norm_eps"])


def attention(graph, states, mask, name, heads, size):
    """Attention of a layer before its output is projected."""
    apart = graph.constant(numpy.array([0, 0, heads, size // heads]))
    query, key, value = (
        graph.node("Reshape", graph.linear(states, f"{name}.self.{part}"), apart) for part in ("query", "key", "value")
    )
    query, value = (graph.node("Transpose", part, perm=[0, 2, 1, 3]) for part in (query, value))
    key = graph.node("Transpose", key, perm=[0, 2, 3, 1])
    found = graph.node("Div", graph.node("MatMul", query, key), graph.number((size / heads) ** 0.5))
    shares = graph.node("Softmax", graph.node("Add", found, mask), axis=-1)
    seen = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
    return graph.node("Reshape", seen, graph.constant(numpy.array([0, 0, size])))


def gelu(graph, states):
    bell = graph.node("Erf", graph.node("Div", states, graph.number(2**0.5)))
    return graph.node("Mul", graph.node("Mul", states, graph.node("Add", bell, graph.number(1))), graph.number(0.5))


def encoder(weights, config):
    """The whole model."""
    graph = Graph(weights)
    epsilon, heads, size = config["layer_norm_eps"], config["num_attention_heads"], config["hidden_size"]
    states = embeddings(graph, config)
    seen = graph.node("Cast", INPUTS[1], to=TensorProto.FLOAT)
    hidden = graph.node("Mul", graph.node("Sub", graph.number(1), seen), graph.number(-1e9))
    mask = graph.node("Unsqueeze", hidden, graph.constant(numpy.array([1, 2])))
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        found = attention(graph, states, mask, f"{name}.attention", heads, size)
        found = graph.node("Add", graph.linear(found, f"{name}.attention.output.dense"), states)
        states = graph.norm(found, f"{name}.attention.output.LayerNorm", epsilon)
        wide = gelu(graph, graph.linear(states, f"{name}.intermediate.dense"))
        found = graph.node("Add", graph.linear(wide, f"{name}.output.dense"), states)
        states = graph.norm(found, f"{name}.output.LayerNorm", epsilon)
    graph.nodes.append(helper.make_node("Identity", [states], [OUTPUT]))
    shape = ["batch", "length"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in INPUTS]
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [*shape, size])
    whole = helper.make_graph(graph.nodes, "encoder", inputs, [output], graph.constants)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def difference(model):
    """The largest difference to the expected scores: a head on the mean of each segment's states."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    head, largest = load_file(EXPECTED / "head_init.safetensors"), 0.0
    for record in json.loads((EXPECTED / "scores.json").read_text())["records"]:
        ids, kinds = (numpy.array([record[key]], dtype=numpy.int64) for key in ("input_ids", "token_type_ids"))
        (states,) = session.run([OUTPUT], dict(zip(INPUTS, (ids, numpy.ones_like(ids), kinds))))
        means = numpy.stack([states[0, start:end].mean(axis=0) for start, end in record["segment_spans"]])
        scores = means @ head["weight"][0] + head["bias"][0]
        largest = max(largest, float(numpy.abs(scores - record["scores_alone"]).max()))
    return largest


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, output = Path(sys.argv[1]), Path(sys.argv[2])
    (output / "onnx").mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.json"):
        shutil.copy(file, output / file.name)
    config = json.loads((source / "config.json").read_text())
    if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
        sys.exit(f"{source}: found an encoder of another family, expected BERT with the activation gelu")
    model = encoder(load_file(source / "model.safetensors"), config)
    onnx.checker.check_model(model)
    whole = output / "onnx" / "model.onnx"
    onnx.save(model, whole)
    small = output / "onnx" / "model_quantized.onnx"
    quantize_dynamic(whole, small, weight_type=QuantType.QUInt8)
    found = {"f32": difference(whole), "8 bits": difference(small)}
    for kind, largest in found.items():
        print(f"{kind}: scores are within {largest:.1e} of those of transformers")
    if found["f32"] > TOLERANCE:
        sys.exit(f"the graph does not compute what {source} computes in transformers")


if __name__ == "__main__":
    main()
