import pytest

from plugind_protocol.errors import PackageInvalid
from plugind_worker import caps
from plugind_worker.compile import compile_module
from plugind_worker.engine.base import Engine


def _leb(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _section(number: int, count: int, body: bytes = b"") -> bytes:
    content = _leb(count) + body
    return bytes((number,)) + _leb(len(content)) + content


HEADER = b"\0asm\1\0\0\0"


def _empty_functions(count: int) -> bytes:
    types = _section(1, 1, b"\x60\0\0")
    return HEADER + types + _section(3, count, bytes(count)) + _section(10, count, b"\2\0\x0b" * count)


@pytest.mark.threat("Guest", "compile bomb")
def test_a_bomb_is_refused_before_it_is_compiled(engine: Engine) -> None:
    with pytest.raises(PackageInvalid, match="1000000 functions, over the limit of 100000") as caught:
        compile_module(engine, _empty_functions(1_000_000), text=False)
    assert caught.value.data.cause == "limit"


def test_an_honest_module_passes() -> None:
    caps.check(_empty_functions(30_000))


@pytest.mark.parametrize("section", caps.CAPS)
def test_every_cap_holds_exactly(section: int) -> None:
    what, cap = caps.CAPS[section]
    before = _section(0, 5, b"a custom section")
    caps.check(HEADER + before + _section(section, cap))
    with pytest.raises(PackageInvalid, match=what):
        caps.check(HEADER + before + _section(section, cap + 1))


@pytest.mark.parametrize(
    "tail",
    [b"", b"\1", b"\3\xff", b"\3\xff\xff\xff\xff\xff\xff", b"\3\x01", b"\x0a\xff\xff\xff\xff\x0f\x01", b"\0\0" * 1000],
)
def test_what_is_malformed_is_left_to_the_engine(tail: bytes) -> None:
    caps.check(HEADER + tail)
