"""Serves the decoder's socket: receives an open file, looks at it, answers; one request after the other."""

import base64
import importlib
import os
import pkgutil
import socket
from typing import Any, BinaryIO, Final

import av
import av.logging
import msgspec

from plugind_headless import confine
from plugind_headless.media.info import extent, info
from plugind_headless.media.messages import MAX_REQUEST, Answer, Request
from plugind_headless.media.picture import Wanted, picture
from plugind_headless.media.reading import TooMuch, Unreadable
from plugind_protocol import sockets

_encoder: Final = msgspec.json.Encoder()


def serve(descriptor: int) -> None:
    """Confine this process and answer until the host is gone.

    Args:
        descriptor: Of the socket to the host.
    """
    av.logging.set_level(av.logging.PANIC)
    _warm_up()
    with socket.socket(fileno=descriptor) as host:
        _send(host, Answer(missing=confine.decoder()))
        while True:
            text, descriptors = sockets.receive(host, MAX_REQUEST, 1)
            if not text or not descriptors:
                return
            with os.fdopen(descriptors[0], "rb") as file:
                _send(host, _answer(msgspec.json.decode(text, type=Request), file))


def _answer(request: Request, file: BinaryIO) -> Answer:
    confine.allow_processor_time(request.seconds)
    try:
        result, data = _look(request, file)
    except Unreadable as exc:
        return Answer(unreadable=str(exc))
    except TooMuch as exc:
        return Answer(too_much=str(exc))
    except MemoryError:
        return Answer(too_much="it takes more memory than the decoder may have")
    return Answer(result=result, data=base64.b64encode(data).decode())


def _look(request: Request, file: BinaryIO) -> tuple[dict[str, Any] | None, bytes]:
    if request.what == "info":
        return info(file, request.suffix), b""
    if request.what == "extent":
        return extent(file), b""
    return picture(file, Wanted(request.time, request.width, request.height, request.format))


def _send(host: socket.socket, answer: Answer) -> None:
    host.sendall(_encoder.encode(answer) + b"\n")


def _warm_up() -> None:
    """Load what is loaded on first use: afterwards no file can be opened."""
    for module in pkgutil.walk_packages(av.__path__, f"{av.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    frame = av.VideoFrame(16, 16, "rgb24")
    for name in ("png", "mjpeg"):
        av.CodecContext.create(name, "w")
    frame.reformat(width=8, height=8, format="yuvj420p", threads=1)
    "".encode("idna")
