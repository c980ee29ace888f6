"""A reward function for slime (``--custom-rm-path gradus.integrations.slime.reward``).

The bundle comes from the environment: ``GRADUS_BUNDLE`` or ``GRADUS_URL``, ``GRADUS_ASPECT``.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from ._shared import rewards, scoring, text_of


async def reward(args: Any, sample: Any, **_: object) -> Any:
    """Score a sample, or a list of them (``--group-rm``); 0 for a response without a score."""
    samples = sample if isinstance(sample, list) else [sample]
    prompts = [text_of(one.prompt) for one in samples]
    responses = [one.response for one in samples]
    scores = await asyncio.to_thread(rewards, scoring(), prompts, responses, os.environ.get("GRADUS_ASPECT"))
    numbers = [0.0 if score is None else score for score in scores]
    return numbers if isinstance(sample, list) else numbers[0]
