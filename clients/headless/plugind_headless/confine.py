"""What confines the processes of the headless host, on Linux. Each layer is tried; those that do not hold are named.

The host itself must write its project and start the decoder; the decoder must do nothing but compute, and read what it
is handed. Not the workers' sandbox, which plugins need: see docs/headless.md for the difference.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final

Layers = Mapping[str, Callable[[], None]]

if sys.platform == "linux":
    from plugind_headless import layers

    _HOST: Final[Layers] = layers.HOST
    _DECODER: Final[Layers] = layers.DECODER
else:

    def _absent() -> None:
        raise OSError("only on Linux")

    _HOST: Final[Layers] = {"confinement": _absent}
    _DECODER: Final[Layers] = {"confinement": _absent}


def host() -> list[str]:
    """Confine the host; return the layers that do not hold, each with the reason."""
    return _apply(_HOST)


def decoder() -> list[str]:
    """Confine the decoder, for good; return the layers that do not hold, each with the reason."""
    return _apply(_DECODER)


if sys.platform == "win32":

    def allow_processor_time(seconds: int) -> None:  # nobody counts
        """Do nothing: only the host's clock ends the decoder here."""
else:
    import resource

    def allow_processor_time(seconds: int) -> None:
        """Let this process compute for so long from now on; it is ended beyond it."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def _apply(layers: Layers) -> list[str]:
    missing = []
    for name, layer in layers.items():
        try:
            layer()
        except (OSError, ValueError) as exc:
            missing.append(f"{name}: {exc}")
    return missing
