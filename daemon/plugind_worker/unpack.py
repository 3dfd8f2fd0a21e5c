"""A child that unpacks one package and ends: checks it, and writes what its files hold, one after the other.

What it reads was written by somebody hostile, and inflating is done by a library in C. So it is confined before it
looks, as a child that compiles is, and more closely: it needs no threads and makes no code. It knows no folders and
opens no files; whoever has given it the output makes files of that.
"""

import os

import msgspec

from plugind_protocol.errors import InternalError, PackageInvalid, PlugindError
from plugind_protocol.package import inflate, structure
from plugind_protocol.worker import Kind, Unpacked, UnpackedEntry
from plugind_worker.channel import Channel
from plugind_worker.lockdown import Lockdown
from plugind_worker.sandbox.layer import Stage

_STDERR = 2
_BUFFER_BYTES = 1024 * 1024


def run(channel: Channel, *, package: int, output: int, lockdown: Lockdown) -> None:
    """Unpack and answer: READY with `Unpacked`, or FAILED with the error.

    Args:
        channel: Where the answer goes.
        package: Descriptor of the package, open for reading.
        output: Descriptor of an empty file, open for writing.
        lockdown: What confines this process from before the package is looked at.
    """
    os.dup2(output, _STDERR)  # last words, where there will be no contents
    for stage in (Stage.LOADED, Stage.LAST):
        lockdown.apply(stage)
    try:
        lockdown.check()
        entries = unpack(package, output)
    except PlugindError as error:
        _fail(channel, error)
    except MemoryError:
        _fail(channel, PackageInvalid("the package takes more memory to unpack than is allowed", cause="memory"))
    else:
        channel.send(Kind.READY, 0, msgspec.json.encode(Unpacked(entries)))


def unpack(package: int, output: int) -> list[UnpackedEntry]:
    """Write the contents of a package's files.

    Args:
        package: Descriptor of the package.
        output: Descriptor of an empty file.

    Returns:
        Its files and folders, in the order of their contents.

    Raises:
        PackageInvalid: Whatever is wrong with it, with the entry where there is one.
        InternalError: The disk is full.
    """
    with open(package, "rb", buffering=_BUFFER_BYTES, closefd=False) as stream:
        entries = structure.read(stream)
        for entry in entries:
            for piece in inflate.contents(stream, entry):
                _write(output, piece)
    return [UnpackedEntry(entry.path, entry.folder, entry.size) for entry in entries]


def _write(output: int, piece: bytes) -> None:
    view = memoryview(piece)
    try:
        while view:
            view = view[os.write(output, view) :]
    except OSError as error:
        raise InternalError(
            f"the package cannot be unpacked: {error.strerror}", hint="See whether the disk is full."
        ) from error


def _fail(channel: Channel, error: PlugindError) -> None:
    channel.send(Kind.FAILED, 0, msgspec.json.encode(error.to_object()))
