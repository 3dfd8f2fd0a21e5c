"""Writes what is generated from the protocol package and checked in: schemas, pages of ``docs``, types of SDKs.

python protocol/generate.py            write the files
python protocol/generate.py --check    fail if they are not what would be written
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from plugind_protocol import manifest_schema, methods_page, openrpc
from plugind_protocol.host import assemblyscript as host_assemblyscript
from plugind_protocol.host import document as host_document
from plugind_protocol.host import page as host_page
from plugind_protocol.host import rust as host_rust
from plugind_protocol.host import typescript as host_typescript

FOLDER: Final = Path(__file__).parent / "schema"
DOCS: Final = Path(__file__).parent.parent / "docs"
FILES: Final[dict[str, Callable[[], dict[str, Any]]]] = {
    "openrpc.json": openrpc.document,
    "manifest.schema.json": manifest_schema.document,
    "host.schema.json": host_document.document,
}
SDK: Final = Path(__file__).parent.parent / "sdk"
PAGES: Final[dict[str, Callable[[], str]]] = {"host-api.md": host_page.page, "methods.md": methods_page.page}
SOURCES: Final[dict[str, Callable[[], str]]] = {
    "rust/timeline-studio-sdk/src/generated.rs": host_rust.source,
    "assemblyscript/package/assembly/generated.ts": host_assemblyscript.source,
    "typescript/src/generated.ts": host_typescript.source,
}


def render(document: dict[str, Any]) -> str:
    """Return the text of a schema."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path, docs: Path = DOCS, sdk: Path = SDK) -> dict[Path, str]:
    """Return the files that are missing or not what would be written, with what would be."""
    wanted = {folder / name: render(build()) for name, build in FILES.items()}
    wanted |= {docs / name: build() for name, build in PAGES.items()}
    wanted |= {sdk / name: build() for name, build in SOURCES.items()}
    return {path: text for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text}


def main(arguments: list[str]) -> int:
    """Write or check the files; return the exit status."""
    parser = argparse.ArgumentParser(description="Generate schemas, pages of docs and types of SDKs.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the schemas lie")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the pages lie")
    parser.add_argument("--sdk", type=Path, default=SDK, help="where the SDKs lie")
    options = parser.parse_args(arguments)
    files = stale(options.folder, options.docs, options.sdk)
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
