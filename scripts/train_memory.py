#!/usr/bin/env python3
"""Peak memory of `gradus train` and time to its first step, by number of records.

    cargo build --release
    python3 scripts/train_memory.py                      # 10,000 and 100,000 records, on disk and in memory
    python3 scripts/train_memory.py --records 1000000 --places disk

Writes tiny records, trains a tiny encoder from scratch on them for a few steps, and prints a table. `disk` runs twice:
cold, without a cache of tokens, and warm, with that of the run before. Peak memory is the largest resident size of the
process, as the system counts it. Needs Python only.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

CONFIG = """
[text]
max_length = 64

[scratch]
d_model = 16
num_layers = 1
num_heads = 2
d_ff = 32

[training]
epochs = 1
batch_size = 64
keep_checkpoints = 1
"""


def record(number: int) -> str:
    """Two rated sentences about a sum, with a vocabulary that does not grow."""
    first, second = number % 97, number // 97 % 89
    right, other = f"It is {first + second}.", f"Or {number % 83}."
    start = len(right) + 1
    return json.dumps({
        "id": f"r{number}",
        "prompt": f"What is {first} plus {second}, by way {number % 71} of case {number % 67}?",
        "response": f"{right} {other}",
        "segments": [
            {"start": 0, "end": len(right), "rating": 1.0},
            {"start": start, "end": start + len(other), "rating": number % 5 / 4},
        ],
    })


def write(path: Path, numbers: range) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in numbers:
            file.write(record(number) + "\n")


def run(binary: str, folder: Path, place: str, steps: int) -> tuple[float, float]:
    """Seconds to the first step, and the peak in MB."""
    output = folder / "bundle"
    checkpoints = folder / "bundle.checkpoints"
    shutil.rmtree(checkpoints, ignore_errors=True)
    metrics = checkpoints / "metrics.jsonl"
    command = [binary, "train", "--config", "run.toml", "--train", "train.jsonl", "--valid", "valid.jsonl",
               "--output", str(output), "--overwrite", "--data-in", place]
    started = time.monotonic()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    first = None
    while process.poll() is None:
        lines = metrics.read_bytes().count(b"\n") if metrics.exists() else 0
        if lines and first is None:
            first = time.monotonic() - started
        if lines >= steps:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.01)
    _, status, usage = os.wait4(process.pid, 0) if process.returncode is None else (0, 1 << 8, None)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 130) or usage is None or first is None:
        raise SystemExit(f"the run ended with {code}:\n{(folder / 'log').read_text()}")
    return first, usage.ru_maxrss / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/gradus")
    parser.add_argument("--records", default="10000,100000", help="numbers of training records")
    parser.add_argument("--places", default="disk,memory", help="values of --data-in")
    parser.add_argument("--steps", type=int, default=20, help="steps before a run is stopped")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    print("| records | data, MB | place | peak, MB | first step, s |")
    print("|---|---|---|---|---|")
    for records in map(int, arguments.records.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "run.toml").write_text(CONFIG)
            write(folder / "train.jsonl", range(records))
            write(folder / "valid.jsonl", range(records, records + 500))
            size = (folder / "train.jsonl").stat().st_size / 1e6
            for place in arguments.places.split(","):
                for state in (["cold", "warm"] if place == "disk" else [""]):
                    first, peak = run(binary, folder, place, arguments.steps)
                    label = f"{place}, {state}" if state else place
                    print(f"| {records:,} | {size:.1f} | {label} | {peak:.0f} | {first:.1f} |", flush=True)


if __name__ == "__main__":
    main()
