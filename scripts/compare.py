"""The comparison behind compare_pytorch.sh, which describes it."""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reference_data import lines, pieces

HERE = Path(__file__).resolve().parent
GRADUS = os.environ["GRADUS"]
DEFAULT = ("speed", "memory", "start")
PARTS = (*DEFAULT, "steps", "scorers", "accuracy", "threads", "score", "train")
PRECISIONS = ("f32", "bf16", "int8")
THEIRS = {  # what a scorer of cpu_scorers.py needs to be installed
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "zentorch": "zentorch",
    "openvino-bf16": "openvino",
    "pytorch-bf16": "torch",
    "zentorch-bf16": "zentorch",
    "onnxruntime-int8": "onnxruntime",
    "torchao-int8": "torchao",
    "openvino-int8": "nncf",
    "openvino-int8-bf16": "nncf",
}

def arguments():
    p = argparse.ArgumentParser(prog="compare_pytorch.sh")
    p.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} [default: {', '.join(DEFAULT)}]")
    p.add_argument("--model", required=True, help="Hugging Face directory of a BERT encoder")
    p.add_argument("--data", action="append", default=[], help="records to score; may be given again")
    p.add_argument("--train", help="records to train on")
    p.add_argument("--valid", help="records to validate on")
    p.add_argument("--aspect", help="the rating to learn, and the one that accuracy compares with")
    p.add_argument("--bundle", help="accuracy: a trained bundle with a linear head")
    p.add_argument("--calibrate", help="records for OpenVINO's quantization")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--batch-size", type=int, default=16, help="rows of a batch of full rows")
    p.add_argument("--length", type=int, default=256, help="tokens of a full row")
    p.add_argument("--rounds", type=int, default=3, help="how often the programs take turns")
    p.add_argument("--repetitions", type=int, default=7, help="repetitions inside a measurement of full rows")
    found = p.parse_args()
    found.parts = found.parts or list(DEFAULT)
    strange = [part for part in found.parts if part not in PARTS]
    if strange:
        p.error(f"found part {strange[0]}, expected some of: {', '.join(PARTS)}")
    if "score" in found.parts and not found.data:
        p.error("score needs --data")
    if "accuracy" in found.parts and not (found.data and found.bundle):
        p.error("accuracy needs --bundle and --data")
    if "train" in found.parts and not (found.train and found.valid):
        p.error("train needs --train and --valid")
    return found


a = arguments()
SHAPE = ("--length", str(a.length), "--batch-size", str(a.batch_size))


class Run:
    """Runs a program: wall-clock seconds, peak memory in bytes, standard output."""

    def __init__(self, command, **more):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            environment = {**os.environ, "RAYON_NUM_THREADS": str(a.threads), **more}
            started = time.perf_counter()
            child = subprocess.Popen(list(map(str, command)), stdout=out, stderr=errors, env=environment)
            _, status, usage = os.wait4(child.pid, 0)
            self.seconds = time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(status)
            self.peak = usage.ru_maxrss * 1024
            out.seek(0)
            self.out = out.read().decode()
            if child.returncode:
                errors.seek(0)
                sys.exit(f"{' '.join(map(str, command))}\n{errors.read().decode()}")

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


def gradus(*arguments):
    return Run([GRADUS, *arguments])


def python(script, *arguments, program=sys.executable, model=None, **more):
    return Run([program, HERE / script, *arguments, "--model", model or a.model, "--threads", a.threads], **more)


def take_turns(programs, rounds=None):
    """Runs several programs alternately and returns their results."""
    found = {name: [] for name in programs}
    for turn in range(rounds or a.rounds):
        for name, program in programs.items():
            print(f"turn {turn + 1}: {name}", file=sys.stderr, flush=True)
            found[name].append(program())
    return found


ROWS = []


def row(work, unit, ours, name, theirs, target, less_is_better):
    """A line of the table: medians, and the factor by which ours is better. `target` is a factor too."""
    ours, theirs = ([statistics.median(v), min(v), max(v)] for v in (ours, theirs))
    ratio = theirs[0] / ours[0] if less_is_better else ours[0] / theirs[0]
    number = lambda v: f"{v:,.0f}" if v >= 100 else f"{v:.2f}"
    cell = lambda v: f"{number(v[0])} ({number(v[1])}..{number(v[2])})"
    ROWS.append(f"| {work} | {unit} | {cell(ours)} | {name} {cell(theirs)} | {ratio:.2f} | {target} |")
    print(ROWS[-1], file=sys.stderr, flush=True)


def rates(runs):
    return [run["tokens_per_second"]["median"] for run in runs]


def bench(mode, *more):
    run = gradus("bench", "--encoder", a.model, "--mode", mode, *SHAPE, "--repetitions", a.repetitions, "--json", *more)
    return json.loads(run.out)["rows"][0]


def torch_speed(mode, dropout="--no-attn-dropout", bf16=False, **more):
    settings = ("--repetitions", a.repetitions, dropout, *(["--bf16"] if bf16 else []))
    run = python("pytorch_reference.py", "speed", "--mode", mode, *SHAPE, *settings, **more)
    return run.json_lines()[0]


def their_speed(scorer, work):
    files = ("--files", work.exports(), *SHAPE, "--repetitions", a.repetitions)
    return python("cpu_scorers.py", "speed", scorer, *files, program=program_of(scorer)).json_lines()[0]


def part_speed(work):
    torches = {"PyTorch": {}}
    if fast := work.fast_mkl():
        torches["PyTorch, MKL's AVX-512 products"] = dict(LD_PRELOAD=str(fast))
    programs = {"gradus": lambda: bench("score"), "ONNX Runtime": lambda: their_speed("onnxruntime", work)}
    programs |= {name: lambda more=more: torch_speed("score", **more) for name, more in torches.items()}
    score = take_turns(programs)
    ours = rates(score["gradus"])
    for name in (*torches, "ONNX Runtime"):
        row(f"scoring, {a.batch_size}×{a.length} full rows", "tokens/s", ours, name, rates(score[name]), "≥ 1.0", False)
    for label, ours, theirs in (
        ("hidden dropout 0.1", ("--hidden-dropout", 0.1), "--no-attn-dropout"),
        ("no dropout", (), "--no-dropout"),
    ):
        turns = {"gradus": lambda: bench("train", *ours)}
        turns |= {name: lambda more=more: torch_speed("train", theirs, **more) for name, more in torches.items()}
        train = take_turns(turns)
        for name in torches:
            found = rates(train["gradus"]), name, rates(train[name])
            row(f"training step, {a.batch_size}×{a.length}, {label}", "tokens/s", *found, "≥ 1.0", False)


def part_steps(work):
    fast = work.fast_mkl()
    more = dict(LD_PRELOAD=str(fast)) if fast else {}
    programs = {f"gradus {name}": lambda name=name: bench("train", "--precision", name) for name in ("f32", "bf16")}
    programs["PyTorch f32"] = lambda: torch_speed("train", "--no-dropout", **more)
    programs["PyTorch bf16 (autocast)"] = lambda: torch_speed("train", "--no-dropout", bf16=True, **more)
    found = {name: rates(runs) for name, runs in take_turns(programs).items()}
    work = f"training step, {a.batch_size}×{a.length}, no dropout"
    for ours, theirs in (("f32", "f32"), ("bf16", "bf16 (autocast)"), ("bf16", "f32")):
        theirs = f"PyTorch {theirs}"
        row(f"{work}, {ours}", "tokens/s", found[f"gradus {ours}"], theirs, found[theirs], "≥ 1.0", False)
    row(f"{work}, bf16", "tokens/s", found["gradus bf16"], "gradus f32", found["gradus f32"], "", False)


def program_of(scorer):
    """The interpreter that has a scorer, or None. zentorch is built for one version of PyTorch, so it has its own."""
    zentorch = scorer.startswith("zentorch")
    program = os.environ.get("ZENTORCH_PYTHON") if zentorch else sys.executable
    calibrated = not scorer.startswith("openvino-int8") or a.calibrate
    has = program and not subprocess.run([program, "-c", f"import {THEIRS[scorer]}"], capture_output=True).returncode
    return program if has and calibrated else None


def their_scorers():
    here = [scorer for scorer in THEIRS if program_of(scorer)]
    if left := [scorer for scorer in THEIRS if scorer not in here]:
        print(f"left out, not installed or without --calibrate or ZENTORCH_PYTHON: {', '.join(left)}", file=sys.stderr)
    return here


def part_scorers(work):
    """Full rows in every precision, ours and theirs."""
    programs = {f"gradus {p}": lambda p=p: bench("score", "--precision", p) for p in PRECISIONS}
    programs |= {scorer: lambda scorer=scorer: their_speed(scorer, work) for scorer in their_scorers()}
    found = {name: rates(runs) for name, runs in take_turns(programs).items()}
    ours = [f"gradus {p}" for p in PRECISIONS]
    print(f"\n| scoring, {a.batch_size}×{a.length} full rows | tokens/s | " + " | ".join(f"{name} / it" for name in ours) + " |")
    print("|---" * (2 + len(ours)) + "|")
    for name, values in found.items():
        turns = [[x / y for x, y in zip(found[our], values)] for our in ours]
        cells = [f"{statistics.median(v):.2f} ({min(v):.2f} to {max(v):.2f})" for v in turns]
        low, high = min(values), max(values)
        print(f"| {name} | {statistics.median(values):,.0f} ({low:,.0f} to {high:,.0f}) | " + " | ".join(cells) + " |")


def our_scores(work, precision, data):
    path = work.path(f"{precision}.jsonl")
    gradus("score", a.bundle, data, "--precision", precision, "-o", path)
    aspect = lambda score: score[a.aspect] if isinstance(score, dict) else score
    found = {}
    for line in map(json.loads, lines(str(path))):
        for k, segment in enumerate(line["segments"]):
            if segment.get("score") is not None:
                found[line["id"], k] = aspect(segment["score"])
    return found


def their_scores(work, scorer, data, exports, model):
    path = work.path("theirs.jsonl")
    files = ("--files", exports, "--data", data, "--output", path)
    python("cpu_scorers.py", "score", scorer, *files, program=program_of(scorer), model=model)
    rows = map(json.loads, lines(str(path)))
    return {(row["id"], int(k)): score for row in rows for k, score in row["scores"].items()}


def accuracy_row(name, scores, exact, ratings):
    both = [key for key in exact if key in scores]
    pairs = [(scores[key], exact[key]) for key in both]
    gaps = [abs(x - y) for x, y in pairs]
    rated = [(scores[key] - ratings[key]) ** 2 - (exact[key] - ratings[key]) ** 2 for key in both if key in ratings]
    spread = 1.96 * statistics.stdev(rated) / math.sqrt(len(rated))
    r = statistics.correlation(*zip(*pairs))
    print(
        f"| {name} | {len(both):,} | {max(gaps):.4f} | {statistics.mean(gaps):.5f} | {r:.5f} "
        f"| {1e3 * statistics.mean(rated):+.3f} ± {1e3 * spread:.3f} |"
    )


def part_accuracy(work):
    """Scores of a trained bundle in fewer bits beside those in f32 of the same family of programs."""
    model = work.path("exported")
    gradus("export", a.bundle, model)
    exports = work.exports(model)
    print("\n| against f32 | segments | max abs | mean abs | Pearson | change of the MSE, 10⁻³ |\n|---|---|---|---|---|---|")
    for data in a.data:
        ratings = {}
        for record in map(json.loads, lines(data)):
            found = [rating for _, rating, is_segment in pieces(record, a.aspect)[1] if is_segment]
            ratings |= {(record["id"], k): rating for k, rating in enumerate(found) if rating is not None}
        exact = our_scores(work, "f32", data)
        for precision in PRECISIONS[1:]:
            accuracy_row(f"gradus {precision}", our_scores(work, precision, data), exact, ratings)
        exact = their_scores(work, "onnxruntime", data, exports, model)
        for scorer in their_scorers():
            if "bf16" in scorer or "int8" in scorer:
                accuracy_row(scorer, their_scores(work, scorer, data, exports, model), exact, ratings)


def part_memory(work):
    gigabytes = lambda runs: [run["peak_memory"] / 1e9 for run in runs]
    turns = {"gradus": lambda: bench("train"), "PyTorch": lambda: torch_speed("train", "--no-dropout")}
    train = take_turns(turns, 1)
    ours, theirs = gigabytes(train["gradus"]), gigabytes(train["PyTorch"])
    row(f"peak memory, training {a.batch_size}×{a.length}", "GB", ours, "PyTorch", theirs, "≥ 1.67 (≤ 0.6)", True)
    score = take_turns({"gradus": lambda: bench("score"), "ONNX Runtime": lambda: their_speed("onnxruntime", work)}, 1)
    ours, theirs = gigabytes(score["gradus"]), gigabytes(score["ONNX Runtime"])
    row(f"peak memory, scoring {a.batch_size}×{a.length}", "GB", ours, "ONNX Runtime", theirs, "≥ 1.0", True)


def part_start(work):
    record = work.path("one.jsonl")
    record.write_text(json.dumps(dict(prompt="What is 2 + 2?", segments=["It is 4.", " Or 5."], ratings=[1, 0])) + "\n")
    found = take_turns(scorers(work, record, ("gradus", "PyTorch")))
    seconds = {name: [run.seconds for run in runs] for name, runs in found.items()}
    row("one record, start to exit", "s", seconds["gradus"], "PyTorch", seconds["PyTorch"], "(≤ 0.5 s)", True)


def scorers(work, data, names):
    """Scoring a file, from process start to exit."""
    bundle, exports = work.bundle(), work.exports() if "ONNX Runtime" in names else None
    files = ("--data", data, "--output", work.path("scores.jsonl"))
    programs = {
        "gradus": lambda: gradus("score", bundle, data, "-o", work.path("scored.jsonl")),
        "PyTorch": lambda: python("pytorch_reference.py", "score", "--bucket", *files),
        "ONNX Runtime": lambda: python("cpu_scorers.py", "score", "onnxruntime", "--files", exports, *files),
    }
    return {name: programs[name] for name in names}


def part_score(work):
    names = ("gradus", "PyTorch", "ONNX Runtime")
    totals = {name: [0.0] * a.rounds for name in names}
    peaks = dict.fromkeys(names, 0)
    for data in a.data:
        found = take_turns(scorers(work, data, names))
        seconds = {name: [run.seconds for run in runs] for name, runs in found.items()}
        for name, target in (("PyTorch", "≥ 1.5"), ("ONNX Runtime", "≥ 1.0")):
            label = f"JSONL to JSONL, {Path(data).parent.name}/{Path(data).name}"
            row(label, "s", seconds["gradus"], name, seconds[name], target, True)
        for name in names:
            totals[name] = [sum(pair) for pair in zip(totals[name], seconds[name])]
            peaks[name] = max(peaks[name], *(run.peak for run in found[name]))
    for name, target in (("PyTorch", "≥ 1.5"), ("ONNX Runtime", "≥ 1.0")):
        row("JSONL to JSONL, all of them", "s", totals["gradus"], name, totals[name], target, True)
        row("their peak memory", "GB", [peaks["gradus"] / 1e9], name, [peaks[name] / 1e9], "≥ 1.0", True)


def part_train(work):
    aspect = ("--aspects", a.aspect) if a.aspect else ()
    shape = ("--epochs", 1, "--batch-size", 16, "--max-length", 256, "--learning-rate", 5e-5)
    files = ("--train", a.train, "--valid", a.valid, "--no-context", "--output", work.path("trained"), "--overwrite")

    def ours():
        run = gradus("train", "--encoder", a.model, *files, *shape, *aspect, "--json")
        return run, json.loads(run.out)["history"]["validations"][-1]["valid_mse"]

    def theirs():
        more = ("--data", a.train, "--val", a.valid, "--no-attn-dropout", "--bucket", "--lr", 5e-5)
        run = python("pytorch_reference.py", "train", *more, *(("--aspect", a.aspect) if a.aspect else ()))
        return run, run.json_lines()[-1]["valid_mse"]

    found = take_turns({"gradus": ours, "PyTorch": theirs}, 1)
    columns = lambda pick: ([pick(*pair) for pair in found[name]] for name in ("gradus", "PyTorch"))
    seconds, losses, peaks = (
        columns(lambda run, _: run.seconds),
        columns(lambda _, mse: mse),
        columns(lambda run, _: run.peak / 1e9),
    )
    for label, unit, (ours, theirs), target in (
        ("one epoch, start to exit", "s", seconds, "≥ 1.3"),
        ("its validation MSE (4 digits matter)", "10⁻³", ([1e3 * v for v in side] for side in losses), "≈ 1"),
        ("its peak memory", "GB", peaks, "≥ 1.67"),
    ):
        row(label, unit, ours, "PyTorch", theirs, target, True)


def part_threads(_):
    def rows_of(threads):
        run = gradus(
            "bench", "--encoder", a.model, "--mode", "score,train", "--length", "128,256,512", "--batch-size", "16",
            "--repetitions", a.repetitions, "--threads", threads, "--json",
        )  # fmt: skip
        return json.loads(run.out)["rows"]

    found = take_turns({1: lambda: rows_of(1), 2: lambda: rows_of(2)})
    print("\n| | " + " | ".join(f"{mode} {n}" for mode in ("score", "train") for n in (128, 256, 512)) + " |")
    print("|---|" + "---|" * 6)
    medians = {n: [statistics.median(v) for v in zip(*map(rates, found[n]))] for n in (1, 2)}
    for threads, values in medians.items():
        print(f"| tokens/s, {threads} thread{'s' * (threads > 1)} | " + " | ".join(f"{v:,.0f}" for v in values) + " |")
    print("| 2 threads against 1 | " + " | ".join(f"{y / x:.2f}" for x, y in zip(medians[1], medians[2])) + " |")


class Work:
    """A directory with a bundle of the encoder and its exports for other programs, each made once."""

    def __init__(self, directory):
        self.directory = Path(directory)

    def path(self, name):
        return self.directory / name

    def bundle(self):
        path = self.path("bundle")
        if not path.exists():
            records = self.path("made.jsonl")
            gradus("data", "generate", "--examples", 64, "-o", records)
            files = ("--train", records, "--valid", records, "--output", path)
            gradus("probe", "--encoder", a.model, *files, "--max-length", 256)
        return path

    def exports(self, model=None):
        path = self.path("exports-of-a-bundle" if model else "exports")
        if not path.exists():
            calibrate = ("--calibrate", a.calibrate) if a.calibrate else ()
            python("cpu_scorers.py", "prepare", "--files", path, *calibrate, model=model)
        return path

    def fast_mkl(self):
        """A library that, preloaded, tells MKL that it runs on an Intel processor. On others MKL leaves AVX-512 unused."""
        if "AuthenticAMD" not in Path("/proc/cpuinfo").read_text():
            return None
        path, source = self.path("mkl.so"), self.path("mkl.c")
        source.write_text("int mkl_serv_intel_cpu_true(void) { return 1; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", path, source], check=True)
        return path


def main():
    for path in (*a.data, a.train, a.valid):
        if path:
            next(lines(path))
    with tempfile.TemporaryDirectory() as directory:
        work = Work(directory)
        for part in a.parts:
            globals()[f"part_{part}"](work)
    if ROWS:
        print("\n| work | unit | gradus | against | times better | target |\n|---|---|---|---|---|---|")
        print("\n".join(ROWS))


main()
