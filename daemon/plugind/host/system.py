"""``system.getInfo``."""

import os
import platform
import sys

import psutil

from plugind.host.caller import Caller
from plugind_protocol import __version__
from plugind_protocol.host.system import SystemInfo
from plugind_protocol.manifest import API_VERSION


def info(_caller: Caller, _params: object) -> SystemInfo:
    """Return what a plugin may know of the machine."""
    memory = psutil.virtual_memory()
    return SystemInfo(
        os=sys.platform,
        arch=platform.machine(),
        cpu_count=os.cpu_count() or 1,
        daemon_version=__version__,
        api_version=API_VERSION,
        memory_total=memory.total,
        memory_available=memory.available,
    )
