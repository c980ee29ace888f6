"""The real verl: its data, its reward manager and its computation of advantages, without its trainer."""

import asyncio
import os

import numpy
import omegaconf
import pytest
import torch
from verl import DataProto
from verl.trainer.ppo.ray_trainer import compute_advantage
from verl.utils.import_utils import load_extern_object

import gradus
import gradus.integrations.verl
from gradus.integrations import verl_dense

PROMPT = [{"role": "user", "content": "Write."}]
TEXTS = ["abc. Wab.", "f.", "", "Wab. Wb. Wa."]


@pytest.fixture
def bundle(monkeypatch):
    monkeypatch.setenv("GRADUS_BUNDLE", os.environ["GRADUS_TEST_BUNDLE"])
    return os.environ["GRADUS_TEST_BUNDLE"]


@pytest.fixture
def batch(policy):
    """Four responses, padded to the same length, and the end-of-sequence token at the end of each."""
    _, tokenizer = policy
    ids = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in TEXTS]
    longest = max(map(len, ids))
    responses = torch.tensor([row + [0] * (longest - len(row)) for row in ids])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    prompts = torch.tensor([tokenizer("Write.")["input_ids"]] * len(ids))
    return DataProto.from_dict(
        tensors={
            "prompts": prompts,
            "responses": responses,
            "response_mask": mask,
            "attention_mask": torch.cat([torch.ones_like(prompts), mask], dim=1),
        },
        non_tensors={
            "raw_prompt": numpy.array([PROMPT] * len(ids) + [None], dtype=object)[:-1],
            "data_source": numpy.array(["d"] * len(ids), dtype=object),
            "reward_model": numpy.array([{"ground_truth": ""}] * len(ids), dtype=object),
            "extra_info": numpy.array([{"prompt": "Write."} for _ in ids], dtype=object),
            "uid": numpy.array(["x", "y", "x", "x"], dtype=object),
        },
    )


def test_the_reward_function_is_called_by_the_naive_manager(bundle, batch, policy):
    from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager

    config = omegaconf.OmegaConf.create({})
    function = load_extern_object(module_path=gradus.integrations.verl.__file__, object_name="compute_score")

    async def score():
        manager = NaiveRewardManager(config, policy[1], function)
        manager.loop = asyncio.get_running_loop()
        return [await manager.run_single(batch[row : row + 1]) for row in range(len(batch))]

    scorer = gradus.Scorer(bundle)
    found = asyncio.run(score())
    assert [one["reward_score"] for one in found] == [scorer.response("Write.", text) or 0.0 for text in TEXTS]
    assert [one["reward_extra_info"]["unscored"] for one in found] == [0.0, 0.0, 1.0, 0.0]


def test_tokens_have_rewards_and_advantages_of_their_own(bundle, batch, policy):
    config = omegaconf.OmegaConf.create({})
    manager = load_extern_object(module_path=verl_dense.__file__, object_name="TokenRewardManager")
    made = manager(config, policy[1])

    async def score():
        return [await made.run_single(batch[row : row + 1]) for row in range(len(batch))]

    found = asyncio.run(score())
    rewards = manager.assemble_rm_scores(batch, [one["reward_score"] for one in found])
    scorer = gradus.Scorer(bundle)
    expected = torch.zeros_like(rewards)
    for row, text in enumerate(TEXTS):
        for _, end, value in scorer.segments("Write.", text):
            expected[row, end - 1] = value
    assert torch.equal(rewards, expected)
    assert [one["reward_extra_info"]["scored_segments"] for one in found] == [2, 1, 0, 3]

    batch.batch["token_level_rewards"] = rewards
    advantages = compute_advantage(batch, adv_estimator="gradus_process", config=config).batch["advantages"]
    scores = [value for row in (0, 2, 3) for _, _, value in scorer.segments("Write.", TEXTS[row])]
    mean, deviation = numpy.mean(scores), numpy.std(scores, ddof=1) + 1e-4
    first, second = (value for _, _, value in scorer.segments("Write.", TEXTS[0]))
    left = (second - mean) / deviation
    # The first sentence's four tokens, then the five of the second, then the end-of-sequence token, which ends nothing.
    wanted = [(first - mean) / deviation + left] * 4 + [left] * 5 + [0.0]
    assert advantages[0][:10].tolist() == pytest.approx(wanted, rel=1e-4)
    # Alone with its prompt: nothing to be compared with.
    assert advantages[1].tolist() == [0.0] * len(advantages[1])
