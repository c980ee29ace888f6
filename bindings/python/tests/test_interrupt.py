"""Ctrl-C while a Python process trains: it saves, stops, and goes on to the same weights."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

import gradus

TRAIN = """
import json, signal, sys, time, gradus
# Programs that a shell starts in the background begin with Ctrl-C switched off.
signal.signal(signal.SIGINT, signal.default_int_handler)
def callback(event, values):
    if event == "step" and values["step"] == 3:
        print("third step", flush=True)
        # Training goes on meanwhile, until the pipe of its events is full, which is before its end.
        time.sleep(600)
gradus.train(json.loads(sys.argv[1]), output=sys.argv[2], callbacks=[callback], progress=False)
"""


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_ctrl_c_saves_and_stops_and_resuming_gives_the_same_weights(tmp_path):
    file = tmp_path / "rated.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in gradus.generate(40, seed=3)))
    settings = {
        "train": str(file),
        "valid": str(file),
        "device": "cpu",
        "scratch": {"d_model": 8, "num_layers": 1, "num_heads": 2, "d_ff": 8},
        # Its events take several times what a pipe holds.
        "training": {"epochs": 20, "batch_size": 1, "learning_rate": 1e-3},
    }
    bundle = tmp_path / "stopped"
    arguments = [sys.executable, "-c", TRAIN, json.dumps(settings), str(bundle)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as training:
        timer = threading.Timer(300, training.kill)
        timer.start()
        try:
            assert training.stdout.readline() == "third step\n", training.communicate()[1]
            training.send_signal(signal.SIGINT)
            _, said = training.communicate()
        finally:
            timer.cancel()
            training.kill()
    # As every Python program that Ctrl-C ends.
    assert training.returncode == -signal.SIGINT
    assert said.rstrip().endswith("KeyboardInterrupt")
    saved = sorted(path.name for path in (tmp_path / "stopped.checkpoints").iterdir())
    assert any(name.startswith("step-") for name in saved), saved

    steps = []
    done = gradus.train(
        resume=str(bundle) + ".checkpoints",
        callbacks=[lambda event, values: steps.append((event, values))],
        progress=False,
    )
    (resumed,) = [values["step"] for event, values in steps if event == "resume"]
    assert 3 <= resumed < 800
    assert [values["step"] for event, values in steps if event == "step"] == list(range(resumed + 1, 801))
    whole = gradus.train(settings, output=str(tmp_path / "whole"), progress=False)
    weights = [open(os.path.join(place, "model.safetensors"), "rb").read() for place in (done.bundle, whole.bundle)]
    assert weights[0] == weights[1]
