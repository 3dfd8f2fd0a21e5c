"""What every ABI can do, as the worker sees it."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

import msgspec

from plugind_worker.engine.base import Export, Import, Instance


class LibrarySource(msgspec.Struct, frozen=True):
    """A module of ours, as it is before an engine has compiled it."""

    name: str
    """Of the module that guests import from."""
    text: bytes
    """WebAssembly text; it imports nothing."""


class Abi(Protocol):
    """One instance, spoken to in its own way.

    Args:
        instance: The instance; it outlives this object.
        exports: Of its module.
        max_result_bytes: Largest result copied out of the guest, in bytes.
    """

    def __init__(self, instance: Instance, exports: Sequence[Export], *, max_result_bytes: int) -> None: ...

    LIBRARY: ClassVar[LibrarySource | None]
    """What stands beside each instance, for an engine that links; ``None`` for nothing."""

    @property
    def spent(self) -> bool:
        """Whether the error that a call has just raised has ended it inside the guest, so that the instance is spent.

        `Trap`, `Timeout` and `MemoryLimit` say so by themselves.
        """

    @staticmethod
    def claims(exports: Sequence[Export], imports: Sequence[Import]) -> bool:
        """Whether such a module means to follow this ABI; the last of the table takes every module."""

    @staticmethod
    def check(exports: Sequence[Export]) -> None:
        """Make sure that a module follows this ABI.

        Raises:
            UnsupportedAbi: It does not; the message names the export that is missing or wrong.
        """

    @staticmethod
    def callables(exports: Sequence[Export]) -> list[str]:
        """Return the functions that can be called, where exports tell; otherwise nothing."""

    def begin(self, program: bytes) -> None:
        """Give the instance the plugin's own scripts; called once, before all else, where there are some.

        Raises:
            PluginError: They fail at their start.
            PlugindError: As `call`.
        """

    def call(self, name: bytes, params: bytes) -> bytes:
        """Call a function of the plugin.

        Args:
            name: UTF-8.
            params: One JSON text, or nothing for ``null``.

        Returns:
            One JSON text on one line.

        Raises:
            FunctionNotFound: The plugin has no such function.
            InvalidParams: The params do not fit it.
            PluginError: The plugin answered with an error of its own, or with something that is not JSON.
            TooLarge: The result is over the limit.
            MemoryLimit: The guest has no room for the params.
            Trap: The guest trapped or broke the ABI.
            Timeout: The call was interrupted.
        """

    def hook(self, name: bytes, params: bytes) -> bytes | None:
        """Call a lifecycle hook; like `call`, but ``None`` where the plugin does not implement it."""
