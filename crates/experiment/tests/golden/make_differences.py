#!/usr/bin/env python3
"""Reference values of `paired_difference`, with NumPy and SciPy, from their definitions.

usage: make_differences.py > differences.json      (numpy 2, scipy 1.15 or newer)

Each case has the errors of two settings: for every seed and response, a squared error. The metric is their mean, whose
leave-one-out values the test computes itself. `one_seed` is SciPy's paired t-test over responses, `same_responses` its
t-test over seeds, and `both` the two-way analysis of variance with the degrees of freedom of Satterthwaite.
"""
import json

import numpy as np
from scipy import stats


def two_way(d, confidence=0.95):
    k, n = d.shape
    seeds, responses = d.mean(1), d.mean(0)
    rest = d - seeds[:, None] - responses[None, :] + d.mean()
    parts = [
        (responses.var(ddof=1) / n, n - 1),
        (seeds.var(ddof=1) / k, k - 1),
        ((rest**2).sum() / ((k - 1) * (n - 1)) / (k * n), (k - 1) * (n - 1)),
    ]
    variance = max(parts[0][0] + parts[1][0] - parts[2][0], parts[0][0], parts[1][0])
    degrees = max(variance**2 / sum(v * v / f for v, f in parts), 1.0)
    reach = stats.t.ppf(0.5 + confidence / 2, degrees) * variance**0.5
    p = 2 * stats.t.sf(abs(d.mean()) / variance**0.5, degrees)
    return {"estimate": d.mean(), "low": d.mean() - reach, "high": d.mean() + reach, "degrees": degrees, "p": p}


def main():
    random = np.random.default_rng(7)
    cases = []

    def case(name, one, other, expected):
        cases.append({"name": name, "one": one.tolist(), "other": other.tolist(), "expected": expected})

    one, other = random.gamma(2, 0.1, (1, 12)), random.gamma(2, 0.12, (1, 12))
    test = stats.ttest_rel(one[0], other[0])
    low, high = test.confidence_interval(0.95)
    case("one_seed", one, other, {"estimate": (one - other).mean(), "low": low, "high": high, "degrees": test.df, "p": test.pvalue})
    base = random.gamma(2, 0.1, (1, 9))
    one, other = base + random.normal(0, 0.02, (5, 1)), base + random.normal(0.02, 0.02, (5, 1))
    test = stats.ttest_rel(one.mean(1), other.mean(1))
    low, high = test.confidence_interval(0.95)
    case("same_responses", one, other, {"estimate": (one - other).mean(), "low": low, "high": high, "degrees": test.df, "p": test.pvalue})
    for k, n in ((3, 15), (5, 40)):
        effect = random.normal(0, 0.05, (k, 1)) + random.normal(0.03, 0.08, (1, n))
        one = random.gamma(2, 0.1, (k, n))
        case(f"both_{k}_{n}", one, one - effect - random.normal(0, 0.05, (k, n)), None)
        d = np.array(cases[-1]["one"]) - np.array(cases[-1]["other"])
        cases[-1]["expected"] = two_way(d)
    print(json.dumps(cases, default=float))


main()
