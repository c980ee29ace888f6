"""A tiny policy with a tokenizer of its own, for training loops."""

import pytest


@pytest.fixture
def policy():
    """A random model of eight characters, and its tokenizer."""
    import tokenizers
    import torch
    import transformers

    torch.manual_seed(0)
    texts = ["<pad>", "<eos>", *"abcdefĠ.", *"Writ"]
    vocab = {token: number for number, token in enumerate(texts)}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab, []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<eos>")
    config = transformers.LlamaConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=1,
    )
    return transformers.LlamaForCausalLM(config), tokenizer
