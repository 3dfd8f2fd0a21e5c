"""The operating system: whether plugins run on it and what it lacks, and who its user is."""

import os
import sys
from typing import Final

_LACKING: Final = {
    "darwin": (
        "macOS",
        "their zygote needs what only Linux has (descriptors of processes, a signal when the parent dies)",
    ),
    "win32": (
        "Windows",
        "nothing there starts them (no fork, no descriptors over sockets, no folders to open files from)",
    ),
}
"""Platform → its name, and what workers lack there."""


def why_no_workers(platform: str = sys.platform) -> str | None:
    """Return why no plugin can run on a system.

    Args:
        platform: As ``sys.platform``.

    Returns:
        A sentence for people; None where plugins run.
    """
    if platform == "linux":
        return None
    name, lacking = _LACKING.get(platform, (platform, "nobody has tried"))
    return f"plugind's workers do not run on {name} yet: {lacking}; run plugind on Linux"


if sys.platform == "win32":

    def user() -> int:
        """Return 0: users have no number here."""
        return 0
else:

    def user() -> int:
        """Return the number of the user who runs this process."""
        return os.getuid()
