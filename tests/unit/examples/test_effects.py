"""What all example effects have in common: registration, description, refusals, and memory that does not grow."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import HANDLE
from guest import FRAME, FrameBuffers, FrameError, Guest, GuestError, HostError
from pictures import noise

Effect = Callable[[str], Guest]

UNKNOWN_EFFECT, UNSUPPORTED_FORMAT, BAD_PARAMS, BAD_FRAME = 1, 2, 3, 4
METHOD_NOT_FOUND = -32601


def parameter(name: str, default: float, low: float, high: float) -> dict[str, Any]:
    return {"name": name, "type": "float", "default": default, "min": low, "max": high}


DEFINITIONS: dict[str, dict[str, Any]] = {
    "color-grade": {
        "id": "grade",
        "name": "Colour grade",
        "category": "Color",
        "parallel": True,
        "parameters": [
            parameter("lift", 0, -0.5, 0.5),
            parameter("gamma", 1, 0.1, 4),
            parameter("gain", 1, 0, 4),
            parameter("saturation", 1, 0, 4),
        ],
    },
    "gaussian-blur": {
        "id": "blur",
        "name": "Gaussian blur",
        "category": "Blur",
        "parallel": True,
        "parameters": [parameter("radius", 5, 0, 100)],
    },
    "invert": {"id": "invert", "name": "Invert", "category": "Color", "parallel": True, "parameters": []},
}

all_effects = pytest.mark.parametrize("name", DEFINITIONS)


@all_effects
def test_abi_version(effect: Effect, name: str) -> None:
    assert effect(name).invoke("plugin_abi") == 1


@all_effects
def test_describe(effect: Effect, name: str) -> None:
    assert effect(name).call("describe") == DEFINITIONS[name]


@all_effects
def test_registers_what_it_describes(guest: Callable[..., Guest], name: str) -> None:
    seen = []

    def register(definition: Any) -> dict[str, int]:
        seen.append(definition)
        return {"effect": 2**31 - 1}

    loaded = guest(f"examples/{name}", effects_register=register)
    assert loaded.call("lifecycle.load") is None
    assert seen == [DEFINITIONS[name]]
    loaded.process(2**31 - 1, noise("uint8", (2, 2)))


def test_passes_on_that_registering_was_denied(guest: Callable[..., Guest]) -> None:
    def deny(_: Any) -> None:
        raise HostError(-32003, "effects.create is not granted")

    loaded = guest("examples/invert", effects_register=deny)
    with pytest.raises(GuestError) as caught:
        loaded.call("lifecycle.load")
    assert caught.value.error == {"code": -32003, "message": "effects.create is not granted"}


@pytest.mark.parametrize("answer", [None, {}, {"effect": "7"}, {"effect": 1.5}, {"effect": 2**40}, [7]])
def test_refuses_a_handle_that_is_none(guest: Callable[..., Guest], answer: Any) -> None:
    loaded = guest("examples/invert", effects_register=lambda _: answer)
    with pytest.raises(GuestError) as caught:
        loaded.call("lifecycle.load")
    assert caught.value.code == 1


@all_effects
@pytest.mark.parametrize(
    "method", ["lifecycle.activate", "lifecycle.unload", "main", "event", "describ", "describes", ""]
)
def test_other_methods_are_not_found(effect: Effect, name: str, method: str) -> None:
    with pytest.raises(GuestError) as caught:
        effect(name).call(method)
    assert caught.value.code == METHOD_NOT_FOUND


@all_effects
def test_unknown_effect(effect: Effect, guest: Callable[..., Guest], name: str) -> None:
    for loaded in (effect(name), guest(f"examples/{name}")):
        with pytest.raises(FrameError) as caught:
            loaded.process(HANDLE + 1, noise("uint8", (2, 2)))
        assert caught.value.code == UNKNOWN_EFFECT


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"format": 1}, UNSUPPORTED_FORMAT),
        ({"format": 3}, UNSUPPORTED_FORMAT),
        ({"format": 2**32 - 1}, UNSUPPORTED_FORMAT),
        ({"size": 40}, BAD_FRAME),
        ({"width": 0}, BAD_FRAME),
        ({"height": 0}, BAD_FRAME),
        ({"stride": 31}, BAD_FRAME),
        ({"width": 2**32 - 1}, BAD_FRAME),
        ({"height": 2**32 - 1}, BAD_FRAME),
        ({"stride": 2**32 - 1}, BAD_FRAME),
        ({"input": 2**32 - 4}, BAD_FRAME),
        ({"output": 2**32 - 4}, BAD_FRAME),
        ({"params_ptr": 2**32 - 4, "params_len": 5}, BAD_PARAMS),
    ],
    ids=str,
)
@all_effects
def test_frames_that_cannot_be(effect: Effect, name: str, changes: dict[str, int], code: int) -> None:
    guest = effect(name)
    buffers = FrameBuffers(guest, noise("uint8", (8, 8)), in_place=False, extra_stride=0)
    buffers.write_frame(**changes)
    before = guest.read(buffers.output, buffers.size)
    assert guest.invoke("plugin_process_frame", HANDLE, buffers.frame) == code
    assert guest.read(buffers.output, buffers.size) == before
    buffers.close()


def test_buffers_that_overlap_partly(effect: Effect) -> None:
    guest = effect("invert")
    buffers = FrameBuffers(guest, noise("uint8", (8, 8)), in_place=True, extra_stride=0)
    buffers.write_frame(output=buffers.input + 16)
    assert guest.invoke("plugin_process_frame", HANDLE, buffers.frame) == BAD_FRAME
    buffers.close()


@pytest.mark.parametrize(
    "params",
    [
        b"{",
        b"[]",
        b"null",
        b"{}{}",
        b'{"radius":1,}',
        b'{"radius":"1"}',
        b'{"radius":null}',
        b'{"radius":[1]}',
        b'{"radius":-1}',
        b'{"radius":100.001}',
        b'{"radius":1e999}',
        b'{"radius":01}',
        b'{"radius":.5}',
        b'{"radius":1.}',
        b'{"radius":+1}',
        b'{"radius":NaN}',
        b'{"radius":1e}',
        b'{"other":"unfinished',
        b'{"other":' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
def test_params_that_are_wrong(effect: Effect, params: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        effect("gaussian-blur").process(HANDLE, noise("uint8", (4, 4)), params)
    assert caught.value.code == BAD_PARAMS


@pytest.mark.parametrize(
    "params",
    [
        b"",
        b"{}",
        b' \n{ "radius" : 5 } \t',
        b'{"radius":5e0}',
        b'{"radius":0.5E+1}',
        b'{"radius":50e-1}',
        b'{"a":{"radius":1},"b":["radius",2,true,false,null],"c":"\\"radius\\":3","radius":5}',
        '{"größe":"ß","radius":5.0000000000000000}'.encode(),
    ],
)
def test_params_that_all_mean_radius_5(effect: Effect, params: bytes) -> None:
    guest = effect("gaussian-blur")
    picture = noise("uint8", (8, 8))
    expected = guest.process(HANDLE, picture, {"radius": 5})
    assert np.array_equal(guest.process(HANDLE, picture, params), expected)


@all_effects
def test_memory_does_not_grow(effect: Effect, name: str) -> None:
    guest = effect(name)
    picture = noise("uint8", (16, 16))
    buffers = FrameBuffers(guest, picture, in_place=True, extra_stride=0)
    buffers.set_params({})
    guest.invoke("plugin_process_frame", HANDLE, buffers.frame)
    guest.call("describe")
    with pytest.raises(GuestError):
        guest.call("main")
    pages = guest.pages
    for _ in range(10_000):
        guest.invoke("plugin_process_frame", HANDLE, buffers.frame)
    for _ in range(1_000):
        guest.call("describe")
        guest.call("lifecycle.load")
        with pytest.raises(GuestError):
            guest.call("main")
    assert guest.pages == pages


def test_frame_structure_is_48_bytes() -> None:
    assert FRAME.size == 48
