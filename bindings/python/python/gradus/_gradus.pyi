from collections.abc import Iterable, Sequence
from os import PathLike

from typing import Any, final

from typing_extensions import CapsuleType

__all__ = ["Scorer", "Scores", "Texts", "__version__", "run", "run_config", "texts", "token_rewards"]

__version__: str

@final
class Scorer:
    def __new__(
        cls,
        path: str | PathLike[str],
        device: str | None = None,
        threads: int | None = None,
        aggregation: str | None = None,
        raw: bool = False,
        stride: int | str | None = None,
        cut_segments: str | None = None,
        batch_tokens: int = 4096,
        precision: str | None = None,
        offset: str | None = None,
    ) -> Scorer: ...
    @property
    def precision(self) -> str: ...
    @property
    def aspects(self) -> list[str]: ...
    @property
    def manifest(self) -> str: ...
    def score(self, records: Iterable[str] | Any) -> list[str]: ...
    def scores(self, records: Iterable[str] | Any) -> Scores: ...

@final
class Scores:
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> CapsuleType: ...
    def __len__(self) -> int: ...

@final
class Texts:
    def __iter__(self) -> Texts: ...
    def __next__(self) -> str: ...

def texts(table: Any) -> Texts: ...

def token_rewards(
    response: str,
    segments: Sequence[tuple[int, int, float | None]],
    offsets: Sequence[tuple[int, int]] | None,
    tokens: Sequence[str] | None,
    placement: str,
) -> list[float]: ...
def run(arguments: Sequence[str], events: bool = False) -> int: ...
def run_config(file: str | PathLike[str] | None, settings: Sequence[str]) -> str: ...
