"""A bundle behind ``gradus serve``."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

from ._errors import DataError, ServerError
from ._records import texts
from ._scoring import Scoring

_PER_REQUEST = 64
#: What a server answers whose queue is full, or that goes on loading its bundles.
_LATER = (429, 503)


class Client(Scoring):
    """Scores over HTTP, with the methods of `gradus.Scorer`.

    Parameters
    ----------
    url : str
        Where ``gradus serve`` listens, such as ``http://127.0.0.1:8080``.
    key : str, optional
        Its key. Default: the environment variable ``GRADUS_KEY``, if set.
    model : str, optional
        The name of a bundle there. Default: its first.
    timeout : float
        Seconds to wait for an answer. A server that is still loading its bundles, or whose queue is full, is asked again
        within this time, as often as it says itself (``Retry-After``).

    Raises
    ------
    gradus.ServerError
        By its methods: what the server answered instead of scores, or that there was no answer.
    """

    def __init__(self, url: str, *, key: str | None = None, model: str | None = None, timeout: float = 180.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise DataError(f"url: found {url!r}, expected one that begins with http:// or https://")
        self.url = url.rstrip("/")
        self.model = model
        self.timeout = timeout
        self._key = key if key is not None else os.environ.get("GRADUS_KEY")
        self._aspects: list[str] | None = None

    def score(self, records: Any) -> list[dict[str, Any]]:
        """Score records, as `gradus.Scorer.score` does; each answer holds what ``POST /v1/score`` gives."""
        scored: list[dict[str, Any]] = []
        chunk: list[str] = []
        for text in texts(records):
            chunk.append(text)
            if len(chunk) == _PER_REQUEST:
                scored += self._score(chunk)
                chunk = []
        return scored + (self._score(chunk) if chunk else [])

    def _score(self, chunk: list[str]) -> list[dict[str, Any]]:
        model = "" if self.model is None else f', "model": {json.dumps(self.model)}'
        answer = self._ask("/v1/score", f'{{"records": [{", ".join(chunk)}]{model}}}'.encode())
        records: list[dict[str, Any]] = answer["records"]
        for record in records:
            _flatten(record)
            for segment in record["segments"]:
                _flatten(segment)
        return records

    @property
    def aspects(self) -> list[str]:
        """Names of the aspects, in the order of the scores."""
        if self._aspects is None:
            models = self._ask("/info", None)["models"]
            known = [model for model in models if self.model in (None, model["name"])]
            if not known:
                raise DataError(f"model: found {self.model!r}, expected one of {[m['name'] for m in models]}")
            self._aspects = list(known[0]["aspects"])
        return self._aspects

    def _ask(self, route: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self.url + route, data=body, headers=headers)
        last = time.monotonic() + self.timeout
        while True:
            try:
                with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                wait = _seconds(error)
                if wait is None or time.monotonic() + wait > last:
                    raise ServerError(_message(error), error.code) from error
                time.sleep(wait)
            except urllib.error.URLError as error:
                raise ServerError(f"{self.url}: {error.reason}", 0) from error
            except OSError as error:
                raise ServerError(f"{self.url}: {error}", 0) from error


def _seconds(error: urllib.error.HTTPError) -> float | None:
    """When to ask again: nothing if that would not help."""
    if error.code not in _LATER:
        return None
    try:
        return max(0.0, float(error.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _flatten(scored: dict[str, Any]) -> None:
    """Scores by aspect under the key that ``gradus score`` uses."""
    if "scores" in scored:
        scored["score"] = scored.pop("scores")


def _message(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        return f"status {error.code}: {json.loads(text)['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return f"status {error.code}: {text[:200]}"
