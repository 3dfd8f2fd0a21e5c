"""Writes what is generated from the protocol package and checked in: ``protocol/schema/*.json`` and pages of ``docs``.

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
from plugind_protocol.host import document as host_document
from plugind_protocol.host import page as host_page

FOLDER: Final = Path(__file__).parent / "schema"
DOCS: Final = Path(__file__).parent.parent / "docs"
FILES: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "openrpc.json": openrpc.document,
    "manifest.schema.json": manifest_schema.document,
    "host.schema.json": host_document.document,
}
PAGES: Final[dict[str, Callable[[], str]]] = {"host-api.md": host_page.page}


def render(document: dict[str, Any]) -> str:
    """Return the text of a schema."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path, docs: Path = DOCS) -> dict[Path, str]:
    """Return the files that are missing or not what would be written, with what would be."""
    wanted = {folder / name: render(build()) for name, build in FILES.items()}
    wanted |= {docs / name: build() for name, build in PAGES.items()}
    return {path: text for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text}


def main(arguments: list[str]) -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description="Generate protocol/schema and pages of docs.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the schemas lie")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the pages lie")
    options = parser.parse_args(arguments)
    files = stale(options.folder, options.docs)
    if options.check:
        for path in files:
            sys.stderr.write(f"{path} is stale; run: python protocol/generate.py\n")
        return 1 if files else 0
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
