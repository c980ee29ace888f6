#!/usr/bin/env bash
# Compares this build with PyTorch, ONNX Runtime, OpenVINO and zentorch on the same machine, model and records. The programs
# alternate, and the medians are compared. Prints a Markdown table; progress goes to standard error.
#
#   scripts/compare_pytorch.sh --model DIR [--data FILE]... [--train FILE --valid FILE] [PART]...
#
#   PART       speed    scoring and training steps, 16 full rows of 256 tokens                     (default)
#              memory   peak memory of both                                                       (default)
#              start    one record, process start to exit                                         (default)
#              steps    training steps in f32 and bf16, on PyTorch's fastest path
#              scorers  scoring in f32, bf16 and int8, beside every scorer of cpu_scorers.py that is installed
#              accuracy scores in bf16 and int8 beside those in f32; needs --bundle (trained, linear head) and --data
#              threads  tokens/s of this build over lengths 128 to 512, and with 1 thread and 2
#              score    JSONL to JSONL, process start to exit; needs --data, once for each file
#              train    one epoch; needs --train and --valid
#   --model    Hugging Face directory of a BERT encoder (all-MiniLM-L6-v2 for the published figures)
#   --aspect   the aspect to learn in `train`, and the one that `accuracy` compares with ratings
#   --calibrate  records for OpenVINO's quantization; without them its int8 rows are left out
#   --batch-size  rows of a batch of full rows (16); 1 compares the latency of one record
#   --length   tokens of a full row (256)
#   --rounds   number of alternations (3)
#
# Environment: PYTHON, an interpreter with torch, transformers, tokenizers, safetensors, numpy, onnx and onnxruntime
# (python3), and openvino, nncf and torchao for their rows; ZENTORCH_PYTHON, one with zentorch and its PyTorch; GRADUS, the
# binary to measure (default: built with `cargo build --release`).
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
if [ -z "${GRADUS:-}" ]; then
  cargo build --release --manifest-path "$root/Cargo.toml"
  GRADUS="${CARGO_TARGET_DIR:-$root/target}/release/gradus"
fi
export GRADUS
exec "${PYTHON:-python3}" "$root/scripts/compare.py" "$@"
