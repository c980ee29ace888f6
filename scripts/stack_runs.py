#!/usr/bin/env python3
"""What `gradus stack` makes of the runs of an experiment: mean squared errors on the test split, beside those of model and baselines.

    gradus experiment examples/experiments/small_sets.toml -o runs/small-sets
    scripts/stack_runs.py runs/small-sets

Reads the scores that `gradus experiment` keeps of every run (`result.json`), fits the weights to those of the validation split as
`gradus stack` does, and judges them on the test split. Means and standard deviations over seeds. `better` counts the seeds in which the
weighted sum has a lower error than the best baseline on the test split. Needs Python only.
"""

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

ADDED = ["position + length", "bag of words"]


def columns(aspect: dict) -> tuple[list[float], list[float], dict[str, list[float]]]:
    """Scores and ratings of the segments, and what each baseline says of them."""
    pairs = [(score, rating) for _, segments in aspect["responses"] for _, score, rating in segments]
    return [p[0] for p in pairs], [p[1] for p in pairs], {one["name"]: one["scores"] for one in aspect["baselines"]}


def error(predicted: list[float], ratings: list[float]) -> float:
    return statistics.fmean((one - rating) ** 2 for one, rating in zip(predicted, ratings))


def weighted(mean: float, scores: list[float], baseline: list[float], a: float, c: float) -> list[float]:
    return [mean + a * (score - mean) + c * (other - mean) for score, other in zip(scores, baseline)]


def candidates(mean: float, scores: list[float], baseline: list[float], ratings: list[float]) -> list[tuple[float, float]]:
    """Where the least error can be: inside the triangle `a >= 0, c >= 0, a + c <= 1`, or on one of its sides."""
    s, b, r = ([value - mean for value in values] for values in (scores, baseline, ratings))
    ss, sb, bb, sr, br = (sum(x * y for x, y in zip(*pair)) for pair in [(s, s), (s, b), (b, b), (s, r), (b, r)])
    part = lambda of, by: min(1.0, max(0.0, of / by)) if by > 0 else 0.0
    side = part(sr - br - sb + bb, ss - 2 * sb + bb)
    found = [(1.0, 0.0), (part(sr, ss), 0.0), (0.0, part(br, bb)), (side, 1 - side)]
    determinant = ss * bb - sb * sb
    if determinant > 0:
        a, c = (sr * bb - br * sb) / determinant, (br * ss - sr * sb) / determinant
        if a >= 0 and c >= 0 and a + c <= 1:
            found.append((a, c))
    return found


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    rows = defaultdict(list)
    for path in sorted(Path(sys.argv[1]).glob("cells/*/seed-*/result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        label = ", ".join(result["labels"]) or path.parent.parent.name
        for valid, test in zip(result["splits"]["valid"]["aspects"], result["splits"]["test"]["aspects"]):
            scores, ratings, baselines = columns(valid)
            mean = baselines["train mean"][0]
            _, name, a, c = min(
                (error(weighted(mean, scores, baselines[name], a, c), ratings), name, a, c)
                for name in ADDED
                for a, c in candidates(mean, scores, baselines[name], ratings)
            )
            scores, ratings, baselines = columns(test)
            floors = {name: error(values, ratings) for name, values in baselines.items()}
            stacked = error(weighted(mean, scores, baselines[name], a, c), ratings)
            rows[label, test["aspect"]].append((error(scores, ratings), stacked, min(floors.values()), a, c, floors))
    print("| set, aspect | seeds | model | stacked | best baseline | train mean | better | weight of model, of baseline |")
    print("|---|---|---|---|---|---|---|---|")
    spread = lambda values: f"{statistics.fmean(values):.4f} ± {statistics.stdev(values) if len(values) > 1 else 0:.4f}"
    for (label, aspect), runs in rows.items():
        model, stacked, floor, a, c, floors = zip(*runs)
        name = min(floors[0], key=floors[0].get)
        better = sum(one < other for one, other in zip(stacked, floor))
        print(f"| {label}, {aspect} | {len(runs)} | {spread(model)} | {spread(stacked)} | {floor[0]:.4f} ({name}) | "
              f"{floors[0]['train mean']:.4f} | {better} of {len(runs)} | {statistics.fmean(a):.2f}, {statistics.fmean(c):.2f} |")


if __name__ == "__main__":
    main()
