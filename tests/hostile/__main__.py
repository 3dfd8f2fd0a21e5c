"""``python -m tests.hostile``, which is ``make hostile``: every row of the threats, shown once more, and fuzzing.

Exits with 0 only if each row has shown its stated outcome. ``--write`` puts the table into the documentation.
"""

import argparse
import datetime as dt
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import time
from typing import Final

import pytest
from tests.harness.daemon import ROOT
from tests.hostile.table import Table

PAGE = ROOT / "docs" / "threat-model.md"
_FIGURES: Final = ("fuzz_seconds", "modules", "stride")
"""How much of it, which tests find in their environment."""
_BETWEEN = re.compile(r"(<!-- begin: make hostile WRITE=1 -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="make hostile", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into docs/threat-model.md")
    parser.add_argument("--by", dest="user", help="an ordinary user to run as, where root runs this: a name or number")
    parser.add_argument("--fuzz-seconds", type=int, default=60, help="guided fuzzing, all targets together")
    parser.add_argument("--modules", type=int, default=300, help="how many modules are generated")
    parser.add_argument("--stride", type=int, default=7, help="of the steps that are killed, every so-manieth")
    parser.add_argument("pytest", nargs="*", help="further arguments of pytest")
    given = parser.parse_args()
    if given.user:
        return _as_another_user(given)
    os.environ |= {f"HOSTILE_{name.upper()}": str(getattr(given, name)) for name in _FIGURES}
    table = Table(as_root=os.geteuid() == 0)
    began = time.monotonic()
    status = pytest.main([str(ROOT / "tests"), "-m", "threat", "-q", *given.pytest], plugins=[table])
    conditions = f"{describe()}; {time.monotonic() - began:.0f} s in all"
    sys.stdout.write(f"\n{table.text()}\n\n{conditions}\n")
    if given.write:
        text = PAGE.read_text(encoding="utf-8")
        filled = f"{conditions}.\n\n{table.markdown()}\n"
        PAGE.write_text(_BETWEEN.sub(lambda found: f"{found[1]}{filled}{found[2]}", text), encoding="utf-8")
    return 0 if status == pytest.ExitCode.OK and table.holds() else 1


def _as_another_user(given: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "tests.hostile.ordinary", given.user]
    figures = [f"--{name.replace('_', '-')}={getattr(given, name)}" for name in _FIGURES]
    return subprocess.run([*command, *figures, "--", *given.pytest], cwd=ROOT, check=False).returncode


def describe() -> str:
    """Say when and on what this ran."""
    versions = {name: importlib.metadata.version(name) for name in ("plugind", "wasmtime")}
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    user = "root" if os.geteuid() == 0 else "an ordinary user"
    return (
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}: {platform.system()} {platform.release()} {platform.machine()}, "
        f"{os.cpu_count()} processors, CPython {platform.python_version()}, {named}, as {user}"
    )


if __name__ == "__main__":
    sys.exit(main())
