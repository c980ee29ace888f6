"""What can be asked of scores, wherever they are computed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from . import _gradus
from ._errors import DataError

#: A score: a number, numbers by aspect where the bundle has several, or nothing.
Score = float | dict[str, float | None] | None


class Scoring(ABC):
    """Scores of responses and their segments.

    Instances are callables with the signature of TRL's reward functions.
    """

    @abstractmethod
    def score(self, records: Any) -> list[dict[str, Any]]:
        """Score records; see the subclasses."""

    @property
    @abstractmethod
    def aspects(self) -> list[str]:
        """Names of the aspects, in the order of the scores."""

    def segments(
        self, prompt: str, response: str, *, context: str | None = None, spans: Sequence[tuple[int, int]] | None = None
    ) -> list[tuple[int, int, Score]]:
        """Score the segments of one response.

        Parameters
        ----------
        prompt, response : str
            What was asked, and the text to score.
        context : str, optional
            Text that the response should rely on.
        spans : sequence of (start, end), optional
            Its segments, in Unicode characters. Default: the bundle cuts the response.

        Returns
        -------
        list of (start, end, score)
            Half-open spans in Unicode characters (as Python counts them) and scores in rating units; ``None``
            for a segment that did not fit into the model's input.
        """
        (record,) = self.score([_record(prompt, response, context, spans)])
        return [(segment["start"], segment["end"], segment["score"]) for segment in record["segments"]]

    def response(self, prompt: str, response: str, *, context: str | None = None) -> Score:
        """Score a response as a whole: its segments' scores, aggregated. ``None`` if it has none."""
        (record,) = self.score([_record(prompt, response, context, None)])
        score: Score = record["score"]
        return score

    def token_rewards(
        self,
        prompt: str,
        response: str,
        *,
        offsets: Sequence[tuple[int, int]] | None = None,
        tokens: Sequence[str] | None = None,
        placement: str = "end",
        aspect: str | None = None,
        context: str | None = None,
    ) -> list[float]:
        """Give each token of a policy a reward.

        Parameters
        ----------
        prompt, response : str
            What was asked, and the text that the policy wrote, without special tokens.
        offsets : sequence of (start, end), optional
            The Unicode characters of each token of the policy's own tokenizer, as ``return_offsets_mapping`` gives them.
        tokens : sequence of str, optional
            The text of each token, in place of `offsets`.
        placement : {"end", "spread", "constant", "difference"}
            How a segment's score becomes numbers of its tokens. With ``end`` and ``spread`` they add up to the sum of
            the scores, with ``difference`` to the last score, with ``constant`` to score times tokens.
        aspect : str, optional
            Which aspect, for a bundle with several.
        context : str, optional
            Text that the response should rely on.

        Returns
        -------
        list of float
            One number for each token; 0 for a token of no segment, or of one without a score.
        """
        spans = self._spans(prompt, response, context, aspect)
        return _rewards(response, spans, offsets, tokens, placement)

    def token_scores(
        self,
        prompt: str,
        response: str,
        *,
        offsets: Sequence[tuple[int, int]] | None = None,
        tokens: Sequence[str] | None = None,
        aspect: str | None = None,
        context: str | None = None,
    ) -> tuple[list[float], list[float]]:
        """The scores of the segments that end at each token of a policy, and how many they are.

        The first list is that of `token_rewards` with the placement ``end``; the second tells a score of 0 from a token
        at which no segment ends. Both are what `gradus.advantages.process_advantages` takes.
        """
        spans = self._spans(prompt, response, context, aspect)
        ones = [(start, end, None if score is None else 1.0) for start, end, score in spans]
        return (
            _rewards(response, spans, offsets, tokens, "end"),
            _rewards(response, ones, offsets, tokens, "end"),
        )

    def _spans(
        self, prompt: str, response: str, context: str | None, aspect: str | None
    ) -> list[tuple[int, int, float | None]]:
        name = self.one_aspect(aspect)
        scored = self.segments(prompt, response, context=context)
        return [(start, end, _of_aspect(score, name)) for start, end, score in scored]

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **_: object) -> list[float | None]:
        """Score completions: a reward function as TRL calls it. See `gradus.integrations.trl` for its settings."""
        from .integrations.trl import reward_function

        return reward_function(self)(prompts, completions)

    def one_aspect(self, aspect: str | None) -> str | None:
        """The aspect that is meant: ``None`` if there is only one."""
        known = self.aspects
        if aspect is None and len(known) > 1:
            raise DataError(f"aspect: found none, expected one of {', '.join(known)}")
        if aspect is not None and aspect not in known:
            raise DataError(f"aspect: found {aspect!r}, expected one of {', '.join(known)}")
        return aspect if len(known) > 1 else None


def _rewards(
    response: str,
    spans: Sequence[tuple[int, int, float | None]],
    offsets: Sequence[tuple[int, int]] | None,
    tokens: Sequence[str] | None,
    placement: str,
) -> list[float]:
    pairs = None if offsets is None else [(int(start), int(end)) for start, end in offsets]
    return _gradus.token_rewards(response, spans, pairs, None if tokens is None else list(tokens), placement)


def _of_aspect(score: Score, aspect: str | None) -> float | None:
    if isinstance(score, dict):
        return score[aspect] if aspect is not None else None
    return score


def _record(
    prompt: str, response: str, context: str | None, spans: Sequence[tuple[int, int]] | None
) -> Mapping[str, Any]:
    record: dict[str, Any] = {"prompt": prompt, "response": response}
    if context is not None:
        record["context"] = context
    if spans is not None:
        record["segments"] = [{"start": int(start), "end": int(end)} for start, end in spans]
    return record
