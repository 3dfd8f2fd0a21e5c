"""The host API: what guests may ask for, one module per namespace, assembled into one table.

A guest's params are refused where they do not fit, with the JSON path; unknown fields too. What a provider answers is
checked against the row's result as well; fields beyond it are passed on where the result is a `table.Open`.
"""

from types import ModuleType
from typing import Final

from plugind_protocol.host import effects, events, file, media, network, storage, system, timeline, ui
from plugind_protocol.table import HostMethod, Method

MODULES: Final[tuple[ModuleType, ...]] = (timeline, media, effects, ui, file, storage, events, network, system)
"""In the order of documents."""

HOST_METHODS: Final[dict[str, HostMethod]] = {
    row.name: row
    for rows in (
        timeline.METHODS,
        media.METHODS,
        effects.METHODS,
        ui.METHODS,
        file.METHODS,
        storage.METHODS,
        events.METHODS,
        network.METHODS,
        system.METHODS,
    )
    for row in rows
}
"""What a guest may ask for by ``timeline.host_call``."""

PROVIDER_METHODS: Final[dict[str, Method]] = {row.name: row for row in timeline.PROVIDER_METHODS}
"""What the daemon asks a provider of its own accord, besides what guests ask for."""
