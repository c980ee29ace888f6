"""The callbacks of `gradus.train` against the real trackers, offline."""

import json
import math

import pytest

import gradus

TINY = {
    "scratch": {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 32},
    "training": {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3},
    "device": "cpu",
}


def trained(place, callback):
    """Trains with the callback, and gives the losses of the steps."""
    records = place / "records.jsonl"
    if not records.exists():
        records.write_text("".join(json.dumps(record) + "\n" for record in gradus.generate(60)))
    output = str(place / "bundle")
    done = gradus.train(TINY, train=str(records), valid=str(records), output=output, callbacks=[callback], overwrite=True)
    return [step["loss"] for step in done.report["history"]["steps"]]


def test_tensorboard(tmp_path):
    torch_board = pytest.importorskip("torch.utils.tensorboard")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with torch_board.SummaryWriter(str(tmp_path / "log")) as writer:
        losses = trained(tmp_path, gradus.callbacks.tensorboard(writer))
    read = accumulator.EventAccumulator(str(tmp_path / "log"))
    read.Reload()
    logged = read.Scalars("train/loss")
    assert [one.step for one in logged] == list(range(1, len(losses) + 1))
    assert [one.value for one in logged] == pytest.approx(losses, rel=1e-6)
    assert math.isfinite(read.Scalars("valid/mse")[0].value)


def test_weights_and_biases(tmp_path):
    wandb = pytest.importorskip("wandb")
    run = wandb.init(mode="offline", dir=str(tmp_path), project="gradus")
    losses = trained(tmp_path, gradus.callbacks.wandb(run))
    # The numbers of a step count once the next step begins.
    run.log({"end": 1}, step=len(losses) + 1)
    assert run.summary["train/loss"] == losses[-1]
    assert math.isfinite(run.summary["valid/mse"])
    run.finish()


def test_mlflow(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    with mlflow.start_run() as run:
        losses = trained(tmp_path, gradus.callbacks.mlflow())
    logged = mlflow.MlflowClient().get_metric_history(run.info.run_id, "train/loss")
    assert [one.value for one in sorted(logged, key=lambda one: one.step)] == losses


def test_trackio(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    trackio = pytest.importorskip("trackio")
    run = trackio.init(project="gradus", name="run", embed=False)
    losses = trained(tmp_path, gradus.callbacks.trackio(run))
    trackio.finish()
    storage = pytest.importorskip("trackio.sqlite_storage").SQLiteStorage
    logged = [one["train/loss"] for one in storage.get_logs("gradus", "run") if "train/loss" in one]
    assert logged == pytest.approx(losses)
