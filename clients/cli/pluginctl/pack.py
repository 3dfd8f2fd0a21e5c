"""``pluginctl pack``: a plugin's folder as a package, and whether a package is one. Needs no daemon."""

import hashlib
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from pluginctl.context import Invocation, pass_invocation
from pluginctl.failure import CommandFailed
from pluginctl.terminal import one_line, size
from plugind_protocol.package import SUFFIX, digest, folder, write
from plugind_protocol.package.unpack import unpack


class Packed(msgspec.Struct, rename="camel", kw_only=True):
    """What is said of a package."""

    name: str
    version: str
    file: str
    size: int
    """Of the package, in bytes."""
    files: int
    """Files in it."""
    sha256: str
    """Of the package: what ``plugins.install`` takes as a pin."""
    package_hash: str
    """Of what is in it: what the daemon knows it by, the same for its folder."""
    reproducible: bool
    """Whether it is, byte for byte, what ``pack`` makes of its contents on any machine."""


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; default NAME-VERSION.tsplugin."
)
@click.option("--compress", is_flag=True, help="Smaller, and the same only where the compressor is.")
@click.option("--check", type=click.Path(path_type=Path), metavar="FILE", help="Check a package instead of making one.")
@pass_invocation
def pack(
    invocation: Invocation, /, directory: Path | None, *, output: Path | None, compress: bool, check: Path | None
) -> None:
    """Make a package of the plugin in DIRECTORY, by default here: the same bytes each time, on any machine.

    With --check FILE, say whether FILE is a package that can be installed.
    """
    if check is not None and (directory is not None or output is not None or compress):
        raise click.UsageError("--check takes a package and nothing else.")
    try:
        if check is not None:
            packed, done = checked(check), "is a package:"
        else:
            packed, done = packaged(directory or Path(), output, compress=compress), "packed as"
    except OSError as exc:
        raise CommandFailed(f"{exc.filename or check or output or directory or '.'}: {exc.strerror}") from exc
    lines = (
        f"{one_line(packed.name)} {packed.version} {done} {packed.file} ({size(packed.size)}, {packed.files} files)",
        f"sha256   {packed.sha256}",
        f"contents {packed.package_hash}",
        *([] if packed.reproducible else ["it is not what pluginctl pack makes of these files without --compress"]),
    )
    invocation.show(packed, "\n".join(lines))


def packaged(directory: Path, output: Path | None, *, compress: bool) -> Packed:
    """Make a package, and check it before it gets its name.

    Args:
        directory: The plugin's folder.
        output: The file, or a folder for it; None for the current one.
        compress: Deflate what becomes smaller by it.

    Raises:
        PackageInvalid: Something in the folder may not be in a package.
        ManifestInvalid: The manifest is missing or wrong.
        OSError: A file cannot be read or written.
    """
    contents = folder.read(directory)
    name = f"{contents.manifest.name.removeprefix('@').replace('/', '-')}-{contents.manifest.version}{SUFFIX}"
    target = (output or Path()) / name if output is None or output.is_dir() else output
    staged = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with staged.open("xb") as stream:
            write.write(contents, stream, compress=compress)
        packed = checked(staged)
        staged.replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            staged.unlink()
        raise
    return msgspec.structs.replace(packed, file=os.fspath(target))


def checked(file: Path) -> Packed:
    """Read a package as the daemon does.

    Raises:
        PackageInvalid: It is none; the message names the entry and the reason.
        ManifestInvalid: Its manifest is missing or wrong.
        OSError: It cannot be read.
    """
    with file.open("rb") as stream, tempfile.TemporaryDirectory(prefix="pluginctl-") as scratch:
        contents = unpack(stream, Path(scratch) / "plugin")
        stream.seek(0)
        again = Path(scratch) / "again"
        with again.open("xb") as rewritten:
            write.write(contents, rewritten)
        sha256 = _sha256(file)
        return Packed(
            name=contents.manifest.name,
            version=contents.manifest.version,
            file=os.fspath(file),
            size=file.stat().st_size,
            files=len(contents.files),
            sha256=sha256,
            package_hash=digest.of_files(contents.files),
            reproducible=_sha256(again) == sha256,
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


COMMANDS: Final[dict[str, Any]] = {"pack": pack}
