#!/usr/bin/env python3
"""What stacking gains in the runs of an experiment: mean squared errors on the test split, of the stacked scores, of the model alone and of the baselines.

    gradus experiment examples/experiments/small_sets.toml -o runs/small-sets
    scripts/stack_runs.py runs/small-sets [--gradus PROGRAM]

Evaluates each bundle that the experiment kept on the test data of its run, with `gradus eval`, whose row `offset dropped` is the model alone.
Means and standard deviations over seeds. `better` counts the seeds in which the stacked scores have a lower error than the best baseline on
the test split, which nobody knows beforehand. Where the model has no weight, its own scores come from `gradus eval --offset drop`. Needs Python only.
"""

import argparse
import json
import statistics
import subprocess
from collections import defaultdict
from pathlib import Path

BASELINES = ["train mean", "position + length", "bag of words"]


def evaluated(gradus: str, bundle: Path, test: str, *options: str) -> dict[str, tuple[float, dict[str, float]]]:
    """By aspect the mean squared error, and that of each other row."""
    run = [gradus, "eval", str(bundle), test, "--json", "--resamples", "0", *options]
    report = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    rows = lambda aspect: {row["name"]: row["segment"]["mse"] for row in aspect["baselines"]}
    return {one["aspect"]: (one["segment"]["values"]["mse"], rows(one)) for one in report["aspects"]}


def weights(bundle: Path) -> dict[str, tuple[float, float, str]]:
    """By aspect the weight of the model, that of the baseline, and its name."""
    path = bundle / "offset.json"
    if not path.exists():
        return {}
    aspects = json.loads(path.read_text(encoding="utf-8"))["aspects"]
    name = lambda one: next(iter(one["baseline"])) if one.get("baseline") else "none"
    return {one["aspect"]: (one.get("model", 1), one.get("weight", 1) if "baseline" in one else 0, name(one)) for one in aspects}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--gradus", default="gradus", help="the program (default: gradus)")
    options = parser.parse_args()
    rows = defaultdict(list)
    for path in sorted(options.runs.glob("cells/*/seed-*/result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        bundle, test = path.parent / "bundle", result["splits"]["test"]["data"]
        label = ", ".join(result["labels"]) or Path(test).parent.name
        fitted = weights(bundle)
        kept = evaluated(options.gradus, bundle, test)
        dropped = None
        for aspect, (stacked, others) in kept.items():
            floors = {name: others[name] for name in BASELINES}
            alone = others.get("offset dropped", stacked if aspect not in fitted else None)
            if alone is None:
                dropped = dropped or evaluated(options.gradus, bundle, test, "--offset", "drop")
                alone = dropped[aspect][0]
            rows[label, aspect].append((alone, stacked, floors, fitted.get(aspect, (1, 0, "none"))))
    print("| set, aspect | seeds | model | stacked | best baseline | train mean | better | weight of model, of baseline |")
    print("|---|---|---|---|---|---|---|---|")
    spread = lambda values: f"{statistics.fmean(values):.4f} ± {statistics.stdev(values) if len(values) > 1 else 0:.4f}"
    for (label, aspect), runs in rows.items():
        model, stacked, floors, fitted = zip(*runs)
        name = min(floors[0], key=floors[0].get)
        better = sum(one < other[name] for one, other in zip(stacked, floors))
        a, c = (statistics.fmean(one[place] for one in fitted) for place in (0, 1))
        print(f"| {label}, {aspect} | {len(runs)} | {spread(model)} | {spread(stacked)} | {floors[0][name]:.4f} ({name}) | "
              f"{floors[0]['train mean']:.4f} | {better} of {len(runs)} | {a:.2f}, {c:.2f} |")


if __name__ == "__main__":
    main()
