"""More of WASI, for guests whose plugin kits bring a language's whole library along: Extism's.

Such a library imports what it might use. Functions of files find no descriptor, as there is none. Plugins of our own
ABIs are told at install that they want something that is not there.
"""

from typing import Final

from plugind_worker.engine.base import HostFunction, Instance, Signature
from plugind_worker.wasi import EBADF, MODULE

SIGNATURES: Final = {
    name: Signature.parse(f"{params} -> i32")
    for name, params in {
        "fd_advise": "i32 i64 i64 i32",
        "fd_allocate": "i32 i64 i64",
        "fd_datasync": "i32",
        "fd_fdstat_set_flags": "i32 i32",
        "fd_fdstat_set_rights": "i32 i64 i64",
        "fd_filestat_get": "i32 i32",
        "fd_filestat_set_size": "i32 i64",
        "fd_filestat_set_times": "i32 i64 i64 i32",
        "fd_pread": "i32 i32 i32 i64 i32",
        "fd_pwrite": "i32 i32 i32 i64 i32",
        "fd_read": "i32 i32 i32 i32",
        "fd_readdir": "i32 i32 i32 i64 i32",
        "fd_renumber": "i32 i32",
        "fd_sync": "i32",
        "fd_tell": "i32 i32",
        "path_create_directory": "i32 i32 i32",
        "path_filestat_get": "i32 i32 i32 i32 i32",
        "path_filestat_set_times": "i32 i32 i32 i32 i64 i64 i32",
        "path_link": "i32 i32 i32 i32 i32 i32 i32",
        "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
        "path_readlink": "i32 i32 i32 i32 i32 i32",
        "path_remove_directory": "i32 i32 i32",
        "path_rename": "i32 i32 i32 i32 i32 i32",
        "path_symlink": "i32 i32 i32 i32 i32",
        "path_unlink_file": "i32 i32 i32",
    }.items()
}
"""Every function offered, with its exact type."""


def functions() -> list[HostFunction]:
    """Return what such guests may import besides."""
    return [HostFunction(MODULE, name, signature, _no_descriptor) for name, signature in SIGNATURES.items()]


def _no_descriptor(_instance: Instance, *_: int) -> int:
    """Say that there is no such descriptor."""
    return EBADF
