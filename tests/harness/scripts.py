"""Script plugins for tests, written where they are used."""

import json
from collections.abc import Sequence
from pathlib import Path


def script(
    folder: Path,
    files: dict[str, str] | str,
    *,
    name: str = "scripted",
    main: str = "index.js",
    permissions: Sequence[str] = (),
    **manifest: object,
) -> str:
    """Write a script plugin.

    Args:
        folder: Where its folder goes.
        files: Path → text of its files; a text alone is its main module.
        name: Its id.
        main: Path of its main module.
        permissions: What it asks for.
        manifest: Further fields.

    Returns:
        Its folder.
    """
    plugin = folder / name.replace("/", "-")
    written = {main: files} if isinstance(files, str) else files
    fields = {"name": name, "version": "1.2.3", "main": main, "permissions": list(permissions), **manifest}
    for path, text in {"manifest.json": json.dumps(fields), **written}.items():
        (plugin / path).parent.mkdir(parents=True, exist_ok=True)
        (plugin / path).write_text(text)
    return str(plugin)
