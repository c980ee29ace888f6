"""Rewards for slime, and advantages with a value for each token.

A number for a response: ``--custom-rm-path gradus.integrations.slime.reward``. A number for each token needs two more:

``--custom-reward-post-process-path gradus.integrations.slime.post_process_rewards``
``--custom-advantage-function-path gradus.integrations.slime.advantages``

The bundle comes from the environment: ``GRADUS_BUNDLE`` or ``GRADUS_URL``, ``GRADUS_ASPECT``.
"""

from __future__ import annotations

import asyncio
import os
from functools import lru_cache
from typing import Any

from .._errors import GradusError
from ..advantages import process_advantages
from ._shared import rewards, scoring, text_of, token_scores


async def reward(args: Any, sample: Any, **_: object) -> Any:
    """Score a sample, or a list of them (``--group-rm``); 0 for a response without a score."""
    samples = sample if isinstance(sample, list) else [sample]
    prompts = [text_of(one.prompt) for one in samples]
    responses = [one.response for one in samples]
    scores = await asyncio.to_thread(rewards, scoring(), prompts, responses, os.environ.get("GRADUS_ASPECT"))
    numbers = [0.0 if score is None else score for score in scores]
    return numbers if isinstance(sample, list) else numbers[0]


def post_process_rewards(args: Any, samples: list[Any]) -> tuple[list[float], list[Any]]:
    """The rewards as they are, and for each sample the advantages of its tokens: those of
    `gradus.advantages.process_advantages` within the samples of a prompt, which no other process of slime has together.
    """
    import torch

    tokenizer, aspect = _tokenizer(args.hf_checkpoint), os.environ.get("GRADUS_ASPECT")
    groups: dict[Any, list[int]] = {}
    scored = []
    for row, sample in enumerate(samples):
        group = sample.index // args.n_samples_per_prompt if sample.group_index is None else sample.group_index
        groups.setdefault(group, []).append(row)
        ids = list(sample.tokens[len(sample.tokens) - sample.response_length :])
        # `sample.response` may spell special tokens.
        response = tokenizer.decode(ids, skip_special_tokens=True)
        scored.append(token_scores(scoring(), tokenizer, text_of(sample.prompt), response, ids, aspect))
    dense: list[Any] = [None] * len(samples)
    for rows in groups.values():
        made = process_advantages([scored[row][0] for row in rows], [scored[row][1] for row in rows], len(rows))
        for row, values in zip(rows, made, strict=True):
            dense[row] = torch.tensor(values)
    return [sample.get_reward_value(args) for sample in samples], dense


def advantages(args: Any, rollout_data: dict[str, Any]) -> None:
    """Fill ``advantages`` and ``returns`` with what `post_process_rewards` has left in ``rewards``."""
    from slime.backends.megatron_utils.cp_utils import slice_log_prob_with_cp

    dense = []
    places = (rollout_data[key] for key in ("rewards", "kl", "total_lengths", "response_lengths"))
    for values, kl, total, length in zip(*places, strict=True):
        if getattr(values, "shape", None) != (length,):
            raise GradusError(
                "rewards: found one number for a response, expected one for each token: set "
                "--custom-reward-post-process-path gradus.integrations.slime.post_process_rewards"
            )
        # With context parallelism a process has a part of the tokens only, as `kl` has.
        dense.append(slice_log_prob_with_cp(values, total, length).to(device=kl.device, dtype=kl.dtype))
    rollout_data["advantages"], rollout_data["returns"] = dense, [values.clone() for values in dense]


@lru_cache(maxsize=1)
def _tokenizer(checkpoint: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=True)
