"""The Extism ABI on guests written by hand: what goes in and out, what they ask of the host, and how they lie."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from plugind_protocol.errors import (
    FunctionNotFound,
    InvalidParams,
    MemoryLimit,
    PluginError,
    TooLarge,
    Trap,
    UnsupportedAbi,
)
from plugind_worker import extism, imports
from plugind_worker.abi import recognise
from plugind_worker.abi.extism import ExtismAbi
from plugind_worker.engine.base import Engine, Instance, Library, Limits

IMPORTS = "\n".join(
    f'(import "extism:host/env" "{name}" (func ${name} {types}))'
    for name, types in {
        "alloc": "(param i64) (result i64)",
        "length": "(param i64) (result i64)",
        "input_length": "(result i64)",
        "input_offset": "(result i64)",
        "output_set": "(param i64 i64)",
        "error_set": "(param i64)",
        "store_u8": "(param i64 i32)",
        "config_get": "(param i64) (result i64)",
        "var_get": "(param i64) (result i64)",
        "var_set": "(param i64 i64)",
        "http_request": "(param i64 i64) (result i64)",
        "http_status_code": "(result i32)",
        "http_headers": "(result i64)",
        "log_warn": "(param i64)",
        "get_log_level": "(result i32)",
    }.items()
)
GUEST = f"""(module {IMPORTS}
  (import "extism:host/user" "host_call" (func $host_call (param i64 i64) (result i64)))
  (func $out (param $block i64) (call $output_set (local.get $block) (call $length (local.get $block))))
  (func (export "echo") (result i32) (call $output_set (call $input_offset) (call $input_length)) (i32.const 0))
  (func (export "quiet"))
  (func (export "code") (result i32) (i32.const -7))
  (func (export "fail") (result i32) (call $error_set (call $input_offset)) (i32.const 9))
  (func (export "complain") (result i32) (call $error_set (call $input_offset)) (i32.const 0))
  (func (export "config") (result i32) (call $out (call $config_get (call $input_offset))) (i32.const 0))
  (func (export "keep") (result i32) (call $var_set (call $input_offset) (call $input_offset)) (i32.const 0))
  (func (export "kept") (result i32) (call $out (call $var_get (call $input_offset))) (i32.const 0))
  (func (export "drop") (result i32) (call $var_set (call $input_offset) (i64.const 0)) (i32.const 0))
  (func (export "fetch") (result i32)
    (call $out (call $http_request (call $input_offset) (call $input_offset))) (call $http_status_code))
  (func (export "headers") (result i32) (call $out (call $http_headers)) (i32.const 0))
  (func (export "say") (result i32) (call $log_warn (call $input_offset)) (call $get_log_level))
  (func (export "host") (result i32) (call $out (call $host_call (call $input_offset) (i64.const 0))) (i32.const 0))
  (func (export "huge") (result i32)
    (call $output_set (call $input_offset) (i64.const 0x7fffffffffffffff)) (i32.const 0))
  (func (export "beyond") (result i32) (call $output_set (i64.const 0x100000000) (i64.const 5)) (i32.const 0))
  (func (export "wild") (result i32) (call $log_warn (i64.const 12345)) (i32.const 0))
  (func (export "endless") (result i32)
    (loop $more (br_if $more (i64.ne (call $alloc (i64.const 100000)) (i64.const 0)))) (i32.const 5))
  (func (export "ignored") (param i32) (result i32) (local.get 0))
  (func (export "_initialize")))"""


class Daemon:
    """Answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answer: tuple[bool, bytes] = (False, b"null")

    def ask(self, method: bytes, params: bytes) -> tuple[bool, bytes]:
        self.asked.append((method.decode(), json.loads(params)))
        return self.answer


class Console:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, bytes, bool]] = []

    def log(self, level: int, text: bytes, *, cut: bool = False) -> None:
        self.lines.append((level, text, cut))


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def console() -> Console:
    return Console()


Start = Callable[..., ExtismAbi]


@pytest.fixture
def start(engine: Engine, daemon: Daemon, console: Console) -> Iterator[Start]:
    """Instantiate a guest beside its kernel; several share one host, as one after the other does in a worker."""
    made: list[Instance] = []
    host = extism.Extism(daemon, console, {"greeting": "Grüße", "": "nameless"})  # type: ignore[arg-type]  # stand-ins

    def run(wat: str = GUEST, *, max_result_bytes: int = 1 << 20) -> ExtismAbi:
        module = engine.compile(engine.assemble(wat.encode()))
        imports.check(module.imports)
        assert recognise(module.exports, module.imports)[0] == "extism"
        library = Library(ExtismAbi.LIBRARY.name, engine.compile(engine.assemble(ExtismAbi.LIBRARY.text)))
        limits = Limits(memory_bytes=16 << 20, table_elements=100)
        made.append(engine.instantiate(module, host.functions(), limits=limits, library=library))
        return ExtismAbi(made[-1], module.exports, max_result_bytes=max_result_bytes)

    yield run
    for instance in made:
        instance.close()


def call(abi: ExtismAbi, name: str, args: Any = None) -> Any:
    return json.loads(abi.call(name.encode(), json.dumps(args).encode()))


def test_bytes_go_in_and_out_as_json(start: Start) -> None:
    abi = start()
    assert call(abi, "echo", "grün") == "grün"
    assert call(abi, "echo", {"base64": "/wA="}) == {"base64": "/wA="}
    assert call(abi, "echo", {"base64": "aGk="}) == "hi", "what is UTF-8 comes back as a string"
    assert call(abi, "echo", "") == ""
    assert call(abi, "echo") == ""
    assert call(abi, "quiet", "x") == "", "output of an earlier call is forgotten"
    assert call(abi, "echo", "x" * 500_000) == "x" * 500_000


@pytest.mark.parametrize("args", [5, [], {}, {"base64": 5}, {"base64": "aGk=", "more": 1}, {"text": "x"}, True])
def test_other_args_are_refused_with_what_to_do(start: Start, args: Any) -> None:
    with pytest.raises(InvalidParams, match="echo takes its args as a string") as caught:
        call(start(), "echo", args)
    assert "Give JSON" in caught.value.hint


def test_what_is_not_base64_is_refused(start: Start) -> None:
    with pytest.raises(InvalidParams, match="the args of echo are not base64"):
        call(start(), "echo", {"base64": "%"})


def test_only_functions_without_params_can_be_called(start: Start) -> None:
    abi = start()
    for name in ("ignored", "_initialize", "nope"):
        with pytest.raises(FunctionNotFound, match=f"exports no callable function '{name}'") as caught:
            call(abi, name)
        assert "echo" in caught.value.hint
        assert not abi.spent


def test_errors_have_the_plugins_words_and_code(start: Start) -> None:
    abi = start()
    for name, args, words, code in (
        ("fail", "no vowels", "no vowels", 9),
        ("complain", "no vowels", "no vowels", 1),
        ("code", "", "failed with code -7", -7),
    ):
        with pytest.raises(PluginError, match=words) as caught:
            call(abi, name, args)
        assert caught.value.data.error is not None
        assert (caught.value.data.error.code, caught.value.data.error.message) == (code, words)
        assert not abi.spent, "the instance goes on"
    assert call(abi, "echo", "x") == "x"


def test_configuration_is_looked_up(start: Start) -> None:
    abi = start()
    assert call(abi, "config", "greeting") == "Grüße"
    assert call(abi, "config", "nothing") == ""
    assert call(abi, "config", "") == "nameless"


def test_variables_last_as_long_as_the_instance(start: Start) -> None:
    abi = start()
    assert call(abi, "kept", "look") == ""
    call(abi, "keep", "look")
    assert call(abi, "kept", "look") == "look"
    call(abi, "drop", "look")
    assert call(abi, "kept", "look") == ""
    call(abi, "keep", "look")
    assert call(start(), "kept", "look") == "", "a fresh instance begins anew"


@pytest.mark.threat("Extism", "blocks, variables and output without end")
def test_variables_have_a_limit_and_what_was_replaced_does_not_count(start: Start) -> None:
    abi = start()
    name = "x" * 60_000
    for _ in range(30):
        call(abi, "keep", name)
    for number in range(7):
        call(abi, "keep", f"{number}{name}")
    with pytest.raises(TooLarge, match="var_set: its variables would take more than 1048576 bytes"):
        call(abi, "keep", f"8{name}")
    assert abi.spent, "it was ended inside the guest"


def test_a_request_is_made_by_the_daemon(start: Start, daemon: Daemon) -> None:
    abi = start()
    headers = {"content-type": "text/plain"}
    daemon.answer = (
        False,
        json.dumps({"status": 0, "headers": headers, "body": "/w==", "encoding": "base64"}).encode(),
    )
    wanted = {"url": "https://example.com/x", "headers": {"a": "b"}}
    assert call(abi, "fetch", json.dumps(wanted)) == {"base64": "/w=="}
    ((method, params),) = daemon.asked
    assert method == "network.request"
    assert (params["url"], params["method"], params["headers"]) == ("https://example.com/x", "GET", {"a": "b"})
    assert params["encoding"] == "base64"
    assert json.loads(call(abi, "headers")) == headers
    call(abi, "fetch", json.dumps({"url": "u", "method": "POST", "header": {"old": "name"}}))
    assert daemon.asked[-1][1]["headers"] == {"old": "name"}


@pytest.mark.threat("Extism", "HTTP without permission")
def test_a_request_that_is_refused_ends_the_call(start: Start, daemon: Daemon) -> None:
    abi = start()
    daemon.answer = (True, b'{"code":-32003,"message":"p 1.0.0 called network.request without permission network"}')
    with pytest.raises(PluginError, match="without permission network") as caught:
        call(abi, "fetch", '{"url":"https://example.com"}')
    assert caught.value.data.error is not None
    assert caught.value.data.error.code == -32003
    assert abi.spent


@pytest.mark.threat("Extism", "offsets and lengths that lie")
@pytest.mark.parametrize("text", ["", "{}", '{"url":5}', "nonsense", "[" * 100_000])
def test_requests_that_are_none_trap(start: Start, text: str) -> None:
    with pytest.raises(Trap, match="http_request: the request is malformed"):
        call(start(), "fetch", text)


def test_log_and_level(start: Start, console: Console) -> None:
    abi = start()
    call(abi, "say", "careful")
    call(abi, "say", "x" * 10_000)
    assert console.lines == [(3, b"careful", False), (3, b"x" * 8192, True)]


def test_host_methods_are_called_by_a_function_of_ours(start: Start, daemon: Daemon) -> None:
    abi = start()
    daemon.answer = (False, b'{"os":"linux"}')
    assert json.loads(call(abi, "host", "system.getInfo")) == {"result": {"os": "linux"}}
    daemon.answer = (True, b'{"code":-32601,"message":"no"}')
    assert json.loads(call(abi, "host", "nope")) == {"error": {"code": -32601, "message": "no"}}
    assert daemon.asked == [("system.getInfo", None), ("nope", None)]
    with pytest.raises(Trap, match="method must be UTF-8"):
        call(abi, "host", {"base64": "/w=="})


@pytest.mark.threat("Extism", "offsets and lengths that lie")
@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("huge", TooLarge, "set an output of 9223372036854775807 bytes, over the limit of 1048576"),
        ("beyond", Trap, "output_set: 5 bytes at 4294967296 are not all in memory"),
        ("wild", Trap, "log: no block of memory begins at 12345"),
    ],
)
def test_offsets_and_lengths_that_lie_are_named(start: Start, name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(start(), name, "x")


@pytest.mark.threat("Extism", "blocks, variables and output without end")
def test_blocks_without_end_end_at_the_limit(start: Start) -> None:
    abi = start()
    with pytest.raises(PluginError, match="failed with code 5"):
        call(abi, "endless")
    assert call(abi, "echo", "x") == "x", "the next call begins with all of it"
    with pytest.raises(MemoryLimit, match="no room for 5000000 bytes"):
        call(abi, "echo", "x" * 5_000_000)


@pytest.mark.threat("Extism", "blocks, variables and output without end")
def test_output_that_grows_as_json_is_counted_as_that(start: Start) -> None:
    with pytest.raises(TooLarge, match=r"takes \d+ bytes of JSON"):
        call(start(), "echo", "\x01" * 500_000)


@pytest.mark.threat("Extism", "import that is not there")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '(import "extism:host/env" "alloc" (func (param i32) (result i64)))',
            r"extism:host/env\.alloc as .*, but it is",
        ),
        ('(import "extism:host/env" "reset" (func))', r"imports extism:host/env\.reset, which"),
        (
            '(import "extism:host/user" "mine" (func (param i64) (result i64)))',
            r"imports extism:host/user\.mine, which",
        ),
        ('(import "extism:host/env" "alloc" (memory 1))', r"imports the memory extism:host/env\.alloc"),
        ('(import "env" "extism_input_length" (func (result i64)))', r"imports env\.extism_input_length, which"),
    ],
)
def test_imports_that_are_not_there_are_named(engine: Engine, text: str, words: str) -> None:
    module = engine.compile(engine.assemble(f"(module {text})".encode()))
    with pytest.raises(UnsupportedAbi, match=words) as caught:
        imports.check(module.imports)
    assert ("before 1.0" in caught.value.hint) == ("extism_input" in words)


def test_a_module_with_nothing_to_call_is_refused(engine: Engine) -> None:
    wat = '(module (import "extism:host/env" "input_length" (func (result i64))) (func (export "f") (param i32)))'
    module = engine.compile(engine.assemble(wat.encode()))
    with pytest.raises(UnsupportedAbi, match="exports no function that takes nothing"):
        recognise(module.exports, module.imports)


def test_a_languages_runtime_is_started(start: Start) -> None:
    wat = """(module (import "extism:host/env" "input_length" (func (result i64)))
      (global $n (mut i32) (i32.const 0))
      (func (export "hs_init") (param i32 i32) (global.set $n (i32.const 3)))
      (func (export "__wasm_call_ctors") (global.set $n (i32.add (global.get $n) (i32.const 4))))
      (func (export "n") (result i32) (global.get $n)))"""
    with pytest.raises(PluginError, match="failed with code 7"):
        call(start(wat), "n")
