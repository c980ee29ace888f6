"""Rewards of tokens, and of training loops."""

import asyncio
import types

import pytest

import gradus
from gradus.advantages import process_advantages
from gradus.integrations import openrlhf, skyrl, slime, trl, verl

PROMPT = "Dan adds 1 to 7, 6."
RESPONSE = "First: 8. Next: 7."
#: Byte-level pieces, as tokenizers spell them.
TOKENS = ["First", ":", "Ġ8", ".", "ĠNext", ":", "Ġ7", "."]


@pytest.fixture
def scores(scorer):
    return [score for _, _, score in scorer.segments(PROMPT, RESPONSE)]


def test_token_rewards_add_up(scorer, scores):
    rewards = {
        placement: scorer.token_rewards(PROMPT, RESPONSE, tokens=TOKENS, placement=placement)
        for placement in ("end", "spread", "difference", "constant")
    }
    assert rewards["end"] == [0, 0, 0, scores[0], 0, 0, 0, scores[1]]
    assert sum(rewards["spread"]) == pytest.approx(sum(scores))
    assert sum(rewards["difference"]) == pytest.approx(scores[-1])
    assert rewards["constant"] == [scores[0]] * 4 + [scores[1]] * 4
    offsets = [(0, 5), (5, 6), (6, 8), (8, 9), (9, 14), (14, 15), (15, 17), (17, 18)]
    assert scorer.token_rewards(PROMPT, RESPONSE, offsets=offsets) == rewards["end"]
    assert scorer.token_scores(PROMPT, RESPONSE, tokens=TOKENS)[1] == [0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("tokens", "offsets", "placement", "part"),
    [
        (None, None, "end", "either `offsets` or `tokens`"),
        (["First"], None, "end", "tokens"),
        (None, [(0, 99)], "end", "offsets[0]"),
        (TOKENS, None, "begin", "spread"),
    ],
)
def test_tokens_that_do_not_fit_are_refused(scorer, tokens, offsets, placement, part):
    with pytest.raises(gradus.GradusError) as raised:
        scorer.token_rewards(PROMPT, RESPONSE, tokens=tokens, offsets=offsets, placement=placement)
    assert part in str(raised.value)


def test_process_advantages_are_those_of_the_paper():
    # Scores 1 and 0 in one completion, 0.5 in the other: mean 0.5, standard deviation 0.5.
    rewards = [[0.0, 1.0, 0.0, 0.0], [0.0, 0.5]]
    ends = [[0.0, 1.0, 0.0, 1.0], [0.0, 1.0]]
    assert process_advantages(rewards, ends, 2, epsilon=0.0) == [[0.0, 0.0, -1.0, -1.0], [0.0, 0.0]]
    assert process_advantages([[0.3]], [[1.0]], 1) == [[0.0]]
    with pytest.raises(ValueError, match="multiple"):
        process_advantages(rewards, ends, 4)


def test_trl(scorer, scores):
    response = scorer.response(PROMPT, RESPONSE)
    function = trl.reward_function(scorer)
    columns = {"completion_ids": [[1], [2]], "trainer_state": None, "log_extra": None, "log_metric": None}
    assert function(prompts=[PROMPT] * 2, completions=[RESPONSE, ""], **columns) == [response, None]
    conversation = [{"role": "user", "content": PROMPT}], [{"role": "assistant", "content": RESPONSE}]
    assert function(prompts=[conversation[0]], completions=[conversation[1]], **columns) == [response]
    assert scorer(prompts=[PROMPT], completions=[RESPONSE], **columns) == [response]


def test_verl(scorer, bundle):
    info = {"prompt": [{"role": "user", "content": PROMPT}], "num_turns": None, "rollout_reward_scores": {}}
    given = {"data_source": "d", "ground_truth": "8", "extra_info": info, "bundle": bundle}
    answer = verl.compute_score(solution_str=RESPONSE, **given)
    assert answer == {"score": scorer.response(PROMPT, RESPONSE), "unscored": 0.0}
    assert verl.compute_score(solution_str="", **given) == {"score": 0.0, "unscored": 1.0}
    with pytest.raises(gradus.DataError, match="prompt_key"):
        verl.compute_score("d", RESPONSE, "8", {}, bundle=bundle)


def test_openrlhf_slime_and_skyrl(scorer, bundle, monkeypatch):
    monkeypatch.setenv("GRADUS_BUNDLE", bundle)
    response = scorer.response(PROMPT, RESPONSE)
    answer = openrlhf.reward_func([PROMPT + RESPONSE], [PROMPT], ["8"])
    assert [float(x) for x in answer["rewards"]] == [pytest.approx(response, rel=1e-6)]
    with pytest.raises(gradus.DataError, match="begin with its prompt"):
        openrlhf.reward_func([RESPONSE], [PROMPT], ["8"])
    sample = types.SimpleNamespace(prompt=PROMPT, response=RESPONSE, label=None)
    assert asyncio.run(slime.reward(None, sample)) == response
    assert asyncio.run(slime.reward(None, [sample, sample])) == [response, response]
    assert skyrl.token_rewards(scorer, [PROMPT], [RESPONSE], [TOKENS]) == [
        scorer.token_rewards(PROMPT, RESPONSE, tokens=TOKENS)
    ]
