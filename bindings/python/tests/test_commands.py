"""Training and evaluation from Python, against the command line's own output."""

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import command

import gradus

TINY = {
    "scratch": {"d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 32},
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3},
    "device": "cpu",
}


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """Rated records, and a file of them."""
    path = tmp_path_factory.mktemp("rated") / "rated.jsonl"
    records = gradus.generate(60, seed=7)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return records, str(path)


@pytest.fixture(scope="module")
def trained(rated, tmp_path_factory):
    """A bundle that was trained here, and the events."""
    _, file = rated
    events = []
    output = str(tmp_path_factory.mktemp("trained") / "bundle")
    done = gradus.train(
        TINY, train=file, valid=file, output=output, callbacks=[lambda event, values: events.append((event, values))]
    )
    return done, events


def test_a_bundle_is_trained_further_and_judged_on_its_old_test_data(trained, rated, tmp_path):
    bundle = trained[0].bundle
    _, file = rated
    output = str(tmp_path / "next")
    done = gradus.train(
        from_bundle=bundle, train=file, valid=file, output=output, old_test=file, training={"epochs": 1}
    )
    (comparison,) = done.report["old_test"]
    assert [one["name"] for one in comparison["coverage"]] == ["before", "after"]
    assert f'from = "{bundle}"' in Path(output, "run.toml").read_text()
    with pytest.raises(gradus.DataError, match="model.head"):
        other = {"head": {"mlp": {"d_hidden": 4, "dropout": 0.0}}}
        gradus.train(from_bundle=bundle, train=file, valid=file, output=output + "-2", model=other)


def test_generated_records_are_those_of_the_command_line(rated, tmp_path):
    records, _ = rated
    done = command("data", "generate", "--examples", "60", "--seed", "7", "-o", str(tmp_path / "records.jsonl"))
    assert done.returncode == 0, done.stderr
    assert records == [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]


def test_training_gives_the_weights_of_the_command_line(trained, rated, tmp_path):
    done, _ = trained
    _, file = rated
    config = tmp_path / "run.toml"
    config.write_text(
        'device = "cpu"\n[scratch]\nd_model = 16\nnum_layers = 1\nnum_heads = 2\nd_ff = 32\n'
        "[training]\nepochs = 2\nbatch_size = 16\nlearning_rate = 1e-3\n"
    )
    arguments = ["--config", str(config), "--train", file, "--valid", file, "--output", str(tmp_path / "bundle")]
    by_command = command("train", *arguments)
    assert by_command.returncode == 0, by_command.stderr
    weights = [os.path.join(bundle, "model.safetensors") for bundle in (done.bundle, str(tmp_path / "bundle"))]
    first, second = (open(path, "rb").read() for path in weights)
    assert first == second


def test_callbacks_are_told_every_step_and_validation(trained):
    done, events = trained
    history = done.report["history"]
    assert [values for event, values in events if event == "step"] == history["steps"]
    assert [values for event, values in events if event == "valid"] == history["validations"]
    assert [values for event, values in events if event == "epoch"] == history["epochs"]
    assert len(history["steps"]) == 8
    assert events[0] == ("start", {"total_steps": 8, "epochs": 2})
    assert gradus.Scorer(done.bundle, "cpu").aspects == ["rating"]


class Enough(Exception):
    pass


@pytest.mark.parametrize("exception", [Enough, KeyboardInterrupt])
def test_an_exception_saves_a_checkpoint_and_resume_goes_on(trained, rated, tmp_path, exception):
    done, _ = trained
    _, file = rated
    output = tmp_path / "bundle"

    def stop(event, values):
        if event == "step" and values["step"] == 2:
            raise exception

    # So many epochs that it cannot have ended before the exception has reached it.
    long = {**TINY, "training": {**TINY["training"], "epochs": 4000}}
    with pytest.raises(exception):
        gradus.train(long, train=file, valid=file, output=str(output), callbacks=[stop])
    resumed = []

    def note(event, values):
        if event in ("resume", "step"):
            resumed.append((event, values))
            if event == "step":
                raise Enough

    with pytest.raises(Enough):
        gradus.train(resume=str(output) + ".checkpoints", callbacks=[note])
    assert resumed[0][0] == "resume"
    assert resumed[1][1]["step"] == resumed[0][1]["step"] + 1


def test_what_training_refuses_is_told(tmp_path, rated):
    _, file = rated
    with pytest.raises(gradus.DataError, match="unknown field `epoch`"):
        gradus.train(training={"epoch": 3})
    with pytest.raises(gradus.DataError, match="no training split given"):
        gradus.train(TINY)
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"prompt":"p","response":"a"}\n{"prompt":3,"response":"a"}\n')
    with pytest.raises(gradus.DataError, match="the number 3, expected a text") as raised:
        gradus.train(TINY, train=str(wrong), valid=file, output=str(tmp_path / "bundle"))
    assert (raised.value.path, raised.value.line, raised.value.field) == (str(wrong), 2, "prompt")
    assert not (tmp_path / "bundle").exists()


def test_settings_are_laid_over_each_other(rated, tmp_path):
    config = tmp_path / "run.toml"
    config.write_text('[training]\nepochs = 1\nbatch_size = 16\nloss = "huber:0.1"\n')
    laid = [{"training": {"epochs": 5, "loss": None}}, {"training": {"epochs": 6}}]
    text = gradus._gradus.run_config(config, [json.dumps(settings) for settings in laid])
    assert sorted(text.splitlines()) == ["[training]", "batch_size = 16", "epochs = 6"]
    # The functions lay settings over a mapping likewise.
    _, file = rated
    longer = {**TINY, "training": {**TINY["training"], "epochs": 3}}
    done = gradus.train(longer, train=file, valid=file, output=str(tmp_path / "bundle"), training={"epochs": 1})
    assert len(done.report["history"]["epochs"]) == 1


def test_an_evaluation_has_the_figures_of_the_command_line(trained, rated):
    done, _ = trained
    records, file = rated
    by_command = command("eval", done.bundle, file, "--json", "--resamples", "50", "--device", "cpu")
    assert by_command.returncode == 0, by_command.stderr
    evaluation = gradus.evaluate(done.bundle, file, resamples=50, device="cpu")
    assert evaluation == json.loads(by_command.stdout)
    of_records = gradus.evaluate(done.bundle, records, resamples=50, device="cpu")
    assert of_records["aspects"] == evaluation["aspects"]
    (rmse,) = [row for row in evaluation.rows() if (row["level"], row["metric"]) == ("segment", "rmse")]
    assert rmse["value"] == evaluation["aspects"][0]["segment"]["values"]["rmse"]
    assert rmse["low"] <= rmse["value"] <= rmse["high"]
    assert evaluation.to_arrow().to_pylist() == evaluation.rows()
    assert len(evaluation.to_pandas()) == len(evaluation.rows())
    assert "<!DOCTYPE html>" in evaluation.html[:100]
    assert evaluation._repr_html_().startswith("<iframe srcdoc=")


def test_the_other_commands_give_their_json(trained, rated, tmp_path):
    done, _ = trained
    records, file = rated
    bundle = str(tmp_path / "bundle")
    shutil.copytree(done.bundle, bundle)
    for ours, arguments in [
        (gradus.explain(bundle, file, top=3, device="cpu"), ["explain", bundle, file, "--top", "3"]),
        (gradus.audit(file, valid=file), ["data", "audit", file, "--valid", file]),
        (
            gradus.compare(f"a={bundle}", f"b={done.bundle}", data=file, resamples=100, device="cpu"),
            ["compare", f"a={bundle}", f"b={done.bundle}", file, "--resamples", "100"],
        ),
    ]:
        device = [] if arguments[0] == "data" else ["--device", "cpu"]
        by_command = command(*arguments, "--json", *device)
        assert by_command.returncode == 0, by_command.stderr
        assert ours == json.loads(by_command.stdout)
    before = gradus.Scorer(bundle, "cpu").score(records[:5])
    gradus.calibrate(bundle, file, kind="linear", device="cpu")
    assert gradus.Scorer(bundle, "cpu").score(records[:5]) != before
    assert gradus.Scorer(bundle, "cpu", raw=True).score(records[:5]) == before
    with pytest.raises(gradus.DataError, match="--tops"):
        gradus.explain(bundle, file, tops=3)


def test_what_cannot_be_done_is_told(trained, tmp_path):
    done, _ = trained
    with pytest.raises(gradus.GradusError, match="nothing.jsonl"):
        gradus.evaluate(done.bundle, str(tmp_path / "nothing.jsonl"))


def test_trackers_get_numbers_by_name(trained):
    _, events = trained
    logged = []

    class Run:
        def log(self, numbers, step):
            logged.append((step, numbers))

    log = gradus.callbacks.wandb(Run())
    for event, values in events:
        log(event, values)
    assert logged[0][0] == 1
    assert set(logged[0][1]) == {"train/loss", "train/learning_rate", "train/gradient_norm"}
    (last,) = [numbers for step, numbers in logged if step == 8 and "valid/loss" in numbers]
    assert last["valid/mse"] == -last["valid/objective"]
