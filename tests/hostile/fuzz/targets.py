"""What is fuzzed: functions of any bytes that may end in no way but those the contract names.

Whatever a target raises is a finding. Both hypothesis and the guided fuzzer call them.
"""

import contextlib
import io
import json
import socket
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.fakes.zips import Part, build, extra
from tests.hostile.packages import good

from plugind.supervisor.distrust import check_text
from plugind_protocol import envelope, framing, manifest, worker
from plugind_protocol.errors import InvalidRequest, ManifestInvalid, PackageInvalid, ParseError
from plugind_protocol.package import inflate, structure
from plugind_protocol.package.caps import Caps
from plugind_worker.channel import Channel, ChannelClosedError

_ROOT: Final = Path(__file__).parents[3]
_LIMIT: Final = 4096
_CAPS: Final = Caps(total_bytes=1024 * 1024, package_bytes=64 * 1024, entries=20)


def frames(data: bytes) -> None:
    """Any bytes of a client are messages within the limit, or end the connection; in pieces as in one."""
    seen = []
    for step in (len(data) or 1, 7):
        decoder = framing.Decoder(max_message=_LIMIT)
        out: list[Any] = []
        try:
            for start in range(0, len(data), step):
                out += decoder.feed(data[start : start + step])
        except framing.FramingError:
            continue
        seen.append([one.size if isinstance(one, framing.Oversized) else one for one in out])
        assert all(isinstance(one, framing.Oversized) or len(one) <= _LIMIT for one in out)
    assert len(seen) < 2 or seen[0] == seen[1]


def envelopes(data: bytes) -> None:
    """Any bytes of a message are a message or one of two errors; what is accepted is JSON to others too."""
    try:
        decoded = envelope.decode(data)
        members = decoded if isinstance(decoded, list) else []
    except (ParseError, InvalidRequest):
        return
    json.loads(data)
    for member in members:
        with contextlib.suppress(ParseError, InvalidRequest):
            envelope.decode_member(member)


def manifests(data: bytes) -> None:
    """Any bytes are a manifest that comes back as it was, or ManifestInvalid with the path."""
    try:
        parsed = manifest.parse(data)
    except ManifestInvalid as error:
        if not error.data.path:
            raise AssertionError("no path") from error
        return
    assert manifest.parse(manifest.encode(parsed)) == parsed


def bodies(data: bytes) -> None:
    """Any bytes of a worker are messages or ValueError; a text that is let through is one text on one line."""
    decoder = worker.Decoder(max_body=_LIMIT)
    with contextlib.suppress(ValueError):
        for _, _, body in decoder.feed(data):
            _body(body)
    _body(data)


def _body(body: bytes) -> None:
    try:
        check_text(body)
    except (ValueError, RecursionError):
        pass
    else:
        json.loads(body)
        assert b"\n" not in body
    with contextlib.suppress(ValueError):
        name, payload = worker.split_name(body)
        assert worker.with_name(name, payload) == body


def orders(data: bytes) -> None:
    """Any bytes that a worker is sent are messages, ValueError, or the end of its channel."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(data[:_LIMIT])
        ours.shutdown(socket.SHUT_WR)
        channel = Channel(theirs)
        with contextlib.suppress(ValueError, ChannelClosedError):
            while True:
                channel.receive()


def packages(data: bytes) -> None:
    """Any bytes are PackageInvalid, or a zip that everybody reads in the same way, with names that lead nowhere."""
    stream = io.BytesIO(data)
    try:
        entries = structure.read(stream, caps=_CAPS)
        files = {one.path: b"".join(inflate.contents(stream, one)) for one in entries if not one.folder}
    except PackageInvalid:
        return
    assert sum(map(len, files.values())) <= _CAPS.total_bytes
    assert not any({"", ".", ".."} & set(path.split("/")) or path[0] == "/" for path in files)
    with zipfile.ZipFile(stream) as others:
        assert others.testzip() is None
        assert {one.filename: others.read(one) for one in others.infolist() if not one.is_dir()} == files


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "framing": frames,
    "envelopes": envelopes,
    "manifests": manifests,
    "packages": packages,
    "worker messages, read by the daemon": bodies,
    "worker messages, read by a worker": orders,
}
"""By their row in the list of attacks."""


def seeds(name: str) -> Iterator[bytes]:
    """Where a fuzzer begins: the golden vectors, real manifests and messages."""
    if name in ("framing", "envelopes"):
        vectors = json.loads((_ROOT / "protocol" / "vectors" / f"{name.removesuffix('s')}.json").read_text())
        for case in vectors["cases"]:
            if isinstance(case["in"], str):
                yield case["in"].encode()
    elif name == "manifests":
        for path in sorted((_ROOT / "tests" / "plugins").glob("*/manifest.json")):
            yield path.read_bytes()
    elif name == "packages":
        yield build(good())
        yield build([*good(), Part(name=b"none/", mode=0o040755, attributes=0x10)])
        yield build([Part(name=b"x", local_extra=extra(0x5455, b"\1\0\0\0\0"), central_extra=extra(0x7875))])
    else:
        for kind in worker.Kind:
            yield worker.encode(kind, 1, worker.with_name(b"echo", b'{"a": [1, "\xc3\xa9"]}'))
            yield worker.encode(kind, 7, b"null") * 3
