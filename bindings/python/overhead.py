"""Measures what Python adds to scoring: microseconds a record, from dicts and from Arrow, and a call with one response
beside the command line. With PyArrow installed.

    python bindings/python/overhead.py my-bundle [RECORDS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import gradus
from gradus._records import to_json


def seconds(work: Callable[[], object], times: int = 5, clock: Callable[[], float] = time.perf_counter) -> float:
    """The shortest of some times, which other programs disturb least."""
    taken = []
    for _ in range(times):
        begun = clock()
        work()
        taken.append(clock() - begun)
    return min(taken)


def reading(scorer: gradus.Scorer, records: list[dict[str, str]]) -> None:
    """Records with nothing to score, so that the model does nothing: what is left is the way in and out."""
    import pyarrow

    blank = [{**record, "prompt": record["prompt"] + record["response"], "response": " "} for record in records]
    table = pyarrow.Table.from_pylist(blank)
    ways = {
        "dicts to dicts": lambda: scorer.score(blank),
        "Arrow to dicts": lambda: scorer.score(table),
        "Arrow to Arrow": lambda: scorer.scores(table),
    }
    for way, work in ways.items():
        print(f"{way}: {seconds(work, clock=time.process_time) / len(blank) * 1e6:.1f} µs a record")


def main() -> None:
    bundle = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    records = [{key: record[key] for key in ("id", "prompt", "response")} for record in gradus.generate(count)]
    scorer = gradus.Scorer(bundle, "cpu")
    reading(scorer, records)
    texts = [to_json(record, number) for number, record in enumerate(records)]
    answers = scorer._inner.score(texts)
    python = seconds(lambda: [to_json(record, number) for number, record in enumerate(records)])
    python += seconds(lambda: [json.loads(answer) for answer in answers])
    whole = seconds(lambda: scorer.score(records))
    print(f"{count} records: {whole:.3f} s; objects of Python to texts and back: {python / count * 1e6:.1f} µs a record")

    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "records.jsonl"
        file.write_text("".join(text + "\n" for text in texts))
        arguments = [sys.executable, "-m", "gradus", "score", bundle, str(file), "-o", str(file) + ".out", "--overwrite"]
        command = seconds(lambda: subprocess.run(arguments, check=True, capture_output=True))
    print(f"the command line with the same records: {command:.3f} s, of which starting and loading are a part")

    one = seconds(lambda: scorer.segments(records[0]["prompt"], records[0]["response"]), 200)
    print(f"a call with one response: {one * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
