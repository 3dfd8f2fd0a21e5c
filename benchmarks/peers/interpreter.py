"""A fresh Python that imports the engine: the least that starting a worker costs without a zygote."""

import os
import subprocess
import sys


def fresh_interpreter() -> None:
    """Start it, and wait for its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([sys.executable, "-I", "-c", "import wasmtime"], check=True, env=environment)
