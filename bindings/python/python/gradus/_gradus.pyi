from collections.abc import Sequence
from os import PathLike
from typing import final

__all__ = ["Scorer", "__version__", "run", "run_config", "token_rewards"]

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
        stride: int | None = None,
        cut_segments: str | None = None,
        batch_tokens: int = 4096,
    ) -> Scorer: ...
    @property
    def aspects(self) -> list[str]: ...
    @property
    def manifest(self) -> str: ...
    def score(self, records: list[str], first: int) -> list[str]: ...

def token_rewards(
    response: str,
    segments: Sequence[tuple[int, int, float | None]],
    offsets: Sequence[tuple[int, int]] | None,
    tokens: Sequence[str] | None,
    placement: str,
) -> list[float]: ...
def run(arguments: Sequence[str], events: bool = False) -> int: ...
def run_config(file: str | PathLike[str] | None, settings: Sequence[str]) -> str: ...
