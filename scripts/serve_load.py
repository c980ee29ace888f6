#!/usr/bin/env python3
"""Loads `gradus serve` and compares every answer with what `gradus score` writes.

    scripts/serve_load.py GRADUS BUNDLE RECORDS [--requests 10000] [--connections 64] [--reload] [--terminate]

Needs Python 3.9 and nothing else. RECORDS is a file of native records. Prints one JSON object: requests, lost, wrong,
requests/s, p50 and p99 in milliseconds, tokens/s under load and tokens/s of `gradus score` on the same records.
`--terminate` sends SIGTERM in the middle: then every request must be answered, or not have been accepted.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time


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

    reloading = asyncio.create_task(reload())
    started = time.monotonic()
    await asyncio.gather(*(client() for _ in range(arguments.connections)))
    seconds = time.monotonic() - started
    reloading.cancel()
    return times, seconds, wrong, lost, refused


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
    parser.add_argument("--reload", action="store_true", help="SIGHUP twice a second")
    parser.add_argument("--terminate", action="store_true", help="SIGTERM in the middle")
    arguments = parser.parse_args()
    repeat = max(1, arguments.requests // sum(1 for _ in open(arguments.records)))
    records, expected, score_seconds = score(arguments.gradus, arguments.bundle, arguments.records, repeat)
    bodies = [json.dumps(record).encode() for record in records]
    process = subprocess.Popen(
        [arguments.gradus, "serve", arguments.bundle, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    host, port = process.stdout.readline().strip().removeprefix("http://").split(":")
    while True:
        status, _ = asyncio.run(Client(host, port).ask("GET", "/ready"))
        if status == 200:
            break
        time.sleep(0.05)
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
