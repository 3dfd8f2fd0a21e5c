"""Scripts: a module of our own that holds a JavaScript engine, and speaks the timeline ABI for what it is given to run.

The host tells such plugins by their manifest, never by a module's exports. Beside the timeline ABI the module exports
``script_load(ptr, len) -> i64``, which takes over a piece of memory with the plugin's files and answers as
``plugin_call`` does.
"""

from collections.abc import Sequence
from typing import Any, Final

from plugind_protocol.errors import ErrorObject, MemoryLimit, PlugindError, PluginError, Trap
from plugind_worker.abi.timeline import TimelineAbi, error_object, exported
from plugind_worker.engine.base import Export, Import, Instance, OutOfBoundsError

_ALIGNMENT: Final = 8
_NO_MEMORY: Final = "OutOfMemory"
"""Name that the module gives to errors which are the memory limit's doing."""


class JavaScriptAbi(TimelineAbi):
    """One instance that runs a script; see `plugind_worker.abi.base.Abi`."""

    def __init__(self, instance: Instance, exports: Sequence[Export], *, max_result_bytes: int) -> None:
        super().__init__(instance, exports, max_result_bytes=max_result_bytes)
        self._instance = instance

    @staticmethod
    def claims(exports: Sequence[Export], imports: Sequence[Import]) -> bool:  # noqa: ARG004  # as in every ABI
        """Claim nothing: whose module it is, and not what it looks like, makes it one that runs scripts."""
        return False

    def begin(self, program: bytes) -> None:
        """Load the script: its main module runs."""
        pointer = int(exported(self._instance, "plugin_alloc")(len(program), _ALIGNMENT)[0])
        if pointer == 0:
            raise MemoryLimit(f"there is no memory for its scripts, of {len(program)} bytes", cause="memory")
        try:
            self._instance.write(pointer, program)
        except OutOfBoundsError as error:
            raise Trap(f"plugin_alloc returned a pointer out of bounds: {error}", cause="trap") from error
        failed, text = self.unpack(exported(self._instance, "script_load")(pointer, len(program))[0])
        if failed:
            raise self.failure(error_object(text))

    def failure(self, error: ErrorObject) -> PlugindError:
        """Return what is raised for an error of the script: with its name, and where it was thrown."""
        data: dict[str, Any] = error.data if isinstance(error.data, dict) else {}
        name, place = data.get("name"), data.get("at")
        if name == _NO_MEMORY:
            return MemoryLimit("its script ran out of memory, at the limit that it has", cause="memory")
        said = f"{name}: {error.message}" if isinstance(name, str) and name else error.message
        return PluginError(f"{said} (at {place})" if isinstance(place, str) and place else said, error=error)
