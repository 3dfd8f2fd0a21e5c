"""Which frames the plugin did not make, in words: those of one kind together, runs of numbers as ranges."""

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from pluginctl.rendering.job import DegradedFrame

MOST_RANGES: Final = 12
"""As many runs are named of a kind; ``--json`` has them all."""

_GOT: Final = {"bypass": "the input as it is", "lastGood": "the last good frame"}


def degradations(frames: Iterable[DegradedFrame]) -> list[str]:
    """Say which frames got what in place of what the plugin should have made, and why; a line for each kind."""
    by_kind: dict[tuple[str, str], list[int]] = {}
    for frame in frames:
        by_kind.setdefault((frame.kind, frame.fallback), []).append(frame.frame)
    return [
        f"{len(numbers)} frames got {_GOT[fallback]} ({kind}): {ranges(numbers)}"
        for (kind, fallback), numbers in by_kind.items()
    ]


def ranges(numbers: Iterable[int]) -> str:
    """Write ascending numbers with runs as ranges, such as ``3-5, 7``."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    words = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    more = len(words) - MOST_RANGES
    return ", ".join(words[:MOST_RANGES]) + (f" and {more} runs more" if more > 0 else "")
