"""What is installed of one plugin, for tests of what is made of it."""

from pathlib import Path
from typing import Any

import msgspec

from plugind.registry.records import Record
from plugind.services.environment import Installed
from plugind_protocol.manifest import Limits, Manifest


def installed(version: str = "1.0.0", *, granted: list[str] | None = None, **changes: Any) -> Installed:
    """An installed plugin ``p``.

    Args:
        version: Its version.
        granted: What it is granted.
        changes: What else its record says.
    """
    record = Record(
        plugin_id="p",
        version=version,
        package=f"package-{version}",
        module_hash="cd",
        abi="timeline",
        enabled=True,
        granted=granted or [],
    )
    manifest = msgspec.convert({"name": "p", "version": version, "main": "p.wasm"}, Manifest)
    return Installed(
        record=msgspec.structs.replace(record, **changes),
        manifest=manifest,
        module=Path("/packages/p/p.wasm"),
        limits=Limits(),
        engine="wasmtime",
    )
