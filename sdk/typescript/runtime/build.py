"""Builds the module that runs script plugins, and compares: what is checked in must be what the sources say.

``build.py`` fails when the module is stale, ``build.py --write`` replaces it. It takes Node.js with npm for our own
scripts, cargo to fetch the sources of QuickJS-NG, and Zig's C compiler, all in versions that are pinned, so that the
same bytes come out everywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import snapshot

HERE = Path(__file__).resolve().parent
SDK = HERE.parent
MODULE = SDK.parents[1] / "daemon" / "plugind" / "supervisor" / "quickjs.wasm"
CRATE = "rquickjs-sys"
QUICKJS = ("quickjs.c", "dtoa.c", "libregexp.c", "libunicode.c")
STACK_BYTES = 1024 * 1024
CHANGES = {
    "quickjs.c": (
        # see src/depth.h
        (
            "    sp = js_get_stack_pointer() - alloca_size;",
            "    if (native_stack_used > NATIVE_STACK_LIMIT) return true;",
        ),
        ("JSValueConst new_target,\n" + " " * 31 + "int argc, JSValueConst *argv, int flags)\n{", 1300),
        ("    /* better to always check stack overflow */", 1500),
        ("static JSValue async_func_resume(JSContext *ctx, JSAsyncFunctionState *s)\n{", 1000),
        ("static __exception int js_parse_assign_expr2(JSParseState *s, int parse_flags)\n{", 2500),
        ("static __exception int js_parse_unary(JSParseState *s, int parse_flags)\n{", 800),
        ("static __exception int js_parse_statement_or_decl(JSParseState *s,\n" + " " * 50 + "int decl_mask)\n{", 800),
        ("static JSValue json_parse_value(JSParseState *s, JSONParseRecord *pr)\n{", 400),
        ("                          JSValueConst indent)\n{", 600),
    ),
    "libregexp.c": (("static int re_parse_disjunction(REParseState *s, bool is_backward_dir)\n{", 1500),),
}
"""What is added to sources of QuickJS at a text that is in them once: C before it, or after it what a function takes of
the stack. A source whose text has changed does not build, so that nothing is left out unseen."""
FLAGS = (
    *("-target", "wasm32-wasi", "-mexec-model=reactor", "-mcpu=generic+bulk_memory+sign_ext+nontrapping_fptoint"),
    *("-O2", "-DNDEBUG", "-D_GNU_SOURCE", "-std=gnu23", "-Wno-everything", "-g0", "-include", "depth.h"),
    *("-Wl,--strip-all", f"-Wl,-z,stack-size={STACK_BYTES}"),
)


def build(work: Path) -> Path:
    """Builds the module in a folder, and returns it.

    Raises:
        subprocess.CalledProcessError: A tool failed; what it said is on stderr.
        FileNotFoundError: A tool is not installed.
    """
    if not (SDK / "node_modules").is_dir():
        _run([_find("npm"), "ci", "--no-audit", "--no-fund"], cwd=SDK)
    _run([_find("node"), str(HERE / "bundle.mjs"), str(work)], cwd=SDK)
    (work / "embedded.c").write_text(_embedded(sorted(work.glob("*.js"))))
    quickjs = _sources()
    for name in QUICKJS:
        (work / name).write_text(_changed((quickjs / name).read_text(), CHANGES.get(name, ())))
    for header in [*quickjs.glob("*.h"), *(HERE / "src").iterdir()]:
        shutil.copy(header, work)
    module = work / "quickjs.wasm"
    sources = [*QUICKJS, *sorted(path.name for path in (HERE / "src").glob("*.c")), "embedded.c"]
    compiler = [sys.executable, "-m", "ziglang", "cc"]
    _run([*compiler, *FLAGS, "-I.", "-o", module.name, *sources], cwd=work)
    module.write_bytes(snapshot.snapshot(module.read_bytes(), stack_bytes=STACK_BYTES))
    return module


def _changed(text: str, changes: Sequence[tuple[str, str | int]]) -> str:
    for after, added in changes:
        if text.count(after) != 1:
            raise ValueError(f"QuickJS is not as it was: there is no single {after!r}")
        line = added if isinstance(added, str) else f"    NATIVE_STACK({added});"
        text = text.replace(after, f"{line}\n{after}" if isinstance(added, str) else f"{after}\n{line}")
    return text


def _embedded(scripts: list[Path]) -> str:
    """Writes the C source that holds our scripts."""
    lines = ['#include "runtime.h"']
    for path in scripts:
        lines += [f"static const char {path.stem}[] = {{", f'#embed "{path.name}"', ", 0};"]
    lines.append("const Embedded EMBEDDED[] = {")
    lines += [f'    {{"{path.stem}", {path.stem}, sizeof {path.stem} - 1}},' for path in scripts]
    lines += ["};", f"const int EMBEDDED_COUNT = {len(scripts)};", ""]
    return "\n".join(lines)


def _sources() -> Path:
    """Fetches the sources of QuickJS-NG, in the version that Cargo.lock says, and returns their folder."""
    cargo = _find("cargo")
    folder = HERE / "sources"
    _run([cargo, "fetch", "--locked", "--quiet"], cwd=folder)
    said = subprocess.run(
        [cargo, "metadata", "--locked", "--offline", "--format-version", "1"],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    crate = next(package for package in json.loads(said)["packages"] if package["name"] == CRATE)
    return Path(crate["manifest_path"]).parent / "quickjs"


def _find(tool: str) -> str:
    found = shutil.which(tool)
    if found is None:
        raise FileNotFoundError(f"{tool} is not installed; building the runtime of script plugins needs it")
    return found


def _run(command: list[str], *, cwd: Path) -> None:
    environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(HERE / "build" / "zig")}
    subprocess.run(command, cwd=cwd, check=True, stdout=sys.stderr, env=environment)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: The arguments after the program's name; those of the process by default.

    Returns:
        The exit status: 0 where the checked-in module is, or has been made, what the sources say.
    """
    parser = argparse.ArgumentParser(description="Build the module that runs script plugins.")
    parser.add_argument("--write", action="store_true", help="replace the checked-in module where it differs")
    options = parser.parse_args(arguments)
    work = HERE / "build" / "work"  # always the same, so that the compiler knows what it has compiled
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    made = build(work).read_bytes()
    if MODULE.is_file() and MODULE.read_bytes() == made:
        return 0
    if not options.write:
        sys.stderr.write(f"{MODULE.name} is not what its sources say; run: make sdk-typescript WRITE=1\n")
        return 1
    MODULE.write_bytes(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
