"""Rewards for training loops: `trl`, `trl_dense`, `verl`, `openrlhf`, `slime` and `skyrl`.

Each takes a `gradus.Scorer` in the process or a `gradus.Client` of ``gradus serve``. Modules that a framework loads by
path take the bundle from the environment: ``GRADUS_BUNDLE`` (a directory) or ``GRADUS_URL``, and ``GRADUS_ASPECT``.
"""
