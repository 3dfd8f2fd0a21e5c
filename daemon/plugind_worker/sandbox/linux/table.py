"""The layers of Linux, in the order in which they are applied."""

import sys
from typing import Final

from plugind_worker.sandbox import process
from plugind_worker.sandbox.layer import Job, Layer, Stage
from plugind_worker.sandbox.linux import landlock, namespaces, privileges, rlimits, seccomp

assert sys.platform != "win32"  # for type checkers: `plugind_worker.sandbox.windows` has its own

LAYERS: Final = (
    Layer("no-new-privs", Stage.ZYGOTE, privileges.no_new_privs),
    Layer("namespaces", Stage.ZYGOTE, namespaces.enter, essential=False),
    Layer("signals", Stage.ENTRY, process.signals),
    Layer("parent-death", Stage.ENTRY, privileges.parent_death),
    Layer("session", Stage.ENTRY, process.session),
    Layer("descriptors", Stage.ENTRY, process.descriptors),
    Layer("environment", Stage.ENTRY, process.environment),
    Layer("rlimits", Stage.ORDERED, rlimits.apply),
    Layer("empty-root", Stage.LOADED, namespaces.move_into_empty_root, essential=False),
    Layer("capabilities", Stage.LOADED, privileges.drop_capabilities),
    Layer("landlock", Stage.LOADED, landlock.restrict),
    Layer("no-processes", Stage.LAST, rlimits.seal, jobs=frozenset({Job.LAUNCH, Job.UNPACK})),
    Layer("seccomp", Stage.LAST, seccomp.install, prepare=seccomp.prepare),
)
