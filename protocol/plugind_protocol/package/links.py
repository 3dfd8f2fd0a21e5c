"""Links on the way to a file of a plugin's folder: what lies beyond one is somebody else's."""

from pathlib import Path


def on_the_way(folder: Path, name: str) -> Path | None:
    """Look for a link among the folders that a name leads through.

    Args:
        folder: The plugin's folder, which may be a link itself.
        name: A relative path in it, without ``..``.

    Returns:
        The outermost one, by its relative path; None where there is none.
    """
    parents = [parent for parent in Path(name).parents if parent != Path()]
    return next((parent for parent in reversed(parents) if (folder / parent).is_symlink()), None)
