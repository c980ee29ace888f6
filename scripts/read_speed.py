#!/usr/bin/env python3
"""MB/s of `gradus data validate` on JSONL and Parquet, beside PyArrow's read of the same Parquet file.

    cargo build --release
    python3 -m venv venv && venv/bin/pip install pyarrow
    venv/bin/python scripts/read_speed.py --megabytes 1000

Writes records like those of RAGTruth (a long context, rated sentences) as JSONL, converts them with `gradus data convert`, and
prints the best of three runs of each. MB are those of the JSONL file, so that rates compare. PyArrow only decodes the columns,
in this process; `validate` starts a process, and also checks every span, rating and id, and takes statistics. Run it on an idle machine.
"""

import argparse
import json
import random
import subprocess
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

RANDOM = random.Random(0)
WORDS = ["".join(RANDOM.choices("abcdefghijklmnopqrstuvwxyz", k=RANDOM.randint(2, 9))) for _ in range(5000)]


def words(count: int) -> str:
    return " ".join(RANDOM.choices(WORDS, k=count))


def record(number: int) -> str:
    """A prompt, a context of 300 words, and five rated sentences."""
    sentences = [words(12).capitalize() + "." for _ in range(5)]
    segments, start = [], 0
    for sentence in sentences:
        segments.append({"start": start, "end": start + len(sentence), "rating": RANDOM.randint(0, 4) / 4})
        start += len(sentence) + 1
    return json.dumps({"id": f"r{number}", "prompt": words(10) + "?", "context": words(300),
                       "response": " ".join(sentences), "segments": segments})


def best(work) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/gradus")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the JSONL file")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    with tempfile.TemporaryDirectory() as name:
        lines, rows = Path(name) / "records.jsonl", Path(name) / "records.parquet"
        number = 0
        with lines.open("w", encoding="utf-8") as file:
            while file.tell() < arguments.megabytes * 1_000_000:
                file.write("\n".join(record(number + k) for k in range(100)) + "\n")
                number += 100
        subprocess.run([binary, "data", "convert", lines, rows], check=True, stderr=subprocess.DEVNULL)
        megabytes = lines.stat().st_size / 1e6
        print(f"{number:,} records: {megabytes:.0f} MB of JSONL, {rows.stat().st_size / 1e6:.0f} MB of Parquet\n")

        def validate(path: Path) -> None:
            subprocess.run([binary, "data", "validate", path], check=True, capture_output=True)

        def pyarrow(threads: bool) -> None:
            pq.read_table(rows, use_threads=threads)

        print("| reader | seconds | MB/s |\n|---|---|---|")
        for label, work in [
            ("`gradus data validate`, JSONL", lambda: validate(lines)),
            ("`gradus data validate`, Parquet", lambda: validate(rows)),
            ("PyArrow `read_table`, one thread", lambda: pyarrow(False)),
            ("PyArrow `read_table`, all threads", lambda: pyarrow(True)),
        ]:
            seconds = best(work)
            print(f"| {label} | {seconds:.2f} | {megabytes / seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
