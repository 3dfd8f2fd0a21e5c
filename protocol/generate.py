"""Writes what is generated from the protocol package and checked in: ``protocol/schema/*.json``.

python protocol/generate.py            write the files
python protocol/generate.py --check    fail if they are not what would be written
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from plugind_protocol import manifest_schema, openrpc

FOLDER: Final = Path(__file__).parent / "schema"
FILES: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "openrpc.json": openrpc.document,
    "manifest.schema.json": manifest_schema.document,
}


def render(document: dict[str, Any]) -> str:
    """Return the text of a file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path) -> list[str]:
    """Return the names of files in a folder that are missing or not what would be written."""
    return [
        name
        for name, build in FILES.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != render(build())
    ]


def main(arguments: list[str]) -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description="Generate protocol/schema.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files lie")
    options = parser.parse_args(arguments)
    names = stale(options.folder)
    if options.check:
        for name in names:
            sys.stderr.write(f"{options.folder / name} is stale; run: python protocol/generate.py\n")
        return 1 if names else 0
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (options.folder / name).write_text(render(FILES[name]()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
