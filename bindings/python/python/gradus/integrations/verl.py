"""A reward function for verl (``reward.custom_reward_function.path`` and ``name: compute_score``).

Settings come through ``reward.custom_reward_function.reward_kwargs``: ``bundle`` or ``url``, ``aspect``, ``prompt_key``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradus._errors import DataError
from gradus.integrations._shared import rewards, scoring, text_of


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    bundle: str | None = None,
    url: str | None = None,
    aspect: str | None = None,
    prompt_key: str = "prompt",
    **_: object,
) -> dict[str, Any]:
    """Score a solution; the prompt is ``extra_info[prompt_key]``, a text or messages.

    Returns
    -------
    dict
        ``score``, and ``unscored``: 1.0 where the response has no score (an empty one) and ``score`` is 0 for that.
    """
    if not extra_info or prompt_key not in extra_info:
        raise DataError(f"extra_info: found no {prompt_key!r}, expected the prompt there (or another `prompt_key`)")
    (score,) = rewards(scoring(bundle, url), [text_of(extra_info[prompt_key])], [solution_str], aspect)
    return {"score": 0.0 if score is None else score, "unscored": float(score is None)}
