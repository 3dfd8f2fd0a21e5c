"""How much a module may hold: caps that are checked before any compiler sees it. Pure.

Compiling costs far more than the bytes of a module suggest, so everything that costs per piece has a cap. What the most
that each admits takes, alone in a module (CPU time and memory of the process; wasmtime 50 with our settings, x86-64):

=============================================  =======  =======
50 000 empty functions                         1.4 s    300 MiB
4 000 types of 8 values                        0.2 s     50 MiB
10 000 data segments far apart                 1.1 s    230 MiB
63 MiB of data                                 0.3 s    280 MiB
32 MiB of code in 50 000 functions             10 s     620 MiB
=============================================  =======  =======

Caps cannot bound what happens inside one function. Of 1 MiB, half a million calls take 2.4 s and 860 MiB, 70 000
branches 11 s and 400 MiB, 200 000 indirect calls more than 25 s; 300 nested loops over 300 locals, 4 KiB in all, 14 s.
Such modules end at the limits of the compiling child, see `plugind_worker.compile`.
"""

from typing import Final

import msgspec

from plugind_protocol.errors import PackageInvalid


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How much a module holds, or may hold."""

    module_bytes: int = 0
    """All of it."""
    types: int = 0
    """Function types."""
    type_values: int = 0
    """Params and results of all types together."""
    imports: int = 0
    functions: int = 0
    """Those of its own, without imported ones."""
    tables: int = 0
    table_elements: int = 0
    """Largest minimum that a table is declared with."""
    memory_pages: int = 0
    """Minimum that its memory is declared with, in pages of 64 KiB."""
    globals: int = 0
    exports: int = 0
    name_bytes: int = 0
    """Names of all imports and exports together, in bytes of UTF-8."""
    element_segments: int = 0
    data_segments: int = 0
    function_bytes: int = 0
    """Code of the largest function."""
    code_bytes: int = 0
    """Code of all functions."""
    locals: int = 0
    """Most locals that one function declares; params not counted."""
    all_locals: int = 0
    """Locals of all functions together."""


CAPS: Final = Extent(
    module_bytes=64 * 1024 * 1024,  # of a package's file, too; twice what the largest honest modules have
    types=4_000,  # each gets code of its own for calls in and out; large honest modules have 1 000
    type_values=32_000,  # that code grows with the values
    imports=1_000,  # there are some thirty to import
    functions=50_000,  # 6 KB of the compiler's memory each; a million made 18 s and 5.3 GB of 4 MiB
    tables=16,  # as many as an instance may have
    table_elements=1_000_000,  # as functions that could be in it, generously; what a plugin gets is its limit's matter
    memory_pages=65_536,  # all that 32 bits can address; what a plugin gets is its limit's matter
    globals=100_000,  # cheap
    exports=10_000,  # sent to the daemon by name
    name_bytes=1024 * 1024,  # the same
    element_segments=10_000,  # compilers write one, or one per table
    data_segments=10_000,  # 70 000 far apart cost 17 s and 1.4 GB; compilers write one per section or string
    function_bytes=1024 * 1024,  # register allocation grows faster than the code; interpreters' main loops have 100 KB
    code_bytes=32 * 1024 * 1024,  # 0.3 s each MiB
    locals=10_000,  # as with code; generated code has a few thousand
    all_locals=1_000_000,  # 35 ns each, whether they are used or not
)
"""What a module may hold."""

_WORDS: Final = {
    "module_bytes": "bytes",
    "type_values": "values in its types",
    "table_elements": "elements in a table from the start",
    "memory_pages": "pages of memory from the start",
    "name_bytes": "bytes of names of imports and exports",
    "function_bytes": "bytes of code in one function",
    "code_bytes": "bytes of code",
    "locals": "locals in one function",
    "all_locals": "locals in all functions",
}


def check(what: str, count: int, *, caps: Extent = CAPS) -> int:
    """Hold one count against its cap.

    Args:
        what: A field of `Extent`.
        count: How much the module has of it.
        caps: What it may have.

    Returns:
        The count.

    Raises:
        PackageInvalid: It is over the cap; the message says of what.
    """
    cap: int = getattr(caps, what)
    if count > cap:
        words = _WORDS.get(what) or what.replace("_", " ")
        raise PackageInvalid(
            f"the module has {count} {words}, over the limit of {cap}",
            hint="It would take too much to compile; build it smaller, or split the plugin.",
            cause="limit",
        )
    return count
