"""What all training loops need: texts of conversations, one number for a response, a scorer by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .._errors import GradusError
from .._scoring import Scoring


@lru_cache(maxsize=8)
def scoring(bundle: str | None = None, url: str | None = None) -> Scoring:
    """A scorer, loaded once for the process: of a bundle, or of a server; by default as the environment says."""
    bundle = bundle or (None if url else os.environ.get("GRADUS_BUNDLE"))
    url = url or (None if bundle else os.environ.get("GRADUS_URL"))
    if bundle:
        from ..scorer import Scorer

        return Scorer(bundle)
    if url:
        from ..client import Client

        return Client(url)
    raise GradusError("found no bundle, expected GRADUS_BUNDLE (a directory) or GRADUS_URL (of `gradus serve`) to be set")


def text_of(messages: Any) -> str:
    """A text as it is, or the contents of a conversation's messages with a blank line between them."""
    if isinstance(messages, str):
        return messages
    return "\n\n".join(_content(message) for message in messages)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def rewards(scorer: Scoring, prompts: list[str], responses: list[str], aspect: str | None) -> list[float | None]:
    """The score of each response; ``None`` where it has none."""
    name = scorer.one_aspect(aspect)
    records = [{"prompt": prompt, "response": response} for prompt, response in zip(prompts, responses, strict=True)]
    scores = [record["score"] for record in scorer.score(records)]
    return [score[name] if isinstance(score, dict) and name is not None else score for score in scores]


def token_scores(
    scorer: Scoring, tokenizer: Any, prompt: str, response: str, ids: list[int], aspect: str | None
) -> tuple[list[float], list[float]]:
    """The scores of the segments that end at each token of a policy, and how many; special tokens have none."""
    if not response.strip():
        return [0.0] * len(ids), [0.0] * len(ids)
    special = set(tokenizer.all_special_ids)
    texts = tokenizer.convert_ids_to_tokens(ids)
    tokens = ["" if token in special else text for token, text in zip(ids, texts, strict=True)]
    return scorer.token_scores(prompt, response, tokens=tokens, aspect=aspect)
