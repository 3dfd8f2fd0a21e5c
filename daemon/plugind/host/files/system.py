"""How files below a folder are reached: the one place that chooses it by the operating system."""

import sys
from contextlib import AbstractContextManager
from pathlib import Path

from plugind.host.files.base import Files, Reach, Reason, RefusedError

if sys.platform == "win32":

    def choose() -> Reach:
        """Return what refuses: paths alone could lead anywhere by the time they are used."""
        return _refuse

    def _refuse(root: Path, *, mode: int = 0o666) -> AbstractContextManager[Files]:  # noqa: ARG001  # whatever it is
        raise RefusedError(Reason.SYSTEM)
else:
    from plugind.host.files import beneath
    from plugind.host.files.tree import Tree

    def choose() -> Reach:
        """Return the best way that this system has."""
        return by(beneath.choose())

    def by(open_: beneath.Open) -> Reach:
        """Return the way by descriptors of folders.

        Args:
            open_: How files below a folder are opened.
        """

        def reach(root: Path, *, mode: int = 0o666) -> AbstractContextManager[Files]:
            return Tree(root, open_, mode=mode)

        return reach
