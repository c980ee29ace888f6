#!/usr/bin/env python3
"""Compares `gradus serve` with a server made of transformers and FastAPI, with the same encoder and records.

    scripts/serve_compare.py GRADUS BUNDLE ENCODER RECORDS [--seconds 10] [--rounds 3] [--connections 64]
                             [--batch-window 5] [--python PYTHON]

BUNDLE is a bundle made of ENCODER, a directory in Hugging Face layout. Needs `wrk`, and for PYTHON the packages torch,
transformers, fastapi and uvicorn. The other server is this file too (`--serve`): it batches requests as a careful
author of such a server would, takes what arrives within a few milliseconds, sorts nothing, pads to the longest,
runs the encoder in `torch.inference_mode()`, and answers with the mean of the token states times a vector, which
costs no more than the head of a bundle. The servers take turns; the medians are printed as one JSON object.
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

LUA = """
local bodies = {}
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
local n = 0
request = function()
  n = n % #bodies + 1
  return wrk.format("POST", "ROUTE", {["content-type"] = "application/json"}, bodies[n])
end
"""


def serve(encoder, port, most, window):
    """The server to compare with."""
    import asyncio

    import torch
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel
    from transformers import AutoModel, AutoTokenizer

    class Record(BaseModel):
        prompt: str
        response: str

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModel.from_pretrained(encoder).eval()
    head = torch.nn.Linear(model.config.hidden_size, 1)
    app, queue = FastAPI(), asyncio.Queue()

    def compute(records):
        with torch.inference_mode():
            tokens = tokenizer(
                [record.prompt for record in records], [record.response for record in records],
                padding=True, truncation=True, max_length=256, return_tensors="pt")
            mask = tokens["attention_mask"].unsqueeze(-1)
            states = model(**tokens).last_hidden_state
            return head((states * mask).sum(1) / mask.sum(1)).squeeze(-1).tolist()

    async def work():
        loop = asyncio.get_running_loop()
        while True:
            waiting = [await queue.get()]
            end = loop.time() + window / 1e3
            while len(waiting) < most:
                try:
                    waiting.append(await asyncio.wait_for(queue.get(), max(0, end - loop.time())))
                except asyncio.TimeoutError:
                    break
            try:
                scores = await loop.run_in_executor(None, compute, [record for record, _ in waiting])
                for (_, answer), score in zip(waiting, scores):
                    answer.set_result(score)
            except Exception as error:  # Everyone who waits learns of it.
                for _, answer in waiting:
                    answer.set_exception(error)

    tasks = []

    @app.post("/score")
    async def score(record: Record):
        if not tasks:
            tasks.append(asyncio.create_task(work()))
        answer = asyncio.get_running_loop().create_future()
        await queue.put((record, answer))
        return {"score": await answer}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def ready(address, process):
    for _ in range(1200):
        if process.poll() is not None:
            sys.exit(f"a server ended with exit code {process.returncode}")
        try:
            urllib.request.urlopen(address, timeout=2).read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"{address} does not answer")


def measure(arguments, command, port, probe, route, bodies):
    """Requests a second, and the 50th and 99th percentile of times in milliseconds."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        ready(address + probe, process)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(LUA.replace("BODIES", bodies).replace("ROUTE", route))
            script.flush()
            wrk = ["wrk", "-t1", f"-c{arguments.connections}", "--timeout", "60s", "--latency", "-s", script.name]
            subprocess.run([*wrk, "-d1s", address], check=True, capture_output=True)  # warm
            said = subprocess.run([*wrk, f"-d{arguments.seconds}s", address], check=True, capture_output=True, text=True).stdout
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
    if "Non-2xx" in said or "Socket errors" in said or " 99% " not in said:
        sys.exit(said)
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    percentile = lambda k: next(float(n) * unit[u] for n, u in re.findall(rf"^ +{k}% +([\d.]+)(us|ms|s)\b", said, re.M))
    return float(re.search(r"Requests/sec: +([\d.]+)", said)[1]), percentile(50), percentile(99)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus")
    parser.add_argument("bundle")
    parser.add_argument("encoder")
    parser.add_argument("records")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64, help="most records in a batch of the other server")
    parser.add_argument("--batch-window", type=float, default=5, help="milliseconds for which it waits for more")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.encoder, arguments.serve, arguments.batch, arguments.batch_window)
    records = [json.loads(line) for line in open(arguments.records, encoding="utf-8")]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as bodies:
        for record in records:
            bodies.write(json.dumps({key: record[key] for key in ("prompt", "response")}) + "\n")
        bodies.flush()
        other = [arguments.python, os.path.abspath(__file__), arguments.gradus, arguments.bundle, arguments.encoder,
                 arguments.records, "--serve", "18102", "--batch", str(arguments.batch),
                 "--batch-window", str(arguments.batch_window)]
        servers = {
            "gradus": ([arguments.gradus, "serve", arguments.bundle, "--listen", "127.0.0.1:18101"], 18101, "/ready", "/v1/score"),
            "transformers": (other, 18102, "/openapi.json", "/score"),
        }
        found = {name: [] for name in servers}
        for _ in range(arguments.rounds):
            for name, server in servers.items():
                found[name].append(measure(arguments, *server, bodies.name))
                print(name, *found[name][-1], file=sys.stderr)
    names = ("requests_per_second", "p50_ms", "p99_ms")
    report = {name: dict(zip(names, map(statistics.median, zip(*rounds)))) for name, rounds in found.items()}
    report["ratio"] = round(report["gradus"]["requests_per_second"] / report["transformers"]["requests_per_second"], 2)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
