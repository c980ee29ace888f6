"""Reference values of the benchmarks of process reward models, made with NumPy and scikit-learn.

    pip install numpy scikit-learn
    python make_process.py process.json

Everything is computed in another way than in the Rust code: every candidate threshold is tried in a
loop over solutions, F1 comes from scikit-learn, choices of best-of-N from argmax over dense lists.
"""

import json
import sys
import warnings

import numpy as np
from sklearn.metrics import f1_score

warnings.filterwarnings("ignore")
rng = np.random.default_rng(5)


def process_bench():
    def solutions(n):
        out = []
        for _ in range(n):
            steps = int(rng.integers(1, 8))
            wrong = None if rng.random() < 0.4 else int(rng.integers(0, steps))
            scores = rng.normal(1.0, 0.5, steps)
            if wrong is not None:
                scores[wrong] -= 1.0
            subset = ["gsm8k", "math", "omnimath"][int(rng.integers(0, 3))]
            out.append({"subset": subset, "scores": np.round(scores, 2).tolist(), "first_wrong": wrong})
        return out

    def judge(items, threshold):
        subsets = {}
        for name in sorted({s["subset"] for s in items}):
            hits = {True: [], False: []}
            for s in items:
                if s["subset"] == name:
                    below = [k for k, score in enumerate(s["scores"]) if score < threshold]
                    hits[s["first_wrong"] is not None].append((below[0] if below else None) == s["first_wrong"])
            error, correct = np.mean(hits[True]), np.mean(hits[False])
            f1 = 0.0 if error + correct == 0 else 2 * error * correct / (error + correct)
            subsets[name] = {"accuracy_erroneous": error, "accuracy_correct": correct, "f1": f1}
        return subsets, float(np.mean([s["f1"] for s in subsets.values()]))

    valid, test = solutions(60), solutions(80)
    ordered = sorted(score for s in valid for score in s["scores"])
    candidates = sorted({ordered[q * (len(ordered) - 1) // 50] for q in range(51)})
    figures = [judge(valid, c)[1] for c in candidates]
    best = int(np.argmax(figures))
    subsets, average = judge(test, candidates[best])
    return {"valid": valid, "test": test, "quantiles": 50, "threshold": candidates[best], "valid_f1": figures[best],
            "subsets": subsets, "average_f1": average}


def prm_bench():
    classes = {"redundency": "simplicity", "circular": "simplicity", "confidence": "soundness", "counterfactual": "soundness",
               "deception": "sensitivity"}
    samples = []
    for _ in range(60):
        steps = int(rng.integers(3, 9))
        wrong = rng.random(steps) < 0.3
        samples.append({"category": list(classes)[int(rng.integers(0, 5))], "wrong": wrong.tolist(),
                        "scores": np.round(rng.normal(0.7, 0.3, steps) - 0.4 * wrong, 3).tolist()})

    def figures(items):
        right = np.concatenate([~np.array(s["wrong"]) for s in items])
        called = np.concatenate([np.array(s["scores"]) >= 0.5 for s in items])
        f1, negative = f1_score(right, called), f1_score(~right, ~called)
        return {"f1": f1, "negative_f1": negative, "score": (f1 + negative) / 2}

    categories = {c: figures([s for s in samples if s["category"] == c]) for c in sorted(classes)}
    dimensions = {d: float(np.mean([categories[c]["score"] for c in classes if classes[c] == d])) for d in set(classes.values())}
    return {"samples": samples, "threshold": 0.5, "overall": figures(samples), "categories": categories, "dimensions": dimensions}


def best_of_n():
    rules = {"mean": np.mean, "sum": np.sum, "min": np.min, "max": np.max, "product": np.prod, "last": lambda x: x[-1]}
    groups = [[{"scores": np.round(rng.random(int(rng.integers(1, 6))), 3).tolist(), "value": float(rng.random() < 0.4)}
               for _ in range(int(rng.integers(2, 7)))] for _ in range(40)]
    selected = {name: float(np.mean([g[int(np.argmax([rule(c["scores"]) for c in g]))]["value"] for g in groups])) for name, rule in rules.items()}
    values = [[c["value"] for c in g] for g in groups]
    return {"groups": groups, "selected": selected, "random": float(np.mean([np.mean(v) for v in values])),
            "oracle": float(np.mean([np.max(v) for v in values]))}


def lowest_is_last():
    responses = [np.round(rng.random(int(rng.integers(1, 6))), 1).tolist() for _ in range(50)]
    long = [r for r in responses if len(r) > 1]
    return {"responses": responses, "count": len(long), "share": float(np.mean([min(r[:-1]) > r[-1] for r in long])),
            "by_chance": float(np.mean([1 / len(r) for r in long]))}


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return float(value) if isinstance(value, np.floating) else value


out = {"processbench": process_bench(), "prmbench": prm_bench(), "best_of_n": best_of_n(), "lowest_is_last": lowest_is_last()}
with open(sys.argv[1], "w") as file:
    json.dump(plain(out), file, separators=(",", ":"))
    file.write("\n")
