"""Runs the suite as an ordinary user: ``python -m tests.hostile.ordinary USER ARGUMENT…``. Only root can.

The user gets a checkout of its own in a temporary folder, with the environments' interpreters copied to where it may
run them. Nothing is mounted and nothing outside that folder is written, so that removing it removes only copies.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.harness.daemon import ROOT

_ENVIRONMENTS: Final = (".venv", ".venv-wasmer")
_PACKAGES: Final = ("protocol", "daemon", "clients/python", "clients/cli", "clients/headless")
_GENERATOR: Final = Path("build/out/smith/release/smith")


def main() -> int:
    """Prepare, step down, run."""
    uid = int(sys.argv[1]) if sys.argv[1].isdecimal() else pwd.getpwnam(sys.argv[1]).pw_uid
    with tempfile.TemporaryDirectory(prefix="h-", dir="/tmp") as name:  # short, since sockets lie below it
        home = Path(name)
        checkout = home / "c"
        _copy_sources(checkout)
        for environment in _ENVIRONMENTS:
            if (ROOT / environment).is_dir():
                _copy_environment(ROOT / environment, checkout / environment, home, uid)
        _give(home, uid)
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": name,
            "TMPDIR": name,
            "PYTHONPATH": os.pathsep.join(str(checkout / package) for package in _PACKAGES),
        }
        done = subprocess.run(
            [checkout / ".venv" / "bin" / "python", "-m", "tests.hostile", *sys.argv[2:]],
            cwd=checkout,
            env=variables | ({"CI": os.environ["CI"]} if "CI" in os.environ else {}),
            user=uid,
            group=uid,
            extra_groups=[],
            umask=0o022,
            check=False,
        )
    return done.returncode


def _copy_sources(target: Path) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    names = [Path(os.fsdecode(name)) for name in listed.split(b"\0") if name]
    for name in [*names, _GENERATOR]:
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _copy_environment(source: Path, target: Path, home: Path, uid: int) -> None:
    """Make a virtual environment with the packages of another one, and an interpreter that the user may run."""
    interpreter = (source / "bin" / "python").resolve()
    if not all(_may_enter(folder, uid) for folder in interpreter.parents):
        base = home / interpreter.parents[1].name
        if not base.exists():
            shutil.copytree(interpreter.parents[1], base, symlinks=True, ignore=shutil.ignore_patterns("test"))
        interpreter = base / "bin" / interpreter.name
    (target / "bin").mkdir(parents=True)
    _start(target / "bin" / "python", interpreter)
    (target / "pyvenv.cfg").write_text(f"home = {interpreter.parent}\ninclude-system-site-packages = false\n")
    (target / "lib").symlink_to(source / "lib")


def _start(command: Path, interpreter: Path) -> None:
    """Make a command that starts an interpreter, which may have a library of its own where it was copied to."""
    libraries = interpreter.parents[1] / "lib"
    if not any(libraries.glob("libpython*.so*")):
        command.symlink_to(interpreter)
        return
    command.write_text(f'#!/bin/bash\nLD_LIBRARY_PATH={libraries} exec -a "$0" {interpreter} "$@"\n')
    command.chmod(0o755)


def _may_enter(folder: Path, uid: int) -> bool:
    status = folder.stat()
    return bool(status.st_mode & (0o100 if status.st_uid == uid else 0o001))


def _give(home: Path, uid: int) -> None:
    os.chown(home, uid, uid)
    for folder, names, files in os.walk(home):  # links are not followed
        for name in (*names, *files):
            os.chown(Path(folder, name), uid, uid, follow_symlinks=False)


if __name__ == "__main__":
    sys.exit(main())
