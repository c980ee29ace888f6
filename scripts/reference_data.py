"""Shared code of the reference programs: records to rows of tokens, rows to batches, and timing.

Row       : [CLS] prompt [SEP] seg_1 seg_2 .. seg_n [SEP], each segment tokenized on its own; token types 0 up to and
            including the first [SEP], 1 after it.
Truncation: budget = max_len - 3. The prompt keeps its first max(budget - S, min(P, budget // 4)) tokens (S: tokens of
            all segments, P: of the prompt); segments follow until the budget is used up, and the last one is cut.
"""
import gzip
import json
import os
import resource
import time

import numpy as np
from tokenizers import Tokenizer


class Tok:
    """The tokenizer of a Hugging Face directory, without the truncation and padding its file may switch on."""

    def __init__(self, directory):
        self.tokenizer = Tokenizer.from_file(os.path.join(directory, "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.cls, self.sep, self.pad = (self.tokenizer.token_to_id(x) for x in ("[CLS]", "[SEP]", "[PAD]"))

    def ids(self, texts):
        return [e.ids for e in self.tokenizer.encode_batch(texts, add_special_tokens=False)]


def pieces(record, aspect=None, use_context=False):
    """The prompt, and [(text, rating or None, whether it is a segment)] for the response in order."""

    def value(rating):
        if not isinstance(rating, dict):
            return rating
        return rating.get(aspect) if aspect else sum(rating.values()) / max(1, len(rating))

    prompt = record["prompt"]
    if "completions" in record:
        return prompt, [(t, float(v), True) for t, v in zip(record["completions"], record["labels"])]
    if "response" not in record:
        return prompt, [(t, v, True) for t, v in zip(record["segments"], record["ratings"])]
    if use_context and record.get("context"):
        prompt += "\n" + record["context"]
    response, at, out = record["response"], 0, []
    for segment in record["segments"]:
        if segment["start"] > at:
            out.append((response[at : segment["start"]], None, False))
        out.append((response[segment["start"] : segment["end"]], value(segment.get("rating")), True))
        at = segment["end"]
    if at < len(response):
        out.append((response[at:], None, False))
    return prompt, out


def encode(tok, prompt_ids, piece_ids, found, max_len, rated_only):
    """A row; `index` are the positions of its segments among all of the record."""
    budget = max_len - 3
    total = sum(map(len, piece_ids))
    p = prompt_ids[: max(0, min(len(prompt_ids), max(budget - total, min(len(prompt_ids), budget // 4))))]
    ids = [tok.cls, *p, tok.sep]
    first, room = len(ids), budget - len(p)
    spans, ratings, index, position = [], [], [], -1
    for tokens, (_, rating, is_segment) in zip(piece_ids, found):
        tokens = tokens[:room]
        position += is_segment
        if not tokens:
            continue
        if is_segment and (rating is not None or not rated_only):
            spans.append((len(ids), len(ids) + len(tokens)))
            ratings.append(float(rating or 0.0))
            index.append(position)
        ids += tokens
        room -= len(tokens)
    ids.append(tok.sep)
    types = [0] * first + [1] * (len(ids) - first)
    return dict(ids=ids, types=types, spans=spans, ratings=ratings, index=index)


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8") as file:
        yield from (line for line in file if line.strip())


def load(path, tok, max_len, rated_only, aspect=None, use_context=False):
    """Rows that have a segment, with the record each comes from. All texts are tokenized in one call, in parallel."""
    records = [json.loads(line) for line in lines(path)]
    found = [pieces(record, aspect, use_context) for record in records]
    ids = iter(tok.ids([text for prompt, parts in found for text in (prompt, *(t for t, _, _ in parts))]))
    rows = []
    for record, (_, parts) in zip(records, found):
        row = encode(tok, next(ids), [next(ids) for _ in parts], parts, max_len, rated_only)
        row["id"] = record.get("id")
        if row["spans"]:
            rows.append(row)
    return rows


def collate(rows, pad=0):
    """Rows as NumPy arrays, padded to the longest."""
    batch, length = len(rows), max(len(row["ids"]) for row in rows)
    ids = np.full((batch, length), pad, np.int64)
    types = np.zeros((batch, length), np.int64)
    mask = np.zeros((batch, length), np.int64)
    count = sum(len(row["spans"]) for row in rows)
    spans, targets, k = np.zeros((count, 3), np.int64), np.zeros(count, np.float32), 0
    for b, row in enumerate(rows):
        n = len(row["ids"])
        ids[b, :n], types[b, :n], mask[b, :n] = row["ids"], row["types"], 1
        for (start, end), rating in zip(row["spans"], row["ratings"]):
            spans[k], targets[k] = (b, start, end), rating
            k += 1
    return dict(ids=ids, types=types, mask=mask, spans=spans, targets=targets)


def batches(rows, size, rng=None, bucket=False):
    """Positions of the rows of each batch: as they come, or by length (in pools of 50 batches when shuffled)."""
    order = list(range(len(rows)))
    if rng:
        rng.shuffle(order)
    if bucket:
        pool = size * 50 if rng else len(order)
        pools = [order[s : s + pool] for s in range(0, len(order), pool)]
        order = [i for part in pools for i in sorted(part, key=lambda i: len(rows[i]["ids"]))]
    planned = [order[s : s + size] for s in range(0, len(order), size)]
    if bucket and rng:
        rng.shuffle(planned)
    return planned


def full_rows(length, count):
    """Rows of exactly `length` tokens: a quarter prompt, then segments of 20 tokens. No padding."""
    rng, start = np.random.default_rng(0), length // 4
    rows = []
    for _ in range(count):
        ids = [101, *rng.integers(2000, 29000, length - 2).tolist(), 102]
        ids[start - 1] = 102
        cuts = [*range(start, length - 1, 20), length - 1]
        spans = [(x, y) for x, y in zip(cuts, cuts[1:]) if y > x]
        types = [0] * start + [1] * (length - start)
        rows.append(dict(ids=ids, types=types, spans=spans, ratings=[0.5] * len(spans)))
    return rows


def repeat(work, repetitions, at_least):
    """Seconds a call, one value per repetition: after a call that is not timed, each repetition calls `work` as often
    as fills `at_least` seconds."""
    work()
    started = time.perf_counter()
    work()
    calls = max(1, int(np.ceil(at_least / max(1e-6, time.perf_counter() - started))))
    found = []
    for _ in range(repetitions):
        started = time.perf_counter()
        for _ in range(calls):
            work()
        found.append((time.perf_counter() - started) / calls)
    return found


def speed_row(mode, length, size, segments, seconds):
    """A measurement, keyed as `gradus bench --json` has it."""

    def spread(per_batch):
        rates = sorted(per_batch / s for s in seconds)
        return dict(median=float(np.median(rates)), min=rates[0], max=rates[-1])

    return dict(
        mode=mode,
        length=length,
        batch_size=size,
        repetitions=len(seconds),
        tokens_per_second=spread(size * length),
        segments_per_second=spread(segments),
        peak_memory=peak_memory(),
    )


def write_scores(path, rows, scores):
    """One line per row: its id and the scores of its segments, by position in the record."""
    with open(path, "w", encoding="utf-8") as file:
        for row, values in zip(rows, scores):
            out = dict(id=row["id"], scores=dict(zip(map(str, row["index"]), map(float, values))))
            file.write(json.dumps(out) + "\n")


def peak_memory():
    """Most memory the process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
