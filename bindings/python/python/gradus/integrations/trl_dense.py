"""GRPO in TRL with an advantage for each token: every sentence is credited with its own score."""

from __future__ import annotations

from typing import Any

import torch
from trl import GRPOTrainer

from .._errors import GradusError
from .._scoring import Scoring
from ..advantages import process_advantages
from ._shared import text_of, token_scores
from .trl import reward_function


class DenseGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's ``GRPOTrainer`` with process supervision by a bundle.

    Parameters
    ----------
    scorer : gradus.Scorer or gradus.Client
        Scores the segments of the completions.
    aspect : str, optional
        Which aspect, for a bundle with several.
    *args, **kwargs
        As for ``GRPOTrainer``, without ``reward_funcs``: the response score is the reward that is logged, and
        `gradus.advantages.process_advantages` gives the advantages.
    """

    def __init__(self, *args: Any, scorer: Scoring, aspect: str | None = None, **kwargs: Any) -> None:
        self._scorer, self._aspect = scorer, aspect
        super().__init__(*args, reward_funcs=reward_function(scorer, aspect), **kwargs)

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        self._generated = prompts, completions, completion_ids_list
        return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        group = self.num_generations if self.model.training else self.num_generations_eval
        prompts, completions, ids = self._generated
        if len(prompts) % group:
            raise GradusError(
                f"found {len(prompts)} completions on a process, expected a multiple of num_generations, {group}: "
                "groups are normalized on one process"
            )
        rewards, ends = [], []
        for prompt, completion, tokens in zip(prompts, completions, ids, strict=True):
            texts = text_of(prompt), text_of(completion)
            scored = token_scores(self._scorer, self.processing_class, *texts, tokens, self._aspect)
            rewards.append(scored[0])
            ends.append(scored[1])
        dense = torch.zeros_like(output["completion_mask"], dtype=torch.float32)
        for row, values in enumerate(process_advantages(rewards, ends, group)):
            dense[row, : len(values)] = torch.tensor(values, device=dense.device)
        output["advantages"] = dense * output["completion_mask"]
        return output
