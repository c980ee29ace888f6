"""The keys of a config.json that transformers reads or declares for the families: `python keys.py > keys.json`.

Read from its source: fields of the configuration classes, and what model files and shared library code ask of a configuration.
Made with transformers 5.24."""

import dataclasses
import json
import pathlib
import re

import transformers
from transformers import GenerationConfig

ROOT = pathlib.Path(transformers.__file__).parent
FAMILIES = ["bert", "roberta", "xlm-roberta", "deberta-v2", "modernbert", "qwen2", "qwen3", "llama"]
SHARED = [
    "masking_utils.py", "modeling_rope_utils.py", "modeling_utils.py", "modeling_layers.py", "core_model_loading.py", "configuration_utils.py",
    "loss/loss_utils.py", "integrations/sdpa_attention.py", "integrations/eager_paged.py", "quantizers/auto.py", "models/auto/tokenization_auto.py",
]
# Methods and attributes of the Python objects, and configurations of other things that are also called `config`.
NO_KEYS = set("""
get to_dict update items get_text_config get_mtp_config save_pretrained from_pretrained from_json_file standardize_rope_params validate_rope
validate_architecture to_diff_dict setter json hf_quantizer device_map device_mesh disk_offload_folder offload_buffers weight_mapping dtype_plan
disable_mmap ignore_mismatched_sizes sharded_metadata weights_only pretrained_model_name_or_path sanitize_kernel_mapping
create_compatible_mapping quant_method is_quantized load_in_ gguf_file base_model_tp_plan base_model_pp_plan base_model_fsdp_plan sub_configs
extra_files default_theta is_heterogeneous first_k_dense_replace mlp_layer_types nested_rope_parameter_keys sub_config_name compile_config
__class__ dequantize vision_config encoder decoder model_name default_rope_type auto_map_ name lower
_rope_type_labels mapping_names mtp_layer_types ignore_keys_at_rope_validation attention_ tokenizer_class_ loss_type
is_remote_code is_custom_code register_for_auto_class attribute_map
""".split())
KEY = re.compile(r"(?<![a-z_.])(?:self\.|model_|effective_|layer_|text_)*config\.([a-z_][a-z_0-9]*)")
ASKED = re.compile(r"""(?:getattr|hasattr)\((?:self\.|model_|effective_|layer_|text_)*config, ['"]([a-z_0-9]+)['"]""")
POPPED = re.compile(r"""kwargs\.(?:get|pop)\(['"]([a-z_0-9]+)['"]""")


def asked(path):
    text = (ROOT / path).read_text()
    found = set(KEY.findall(text)) | set(ASKED.findall(text))
    if "configuration_" in path.rsplit("/")[-1]:
        found |= set(POPPED.findall(text)) & set("""
            torch_dtype num_labels rope_scaling rope_theta partial_rotary_factor name_or_path output_attentions attn_implementation
            per_layer_config global_attn_every_n_layers global_rope_theta local_rope_theta pooler_hidden_size _commit_hash
        """.split())
    return found


def keys(family):
    name = family.replace("-", "_")
    declared = {field.name for field in dataclasses.fields(transformers.AutoConfig.for_model(family))}
    found = asked(f"models/{name}/modeling_{name}.py") | asked(f"models/{name}/configuration_{name}.py")
    for path in SHARED:
        if (ROOT / path).exists():
            found |= asked(path)
    found |= set(GenerationConfig._get_default_generation_params())
    return sorted((declared | found) - NO_KEYS)


print(json.dumps({"transformers": transformers.__version__, "keys": {family: keys(family) for family in FAMILIES}}, indent=0))
