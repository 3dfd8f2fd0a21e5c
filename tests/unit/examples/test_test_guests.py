"""The test guests of the daemon's suites do what `tests/plugins/README.md` says."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wasmtime
from guest import ERROR_BIT, FrameError, Guest, GuestError, HostError, main_of
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import noise

PLUGINS = Path(__file__).parents[2] / "plugins"
METHOD_NOT_FOUND = -32601


@pytest.fixture(scope="session")
def plugin(guest: Callable[..., Guest]) -> Callable[..., Guest]:
    return lambda name, **methods: guest(f"tests/plugins/{name}", **methods)


def raw(guest: Guest, method: str) -> int:
    """Calls a method and returns the packed result, unsigned."""
    name = method.encode()
    address = guest.alloc(len(name))
    guest.write(address, name)
    return int(guest.invoke("plugin_call", address, len(name), address, 0)) & (2**64 - 1)


# --- probe ----------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@settings(max_examples=60, deadline=None)
@given(value=json_values)
def test_probe_echoes(plugin: Callable[..., Guest], value: Any) -> None:
    assert plugin("probe").call("echo", value) == value


@settings(max_examples=60, deadline=None)
@given(value=json_values)
def test_probe_passes_params_to_the_host(plugin: Callable[..., Guest], value: Any) -> None:
    probe = plugin("probe", storage_set=lambda params: params)
    assert probe.call("host", {"params": value, "method": "storage.set"}) == value


def test_probe_passes_on_what_the_host_says(plugin: Callable[..., Guest]) -> None:
    def deny(_: Any) -> None:
        raise HostError(-32003, "denied")

    probe = plugin("probe", storage_get=deny, system_getInfo=lambda params: {"got": params})
    assert probe.call("host", {"method": "system.getInfo"}) == {"got": None}
    with pytest.raises(GuestError) as caught:
        probe.call("host", {"method": "storage.get", "params": {}})
    assert caught.value.error == {"code": -32003, "message": "denied"}
    with pytest.raises(GuestError, match="needs a method"):
        probe.call("host", {"method": 5})


@settings(max_examples=60, deadline=None)
@given(message=st.text(st.characters(exclude_categories=["Cs"])), ascii_only=st.booleans())
def test_probe_logs(plugin: Callable[..., Guest], message: str, *, ascii_only: bool) -> None:
    probe = plugin("probe")
    text = json.dumps({"level": 3, "message": message}, ensure_ascii=ascii_only).encode()
    name, params = b"log", probe.alloc(len(text))
    probe.write(params, text)
    address = probe.alloc(len(name))
    probe.write(address, name)
    assert probe.invoke("plugin_call", address, len(name), params, len(text)) == 0
    assert probe.logs == [(3, message)]


@pytest.mark.parametrize("message", [r'"\ud800"', r'"\udc00\ud800"', r'"\u12"', r'"\ud800A"', "7"])
def test_probe_refuses_to_log_what_is_no_text(plugin: Callable[..., Guest], message: str) -> None:
    probe = plugin("probe")
    text = b'{"message":' + message.encode() + b"}"
    address = probe.alloc(len(text))
    probe.write(address, text)
    name = probe.alloc(3)
    probe.write(name, b"log")
    assert probe.invoke("plugin_call", name, 3, address, len(text)) & ERROR_BIT
    assert probe.logs == []


def test_probe_fails_as_told(plugin: Callable[..., Guest]) -> None:
    error = {"code": 42, "message": "no", "data": {"a": [1]}}
    with pytest.raises(GuestError) as caught:
        plugin("probe").call("fail", error)
    assert caught.value.error == error


def test_probe_counts_per_instance(plugin: Callable[..., Guest]) -> None:
    probe = plugin("probe")
    assert [probe.call("count") for _ in range(3)] == [1, 2, 3]
    assert plugin("probe").call("count") == 1


def test_probe_records_hooks_and_events(plugin: Callable[..., Guest]) -> None:
    probe = plugin("probe")
    assert probe.call("hooks") == []
    hooks = ["lifecycle.load", "lifecycle.activate", "main", "event", "lifecycle.deactivate", "lifecycle.unload"]
    assert [probe.call(hook, {"at": hook}) for hook in hooks] == [None] * 6
    assert probe.call("hooks") == hooks
    assert probe.call("events") == [{"at": "event"}]


def test_probe_allocates(plugin: Callable[..., Guest]) -> None:
    probe = plugin("probe")
    before = probe.call("pages")
    assert probe.call("alloc", {"bytes": 16 << 20}) > 0
    assert probe.call("pages") >= before + 256
    for params in ({"bytes": -1}, {"bytes": 2**33}, {}):
        with pytest.raises(GuestError):
            probe.call("alloc", params)


def test_probe_without_memory(plugin: Callable[..., Guest]) -> None:
    probe = plugin("probe")
    probe.store.set_limits(memory_size=4 << 20)
    with pytest.raises(GuestError, match="out of memory"):
        probe.call("alloc", {"bytes": 16 << 20})
    assert probe.call("echo", 1) == 1


def test_probe_panics(plugin: Callable[..., Guest]) -> None:
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        plugin("probe").call("panic")


def test_probe_processes_frames_as_told(plugin: Callable[..., Guest]) -> None:
    probe = plugin("probe")
    picture = noise("uint8", (5, 7))
    assert np.array_equal(probe.process(123, picture, None), picture)
    assert np.array_equal(probe.process(123, picture, {"other": 1}), picture)
    with pytest.raises(FrameError) as caught:
        probe.process(1, picture, {"do": "fail", "code": 99})
    assert caught.value.code == 99
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        probe.process(1, picture, {"do": "trap"})


# --- guests that misbehave ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spin", "trapper", "grower", "wasi-hello", "liar", "probe"])
def test_unknown_methods_are_not_found(plugin: Callable[..., Guest], name: str) -> None:
    guest = plugin(name)
    for method in ("nonsense", "spi", "spinn", "", "touchy"):
        with pytest.raises(GuestError) as caught:
            guest.call(method)
        assert caught.value.code == METHOD_NOT_FOUND


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("unreachable", "unreachable"),
        ("divide", "divide by zero"),
        ("bounds", "out of bounds"),
        ("recurse", "call stack exhausted"),
        ("indirect", "uninitialized element"),
        ("convert", "invalid conversion"),
    ],
)
def test_trapper(plugin: Callable[..., Guest], method: str, message: str) -> None:
    with pytest.raises(wasmtime.Trap, match=message):
        plugin("trapper").call(method)


@pytest.mark.parametrize(
    ("name", "method"), [("spin", "spin"), ("spin", "spin-memory"), ("spin-start", "-"), ("probe", "spin")]
)
def test_spinners_never_return(name: str, method: str) -> None:
    config = wasmtime.Config()
    config.consume_fuel = True
    engine = wasmtime.Engine(config)
    store = wasmtime.Store(engine)
    store.set_fuel(1_000_000)
    linker = wasmtime.Linker(engine)
    linker.define_func("timeline", "log", wasmtime.FuncType([wasmtime.ValType.i32()] * 3, []), lambda *_: None)
    types = wasmtime.FuncType([wasmtime.ValType.i32()] * 4, [wasmtime.ValType.i64()])
    linker.define_func("timeline", "host_call", types, lambda *_: 0)
    module = wasmtime.Module.from_file(engine, str(main_of(PLUGINS / name)))
    with pytest.raises((wasmtime.Trap, wasmtime.WasmtimeError), match="all fuel consumed"):
        spin(linker.instantiate(store, module), store, method.encode())


def spin(instance: wasmtime.Instance, store: wasmtime.Store, method: bytes) -> None:
    exports = instance.exports(store)
    address = exports["plugin_alloc"](store, len(method), 1)  # type: ignore[operator]
    exports["memory"].write(store, method, address)  # type: ignore[union-attr]
    exports["plugin_call"](store, address, len(method), 0, 0)  # type: ignore[operator]


@pytest.mark.parametrize(("method", "limit"), [("grow", {"memory_size": 1 << 21}), ("touch", {"memory_size": 1 << 21})])
def test_grower_stops_at_the_limit(plugin: Callable[..., Guest], method: str, limit: dict[str, int]) -> None:
    guest = plugin("grower")
    guest.store.set_limits(**limit)
    assert guest.call(method) == 32
    assert guest.call(method) == 32


def test_table_grower_stops_at_the_limit(plugin: Callable[..., Guest]) -> None:
    guest = plugin("grower")
    guest.store.set_limits(table_elements=10_000)
    assert guest.call("table") == 8193


def test_wasi_hello(plugin: Callable[..., Guest]) -> None:
    stdout, stderr, clock, now, random, _, environ, args = plugin("wasi-hello").call("hello")
    assert (clock, random, environ, args) == (0, 0, 0, 0)
    assert now > 1_600_000_000 * 10**9
    assert isinstance(stdout, int)
    assert isinstance(stderr, int)


@pytest.mark.parametrize(
    ("method", "packed"),
    [
        ("wild-pointer", 0xFFFFFFF0_00000005),
        ("huge-result", 0x7FFFFFFF),
        ("null-pointer", 5),
        ("wild-error", 0xFFFFFFF0_80000005),
        ("error-empty", ERROR_BIT),
    ],
)
def test_liar_returns_lies(plugin: Callable[..., Guest], method: str, packed: int) -> None:
    assert raw(plugin("liar"), method) == packed


@pytest.mark.parametrize("method", ["not-utf8", "not-json", "two-texts", "empty-result", "deep-result"])
def test_liar_returns_no_json(plugin: Callable[..., Guest], method: str) -> None:
    guest = plugin("liar")
    packed = raw(guest, method)
    with pytest.raises((ValueError, RecursionError)):
        json.loads(guest.read(packed >> 32, packed & 0x7FFFFFFF))


def test_liar_allocates_lies(plugin: Callable[..., Guest]) -> None:
    expected = {"alloc-zero": 0, "alloc-wild": 0xFFFFFFF0, "alloc-unaligned": 69633}
    for method, address in expected.items():
        guest = plugin("liar")
        assert raw(guest, method) == 0
        assert guest.alloc(8, 4096) == address
    guest = plugin("liar")
    assert raw(guest, "alloc-trap") == 0
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        guest.alloc(8)


def test_every_lie_in_the_table_exists(plugin: Callable[..., Guest]) -> None:
    methods = [
        word
        for line in (PLUGINS / "README.md").read_text().split("## liar")[1].split("## probe")[0].splitlines()
        if line.startswith("| `")
        for word in line.split("|")[1].replace("`", " ").split()
    ]
    assert len(methods) == 34
    not_found = raw(plugin("liar"), "nonsense")
    for method in methods:
        # The host of these tests may fail over it: it is not the daemon.
        with contextlib.suppress(IndexError, ValueError, wasmtime.Trap):
            assert raw(plugin("liar"), method) != not_found, method


@pytest.mark.parametrize("name", ["bad-import"])
def test_bad_import_is_refused_by_the_engine(plugin: Callable[..., Guest], name: str) -> None:
    with pytest.raises(wasmtime.WasmtimeError, match="env::nope"):
        plugin(name)


def test_future_abi(plugin: Callable[..., Guest]) -> None:
    assert plugin("future-abi").invoke("plugin_abi") == 2


def test_truncated_is_half_a_module() -> None:
    text = (PLUGINS / "truncated" / "whole.wat").read_text()
    whole = bytes(wasmtime.wat2wasm(text))
    half = (PLUGINS / "truncated" / "plugin.wasm").read_bytes()
    assert half == whole[: len(whole) // 2]
    with pytest.raises(wasmtime.WasmtimeError):
        wasmtime.Module(wasmtime.Engine(), half)


def test_missing_main() -> None:
    assert not main_of(PLUGINS / "missing-main").exists()
