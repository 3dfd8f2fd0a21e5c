"""Variations of the test plugins."""

import json
import shutil
from pathlib import Path
from typing import Any


def altered(source: Path, target: Path, **changes: Any) -> str:
    """Copy a plugin and change its manifest."""
    shutil.copytree(source, target)
    manifest = json.loads((target / "manifest.json").read_text())
    (target / "manifest.json").write_text(json.dumps(manifest | changes))
    return str(target)
