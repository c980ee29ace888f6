"""Reward functions for TRL's trainers (``reward_funcs``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._scoring import Scoring
from ._shared import rewards, text_of


def reward_function(scorer: Scoring, aspect: str | None = None) -> Callable[..., list[float | None]]:
    """Make a reward function.

    Parameters
    ----------
    scorer : gradus.Scorer or gradus.Client
        What scores the completions.
    aspect : str, optional
        Which aspect, for a bundle with several.

    Returns
    -------
    callable
        ``f(prompts, completions, **columns)``, which gives the score of each completion and ``None`` for one without a
        score (an empty one): TRL leaves it out. Prompts and completions may be texts or conversations; of a
        conversation the contents of all messages are read.
    """

    def gradus_reward(prompts: Sequence[Any], completions: Sequence[Any], **_: object) -> list[float | None]:
        return rewards(scorer, [text_of(p) for p in prompts], [text_of(c) for c in completions], aspect)

    return gradus_reward
