"""Callbacks of `gradus.train` for trackers of experiments, through their own packages.

Each logs the loss, the learning rate and the norm of the gradient of every step, and of every validation its losses and
metrics, as numbers named ``train/loss`` or ``valid/mse``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .training import Callback

_STEP = ("loss", "learning_rate", "gradient_norm")
_VALID = {"valid_loss": "loss", "valid_mse": "mse", "objective": "objective"}


def numbers(event: str, values: Any) -> tuple[int, dict[str, float]] | None:
    """The step of an event and its numbers by name; nothing for an event without."""
    if event == "step":
        found = {f"train/{name}": values[name] for name in _STEP}
    elif event == "valid":
        found = {f"valid/{name}": values[key] for key, name in _VALID.items()}
        found |= {f"valid/{name}": value for name, value in values["metrics"].items()}
    else:
        return None
    return values["step"], {name: value for name, value in found.items() if value is not None}


def _each(log: Callable[[int, dict[str, float]], object]) -> Callback:
    def callback(event: str, values: Any) -> None:
        logged = numbers(event, values)
        if logged is not None:
            log(*logged)

    return callback


def wandb(run: Any) -> Callback:
    """Log to a run of Weights & Biases, ``wandb.init(…)``, or of trackio, ``trackio.init(…)``."""
    return _each(lambda step, found: run.log(found, step=step))


#: trackio's runs take what those of Weights & Biases take.
trackio = wandb


def mlflow() -> Callback:
    """Log to the active run of MLflow, ``mlflow.start_run()``."""
    import mlflow as package

    return _each(lambda step, found: package.log_metrics(found, step=step))


def tensorboard(writer: Any) -> Callback:
    """Log to a ``SummaryWriter`` of PyTorch or tensorboardX."""

    def log(step: int, found: dict[str, float]) -> None:
        for name, value in found.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return _each(log)
