#!/usr/bin/env python3
"""Keeps `gradus serve` under load for an hour and watches its memory and its descriptors.

    scripts/serve_soak.py GRADUS BUNDLE RECORDS [--seconds 3600] [--every 600] [--connections 8] [--reload-every 60]

Needs Linux and Python 3.9. RECORDS is a file of native records; their responses are repeated, so that lengths are of all
kinds. Of ten requests seven ask for a record, one for a list of eight, one is wrong, and the client of one goes before its
answer. Every answer is compared with what `gradus score` writes. SIGHUP loads the bundle again every `--reload-every` seconds
(0: never).

Prints a line at the start, after a tenth of the time and then every `--every` seconds: requests so far, resident memory in
kB, open descriptors. Ends with exit code 0 where no answer was lost or wrong, descriptors are as many as after the first
tenth, and memory is within a tenth and 40 MiB of what it was then (the allocator asks the system for 32 MiB at a time).
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from serve_load import Client, alike, start

SLACK_KB = 40 * 1024


def expectations(gradus, bundle, records):
    """Records whose responses are repeated 1 to 16 times, and what `gradus score` writes for each."""
    lines = open(records, encoding="utf-8").read().splitlines()
    texts = ((json.loads(line), number % 16 + 1) for number, line in enumerate(lines))
    made = [{"prompt": record["prompt"], "response": (record["response"] + " ") * times} for record, times in texts]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in made)
        file.flush()
        written = subprocess.run([gradus, "score", bundle, file.name], capture_output=True, check=True, text=True).stdout
    return made, [json.loads(line) for line in written.splitlines()]


def memory_and_descriptors(process):
    status = open(f"/proc/{process.pid}/status", encoding="utf-8").read()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return resident, len(os.listdir(f"/proc/{process.pid}/fd"))


class Soak:
    def __init__(self, host, port, records, expected, end):
        self.host, self.port, self.end = host, int(port), end
        self.records, self.expected = records, expected
        self.requests = self.wrong = self.lost = self.gone = 0

    async def leave(self, body):
        """Sends a request and resets the connection."""
        _, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(f"POST /v1/score HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        self.gone += 1

    async def turn(self, connection, number):
        """One request; whether its answer is right."""
        count = len(self.records)
        places = [(number + k) % count for k in range(8 if number % 10 == 3 else 1)]
        records = [self.records[place] for place in places]
        if number % 10 == 5:
            status, body = await connection.ask("POST", "/v1/score", b'{"prompt": 3}')
            return status == 422 and json.loads(body)["error"]["field"] == "prompt"
        status, body = await connection.ask("POST", "/v1/score", json.dumps(records if len(records) > 1 else records[0]).encode())
        if status != 200:
            return False
        answers = json.loads(body)
        answers = answers if len(records) > 1 else [answers]
        return all(alike(answer, self.expected[place]) for answer, place in zip(answers, places, strict=True))

    async def client(self, first, step):
        connection, number = Client(self.host, self.port), first
        while time.monotonic() < self.end:
            try:
                if number % 10 == 7:
                    await self.leave(json.dumps(self.records[number % len(self.records)]).encode())
                else:
                    self.wrong += not await self.turn(connection, number)
                    self.requests += 1
            except (ConnectionError, asyncio.IncompleteReadError):
                self.lost += 1
                connection.streams = None
            number += step

    def line(self, started, process):
        resident, descriptors = memory_and_descriptors(process)
        report = {"seconds": round(time.monotonic() - started), "requests": self.requests, "clients_gone": self.gone,
                  "wrong": self.wrong, "lost": self.lost, "resident_kb": resident, "descriptors": descriptors}
        print(json.dumps(report), flush=True)
        return resident, descriptors


async def soak(arguments, process, host, port, records, expected):
    started = time.monotonic()
    load = Soak(host, port, records, expected, started + arguments.seconds)
    load.line(started, process)
    clients = [asyncio.create_task(load.client(k, arguments.connections)) for k in range(arguments.connections)]

    async def reload():
        while arguments.reload_every:
            await asyncio.sleep(arguments.reload_every)
            process.send_signal(signal.SIGHUP)

    reloading = asyncio.create_task(reload())
    warm_up = arguments.seconds / 10
    await asyncio.sleep(warm_up)
    warm = load.line(started, process)
    for moment in range(arguments.every, arguments.seconds, arguments.every):
        if moment > warm_up:
            await asyncio.sleep(started + moment - time.monotonic())
            load.line(started, process)
    await asyncio.gather(*clients)
    reloading.cancel()
    del clients
    # The server notices on its next read that the last connections are closed.
    await asyncio.sleep(2)
    end = load.line(started, process)
    steady = end[0] <= warm[0] * 1.1 + SLACK_KB and end[1] <= warm[1] + 3
    return steady and not load.wrong and not load.lost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradus")
    parser.add_argument("bundle")
    parser.add_argument("records")
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--every", type=int, default=600, help="seconds between two lines")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--reload-every", type=int, default=60, help="seconds; 0: never")
    arguments = parser.parse_args()
    records, expected = expectations(arguments.gradus, arguments.bundle, arguments.records)
    process, host, port = start(arguments)
    good = asyncio.run(soak(arguments, process, host, port, records, expected))
    process.send_signal(signal.SIGTERM)
    sys.exit(0 if process.wait() == 0 and good else 1)


if __name__ == "__main__":
    main()
