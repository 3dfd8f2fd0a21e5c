import pytest
from tests.unit.plugind_worker.supervisor import Instantiate

from plugind_protocol.errors import FunctionNotFound, InvalidParams, UnsupportedAbi
from plugind_worker.abi import recognise
from plugind_worker.abi.base import Abi
from plugind_worker.abi.numeric import NumericAbi
from plugind_worker.engine.base import Engine

MODULE = """(module (memory (export "memory") 1)
  (func (export "_initialize"))
  (func (export "nothing"))
  (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  (func (export "same") (param i64) (result i64) local.get 0)
  (func (export "half") (param f32) (result f32) local.get 0 f32.const 0.5 f32.mul)
  (func (export "third") (param f64) (result f64) local.get 0 f64.const 3 f64.div)
  (func (export "divide") (param f64 f64) (result f64) local.get 0 local.get 1 f64.div)
  (func (export "several") (param i32) (result i32 i64 f64) local.get 0 i64.const 9007199254740993 f64.const 0.5)
  (func (export "vector") (param v128)))"""


@pytest.fixture
def abi(instantiate: Instantiate) -> Abi:
    instance, module = instantiate(MODULE)
    return NumericAbi(instance, module.exports, max_result_bytes=1000)


def test_a_module_of_numbers_is_recognised_with_what_can_be_called(engine: Engine) -> None:
    module = engine.compile(engine.assemble(MODULE.encode()))
    assert recognise(module.exports, module.imports) == (
        "numeric",
        ["nothing", "add", "same", "half", "third", "divide", "several"],
    )


@pytest.mark.parametrize(
    "text", ["", '(memory (export "memory") 1)', '(func (export "v") (param v128))', '(func (export "_initialize"))']
)
def test_a_module_with_nothing_to_call_has_no_abi(engine: Engine, text: str) -> None:
    module = engine.compile(engine.assemble(f"(module {text})".encode()))
    with pytest.raises(UnsupportedAbi, match="nothing to call"):
        recognise(module.exports, module.imports)


@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("add", b"[2,3]", b"5"),
        ("add", b"[2147483647,1]", b"-2147483648"),
        ("add", b"[-2147483648,-1]", b"2147483647"),
        ("add", b"[2.0,3e0]", b"5"),
        ("nothing", b"[]", b"null"),
        ("nothing", b"null", b"null"),
        ("nothing", b"", b"null"),
        ("same", b"[9007199254740992]", b"9007199254740992"),
        ("same", b"[9007199254740993]", b'"9007199254740993"'),
        ("same", b"[-9007199254740992]", b"-9007199254740992"),
        ("same", b'["-9223372036854775808"]', b'"-9223372036854775808"'),
        ("same", b'["9223372036854775807"]', b'"9223372036854775807"'),
        ("same", b'["7"]', b"7"),
        ("half", b"[3]", b"1.5"),
        ("third", b"[1]", b"0.3333333333333333"),
        ("several", b"[-1]", b'[-1,"9007199254740993",0.5]'),
        ("divide", b"[0,0]", b"null"),
        ("divide", b"[1,0]", b"null"),
        ("divide", b"[-1,0]", b"null"),
    ],
)
def test_calls(abi: Abi, name: str, args: bytes, result: bytes) -> None:
    assert abi.call(name.encode(), args) == result


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("add", b'{"a":1}', "as an array"),
        ("add", b"5", "as an array"),
        ("add", b"[1]", "takes 2 args, not 1"),
        ("add", b"[1,2,3]", "takes 2 args, not 3"),
        ("add", b"[1,2147483648]", "argument 1 of add must be a whole number from -2147483648"),
        ("add", b"[-2147483649,1]", "argument 0"),
        ("add", b"[1.5,1]", "whole number"),
        ("add", b'["1",1]', "whole number"),
        ("add", b"[true,1]", "whole number"),
        ("add", b"[null,1]", "whole number"),
        ("add", b"[1e300,1]", "whole number"),
        ("same", b"[9223372036854775808]", "range of i64"),
        ("same", b'["9223372036854775808"]', "range of i64"),
        ("same", b'["1e3"]', "decimal string"),
        ("same", b'["--1"]', "decimal string"),
        ("same", b'["\xd9\xa1"]', "decimal string"),
        ("same", b'[" 1"]', "decimal string"),
        ("same", b'[""]', "decimal string"),
        ("half", b"[1e39]", "range of f32"),
        ("half", b'["1"]', "range of f32"),
        ("third", b"[false]", "must be a number"),
        ("third", b"[[]]", "must be a number"),
        ("add", b"[1,", "not JSON"),
        ("add", b"[" * 100_000, "not JSON"),
        ("third", b"[1" + b"0" * 400 + b"]", "a number|not JSON"),
    ],
)
def test_args_that_do_not_fit_are_named(abi: Abi, name: str, args: bytes, message: str) -> None:
    with pytest.raises(InvalidParams, match=message):
        abi.call(name.encode(), args)


def test_the_path_of_a_wrong_argument_is_told(abi: Abi) -> None:
    with pytest.raises(InvalidParams) as caught:
        abi.call(b"add", b"[1,true]")
    assert caught.value.data.path == "$.args[1]"


@pytest.mark.parametrize("name", [b"sub", b"memory", b"vector", b"_initialize", b"", b"\xff"])
def test_what_cannot_be_called_is_not_found_and_the_rest_is_listed(abi: Abi, name: bytes) -> None:
    with pytest.raises(FunctionNotFound) as caught:
        abi.call(name, b"[]")
    assert "add" in caught.value.hint


def test_numbers_have_no_hooks(abi: Abi) -> None:
    assert abi.hook(b"main", b"null") is None
