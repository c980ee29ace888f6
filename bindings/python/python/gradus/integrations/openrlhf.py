"""A reward function for OpenRLHF (``--reward.remote_url …/gradus/integrations/openrlhf.py``).

The bundle comes from the environment: ``GRADUS_BUNDLE`` or ``GRADUS_URL``, ``GRADUS_ASPECT``. OpenRLHF puts the reward on
the last token of a response.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from gradus._errors import DataError
from gradus.integrations._shared import rewards, scoring


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], **_: object) -> dict[str, Any]:
    """Score the responses of queries, which are prompt and response in one text.

    Returns
    -------
    dict
        ``rewards``, ``scores`` (the same) and ``extra_logs`` with the number of responses without a score, whose reward
        is 0; tensors where PyTorch is installed.
    """
    responses = []
    for query, prompt in zip(queries, prompts, strict=True):
        if not query.startswith(prompt):
            raise DataError(f"query: found {query[:40]!r}, expected it to begin with its prompt, {prompt[:40]!r}")
        responses.append(query[len(prompt) :])
    scores = rewards(scoring(), list(prompts), responses, os.environ.get("GRADUS_ASPECT"))
    numbers = _tensor([0.0 if score is None else score for score in scores])
    unscored = _tensor([float(score is None) for score in scores])
    return {"rewards": numbers, "scores": numbers, "extra_logs": {"unscored": unscored}}


def _tensor(values: list[float]) -> Any:
    try:
        import torch
    except ImportError:
        return values
    return torch.tensor(values)
