"""GRPO of the real TRL on a CPU, with a bundle that likes the letter `a` and a tiny random policy."""

import json
import random
import statistics

import datasets
import pytest
import trl

import gradus
from gradus.integrations.trl import reward_function
from gradus.integrations.trl_dense import DenseGRPOTrainer

STEPS = 20


@pytest.fixture(scope="session")
def scorer(tmp_path_factory):
    """A bundle that was trained to rate a sentence by its share of `a`."""
    place = tmp_path_factory.mktemp("rigged")
    dice = random.Random(0)

    def record(number):
        sentences = ["".join(dice.choices("abcdef", weights=[dice.random() * 8, 1, 1, 1, 1, 1], k=6)) for _ in range(3)]
        segments, text = [], ""
        for sentence in sentences:
            start = len(text)
            text += sentence + ". "
            segments.append({"start": start, "end": start + 7, "rating": sentence.count("a") / 6})
        return {"id": str(number), "prompt": "Write.", "response": text.rstrip(), "segments": segments}

    file = place / "rated.jsonl"
    file.write_text("".join(json.dumps(record(number)) + "\n" for number in range(600)))
    done = gradus.train(
        train=str(file),
        valid=str(file),
        output=str(place / "bundle"),
        device="cpu",
        scratch={"d_model": 32, "num_layers": 1, "num_heads": 2, "d_ff": 64, "tokens": "bytes"},
        training={"epochs": 6, "learning_rate": 3e-3, "head_learning_rate": 3e-3},
    )
    scorer = gradus.Scorer(done.bundle, "cpu")
    assert scorer.response("Write.", "aaaaaa. aaaaaa.") > scorer.response("Write.", "bcdefb. cdefbc.") + 0.3
    return scorer


def settings(place):
    return trl.GRPOConfig(
        output_dir=str(place),
        max_steps=STEPS,
        per_device_train_batch_size=16,
        num_generations=16,
        max_completion_length=24,
        learning_rate=2e-2,
        lr_scheduler_type="constant",
        beta=0.0,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        bf16=False,
        seed=0,
    )


def rewards(trainer):
    return [log["reward"] for log in trainer.state.log_history if "reward" in log]


PROMPTS = datasets.Dataset.from_list([{"prompt": "Write."}] * 64)


def test_grpo_raises_the_reward(scorer, policy, tmp_path):
    model, tokenizer = policy
    trainer = trl.GRPOTrainer(
        model=model,
        reward_funcs=reward_function(scorer),
        args=settings(tmp_path),
        train_dataset=PROMPTS,
        processing_class=tokenizer,
    )
    trainer.train()
    seen = rewards(trainer)
    print("scalar", seen)
    assert len(seen) == STEPS
    assert statistics.mean(seen[-5:]) > statistics.mean(seen[:5]) + 0.1


def test_grpo_with_dense_advantages_raises_the_reward(scorer, policy, tmp_path):
    model, tokenizer = policy
    shapes = []

    class Watched(DenseGRPOTrainer):
        def _generate_and_score_completions(self, inputs):
            output = super()._generate_and_score_completions(inputs)
            shapes.append((output["advantages"].shape, output["completion_mask"].shape))
            # Tokens of one completion have advantages of their own.
            self.dense = getattr(self, "dense", False) or any(len(set(row.tolist()) - {0.0}) > 1 for row in output["advantages"])
            return output

    trainer = Watched(
        model=model, scorer=scorer, args=settings(tmp_path), train_dataset=PROMPTS, processing_class=tokenizer
    )
    trainer.train()
    seen = rewards(trainer)
    print("dense", seen)
    assert shapes and all(advantages == mask for advantages, mask in shapes)
    assert trainer.dense
    assert statistics.mean(seen[-5:]) > statistics.mean(seen[:5]) + 0.1
