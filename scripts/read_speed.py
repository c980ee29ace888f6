#!/usr/bin/env python3
"""MB/s and peak memory of the data commands and of `gradus eval`, and PyArrow's read of the same data.

    cargo build --release
    python3 -m venv venv && venv/bin/pip install pyarrow
    venv/bin/python scripts/read_speed.py --megabytes 1000
    python3 scripts/read_speed.py --megabytes 140 --only audit,stats,split,eval    # needs Python only
    python3 scripts/read_speed.py --file train.jsonl --times 40 --only validate    # data of your own
    python3 scripts/read_speed.py --megabytes 20 --short --only train,score        # JSONL beside Parquet

Writes records like those of RAGTruth (a long context, rated sentences) as JSONL, or short ones with `--short` (as those of
`gradus data generate`, about 150 bytes a segment), converts them with `gradus data convert`, and prints the best of `--runs` runs of
each, with the largest resident size of its process. MB are those of the JSONL file, so that rates compare. PyArrow only decodes the
columns, and its start is not counted; `validate` starts a process, and also checks every span, rating and id, and takes statistics.
Without PyArrow its rows are left out. `eval` reads a file of scores for the same records. `train` and `score`, with a tiny model, run
if they are named. Run it on an idle machine.
"""

import argparse
import importlib.util
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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


def short_record(number: int) -> str:
    """Four short rated sentences."""
    sentences = [words(3).capitalize() + "." for _ in range(4)]
    segments, start = [], 0
    for sentence in sentences:
        segments.append({"start": start, "end": start + len(sentence), "rating": RANDOM.randint(0, 12) / 12})
        start += len(sentence) + 1
    return json.dumps({"id": f"r{number}", "prompt": words(10) + "?", "response": " ".join(sentences), "segments": segments,
                       "meta": {"task": "short", "claims": [[{"said": words(1), "rating": 0.5}] for _ in range(4)]}})


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and the peak in MB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command}: {error.decode()}")
    return time.perf_counter() - start, usage.ru_maxrss / 1000


def write_scores(lines: Path, scores: Path) -> int:
    """Scores near the ratings; returns the number of segments."""
    segments = 0
    with lines.open(encoding="utf-8") as data, scores.open("w", encoding="utf-8") as file:
        for line in data:
            record = json.loads(line)
            ratings = [segment.get("rating") for segment in record["segments"]]
            noisy = [round((0.5 if rating is None else rating) + RANDOM.gauss(0, 0.2), 4) for rating in ratings]
            file.write(json.dumps({"id": record["id"], "scores": noisy}) + "\n")
            segments += len(ratings)
    return segments


# In a process of its own: the peak of every process started from here counts what this one holds.
PYARROW = """
import sys, time
import pyarrow.parquet
start = time.perf_counter()
pyarrow.parquet.read_table(sys.argv[1], use_threads=sys.argv[2] == "all threads")
print(time.perf_counter() - start)
"""


def read_by_pyarrow(rows: Path, threads: str) -> float:
    """Seconds in which PyArrow reads a file, once it is loaded."""
    command = [sys.executable, "-c", PYARROW, str(rows), threads]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# A model that takes little time beside reading.
TINY = """
[text]
max_length = 64

[scratch]
d_model = 16
num_layers = 1
num_heads = 2
d_ff = 32

[training]
epochs = 1
"""


def first_lines(lines: Path, part: Path, count: int) -> Path:
    with lines.open(encoding="utf-8") as data:
        part.write_text("".join(itertools.islice(data, count)), encoding="utf-8")
    return part


def repeat(source: Path, lines: Path, times: int) -> None:
    """Writes the records of a file several times, in another order and with other ids."""
    records = source.read_text(encoding="utf-8").splitlines()
    with lines.open("w", encoding="utf-8") as file:
        for time_ in range(times):
            for line in records:
                record = json.loads(line)
                record["id"] = f"{record.get('id')}-{time_}"
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
            RANDOM.shuffle(records)


COMMANDS = ["validate", "validate-parquet", "validate-gzip", "pyarrow", "stats", "audit", "split", "convert", "eval"]
MODEL_COMMANDS = ["train", "score"]
# Of a Parquet file, the default first.
CODECS = ["zstd", "snappy", "lz4", "none"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/gradus")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the JSONL file")
    parser.add_argument("--short", action="store_true", help="short records")
    parser.add_argument("--file", type=Path, help="a JSONL file to read instead")
    parser.add_argument("--times", type=int, default=1, help="with --file: its records so many times, in another order and with other ids")
    parser.add_argument("--only", default=",".join(COMMANDS), help="of " + ", ".join(COMMANDS + MODEL_COMMANDS))
    parser.add_argument("--runs", type=int, default=3, help="runs of each, of which the best counts")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    only = arguments.only.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = folder / "records.jsonl"
        if arguments.file:
            repeat(arguments.file, lines, arguments.times)
        else:
            number, made = 0, short_record if arguments.short else record
            with lines.open("w", encoding="utf-8") as file:
                while file.tell() < arguments.megabytes * 1_000_000:
                    file.write("\n".join(made(number + k) for k in range(100)) + "\n")
                    number += 100
        megabytes = lines.stat().st_size / 1e6
        print(f"{megabytes:.0f} MB of JSONL")
        if "pyarrow" in only and not importlib.util.find_spec("pyarrow"):
            if arguments.only != parser.get_default("only"):
                raise SystemExit("PyArrow is not installed: `pip install pyarrow` in a virtual environment, or name other commands")
            print("PyArrow is not installed, so that its rows are left out (`pip install pyarrow` in a virtual environment)")
            only.remove("pyarrow")
        rows_of = {codec: folder / f"{codec}.parquet" for codec in CODECS}
        rows = rows_of[CODECS[0]]
        for codec, path in rows_of.items() if {"validate-parquet", "pyarrow", *MODEL_COMMANDS} & set(only) else []:
            measured([binary, "data", "convert", str(lines), str(path), "--compression", codec])
            print(f"{path.stat().st_size / 1e6:.0f} MB of Parquet, {codec}")
        if "validate-gzip" in only:
            measured([binary, "data", "convert", str(lines), str(folder / "records.jsonl.gz")])
            print(f"{(folder / 'records.jsonl.gz').stat().st_size / 1e6:.0f} MB of JSONL, gzip")
        print("\n| command | seconds | MB/s | peak, MB |\n|---|---|---|---|")

        def row(label: str, seconds: float, peak: str) -> None:
            print(f"| {label} | {seconds:.2f} | {megabytes / seconds:.0f} | {peak} |", flush=True)

        def command(label: str, *rest: object) -> None:
            runs = [measured([binary, *map(str, rest)]) for _ in range(arguments.runs)]
            row(label, min(runs)[0], f"{max(peak for _, peak in runs):.0f}")

        files = {"JSONL": lines} if "validate" in only else {}
        if "validate-parquet" in only:
            files |= {f"Parquet, {codec}": path for codec, path in rows_of.items()}
        if "validate-gzip" in only:
            files["JSONL, gzip"] = folder / "records.jsonl.gz"
        # Alternated, as they are compared with each other.
        runs = {label: [] for label in files}
        for _ in range(arguments.runs):
            for label, path in files.items():
                runs[label].append(measured([binary, "data", "validate", str(path)]))
        for label, of in runs.items():
            row(f"`gradus data validate`, {label}", min(of)[0], f"{max(peak for _, peak in of):.0f}")
        if "pyarrow" in only:
            for threads in ["one thread", "all threads"]:
                times = [read_by_pyarrow(rows, threads) for _ in range(arguments.runs)]
                row(f"PyArrow `read_table`, {threads}", min(times), "-")
        if "stats" in only:
            command("`gradus data stats`", "data", "stats", lines)
        if "audit" in only:
            command("`gradus data audit`", "data", "audit", lines)
        if "split" in only:
            command("`gradus data split`", "data", "split", lines, "-o", folder / "splits", "--overwrite")
        if "convert" in only:
            command("`gradus data convert`, to JSONL", "data", "convert", lines, folder / "again.jsonl", "--overwrite")
        if "eval" in only:
            segments = write_scores(lines, folder / "scores.jsonl")
            command(f"`gradus eval`, {segments:,} segments", "eval", "--scores", folder / "scores.jsonl", lines)
        if set(MODEL_COMMANDS) & set(only):
            config, bundle = folder / "run.toml", folder / "bundle"
            config.write_text(TINY)
            few, fewer = first_lines(lines, folder / "few.jsonl", 1000), first_lines(lines, folder / "fewer.jsonl", 100)
            train = ["train", "--config", config, "--valid", fewer, "--output"]
            measured([binary, *map(str, [*train, bundle, "--train", few])])
            for label, data in [("JSONL", lines), ("Parquet", rows)]:
                if "train" in only:
                    command(f"`gradus train --dry-run`, {label}", *train, folder / "other", "--dry-run", "--train", data)
                if "score" in only:
                    command(f"`gradus score`, {label}", "score", bundle, data, "-o", folder / "out.jsonl", "--overwrite")


if __name__ == "__main__":
    main()
