#!/usr/bin/env python3
"""Whether `gradus suggest` picks better responses to rate than chance does, on data that is rated already.

    scripts/suggest_simulation.py --encoder all-MiniLM-L6-v2 --train prmbench/train.jsonl.gz --test prmbench/test.jsonl.gz \
        --aspect soundness --seeds 10

For every seed, `--start` random responses of the training split count as rated, and the ratings of all others are hidden. A probe is
fitted to these, and `--more` responses are added: at random; by distance alone (`gradus suggest` with this probe); and by spread and
distance (with three probes, each fitted to two thirds of them). A probe fitted to all that are rated then is judged on `--judged` responses
of the test split. Prints mean squared error and Pearson correlation of each way, means over seeds, and the difference to chance with its
standard error over seeds.
"""

import argparse
import gzip
import json
import random
import statistics
import subprocess
import tempfile
from pathlib import Path

WAYS = ["random", "distance", "spread and distance"]


def read(path: Path) -> list[dict]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def hidden(record: dict) -> dict:
    """The record without its ratings."""
    segments = [{key: value for key, value in segment.items() if key != "rating"} for segment in record["segments"]]
    return {key: value for key, value in record.items() if key != "rating"} | {"segments": segments}


class Simulation:
    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.arguments, self.folder = arguments, folder
        self.records = read(arguments.train)
        for number, record in enumerate(self.records):
            record["id"] = str(number)
        judged = random.Random(0).sample(read(arguments.test), arguments.judged)
        self.test = write(folder / "test.jsonl", judged)

    def gradus(self, *rest: object) -> str:
        command = [str(self.arguments.binary), *map(str, rest)]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            raise SystemExit(f"{' '.join(command)}:\n{run.stderr}")
        return run.stdout

    def probe(self, name: str, records: list[dict]) -> Path:
        """A probe of the records, a fifth of which, by prompt, choose its penalty."""
        prompts = sorted({record["prompt"] for record in records})
        valid = set(prompts[::5])
        split = {
            part: write(self.folder / f"{part}.jsonl", [r for r in records if (r["prompt"] in valid) == (part == "valid")])
            for part in ["train", "valid"]
        }
        output = self.folder / name
        self.gradus("probe", "--encoder", self.arguments.encoder, "--train", split["train"], "--valid", split["valid"],
                    "--aspects", self.arguments.aspect, "--max-length", self.arguments.max_length, "--stride", "none",
                    "--output", output, "--overwrite")
        return output

    def picked(self, way: str, rated: list[dict], others: list[dict], chance: random.Random) -> list[dict]:
        if way == "random":
            return chance.sample(others, self.arguments.more)
        if way == "distance":
            bundles = [self.probe("one", rated)]
        else:
            parts = [chance.sample(rated, 2 * len(rated) // 3) for _ in range(3)]
            bundles = [self.probe(f"part-{k}", part) for k, part in enumerate(parts)]
        data = write(self.folder / "others.jsonl", [hidden(record) for record in others])
        known = write(self.folder / "rated.jsonl", rated)
        next_ = self.folder / "next.jsonl"
        self.gradus("suggest", *bundles, "--data", data, "--rated", known, "-n", self.arguments.more,
                    "-o", next_, "--overwrite", "--precision", self.arguments.precision)
        by_id = {record["id"]: record for record in others}
        return [by_id[record["id"]] for record in read(next_)]

    def figures(self, records: list[dict]) -> tuple[float, float]:
        bundle = self.probe("judged", records)
        report = json.loads(self.gradus("eval", bundle, self.test, "--json", "--precision", self.arguments.precision,
                                        "--resamples", 0, "--stride", "none"))
        aspect = next(one for one in report["aspects"] if one["aspect"] == self.arguments.aspect)
        values = aspect["segment"]["values"]
        return values["mse"], values["pearson"]

    def run(self, seed: int) -> dict[str, tuple[float, float]]:
        chance = random.Random(seed)
        pool = chance.sample(self.records, min(self.arguments.pool, len(self.records)))
        rated, others = pool[:self.arguments.start], pool[self.arguments.start:]
        return {way: self.figures(rated + self.picked(way, rated, others, chance)) for way in WAYS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=Path("target/release/gradus"))
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--aspect", required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--pool", type=int, default=500, help="responses to pick from")
    parser.add_argument("--start", type=int, default=50, help="responses that are rated at first")
    parser.add_argument("--more", type=int, default=50, help="responses that are rated then")
    parser.add_argument("--judged", type=int, default=200, help="responses of the test split")
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--precision", default="bf16")
    arguments = parser.parse_args()
    arguments.binary = arguments.binary.resolve()
    with tempfile.TemporaryDirectory() as name:
        simulation = Simulation(arguments, Path(name))
        runs = []
        for seed in range(arguments.seeds):
            runs.append(simulation.run(seed))
            print(f"seed {seed}: " + ", ".join(f"{way} {mse:.4f}" for way, (mse, _) in runs[-1].items()), flush=True)
    print("\n| way | MSE | Pearson | difference of the MSE to random |\n|---|---|---|---|")
    for way in WAYS:
        mse = [run[way][0] for run in runs]
        differences = [run[way][0] - run["random"][0] for run in runs]
        error = statistics.stdev(differences) / len(runs) ** 0.5 if len(runs) > 1 else float("nan")
        pearson = statistics.mean(run[way][1] for run in runs)
        print(f"| {way} | {statistics.mean(mse):.4f} | {pearson:.3f} | {statistics.mean(differences):+.4f} ± {error:.4f} |")


if __name__ == "__main__":
    main()
