"""``system.*``: the machine and the host."""

from typing import Final

from plugind_protocol.table import Empty, Example, HostMethod, Struct

NAMESPACE: Final = "system"


class SystemInfo(Struct, frozen=True, omit_defaults=False):
    """What a plugin may know of the machine."""

    os: str
    """``linux``, ``darwin`` or ``win32``."""
    arch: str
    """Of the processor, such as ``x86_64``."""
    cpu_count: int
    """Processors that the system has."""
    daemon_version: str
    """Of plugind."""
    api_version: str
    """Of the plugin API."""
    memory_total: int
    """In bytes."""
    memory_available: int
    """That programs could have now, in bytes."""


METHODS: Final = (
    HostMethod(
        "system.getInfo",
        Empty,
        SystemInfo,
        "The machine and the host.",
        permission="system.info",
        provider="daemon",
        example=Example(
            {},
            {
                "os": "linux",
                "arch": "x86_64",
                "cpuCount": 8,
                "daemonVersion": "0.1.0",
                "apiVersion": "1.0",
                "memoryTotal": 16777216000,
                "memoryAvailable": 8388608000,
            },
        ),
    ),
)
