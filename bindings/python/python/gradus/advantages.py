"""From rewards of segments to advantages of tokens, for training loops that keep them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence


def process_advantages(
    rewards: Sequence[Sequence[float]], ends: Sequence[Sequence[float]], group_size: int, epsilon: float = 1e-4
) -> list[list[float]]:
    """Advantages of GRPO with process supervision (DeepSeekMath, section 4.1.3).

    Within a group of completions of one prompt the scores of all segments are normalized by their mean and standard
    deviation; the advantage of a token is the sum of the normalized scores of the segments that end at it or later.

    Parameters
    ----------
    rewards : sequence of sequences of float
        For each completion one number a token: the scores of the segments that end there (placement ``end``), else 0.
    ends : sequence of sequences of float
        How many scored segments end at each token.
    group_size : int
        Completions of a prompt; they stand side by side.
    epsilon : float
        Added to the standard deviation.

    Returns
    -------
    list of list of float
        One number a token, shaped as `rewards`. A group with fewer than two scores has zeros.
    """
    if group_size < 1 or len(rewards) % group_size:
        raise ValueError(f"found {len(rewards)} completions, expected a multiple of the group's size, {group_size}")
    advantages: list[list[float]] = []
    for first in range(0, len(rewards), group_size):
        group = range(first, first + group_size)
        mean, deviation = _moments([rewards[i] for i in group], [ends[i] for i in group])
        for i in group:
            advantages.append(_to_go(rewards[i], ends[i], mean, deviation + epsilon if deviation > 0 else math.inf))
    return advantages


def _moments(rewards: Sequence[Sequence[float]], ends: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean and standard deviation (n - 1) of the scores; tokens that end several segments count as often."""
    pairs = [(r / n, n) for row, counts in zip(rewards, ends, strict=True) for r, n in zip(row, counts, strict=True) if n]
    total = sum(n for _, n in pairs)
    if total < 2:
        return 0.0, 0.0
    mean = sum(score * n for score, n in pairs) / total
    return mean, math.sqrt(sum(n * (score - mean) ** 2 for score, n in pairs) / (total - 1))


def _to_go(rewards: Sequence[float], ends: Sequence[float], mean: float, scale: float) -> list[float]:
    left, advantages = 0.0, []
    for reward, count in zip(reversed(rewards), reversed(ends), strict=True):
        left += (reward - count * mean) / scale
        advantages.append(left)
    return advantages[::-1]
