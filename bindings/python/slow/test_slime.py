"""slime: its samples, its conversion to training data and its computation of advantages, called as its code calls them.

slime is not on PyPI, and trains with Megatron on GPUs. With its repository on PYTHONPATH these are its own functions (with its own
stand-in for Megatron, whose parallel groups have one process); else stand-ins with the lines that matter here.
"""

import argparse
import asyncio
import importlib.util
import os
import sys
import types

import pytest
import torch

import gradus
from gradus.advantages import process_advantages
from gradus.integrations import slime

TEXTS = ["abc. Wab.", "f.", "", "Wab. Wb. Wa."]
#: Two samples of each of two prompts.
GROUPS = [0, 0, 1, 1]


#: One process of each kind, and no pipeline. slime's modules keep it.
MPU = types.ModuleType("megatron.core.mpu")
MPU.get_context_parallel_world_size = lambda: 1
MPU.get_context_parallel_rank = lambda: 0
MPU.is_pipeline_last_stage = lambda: True
CORE = types.ModuleType("megatron.core")
CORE.mpu = MPU
sys.modules |= {"megatron": types.ModuleType("megatron"), "megatron.core": CORE, "megatron.core.mpu": MPU}

REAL = importlib.util.find_spec("slime") is not None
if not REAL:
    for name in ("slime", "slime.backends", "slime.backends.megatron_utils"):
        sys.modules[name] = types.ModuleType(name)
    CP_UTILS = types.ModuleType("slime.backends.megatron_utils.cp_utils")
    CP_UTILS.slice_log_prob_with_cp = lambda log_prob, total_length, response_length: log_prob
    sys.modules[CP_UTILS.__name__] = CP_UTILS


@pytest.fixture
def args(tmp_path, policy):
    _, tokenizer = policy
    tokenizer.save_pretrained(tmp_path / "checkpoint")
    return argparse.Namespace(
        hf_checkpoint=str(tmp_path / "checkpoint"),
        n_samples_per_prompt=2,
        rollout_batch_size=2,
        reward_key=None,
        advantage_estimator="grpo",
        rewards_normalization=True,
        use_rollout_logprobs=False,
        kl_coef=0.0,
        use_opd=False,
        normalize_advantages=False,
        custom_reward_post_process_path="gradus.integrations.slime.post_process_rewards",
        custom_advantage_function_path="gradus.integrations.slime.advantages",
    )


def sample(tokenizer, row):
    """As slime's rollout leaves one: tokens of prompt and response, and special tokens spelled in the response."""
    given = {
        "group_index": GROUPS[row],
        "index": row,
        "prompt": "Write.",
        "tokens": tokenizer("Write.")["input_ids"] + tokenizer(TEXTS[row])["input_ids"] + [tokenizer.eos_token_id],
        "response": TEXTS[row] + tokenizer.eos_token,
        "response_length": len(tokenizer(TEXTS[row])["input_ids"]) + 1,
    }
    if REAL:
        from slime.utils.types import Sample

        return Sample(**given)
    made = types.SimpleNamespace(**given, reward=None, label=None)
    made.get_reward_value = lambda args: made.reward
    return made


def compute_advantages(args, rollout_data):
    """`compute_advantages_and_returns` of slime, or its lines up to the custom function."""
    if REAL:
        from slime.backends.megatron_utils.loss import compute_advantages_and_returns

        compute_advantages_and_returns(args, rollout_data)
    else:
        rollout_data["kl"] = [torch.zeros_like(x, dtype=torch.float32, device=x.device) for x in rollout_data["log_probs"]]
        slime.advantages(args, rollout_data)


def test_every_token_has_an_advantage(args, policy, monkeypatch):
    bundle = os.environ["GRADUS_TEST_BUNDLE"]
    monkeypatch.setenv("GRADUS_BUNDLE", bundle)
    _, tokenizer = policy
    samples = [sample(tokenizer, row) for row in range(len(TEXTS))]
    for one in samples:
        one.reward = asyncio.run(slime.reward(args, one))
    raw_rewards, rewards = slime.post_process_rewards(args, samples)
    assert raw_rewards == [one.reward for one in samples]
    lengths = [one.response_length for one in samples]
    assert [len(values) for values in rewards] == lengths

    # What one process of two has: the second and the third sample.
    partition = [1, 2]
    rollout_data = {
        "tokens": [torch.tensor(samples[row].tokens) for row in partition],
        "loss_masks": [torch.ones(lengths[row], dtype=torch.int) for row in partition],
        "log_probs": [torch.full((lengths[row],), -1.0) for row in partition],
        "rewards": [rewards[row] for row in partition],
        "response_lengths": [lengths[row] for row in partition],
        "total_lengths": [len(samples[row].tokens) for row in partition],
    }
    compute_advantages(args, rollout_data)

    scorer = gradus.Scorer(bundle)
    dense, ends = [], []
    for text, length in zip(TEXTS, lengths, strict=True):
        scores, counts = [0.0] * length, [0.0] * length
        for _, end, score in scorer.segments("Write.", text) if text else []:
            scores[end - 1], counts[end - 1] = score, 1.0
        dense.append(scores)
        ends.append(counts)
    expected = process_advantages(dense, ends, 2)
    assert any(len(set(row)) > 2 for row in expected)
    for place, row in enumerate(partition):
        found = rollout_data["advantages"][place]
        assert found.dtype == torch.float32
        assert found.tolist() == pytest.approx(expected[row])
        assert rollout_data["returns"][place].tolist() == found.tolist()


@pytest.mark.skipif(not REAL, reason="slices as slime itself does")
def test_what_a_process_does_not_have_is_left_out(args, monkeypatch):
    """Context parallelism: two processes have two parts each of every sequence."""
    values = torch.arange(9, dtype=torch.float32)
    monkeypatch.setattr(MPU, "get_context_parallel_world_size", lambda: 2)
    parts = []
    for rank in range(2):
        monkeypatch.setattr(MPU, "get_context_parallel_rank", lambda rank=rank: rank)
        data = {"rewards": [values], "kl": [torch.zeros(1)], "total_lengths": [15], "response_lengths": [9]}
        slime.advantages(args, data)
        parts.append(data["advantages"][0].tolist())
    assert sorted(parts[0] + parts[1]) == values.tolist()


def test_one_number_for_a_response_is_refused(args):
    data = {"rewards": [0.5], "kl": [torch.zeros(3)], "total_lengths": [5], "response_lengths": [3]}
    with pytest.raises(gradus.GradusError, match="custom-reward-post-process-path"):
        slime.advantages(args, data)
