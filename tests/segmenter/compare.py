"""Holds the segmenter that `gradus export` writes against `gradus data segment`, on texts in 25 languages.

    python3 tests/segmenter/compare.py GRADUS EXPORTED [--texts 10000] [--rule sentence]...

EXPORTED is a directory with `segmenter.py`. The texts are answers.txt beside this file (one text between two lines
of `=====`), whole and in mixtures and mutations of their sentences, lines and signs, always the same ones. Prints the
number of texts and segments for each rule, and ends with 1 at the first difference.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

RULES = ["sentence", "sentence-4", "sentence-3", "sentence-2", "sentence-1", "line", "paragraph", "delimiter:. "]
SIGNS = [
    *".!?…。！？؟।;:,'\"”’“„«»「」()[]{}*_~`$#>|<-–—=\\/&^+@",
    "\n", "\n\n", "\r\n", "\r", "\u2028", "\x85", "\t", "  \n", " ", "\u00a0", "\u202f", "\u3000", "\u200b", "\u200d", "\ufe0f", "\u0301",
    "```\n", "```python\n", "~~~\n", "$$", "\\[", "\\]", "\\(", "\\)", "\\begin{a}", "\\end{a}", "| ", " |\n", "|---|---|\n", "    ",
    "- ", "* ", "1. ", "2. ", "3) ", "(a) ", "(b) ", "iv. ", "Step 2. ", "Step two. ", "가. ", "나. ", "第一步。", "① ", "# ", "## ",
    "> ", "===\n", "---\n", "[1]", "[^1]", "[a. B](c.d)", "[a. B][c]", "[a]: https://x.y \"T. U\"", "https://x.org/A.B ", "www.a.b",
    "<br>", "<p>", "</p>", "<b>", "</b>", "<think>", "</think>", "<!-- a. B -->", "<img alt=\"A. B\">", "![A. B](c.d)", "\n\n![](a.b)\n", "[![a. B](c)](d)", "<code>", "</code>",
    "Dr. ", "z. B. ", "e.g. ", "No. 5 ", "am 3. Mai ", "J. S. ", "et al. ", "« ", " »", "¹", "😀", "👨‍👩‍👧", "🇩🇪🇫", "👍🏽", "1️⃣",
    "क्ष", "त्र", "ก็", "한", "각", "ᄀ", "ᆨ", "é", "e\u0301", "İ", "ß", "ſ", "ǅ", "ͅ", "５", "Ⅳ", "½", "\u0600", "\U00010d50", "\U0001f1e6",
]


def pieces(answers):
    """Parts of the answers, each with the white space behind it."""
    found = []
    for answer in answers:
        for line in answer.splitlines(keepends=True):
            found.append(line)
            words = line.split(" ")
            found += [" ".join(words[at : at + 6]) + " " for at in range(0, len(words), 3)]
    return found


def mixture(draw, parts, answers):
    """A text of some parts, with signs between and inside of them."""
    text = draw.choice(answers) if draw.random() < 0.2 else ""
    for _ in range(draw.randint(1, 14)):
        text += draw.choice(parts) if draw.random() < 0.75 else draw.choice(SIGNS)
    for _ in range(draw.randint(0, 8)):
        at = draw.randint(0, len(text))
        kind = draw.random()
        if kind < 0.5:
            text = text[:at] + draw.choice(SIGNS) + text[at:]
        elif kind < 0.75:
            text = text[:at] + text[at + draw.randint(1, 3) :]
        elif kind < 0.9:
            text = text[:at] + "".join(draw.choice(SIGNS) for _ in range(draw.randint(2, 6))) + text[at:]
        else:
            text = text.replace("\n", "\r\n")
    return text


def texts(count, seed=20):
    """That many texts, the answers themselves first."""
    path = pathlib.Path(__file__).with_name("answers.txt")
    answers = path.read_text(encoding="utf-8").split("=====\n")
    draw, parts = random.Random(seed), pieces(answers)
    return (answers + [mixture(draw, parts, answers) for _ in range(count - len(answers))])[:count]


def segmented(gradus, rule, texts):
    """The spans that gradus gives."""
    with tempfile.TemporaryDirectory() as directory:
        path, output = (pathlib.Path(directory, name) for name in ("texts.jsonl", "segmented.jsonl"))
        with path.open("w", encoding="utf-8") as file:
            for text in texts:
                file.write(json.dumps({"prompt": "", "response": text}) + "\n")
        command = [gradus, "data", "segment", path, "-o", output, "--segmenter", rule]
        subprocess.run(command, check=True, stderr=subprocess.PIPE)
        with output.open(encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
    return [[(part["start"], part["end"]) for part in record.get("segments", [])] for record in records]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("gradus")
    parser.add_argument("exported")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--rule", action="append")
    arguments = parser.parse_args()
    sys.path.insert(0, arguments.exported)
    from segmenter import segment

    drawn = texts(arguments.texts, arguments.seed)
    for rule in arguments.rule or RULES:
        found = 0
        for text, expected in zip(drawn, segmented(arguments.gradus, rule, drawn)):
            spans = segment(text, rule)
            found += len(spans)
            if spans != expected:
                show = [[text[start:end] for start, end in spans] for spans in (expected, spans)]
                sys.exit(f"{rule}: {text!r}\ngradus: {show[0]!r}\nPython: {show[1]!r}")
        print(f"{rule}: {len(drawn)} texts, {found} segments, all alike")


if __name__ == "__main__":
    main()
