"""Segment-level reward models: a score for every segment of a response.

>>> import gradus
>>> scorer = gradus.Scorer("my-bundle")                                     # doctest: +SKIP
>>> scorer.segments("How far is the moon?", "It is far. Very far.")        # doctest: +SKIP
[(0, 10, 0.71), (11, 20, 0.42)]
"""

from . import callbacks
from ._errors import DataError, GradusError, ServerError, StoppedError
from ._gradus import Scores, __version__
from .client import Client
from .evaluation import Evaluation, audit, calibrate, compare, evaluate, explain, generate
from .scorer import Scorer
from .training import Trained, train

__all__ = [
    "Client",
    "DataError",
    "Evaluation",
    "GradusError",
    "Scorer",
    "Scores",
    "ServerError",
    "StoppedError",
    "Trained",
    "__version__",
    "audit",
    "calibrate",
    "callbacks",
    "compare",
    "evaluate",
    "explain",
    "generate",
    "train",
]
