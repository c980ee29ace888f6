"""Writes reference.json: what Python's transformers makes of the templates (*.jinja) of a directory.

    python3 make.py [DIR]

Made with transformers 5.23. Tokens are those of the tiny Qwen2 and Llama tokenizers beside this directory.
The date is given, where transformers would tell today's.
"""
import json
import pathlib
import sys

from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).resolve().parent
DIRECTORY = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
PROMPTS = [
    "How far is the moon?",
    "  Add 3 and 4.\n\nThen stop. \n",
    "",
    "Où est l'été? 数えて 🙂",
    "user\nassistant",
    "a {{ b }} {% c %} <tool> \"quoted\" \\n & <think>",
]
SPECIAL = {
    "qwen2": {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    "llama": {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"},
}
DATES = {"headers": "03 Mar 2021"}

rows = []
for path in sorted(DIRECTORY.glob("*.jinja")):
    template = path.read_text()
    family = "qwen2" if "<|im_start|>" in template else "llama"
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(HERE.parent / f"tiny-{family}" / "tokenizer.json"), **SPECIAL[family]
    )
    date = {"date_string": DATES.get(path.stem, "26 Jul 2024")}
    for prompt in PROMPTS:
        messages = [{"role": "user", "content": prompt}]
        text = tokenizer.apply_chat_template(
            messages, chat_template=template, add_generation_prompt=True, tokenize=False, **date
        )
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        rows.append({
            "template": path.name, "tokenizer": family, "tokens": SPECIAL[family],
            "prompt": prompt, "text": text, "ids": ids,
        })
lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
(DIRECTORY / "reference.json").write_text('{"rows": [\n' + lines + "\n]}\n")
