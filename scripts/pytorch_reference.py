#!/usr/bin/env python3
"""The same model in PyTorch, as a reference: Hugging Face encoder, mean pooling of segments, linear head,
squared error, AdamW with decay on matrices, linear warm-up and decay, global-norm clip 1.

    pytorch_reference.py speed --model DIR --mode score,train --length 256 --batch-size 16 [--no-attn-dropout]
    pytorch_reference.py score --model DIR --data FILE --output FILE
    pytorch_reference.py train --model DIR --data FILE --val FILE --epochs 1 [--test FILE]

Needs torch, transformers, tokenizers, safetensors, numpy. Prints JSON lines.
"""
import argparse
import json
import math
import os
import random
import time


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument("command", choices=["train", "score", "speed"])
    p.add_argument("--model", required=True, help="Hugging Face directory")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--batch-size", type=int, default=16)
    p.add_argument("--no-dropout", action="store_true")
    p.add_argument("--no-attn-dropout", action="store_true")
    p.add_argument("--bf16", action="store_true", help="products in bfloat16 (autocast); weights stay float32")
    p.add_argument("--max-len", type=int, default=256)
    p.add_argument("--bucket", action=argparse.BooleanOptionalAction, default=True, help="batches by length")
    p.add_argument("--data")
    p.add_argument("--val")
    p.add_argument("--test", help="train: judged with the weights of the epoch that is best on --val")
    p.add_argument("--output", help="score: file for the scores")
    p.add_argument("--aspect", help="which of several ratings [default: their mean]")
    p.add_argument("--use-context", action="store_true")
    p.add_argument("--epochs", type=int, default=1)
    p.add_argument("--lr", type=float, default=5e-5)
    p.add_argument("--head-lr", type=float, default=1e-3)
    p.add_argument("--wd", type=float, default=0.01)
    p.add_argument("--warmup", type=float, default=0.1, help="share of the steps")
    p.add_argument("--clip", type=float, default=1.0)
    p.add_argument("--mode", default="score,train", help="speed: what to measure")
    p.add_argument("--length", default="256", help="speed: tokens of a row, separated by commas")
    p.add_argument("--repetitions", type=int, default=5)
    p.add_argument("--at-least", type=float, default=1.0, help="speed: seconds of a repetition")
    return p.parse_args()


a = arguments()
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = str(a.threads)
os.environ["TOKENIZERS_PARALLELISM"] = "true"
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
import transformers
from torch import nn
from transformers import AutoConfig, AutoModel

import reference_data as data

torch.set_num_threads(a.threads)
transformers.logging.set_verbosity_error()


class Scorer(nn.Module):
    """Scores of the segments of a batch, in a row."""

    def __init__(self, directory):
        super().__init__()
        config = AutoConfig.from_pretrained(directory)
        if a.no_dropout:
            config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
        if a.no_attn_dropout:
            config.attention_probs_dropout_prob = 0.0
        self.encoder = AutoModel.from_pretrained(
            directory, config=config, add_pooling_layer=False, attn_implementation="sdpa", dtype=torch.float32
        )
        self.head = nn.Linear(config.hidden_size, 1)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch):
        with torch.autocast("cpu", torch.bfloat16, enabled=a.bf16):
            hidden = self.encoder(
                input_ids=batch["ids"], token_type_ids=batch["types"], attention_mask=batch["mask"]
            ).last_hidden_state.float()
        row, start, end = batch["spans"].unbind(1)
        # Gathers the tokens of the segments and adds them up per segment.
        _, length, width = hidden.shape
        sizes, count = end - start, len(start)
        segment = torch.repeat_interleave(torch.arange(count), sizes)
        offset = torch.arange(int(sizes.sum())) - torch.repeat_interleave(torch.cumsum(sizes, 0) - sizes, sizes)
        token = torch.repeat_interleave(row * length + start, sizes) + offset
        sums = torch.zeros(count, width).index_add_(0, segment, hidden.reshape(-1, width)[token])
        return self.head(sums / sizes[:, None]).squeeze(-1)


def optimizer(model):
    groups = {}
    for name, parameter in model.named_parameters():
        rate = a.head_lr if name.startswith("head.") else a.lr
        decay = 0.0 if name.endswith("bias") or "LayerNorm" in name else a.wd
        groups.setdefault((rate, decay), []).append(parameter)
    groups = [dict(params=v, lr=rate, weight_decay=decay) for (rate, decay), v in groups.items()]
    return torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, fused=True)


def batch_of(rows):
    return {key: torch.from_numpy(value) for key, value in data.collate(rows).items()}


def loss_of(model, batch):
    return ((model(batch) - batch["targets"]) ** 2).mean()


def score_all(model, rows, size):
    model.eval()
    scores = [None] * len(rows)
    with torch.inference_mode():
        for planned in data.batches(rows, size, None, a.bucket):
            found = model(batch_of([rows[i] for i in planned])).numpy()
            ends = np.cumsum([len(rows[i]["spans"]) for i in planned])
            for i, values in zip(planned, np.split(found, ends[:-1])):
                scores[i] = values
    return scores


def step(model, opt, batch):
    loss = loss_of(model, batch)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), a.clip)
    opt.step()
    return loss


def main_speed(model):
    opt = optimizer(model)
    for mode in a.mode.split(","):
        for length in map(int, a.length.split(",")):
            batch = batch_of(data.full_rows(length, a.batch_size))

            def score():
                with torch.inference_mode():
                    model(batch)

            model.train(mode == "train")
            work = score if mode == "score" else lambda: step(model, opt, batch)
            seconds = data.repeat(work, a.repetitions, a.at_least)
            row = data.speed_row(mode, length, a.batch_size, len(batch["targets"]), seconds)
            print(json.dumps(row), flush=True)


def main_score(model):
    rows = data.load(a.data, data.Tok(a.model), a.max_len, False, a.aspect, a.use_context)
    data.write_scores(a.output, rows, score_all(model, rows, a.batch_size))
    print(json.dumps(dict(rows=len(rows), tokens=sum(len(r["ids"]) for r in rows), peak_memory=data.peak_memory())))


def main_train(model):
    tok = data.Tok(a.model)
    train, valid = (data.load(path, tok, a.max_len, True, a.aspect, a.use_context) for path in (a.data, a.val))
    targets = np.concatenate([row["ratings"] for row in valid])
    mean = np.concatenate([row["ratings"] for row in train]).mean()
    model.head.bias.data.fill_(float(mean))
    opt = optimizer(model)
    total = math.ceil(len(train) / a.batch_size) * a.epochs
    warm = int(total * a.warmup)
    rate = lambda s: (s + 1) / max(1, warm) if s < warm else max(0.0, (total - s) / max(1, total - warm))
    schedule = torch.optim.lr_scheduler.LambdaLR(opt, rate)
    rng = random.Random(a.seed)
    test = data.load(a.test, tok, a.max_len, True, a.aspect, a.use_context) if a.test else []
    best = None
    for epoch in range(a.epochs):
        model.train()
        started, tokens = time.perf_counter(), 0
        for planned in data.batches(train, a.batch_size, rng, a.bucket):
            step(model, opt, batch_of([train[i] for i in planned])).item()
            schedule.step()
            tokens += sum(len(train[i]["ids"]) for i in planned)
        seconds = time.perf_counter() - started
        scores = np.concatenate(score_all(model, valid, a.batch_size))
        out = dict(epoch=epoch + 1, valid_mse=float(((scores - targets) ** 2).mean()), train_seconds=seconds)
        out.update(tokens_per_second=tokens / seconds, peak_memory=data.peak_memory())
        out.update(mse_of_mean=float(((targets - mean) ** 2).mean()))
        if test and (best is None or out["valid_mse"] < best["valid_mse"]):
            best = out | judged(model, test)
        print(json.dumps(out), flush=True)
    if best:
        print(json.dumps(best | dict(seed=a.seed, aspect=a.aspect, best_epoch=best["epoch"])), flush=True)


def judged(model, rows):
    targets = np.concatenate([row["ratings"] for row in rows])
    scores = np.concatenate(score_all(model, rows, a.batch_size))
    pearson = float(np.corrcoef(scores, targets)[0, 1])
    return dict(test_mse=float(((scores - targets) ** 2).mean()), test_pearson=pearson, test_segments=len(targets))


torch.manual_seed(a.seed)
dict(train=main_train, score=main_score, speed=main_speed)[a.command](Scorer(a.model))
