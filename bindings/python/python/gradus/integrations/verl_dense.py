"""Rewards for single tokens in verl, and advantages that keep them.

``reward.reward_manager.source=importlib``, ``name=TokenRewardManager`` and ``module.path`` of this file make verl load it,
which also registers the estimator ``algorithm.adv_estimator=gradus_process``. The bundle comes from the environment:
``GRADUS_BUNDLE`` or ``GRADUS_URL``, ``GRADUS_ASPECT``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

import torch
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase
from verl.trainer.ppo.core_algos import ADV_ESTIMATOR_REGISTRY, register_adv_est

from gradus.advantages import process_advantages
from gradus.integrations._shared import scoring, text_of, token_scores


class TokenRewardManager(RewardManagerBase):  # type: ignore[misc]
    """Gives the score of a segment to the token that ends it.

    The prompt is ``raw_prompt`` of the batch. ``reward_score`` is a list with one number a token, which
    `assemble_rm_scores` lays into the tensor of rewards; a path of verl that takes one number for a response refuses it.
    """

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, *_: object, **__: object) -> None:
        super().__init__(config, tokenizer, compute_score)
        self._scorer, self._aspect = scoring(), os.environ.get("GRADUS_ASPECT")

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Score the response of a batch of one."""
        item = data[-1:][0]
        responses = item.batch["responses"]
        count = int(item.batch["attention_mask"][-len(responses) :].sum())
        ids = responses[:count].tolist()
        prompt = text_of(list(item.non_tensor_batch["raw_prompt"]))
        response = self.tokenizer.decode(ids, skip_special_tokens=True)
        arguments = self._scorer, self.tokenizer, prompt, response, ids, self._aspect
        rewards, ends = await asyncio.to_thread(token_scores, *arguments)
        return {"reward_score": rewards, "reward_extra_info": {"scored_segments": sum(ends)}}

    @classmethod
    def assemble_rm_scores(cls, data: Any, scores: Sequence[Sequence[float]]) -> torch.Tensor:
        """The rewards of all tokens, shaped as ``responses``."""
        rewards = torch.zeros_like(data.batch["responses"], dtype=torch.float32)
        for row, of_tokens in enumerate(scores):
            rewards[row, : len(of_tokens)] = torch.tensor(of_tokens)
        return rewards


def process_advantage(
    token_level_rewards: torch.Tensor, response_mask: torch.Tensor, index: Any, **_: object
) -> tuple[torch.Tensor, torch.Tensor]:
    """GRPO with process supervision: `gradus.advantages.process_advantages` within the responses of each prompt.

    A segment ends at each token whose reward is not 0.
    """
    groups: dict[Any, list[int]] = {}
    for row, prompt in enumerate(index):
        groups.setdefault(prompt, []).append(row)
    rewards = (token_level_rewards * response_mask).tolist()
    advantages = torch.zeros_like(token_level_rewards)
    for rows in groups.values():
        given = [rewards[row] for row in rows]
        ends = [[float(reward != 0.0) for reward in row] for row in given]
        made = process_advantages(given, ends, len(rows))
        advantages[rows] = torch.tensor(made, dtype=advantages.dtype, device=advantages.device)
    advantages = advantages * response_mask
    return advantages, advantages


# verl runs a file that it loads by path anew each time.
if "gradus_process" not in ADV_ESTIMATOR_REGISTRY:
    register_adv_est("gradus_process")(process_advantage)
