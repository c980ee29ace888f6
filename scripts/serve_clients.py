#!/usr/bin/env python3
"""Asks `gradus serve` with the code of real clients, and compares what they get with `POST /v1/score`.

    pip install requests aiohttp httpx pydantic huggingface_hub openai 'tritonclient[http]'
    pip install --no-deps --target clients openrlhf llamafactory lettucedetect verl
    scripts/serve_clients.py GRADUS BUNDLE clients [--slime slime/rollout/rm_hub/__init__.py]

Where a client shows what a server says is wrong, it has to show the sentence of the error.

The packages of `clients` are training frameworks that want a GPU and much else. The functions that ask for rewards
are taken out of their files as they are and run alone; slime is on no registry, its file is one of its repository.
"""

import argparse
import ast
import asyncio
import itertools
import json
import logging
import os
import random
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request

PROMPT, RESPONSE = "Hana shows in order lamps, drums, coats.", "First: coats. Then: rings."
SEPARATOR = "<|im_start|>assistant\n"
BEFORE = f"<|im_start|>user\n{PROMPT}<|im_end|>\n"
QUERY = f"{BEFORE}{SEPARATOR}{RESPONSE}<|im_end|>"


def function(path, name, names):
    """A function or method out of a file, as it stands there."""
    tree = ast.parse(open(path, encoding="utf-8").read())
    found = next(node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name)
    module = ast.Module([ast.parse("from __future__ import annotations").body[0], found], [])
    exec(compile(module, path, "exec"), names)
    return names[name]


def told(call, *types):
    """What a client says when the server refuses a request."""
    try:
        call()
    except types as error:
        assert "expected" in str(error), error
        return error
    raise AssertionError("the request was not refused")


def ask(address, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    return json.load(urllib.request.urlopen(address + path, data, timeout=30))


def openrlhf(address, clients, _):
    import aiohttp

    names = {"aiohttp": aiohttp, "asyncio": asyncio, "logger": logging}
    fetch = function(f"{clients}/openrlhf/utils/agent.py", "_fetch_rewards_via_http", names)
    url = f"{address}/get_reward"
    executor = types.SimpleNamespace(reward_endpoints=[url], _reward_endpoint_cycle=itertools.cycle([url]))
    [answer] = asyncio.run(fetch(executor, [QUERY], [BEFORE + SEPARATOR], ["a label"]))
    assert all(isinstance(value, float) for value in answer["extra_logs"].values()), answer
    return answer["rewards"][0], BEFORE + SEPARATOR


def llama_factory(address, clients, _):
    import requests

    torch = types.SimpleNamespace(Tensor=list)
    get = function(f"{clients}/llamafactory/train/ppo/ppo_utils.py", "get_rewards_from_server", {"requests": requests, "json": json, "torch": torch})
    return get(f"{address}/v1/score/evaluation", [QUERY, QUERY])[1], BEFORE


def verl(address, clients, _):
    import aiohttp

    path = f"{clients}/verl/experimental/reward_loop/reward_loop.py"
    names = {"aiohttp": aiohttp, "asyncio": asyncio, "logger": logging, "os": os}
    post, score = function(path, "_post_request", names), function(path, "compute_score_disrm", names)
    worker = types.SimpleNamespace(reward_router_address=address.removeprefix("http://"))
    reward = types.SimpleNamespace(rollout=types.SimpleNamespace(name="vllm"), model_path="org/reward-model")
    worker.config = types.SimpleNamespace(reward=types.SimpleNamespace(reward_model=reward))

    async def inputs(_):
        return QUERY

    worker._preprocess_reward_inputs = inputs
    worker._post_request = types.MethodType(post, worker)
    return asyncio.run(score(worker, None))["reward_score"], BEFORE


def lettuce_detect(address, clients, _):
    sys.path.insert(0, clients)
    from lettucedetect_api.client import LettuceClient

    answer = LettuceClient(address).detect_spans(["Lamps are lit."], PROMPT, RESPONSE)
    native = ask(address, "/v1/score", {"prompt": PROMPT, "context": "Lamps are lit.", "response": RESPONSE})
    low = [segment for segment in native["segments"] if segment["score"] <= 0.5]
    assert [(span.start, span.end) for span in answer.predictions] == [(segment["start"], segment["end"]) for segment in low], answer
    return None, None


def slime(address, _, path):
    import aiohttp

    names = {"aiohttp": aiohttp, "asyncio": asyncio, "logger": logging, "random": random, "_shared_session": None}
    function(path, "_get_shared_session", names)
    remote = function(path, "remote_rm", names)

    async def run():
        sample = types.SimpleNamespace(prompt=PROMPT, response=RESPONSE, label="a label")
        reward = await remote(types.SimpleNamespace(rm_url=f"{address}/slime/reward"), sample)
        await names["_get_shared_session"]().close()
        return reward

    return asyncio.run(run()), PROMPT


def hugging_face(address, *_):
    from huggingface_hub import InferenceClient

    from huggingface_hub.errors import HfHubHTTPError

    client = InferenceClient(f"{address}/predict")
    answer = client.text_classification(QUERY)
    told(lambda: client.text_classification("no separator"), HfHubHTTPError)
    return answer.score, BEFORE


def openai_client(address, *_):
    import openai

    client = openai.OpenAI(base_url=address, api_key="none", max_retries=0)
    answer = client.post("/classify", body={"model": "m", "input": QUERY, "use_activation": False}, cast_to=object)
    error = told(lambda: client.post("/classify", body={"input": 3}, cast_to=object), openai.UnprocessableEntityError)
    assert (error.param, str(error.code), error.type) == ("input", "422", "BadRequestError"), error.body
    return answer["data"][0]["probs"][0], BEFORE


def triton(address, *_):
    import numpy
    import tritonclient.http as http

    client = http.InferenceServerClient(address.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("m")
    assert {tensor["name"] for tensor in client.get_model_metadata("m")["inputs"]} == {"prompt", "context", "response"}
    inputs = []
    for name, text in (("prompt", PROMPT), ("response", RESPONSE)):
        tensor = http.InferInput(name, [1], "BYTES")
        tensor.set_data_from_numpy(numpy.array([text.encode()], dtype=object), binary_data=False)
        inputs.append(tensor)
    outputs = [http.InferRequestedOutput(name, binary_data=False) for name in ("score", "segments")]
    told(lambda: client.infer("m", inputs[:1], outputs=outputs), http.InferenceServerException)
    answer = client.infer("m", inputs, outputs=outputs)
    assert len(json.loads(answer.as_numpy("segments")[0])) == 2
    return float(answer.as_numpy("score")[0][0]), PROMPT


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus")
    parser.add_argument("bundle")
    parser.add_argument("clients")
    parser.add_argument("--slime")
    arguments = parser.parse_args()
    process = subprocess.Popen(
        [arguments.gradus, "serve", f"m={arguments.bundle}", "--listen", "127.0.0.1:0", "--query-separator", SEPARATOR,
         "--rating-range", "0:1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    failed = False
    try:
        address = process.stdout.readline().strip()
        while True:
            try:
                ask(address, "/ready")
                break
            except urllib.error.HTTPError:
                time.sleep(0.1)
        clients = [openrlhf, llama_factory, verl, lettuce_detect, hugging_face, openai_client, triton] + [slime] * bool(arguments.slime)
        for client in clients:
            try:
                reward, prompt = client(address, arguments.clients, arguments.slime)
                expected = prompt and ask(address, "/v1/score", {"prompt": prompt, "response": RESPONSE})["score"]
                # A tensor of 32 bits rounds.
                assert reward == expected or abs(reward - expected) < 1e-6, (reward, expected)
                print(f"{client.__name__}: as POST /v1/score")
            except Exception as error:
                failed = True
                print(f"{client.__name__}: {type(error).__name__}: {error}")
    finally:
        process.terminate()
        process.wait()
    sys.exit(failed)


if __name__ == "__main__":
    main()
