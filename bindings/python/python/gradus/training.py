"""Training: ``gradus train`` in a process of its own, with callbacks in this one."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import _child, _gradus

#: Called with the name of an event and its values.
Callback = Callable[[str, Any], None]

#: How the command line says where the bundle is.
_SAVED = re.compile(r"^bundle saved: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes
    ----------
    bundle : str
        Directory of the bundle, for `gradus.Scorer`.
    report : dict
        What ``gradus train --json`` prints: ``aspects``, ``counts``, ``num_parameters`` and ``history`` with every step,
        validation and epoch; losses are in target units.
    """

    bundle: str
    report: dict[str, Any] = field(repr=False)


def train(
    config: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    *,
    callbacks: Sequence[Callback] = (),
    overwrite: bool = False,
    resume: str | os.PathLike[str] | None = None,
    from_bundle: str | os.PathLike[str] | None = None,
    progress: bool = True,
    **settings: Any,
) -> Trained:
    """Train a reward model and save it as a bundle.

    Parameters
    ----------
    config : path or mapping, optional
        A run configuration: a TOML file, or its tables as dicts (docs/run-config.md lists every key).
    callbacks : sequence of callable
        Each is called as ``callback(event, values)`` with ``start``, ``resume``, ``step``, ``valid``, ``epoch``,
        ``checkpoint``, ``skip`` and ``note``; `gradus.callbacks` has some for trackers of experiments.
    overwrite : bool
        Replace an existing bundle, and discard the checkpoints of an unfinished run.
    resume : path, optional
        Go on from the checkpoints of an interrupted run.
    from_bundle : path, optional
        Train this bundle further: the key ``from`` of the configuration. ``old_test="test.jsonl"`` judges its old test
        data before and after.
    progress : bool
        Show a bar, if `tqdm` is installed.
    **settings
        Keys of the configuration, laid over `config`: ``train="train.jsonl", training={"epochs": 2}``.

    Returns
    -------
    Trained
        The bundle and the history.

    Raises
    ------
    gradus.DataError
        For settings or data that cannot be used, with the words of the command line.
    KeyboardInterrupt
        At Ctrl-C. A checkpoint is saved first; so it is when a callback raises. ``resume`` goes on from it.
    """
    everyone = [*callbacks, *_bar(progress)]

    def told(event: str, values: Any) -> None:
        for callback in everyone:
            callback(event, values)

    file = None if config is None or isinstance(config, Mapping) else os.fspath(config)
    given = dict(config) if isinstance(config, Mapping) else {}
    if from_bundle is not None:
        settings = {**settings, "from": from_bundle}
    laid = [json.dumps(one, default=os.fspath) for one in (given, settings)]
    with tempfile.TemporaryDirectory(prefix="gradus-") as directory:
        arguments = ["train", "--json"]
        if file is not None or given or settings or resume is None:
            path = Path(directory) / "run.toml"
            path.write_text(_gradus.run_config(file, laid), encoding="utf-8")
            arguments += ["--config", str(path)]
        if resume is not None:
            arguments += ["--resume", os.fspath(resume)]
        if overwrite:
            arguments.append("--overwrite")
        output, messages = _child.run(arguments, told)
    (bundle,) = _SAVED.findall(messages)
    return Trained(bundle, json.loads(output))


def _bar(wanted: bool) -> list[Callback]:
    """A bar of the steps."""
    if not wanted:
        return []
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return []
    bar = tqdm(unit="step", leave=False)

    def show(event: str, values: Any) -> None:
        if event == "start":
            bar.total = values["total_steps"]
        elif event == "step":
            bar.n = values["step"]
            bar.set_postfix(loss=f"{values['loss']:.4f}", refresh=False)
        elif event == "valid":
            bar.write(f"epoch {values['epoch']}: validation loss {values['valid_loss']:.4f}")
        bar.refresh()

    return [show]
