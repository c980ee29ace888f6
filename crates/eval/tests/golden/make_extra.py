"""Reference values that metrics.json lacks, from NumPy, SciPy and scikit-learn.

usage: make_extra.py OUT.json      (numpy 2.4, scipy 1.17, scikit-learn 1.9 wrote the file beside it)

Everything is computed here in another way than in the Rust code: dense matrices instead of sparse
ones, loops over pairs instead of sorting, resamples written out instead of counted.
"""

import json
import sys
import warnings

import numpy as np
from scipy import stats
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import Ridge
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(11)
warnings.filterwarnings("ignore")


def concordance(p, t):
    if len(p) < 2 or p.std() == 0 or t.std() == 0:
        return None
    return 2 * np.cov(p, t, bias=True)[0, 1] / (p.var() + t.var() + (p.mean() - t.mean()) ** 2)


def pairwise(groups):
    right = pairs = 0
    for p, t in groups:
        for i in range(len(p)):
            for j in range(i):
                if t[i] != t[j]:
                    pairs += 1
                    agree = (p[i] - p[j]) * (t[i] - t[j])
                    right += 1 if agree > 0 else 0.5 if agree == 0 else 0
    return right / pairs if pairs else None


def all_metrics(groups, midpoint):
    """Every metric of the crate over groups of (predictions, targets)."""
    p = np.concatenate([np.asarray(g[0]) for g in groups])
    t = np.concatenate([np.asarray(g[1]) for g in groups])
    e = p - t
    varied = p.min() < p.max() and t.min() < t.max()
    positive, called = t > midpoint, p > midpoint
    sided = positive.any() and not positive.all()
    mse = (e * e).mean()
    return {
        "mse": mse,
        "rmse": mse**0.5,
        "mae": abs(e).mean(),
        "bias": e.mean(),
        "r2": 1 - mse / t.var() if t.min() < t.max() else None,
        "max_error": abs(e).max(),
        "pearson": stats.pearsonr(p, t)[0] if varied else None,
        "spearman": stats.spearmanr(p, t)[0] if varied else None,
        "kendall_tau_b": stats.kendalltau(p, t)[0] if varied else None,
        "concordance": concordance(p, t) if varied else None,
        "pairwise_accuracy": pairwise(groups),
        "auroc": roc_auc_score(positive, p) if sided else None,
        "auprc": average_precision_score(positive, p) if sided else None,
        "f1": f1_score(positive, called) if positive.any() or called.any() else None,
    }


def grouped_cases():
    """Cases with graded targets, ties, and groups of different size."""
    cases = []
    for name, groups, levels in [("graded", 12, 4), ("binary", 12, 1), ("continuous", 9, None)]:
        rows = []
        for _ in range(groups):
            n = int(rng.integers(1, 7))
            t = rng.normal(size=n) if levels is None else rng.integers(0, levels + 1, n) / levels
            rows.append((np.round(0.6 * t + rng.normal(0, 0.4, n), 1).tolist(), t.tolist()))
        cases.append({"name": name, "midpoint": 0.5, "groups": rows, "metrics": all_metrics(rows, 0.5)})
    return cases


def bootstrap_case(groups, midpoint):
    """Fixed resamples of the groups: every metric in each, and SciPy's intervals."""
    def statistic_of(metric):
        def statistic(index):
            value = all_metrics([groups[int(i)] for i in index], midpoint)[metric]
            return np.nan if value is None else value

        return statistic

    out = {"midpoint": midpoint, "groups": groups, "intervals": []}
    ids = (np.arange(len(groups)),)
    for metric in ["pearson", "mse", "kendall_tau_b", "auroc"]:
        for method in ["percentile", "BCa"]:
            found = stats.bootstrap(ids, statistic_of(metric), n_resamples=150, vectorized=False,
                                    method=method, confidence_level=0.9, rng=np.random.default_rng(3))
            jackknife = [all_metrics([g for k, g in enumerate(groups) if k != left], midpoint)[metric] for left in range(len(groups))]
            out["intervals"].append({
                "metric": metric, "method": method.lower(), "confidence": 0.9,
                "estimate": all_metrics(groups, midpoint)[metric],
                "replicates": found.bootstrap_distribution.tolist(), "jackknife": jackknife,
                "low": float(found.confidence_interval.low), "high": float(found.confidence_interval.high)})
    counts = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=40)
    out["resamples"] = [
        {"counts": c.tolist(), "metrics": all_metrics([g for g, k in zip(groups, c) for _ in range(k)], midpoint)} for c in counts]
    return out


def paired_cases():
    """Student's t and Wilcoxon's test in every branch of SciPy's `auto`."""
    cases = []

    def add(name, a, b):
        w, t = stats.wilcoxon(a, b), stats.ttest_rel(a, b)
        cases.append({"name": name, "a": np.asarray(a).tolist(), "b": np.asarray(b).tolist(), "t": float(t.statistic), "t_p": float(t.pvalue),
                      "wilcoxon": float(w.statistic), "wilcoxon_p": float(w.pvalue)})

    for n in (2, 5, 12, 13, 50, 51, 400):
        add(f"plain {n}", rng.normal(0.2, 1, n), rng.normal(0, 1, n))
    for n in (6, 13, 14, 50, 90):
        add(f"ties {n}", rng.integers(0, 4, n) + 0.0, rng.integers(0, 3, n) + 0.5)
        add(f"zeros {n}", np.r_[0.0, 1.0, rng.integers(0, 5, n - 2)], np.r_[0.0, 3.0, rng.integers(0, 4, n - 2)])
    add("zero without ties", [0.0, 1.0, 2.5, 4.0, 7.5], [0.0, 2.0, 0.5, 1.0, 3.5])
    add("far apart", rng.normal(9, 1, 30), rng.normal(0, 1, 30))
    return cases


def calibration_cases():
    cases = []
    x = np.round(rng.normal(0.5, 0.3, 60), 2)
    for name, s, r in [("rising", x, np.clip(x**2 + rng.normal(0, 0.2, 60), 0, 1)), ("falling", x, -x + rng.normal(0, 0.1, 60)),
                       ("graded", x, np.clip(np.round(4 * (x + rng.normal(0, 0.3, 60))) / 4, 0, 1))]:
        iso = IsotonicRegression(out_of_bounds="clip").fit(s, r)
        probes = np.r_[np.linspace(-0.5, 1.7, 45), s[:5]]
        slope = np.polyfit(s, r, 1)[0]
        line = np.polyfit(s, r, 1) if slope >= 0 else np.array([0.0, r.mean()])
        order = np.lexsort((r, s))
        bins, start = [], 0
        for b in range(1, 11):
            end = max(b * len(s) // 10, start)
            while start < end < len(s) and s[order[end - 1]] == s[order[end]]:
                end += 1
            if end > start:
                i = order[start:end]
                bins.append({"count": end - start, "mean_score": s[i].mean(), "mean_rating": r[i].mean()})
                start = end
        gaps = [abs(b["mean_score"] - b["mean_rating"]) for b in bins]
        cases.append({"name": name, "scores": s.tolist(), "ratings": r.tolist(), "probes": probes.tolist(), "isotonic": iso.predict(probes).tolist(),
                      "linear": np.polyval(line, probes).tolist(), "bins": bins,
                      "ece": sum(b["count"] * g for b, g in zip(bins, gaps)) / len(s), "mce": max(gaps)})
    return cases


BUCKETS = 1 << 14


def fnv1a(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


def words(text):
    return "".join(c if c.isalnum() else " " for c in text).lower().split()


def position_row(example, k):
    segments, text = example["segments"], example["segments"][k]["text"]
    n = len(segments)
    return [k / max(n - 1, 1), k, k == 0, k == n - 1, n, np.log1p(len(text)), len(text) / max(len(example["response"]), 1)]


def bag_row(example, k):
    tokens, prompt = words(example["segments"][k]["text"]), set(words(example["prompt"]))
    bag = np.zeros(BUCKETS)
    for gram in tokens + [f"{a} {b}" for a, b in zip(tokens, tokens[1:])]:
        bag[fnv1a(gram) % BUCKETS] += 1
    norm = np.linalg.norm(bag)
    return position_row(example, k) + [sum(w in prompt for w in tokens) / max(len(tokens), 1)], bag / norm if norm else bag


def baselines_case():
    vocabulary = "the river Nile flows north through Egypt and Sudan but it never froze in May été straße 42 km long".split()
    def text():
        return " ".join(rng.choice(vocabulary, int(rng.integers(2, 8)))) + "."
    def example():
        texts = [text() for _ in range(int(rng.integers(1, 5)))]
        rate = lambda k, s: round(0.1 * k + 0.5 * ("never" in s) + 0.2 * ("Nile" in s) + float(rng.normal(0, 0.1)), 3)
        return {"prompt": text(), "response": " ".join(texts),
                "segments": [{"text": s, "rating": None if rng.random() < 0.15 else rate(k, s)} for k, s in enumerate(texts)]}
    train, test = [example() for _ in range(40)], [example() for _ in range(6)]
    rated = [(e, k) for e in train for k, s in enumerate(e["segments"]) if s["rating"] is not None]
    y = np.array([e["segments"][k]["rating"] for e, k in rated])
    position = np.array([position_row(e, k) for e, k in rated], float)
    scaler = StandardScaler().fit(position)
    ridge = Ridge(alpha=1.0).fit(scaler.transform(position), y)
    of_test = lambda f: [[f(e, k) for k in range(len(e["segments"]))] for e in test]
    position_scores = of_test(lambda e, k: float(ridge.predict(scaler.transform(np.array([position_row(e, k)], float)))[0]))

    rows = [bag_row(e, k) for e, k in rated]
    dense, bags = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    held = np.array([fnv1a(e["prompt"]) % 5 == 0 for e, _ in rated])

    def fit(keep, penalty):
        scale = StandardScaler().fit(dense[keep])
        x = np.hstack([scale.transform(dense[keep]), bags[keep]])
        model = Ridge(alpha=penalty, solver="cholesky").fit(x, y[keep])
        return lambda d, b: model.predict(np.hstack([scale.transform(d), b]))

    errors = {p: float(((fit(~held, p)(dense[held], bags[held]) - y[held]) ** 2).sum()) for p in (1, 3, 10, 30, 100, 300, 1000)}
    penalty = min(errors, key=errors.get)
    model = fit(np.full(len(y), True), penalty)
    bag_scores = of_test(lambda e, k: float(model(np.array([bag_row(e, k)[0]], float), bag_row(e, k)[1][None])[0]))
    return {"train": train, "test": test, "train_mean": float(y.mean()), "position_length": position_scores, "penalty": penalty, "bag_of_words": bag_scores}


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.floating, float)):
        return None if np.isnan(value) else float(value)
    return int(value) if isinstance(value, (np.integer, np.bool_)) else value


grouped = grouped_cases()
out = {"grouped": grouped, "bootstrap": bootstrap_case(grouped[0]["groups"], 0.5), "paired": paired_cases(), "calibration": calibration_cases(), "baselines": baselines_case()}
with open(sys.argv[1], "w") as file:
    json.dump(plain(out), file, ensure_ascii=False, separators=(",", ":"))
    file.write("\n")
