#!/usr/bin/env python3
"""Loads `gradus serve` and compares every answer with what `gradus score` writes.

    scripts/serve_load.py GRADUS BUNDLE RECORDS [--requests 10000] [--connections 64] [--reload] [--terminate] [--idle N]
    scripts/serve_load.py GRADUS BUNDLE RECORDS --wrk [--seconds 8] [--rounds 5] [--connections 64]

Needs Python 3.9 and nothing else. RECORDS is a file of native records. Prints one JSON object: requests, lost, wrong,
requests/s, p50 and p99 in milliseconds, tokens/s under load and tokens/s of `gradus score` on the same records.
`--terminate` sends SIGTERM in the middle: then every request must be answered, or not have been accepted. `--idle`
opens that many connections more, which ask nothing.

`--wrk` measures speed alone. The client is wrk, which takes less of the processor than Python, and no answer is
compared. It takes turns with `gradus score` on the same records, and medians are printed.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

LUA = """
local bodies = {}
for line in io.lines("RECORDS") do bodies[#bodies + 1] = line end
local n = 0
request = function()
  n = n % #bodies + 1
  return wrk.format("POST", "/v1/score", {["content-type"] = "application/json"}, bodies[n])
end
"""


def score(gradus, bundle, records, repeat):
    """What `gradus score` writes for the records, and how long it takes for `repeat` copies of them."""
    lines = open(records, encoding="utf-8").read().splitlines()
    written = subprocess.run([gradus, "score", bundle, records], capture_output=True, check=True, text=True).stdout
    big = records + ".repeated"
    with open(big, "w", encoding="utf-8") as file:
        for _ in range(repeat):
            file.writelines(line + "\n" for line in lines)
    started = time.monotonic()
    subprocess.run([gradus, "score", bundle, big], capture_output=True, check=True)
    seconds = time.monotonic() - started
    os.remove(big)
    return [json.loads(line) for line in lines], [json.loads(line) for line in written.splitlines()], seconds


def alike(answer, written):
    of = lambda record: [(s["start"], s["end"], s.get("score"), s.get("unscored")) for s in record["segments"]]
    return of(answer) == of(written) and answer.get("score") == written.get("score")


class Client:
    """A connection that is kept open."""

    def __init__(self, host, port):
        self.host, self.port, self.streams = host, port, None

    async def ask(self, method, path, body=b""):
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        head = f"{method} {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        status = int(head.split(" ", 2)[1])
        length = int(re.search(r"content-length: (\d+)", head).group(1))
        body = await reader.readexactly(length)
        if "connection: close" in head:
            writer.close()
            self.streams = None
        return status, body


async def load(arguments, host, port, bodies, expected, process):
    times, wrong, lost, refused = [], 0, 0, 0
    numbers = iter(range(arguments.requests))
    ended = False

    async def client():
        nonlocal wrong, lost, refused, ended
        connection = Client(host, port)
        for number in numbers:
            started = time.monotonic()
            try:
                status, body = await connection.ask("POST", "/v1/score", bodies[number % len(bodies)])
            except ConnectionRefusedError:
                refused += 1
                ended = True
                return
            except (ConnectionError, asyncio.IncompleteReadError):
                lost += 1
                connection.streams = None
                continue
            times.append(time.monotonic() - started)
            wrong += status != 200 or not alike(json.loads(body), expected[number % len(bodies)])
            if arguments.terminate and number == arguments.requests // 2:
                process.send_signal(signal.SIGTERM)

    async def reload():
        while not ended and arguments.reload:
            await asyncio.sleep(0.5)
            process.send_signal(signal.SIGHUP)

    idle = [await asyncio.open_connection(host, port) for _ in range(arguments.idle)]
    reloading = asyncio.create_task(reload())
    started = time.monotonic()
    await asyncio.gather(*(client() for _ in range(arguments.connections)))
    seconds = time.monotonic() - started
    reloading.cancel()
    for _, writer in idle:
        writer.close()
    return times, seconds, wrong, lost, refused


def start(arguments):
    """A server that is ready: its process, host and port."""
    process = subprocess.Popen(
        [arguments.gradus, "serve", arguments.bundle, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    host, port = process.stdout.readline().strip().removeprefix("http://").split(":")
    while True:
        status, _ = asyncio.run(Client(host, port).ask("GET", "/ready"))
        if status == 200:
            return process, host, port
        time.sleep(0.05)


def under_wrk(arguments):
    """Requests/s, p50 and p99 in milliseconds and tokens/s of a fresh server."""
    process, host, port = start(arguments)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA.replace("RECORDS", arguments.records))
        script.flush()
        wrk = ["wrk", "-t1", f"-c{arguments.connections}", "--timeout", "60s", "--latency", "-s", script.name]
        load = lambda seconds: subprocess.run(
            [*wrk, f"-d{seconds}s", f"http://{host}:{port}"], check=True, capture_output=True, text=True).stdout
        load(1)
        before, started = asyncio.run(tokens_read(host, port)), time.monotonic()
        said = load(arguments.seconds)
        tokens, seconds = asyncio.run(tokens_read(host, port)) - before, time.monotonic() - started
    process.send_signal(signal.SIGTERM)
    if process.wait() or "Non-2xx" in said or "Socket errors" in said or " 99% " not in said:
        sys.exit(said)
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    percentile = lambda k: next(float(n) * unit[u] for n, u in re.findall(rf"^ +{k}% +([\d.]+)(us|ms|s)\b", said, re.M))
    return float(re.search(r"Requests/sec: +([\d.]+)", said)[1]), percentile(50), percentile(99), tokens / seconds


def measure(arguments, repeat, records):
    """The medians of rounds in which the server and `gradus score` take turns."""
    rounds, scored = [], []
    for _ in range(arguments.rounds):
        scored.append(score(arguments.gradus, arguments.bundle, arguments.records, repeat)[2])
        rounds.append(under_wrk(arguments))
        print(*(round(number, 2) for number in (*rounds[-1], scored[-1])), file=sys.stderr)
    names = ("requests_per_second", "p50_ms", "p99_ms", "tokens_per_second")
    report = {name: round(statistics.median(numbers), 2) for name, numbers in zip(names, zip(*rounds))}
    tokens_of_record = statistics.median(tokens / requests for requests, _, _, tokens in rounds)
    of_score = tokens_of_record * repeat * records / statistics.median(scored)
    report["tokens_per_second_of_score"] = round(of_score)
    report["ratio"] = round(report["tokens_per_second"] / of_score, 3)
    print(json.dumps(report))


async def tokens_read(host, port):
    _, body = await Client(host, port).ask("GET", "/metrics")
    return int(re.search(rb"^gradus_tokens_total (\d+)", body, re.M).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus")
    parser.add_argument("bundle")
    parser.add_argument("records")
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--wrk", action="store_true", help="measure speed alone, with wrk")
    parser.add_argument("--seconds", type=int, default=8, help="of a round with wrk")
    parser.add_argument("--rounds", type=int, default=5, help="with wrk")
    parser.add_argument("--idle", type=int, default=0, help="connections that ask nothing")
    parser.add_argument("--reload", action="store_true", help="SIGHUP twice a second")
    parser.add_argument("--terminate", action="store_true", help="SIGTERM in the middle")
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    repeat = max(1, arguments.requests // sum(1 for _ in open(arguments.records)))
    if arguments.wrk:
        return measure(arguments, repeat, sum(1 for _ in open(arguments.records)))
    records, expected, score_seconds = score(arguments.gradus, arguments.bundle, arguments.records, repeat)
    bodies = [json.dumps(record).encode() for record in records]
    process, host, port = start(arguments)
    times, seconds, wrong, lost, refused = asyncio.run(load(arguments, host, port, bodies, expected, process))
    report = {"requests": len(times), "wrong": wrong, "lost": lost, "refused_connections": refused}
    times.sort()
    report["requests_per_second"] = round(len(times) / seconds, 1)
    report["p50_ms"] = round(1e3 * times[len(times) // 2], 2)
    report["p99_ms"] = round(1e3 * times[len(times) * 99 // 100], 2)
    if not arguments.terminate:
        tokens = asyncio.run(tokens_read(host, port))
        report["tokens_per_second"] = round(tokens / seconds)
        report["tokens_per_second_of_score"] = round(tokens * repeat * len(records) / len(times) / score_seconds)
        process.send_signal(signal.SIGTERM)
    report["exit_code"] = process.wait()
    print(json.dumps(report))
    sys.exit(0 if not wrong and not lost and report["exit_code"] == 0 else 1)


if __name__ == "__main__":
    main()
