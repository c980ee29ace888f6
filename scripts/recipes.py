#!/usr/bin/env python3
"""Trains recipes on data sets with several seeds and prints a Markdown table of their test results.

    GRADUS=gradus scripts/recipes.py --encoder DIR --results runs.jsonl \
        --set NAME,DIRECTORY,ASPECT,MAX_LENGTH,RECORDS,EPOCHS ... [--seeds 3] [--only NAME]...

DIRECTORY has train.jsonl.gz, valid.jsonl.gz and test.jsonl.gz. RECORDS of the training split, and smaller parts of the other
splits, are drawn once for all recipes and seeds. One setting varies at a time (pooling, head, or trained parameters); --product
combines all. The seed changes the initial head, the data order and dropout. Finished runs are added to --results and not run
again. Needs only Python 3.9.
"""
import argparse
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GRADUS = os.environ.get("GRADUS", "gradus")
POOLINGS = {pooling: ["--pooling", pooling] for pooling in ("mean", "last", "attention")}
HEADS = {"linear": [], "mlp": ["--head", "mlp:64"]}
TRAINED = {
    "all": [],
    "LoRA": ["--lora", "8", "--learning-rate", "1e-3"],
    "head": ["--freeze", "encoder", "--head-learning-rate", "1e-2"],
}
ALL = {  # by pooling, head and what is trained
    f"{pooling}, {head}, {trained}": [*POOLINGS[pooling], *HEADS[head], *TRAINED[trained]]
    for trained in TRAINED
    for pooling in POOLINGS
    for head in HEADS
} | {f"{pooling}, linear, probe": POOLINGS[pooling] for pooling in ("mean", "last")}  # attention has a query to learn
ONE_AT_A_TIME = (
    "mean, linear, all",
    "last, linear, all",
    "attention, linear, all",
    "mean, mlp, all",
    "mean, linear, LoRA",
    "mean, linear, head",
    "mean, mlp, head",
    "mean, linear, probe",
)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--encoder", required=True)
    p.add_argument("--set", action="append", required=True, dest="sets")
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--results", required=True, type=Path)
    p.add_argument("--valid-records", type=int, default=100, help="drawn from the validation split (100)")
    p.add_argument("--test-records", type=int, default=300, help="drawn from the test split (300)")
    which = p.add_mutually_exclusive_group()
    which.add_argument("--only", action="append", choices=ALL, metavar="NAME", help="a recipe to run; may be given again")
    which.add_argument("--product", action="store_true", help="every pooling with every head and all that is trained")
    return p.parse_args()


def run(*command):
    done = subprocess.run([GRADUS, *map(str, command)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def sample(source, records, target):
    with gzip.open(source, "rt", encoding="utf-8") as file:
        lines = [line for line in file if line.strip()]
    chosen = random.Random(0).sample(lines, min(records, len(lines)))
    target.write_text("".join(chosen), encoding="utf-8")


def train(args, dataset, recipe, seed, folder):
    name, _, aspect, max_length, _, epochs = dataset
    common = ["--encoder", args.encoder, "--train", folder / f"{name}.train", "--valid", folder / f"{name}.valid",
              "--max-length", max_length, "--no-context", "--output", folder / "bundle", "--overwrite"]
    if aspect:
        common += ["--aspects", aspect]
    if recipe.endswith("probe"):
        run("probe", *common, *ALL[recipe])
    else:
        run("train", *common, "--epochs", epochs, "--batch-size", 8, "--seed", seed, *ALL[recipe])
    found = json.loads(run("eval", folder / "bundle", folder / f"{name}.test", "--json"))["aspects"][0]
    return found


def main():
    args = arguments()
    sets = [tuple(text.split(",")) for text in args.sets]
    for dataset in sets:
        if len(dataset) != 6:
            sys.exit(f"--set: found {','.join(dataset)}, expected NAME,DIRECTORY,ASPECT,MAX_LENGTH,RECORDS,EPOCHS")
    runs = [json.loads(line) for line in args.results.read_text().splitlines()] if args.results.exists() else []
    have = {(r["set"], r["recipe"], r["seed"]) for r in runs}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, directory, _, _, records, _ in sets:
            for split, count in (("train", int(records)), ("valid", args.valid_records), ("test", args.test_records)):
                sample(f"{directory}/{split}.jsonl.gz", count, folder / f"{name}.{split}")
        for seed in range(args.seeds):
            for dataset in sets:
                for recipe in args.only or (ALL if args.product else ONE_AT_A_TIME):
                    key = (",".join(dataset[:1] + dataset[2:]), recipe, seed)
                    if key in have or (recipe.endswith("probe") and seed):
                        continue  # a probe has no seed
                    started = time.time()
                    found = train(args, dataset, recipe, seed, folder)
                    line = {"set": key[0], "recipe": recipe, "seed": seed, "seconds": round(time.time() - started, 1),
                            "segment": found["segment"]["values"],
                            "baselines": {b["name"]: b["segment"] for b in found["baselines"]}}
                    with args.results.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
                    runs.append(line)
                    print(key, line["seconds"], "s", file=sys.stderr)
    table(runs)


def spread(values):
    if any(v is None for v in values):
        return "-"
    mean = statistics.mean(values)
    return f"{mean:.3f}" + (f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else "")


def table(runs):
    for dataset in dict.fromkeys(r["set"] for r in runs):
        name, aspect, max_length, records, epochs = dataset.split(",")
        print(f"\n{name}{', ' + aspect if aspect else ''}: {records} training records, at most {max_length} tokens, "
              f"{epochs} epochs\n\n| pooling, head, trained | seeds | Pearson | MSE | s a run |\n|---|---|---|---|---|")
        of_set = [r for r in runs if r["set"] == dataset]
        for recipe in ALL:
            rows = [r for r in of_set if r["recipe"] == recipe]
            if rows:
                pearson, mse = ([r["segment"][m] for r in rows] for m in ("pearson", "mse"))
                seconds = statistics.mean(r["seconds"] for r in rows)
                print(f"| {recipe} | {len(rows)} | {spread(pearson)} | {spread(mse)} | {seconds:.0f} |")
        for baseline, found in of_set[0]["baselines"].items():
            pearson, mse = (found[m] for m in ("pearson", "mse"))
            print(f"| *{baseline}* | | {spread([pearson])} | {spread([mse])} | |")


if __name__ == "__main__":
    main()
