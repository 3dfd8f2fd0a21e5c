"""How a child's process is ended at once, and what its exit status says of how it ended."""

import signal
import sys
from typing import Final

if sys.platform == "win32":
    KILL: Final = signal.SIGTERM
    """Ends a process at once: there, `os.kill` knows nothing gentler."""
    KILLED: Final = int(signal.SIGTERM)
    """Exit status after it."""
    SPENT: Final[frozenset[int]] = frozenset()
    """Exit statuses of a process that has used up its processor time: a job's limit leaves none of its own."""
else:
    KILL: Final = signal.SIGKILL
    """Ends a process at once."""
    KILLED: Final = -signal.SIGKILL
    """Exit status after it."""
    SPENT: Final[frozenset[int]] = frozenset((-signal.SIGXCPU,))
    """Exit statuses of a process that has used up its processor time."""
