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


HOOK_LENGTHS = {
    "main": 4,
    "lifecycle.load": 14,
    "lifecycle.sleep": 15,
    "lifecycle.unload": 16,
    "lifecycle.activate": 18,
    "lifecycle.deactivate": 20,
}
_HOOKED = """
(module
  (import "timeline" "host_call" (func $host (param i32 i32 i32 i32) (result i64)))
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))
  (data (i32.const 0) "@ANSWER@")
  (data (i32.const 4096) "{\\"code\\":-32601,\\"message\\":\\"method not found\\"}")
  (data (i32.const 5000) "timeline.getCurrentTime{}")
  (func (export "plugin_alloc") (param $size i32) (param $align i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get $size)))
    (local.get $at))
  (func (export "plugin_free") (param i32 i32 i32))
  (func (export "plugin_call") (param $method i32) (param $len i32) (param i32 i32) (result i64)
    (if (i32.eq (local.get $len) (i32.const @TRAPS@)) (then (unreachable)))
    (if (i32.eq (local.get $len) (i32.const @SPINS@)) (then (loop $ever (br $ever))))
    (if (i32.eq (local.get $len) (i32.const 3))
      (then (return (call $host (i32.const 5000) (i32.const 23) (i32.const 5023) (i32.const 2)))))
    (if (i32.eq (local.get $len) (i32.const 7)) (then (return (i64.const @LENGTH@))))
    (i64.const 0x10008000002c)))
"""


def hooked(
    target: Path,
    version: str = "1.0.0",
    *,
    name: str = "hooked",
    traps: str | None = None,
    spins: str | None = None,
    **changes: Any,
) -> str:
    """Write a plugin whose function ``version`` says its version, ``ask`` asks the editor, and whose hooks may fail.

    Args:
        target: The folder to write.
        version: Its version.
        name: Its id.
        traps: A hook that traps.
        spins: A hook that never ends.
        changes: Further fields of its manifest.
    """
    target.mkdir(parents=True, exist_ok=True)
    answer = json.dumps(version)
    text = _HOOKED.replace("@ANSWER@", answer.replace('"', '\\"')).replace("@LENGTH@", str(len(answer)))
    for mark, hook in (("@TRAPS@", traps), ("@SPINS@", spins)):
        text = text.replace(mark, str(HOOK_LENGTHS[hook] if hook else 0))
    manifest = {
        "name": name,
        "version": version,
        "main": "plugin.wat",
        "abi": "timeline",
        "permissions": ["timeline.read", "timeline.write"],
    }
    (target / "plugin.wat").write_text(text)
    (target / "manifest.json").write_text(json.dumps(manifest | changes))
    return str(target)
