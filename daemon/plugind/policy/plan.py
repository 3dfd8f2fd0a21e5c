"""The launch plan: all that the supervisor gets to know about a plugin it runs."""

import msgspec

from plugind_protocol.manifest import Limits


class ScriptPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a module that runs scripts is given to run."""

    folder: str
    """Path of the plugin's package."""
    main: str
    """The main module, by its path in there."""
    hash: str
    """SHA-256 of all its modules as they are packed, hex."""


class LaunchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which module to run, as whom, within which limits."""

    plugin_id: str
    version: str
    module: str
    """Path of the module in the package store."""
    module_hash: str
    """SHA-256 of the module's bytes, hex."""
    text: bool
    """The module is WebAssembly text."""
    quick: bool = False
    """It is compiled in a fraction of the time, to slower code, where the engine can; it has its process for itself."""
    engine: str
    abi: str
    limits: Limits
    script: ScriptPlan | None = None
    """The module is our own and runs this."""
    config: dict[str, str] = {}
    """What the plugin finds when it asks for its configuration."""
    publisher: str | None = None
    """With whose plugins it shares a process; ``None`` for a process of its own."""
