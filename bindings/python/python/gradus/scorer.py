"""A bundle in this process."""

from __future__ import annotations

import json
import os
from typing import Any

from . import _gradus
from ._bundles import local
from ._records import source
from ._scoring import Scoring


class Scorer(Scoring):
    """A trained bundle, loaded into this process.

    Parameters
    ----------
    path : str or path
        Directory of the bundle, or the URL of one: ``https://…``, ``file://…``, or any that `fsspec` opens, such as
        ``s3://…`` (see docs/python.md). Its files are fetched once into ``GRADUS_BUNDLE_CACHE``.
    device : str, optional
        A device as ``gradus devices`` names it. Default: the fastest there is.
    threads : int, optional
        CPU threads of this process. All scorers share them: give it to the first. Default: one per core.
    aggregation : str, optional
        How segment scores become a response score: mean, sum, min, max, product, last or softmin:TEMPERATURE.
        Default: as the bundle says.
    raw : bool
        Ignore the bundle's recalibration.
    stride : int or "none", optional
        Score responses longer than the model's input in windows that begin at multiples of this many tokens, or cut
        them at their end (``"none"``). Default: as the bundle was trained.
    cut_segments : {"drop", "score"}, optional
        What becomes of segments that do not fit completely. Default: as the bundle says.
    batch_tokens : int
        Padded tokens of a batch. Scores do not depend on it.
    precision : {"f32", "bf16", "f16", "int8"}, optional
        Number format of the encoder's matrix products. ``bf16`` is faster and moves scores slightly, ``int8`` is fastest
        and moves them more; ``f16`` is for GPUs without ``bf16``. What the device does not have is computed in
        ``f32``: :attr:`precision` says what it is. Default: ``int8`` for a bundle of ``gradus quantize``, otherwise
        ``f32``.
    offset : {"keep", "drop"}, optional
        For a bundle that was trained beside a trivial baseline (``training.offset``), or is stacked with one (as ``gradus
        train`` does by itself where ratings are few): whether the baseline is part of its scores. ``keep`` predicts
        ratings best; ``drop`` gives the scores of the model alone, as the training of a policy wants them. Default: keep.

    Notes
    -----
    Scores equal those of ``gradus score`` to the bit. Several threads may score at once: the interpreter lock is
    released while it computes. A pickle holds the path and the settings, and loads the bundle again.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        device: str | None = None,
        *,
        threads: int | None = None,
        aggregation: str | None = None,
        raw: bool = False,
        stride: int | str | None = None,
        cut_segments: str | None = None,
        batch_tokens: int = 4096,
        precision: str | None = None,
        offset: str | None = None,
    ) -> None:
        self._settings: dict[str, Any] = {
            "device": device,
            "threads": threads,
            "aggregation": aggregation,
            "raw": raw,
            "stride": stride,
            "cut_segments": cut_segments,
            "batch_tokens": batch_tokens,
            "precision": precision,
            "offset": offset,
        }
        self.path = os.fspath(path)
        self._inner = _gradus.Scorer(local(self.path), **self._settings)

    def score(self, records: Any) -> list[dict[str, Any]]:
        """Score records.

        Parameters
        ----------
        records : iterable of mappings, or a table
            Native records in any of the four shapes, without or with segments and ratings (which are not read). A table
            is a DataFrame of pandas or Polars, a ``Dataset`` of Hugging Face, or anything with Arrow's
            C interface; its columns are the keys of a record, and what is null is absent.

        Returns
        -------
        list of dict
            Each record as ``gradus score`` writes it: ``score`` in every segment and for the response, in rating units,
            ``None`` where there is none, beside the reason in ``unscored``. Segments also have ``low`` and ``high`` if the
            bundle has a prediction interval (``gradus interval``) that holds for such scores.

        Raises
        ------
        gradus.DataError
            Naming the first record that cannot be read, the field, what was found and what was expected.
        """
        return [json.loads(line) for line in self._inner.score(source(records))]

    def scores(self, records: Any) -> _gradus.Scores:
        """Score records into columns of Arrow.

        Parameters
        ----------
        records : iterable of mappings, or a table
            As for `score`. A table of Arrow is read where it lies.

        Returns
        -------
        gradus.Scores
            One row for each record, in their order, with the columns ``scored_segments`` (a list of structs of ``start``,
            ``end``, ``score`` and ``unscored``), ``score`` of the response and ``unscored``, the reason where there is
            none. A score is a float64 in rating units, or a struct of them by aspect where the bundle has several.
            ``pyarrow.table(…)``, ``polars.DataFrame(…)`` and every other reader of Arrow's C interface take it as it is.

        Raises
        ------
        gradus.DataError
            As `score`.
        """
        return self._inner.scores(source(records))

    @property
    def aspects(self) -> list[str]:
        """Names of the aspects, in the order of the scores."""
        return self._inner.aspects

    @property
    def precision(self) -> str:
        """The number format of the encoder's matrix products: what was asked for, or ``f32`` where there is no such."""
        return self._inner.precision

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest of the bundle."""
        manifest: dict[str, Any] = json.loads(self._inner.manifest)
        return manifest

    def __reduce__(self) -> tuple[Any, ...]:
        return (_load, (self.path, self._settings))

    def __repr__(self) -> str:
        return f"Scorer({self.path!r})"


def _load(path: str, settings: dict[str, Any]) -> Scorer:
    return Scorer(path, **settings)
