"""Rewards for SkyRL's generators: ``GeneratorOutput["rewards"]`` takes one number a token."""

from __future__ import annotations

from collections.abc import Sequence

from .._scoring import Scoring


def token_rewards(
    scorer: Scoring,
    prompts: Sequence[str],
    responses: Sequence[str],
    tokens: Sequence[Sequence[str]],
    placement: str = "end",
    aspect: str | None = None,
) -> list[list[float]]:
    """Rewards of all tokens of some responses, given the tokens' texts: see `gradus.Scorer.token_rewards`."""
    rows = zip(prompts, responses, tokens, strict=True)
    return [
        scorer.token_rewards(prompt, response, tokens=texts, placement=placement, aspect=aspect)
        for prompt, response, texts in rows
    ]
