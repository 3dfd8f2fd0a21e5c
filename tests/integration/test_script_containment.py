"""Scripts that misbehave, in a real daemon and a real worker: contained as any guest is, and said in words."""

from pathlib import Path

import pytest
from tests.harness.scripts import script

from plugind_client import AsyncClient
from plugind_protocol import errors
from plugind_protocol.manifest import Limits

pytestmark = [pytest.mark.anyio, pytest.mark.process]

SOURCE = """
    import { createPlugin } from "@timeline-studio/sdk";
    let calls = 0;
    export const count = () => ++calls;
    export const loop = () => { for (;;) ; };
    export const microtasks = () => new Promise(() => { const again = () => Promise.resolve().then(again); again() });
    export const sleep = () => new Promise(resolve => setTimeout(resolve, 3_600_000));
    export const regexp = () => /^(a|a?)+$/.test("a".repeat(60) + "b");
    export const hoard = () => { const kept = []; for (;;) kept.push(new Uint8Array(1 << 20)); };
    export const strings = () => { let text = "x"; for (;;) text += text + [...text.slice(0, 99)].join("é"); };
    export const recurse = () => { const deeper = depth => deeper(depth + 1) + 1; return deeper(0); };
    export const recurseInCallbacks = () => { const deeper = () => [1].map(deeper); return deeper(); };
    export const recurseInParser = () => eval("(".repeat(100_000));
    export const recurseInJson = () => JSON.parse("[".repeat(1_000_000));
    export const caught = () => { const deeper = () => deeper() + 1; try { deeper() } catch (error) { return error.name } };
    export const rejects = async () => { await null; throw new Error("rejected") };
    export const unhandled = () => { Promise.reject(new RangeError("nobody handles this")); return "fine" };
    export const inTimer = () => { setTimeout(() => { throw new Error("in a timer") }, 0); return "fine" };
    export const odd = () => { throw { toString() { throw 1 }, get message() { throw 2 } } };
    export const nothing = () => { throw undefined };
    export const never = () => new Promise(() => {});
    export const cyclic = () => { const one = {}; one.self = one; return one };
    export const big = () => 1n;
"""


@pytest.fixture
async def plugin(client: AsyncClient, tmp_path: Path) -> str:
    folder = script(tmp_path, SOURCE, name="misbehaving", limits={"memory_bytes": 64 << 20, "call_timeout_ms": 2000})
    info = await client.install(folder)
    assert await client.call_plugin(info.plugin_id, "count") == 1
    return info.plugin_id


async def serves(client: AsyncClient, plugin: str, *, afresh: bool) -> None:
    """The plugin answers as ever, by a fresh instance or by the same."""
    assert await client.call_plugin(plugin, "count") == (1 if afresh else 2)


@pytest.mark.threat("Scripts", "script that does not end")
@pytest.mark.parametrize("function", ["loop", "microtasks", "sleep", "regexp"])
async def test_what_does_not_end_is_ended_at_its_deadline(client: AsyncClient, plugin: str, function: str) -> None:
    with pytest.raises(errors.Timeout) as raised:
        await client.call_plugin(plugin, function, timeout_ms=400)
    assert raised.value.message.startswith("misbehaving 1.2.3: ")
    assert raised.value.data.plugin_id == plugin
    await serves(client, plugin, afresh=True)


@pytest.mark.threat("Scripts", "script that allocates without end")
@pytest.mark.parametrize("function", ["hoard", "strings"])
async def test_what_allocates_without_end_meets_its_limit(client: AsyncClient, plugin: str, function: str) -> None:
    with pytest.raises((errors.MemoryLimit, errors.PluginError)) as raised:
        await client.call_plugin(plugin, function, timeout_ms=60_000)
    assert raised.value.message.startswith("misbehaving 1.2.3: ")
    assert "memory" in raised.value.message or "string" in raised.value.message
    await serves(client, plugin, afresh=isinstance(raised.value, errors.MemoryLimit))


@pytest.mark.threat("Scripts", "script that recurses")
@pytest.mark.parametrize("function", ["recurse", "recurseInCallbacks", "recurseInParser", "recurseInJson"])
async def test_recursion_without_end_is_an_error_with_a_line(client: AsyncClient, plugin: str, function: str) -> None:
    with pytest.raises(
        errors.PluginError, match=r"RangeError: Maximum call stack size exceeded \(at index\.js:"
    ) as raised:
        await client.call_plugin(plugin, function)
    assert raised.value.message.startswith("misbehaving 1.2.3: ")
    await serves(client, plugin, afresh=False)


@pytest.mark.threat("Scripts", "script that recurses")
async def test_a_script_can_catch_its_recursion(client: AsyncClient, plugin: str) -> None:
    assert await client.call_plugin(plugin, "caught") == "RangeError"


@pytest.mark.threat("Scripts", "script that fails in odd ways")
@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("rejects", "Error: rejected (at index.js:"),
        ("unhandled", "RangeError: nobody handles this (at index.js:"),
        ("inTimer", "Error: in a timer (at index.js:"),
        ("odd", ""),
        ("nothing", "undefined"),
        ("never", "its promise is never settled"),
        ("cyclic", "TypeError: "),
        ("big", "TypeError: "),
    ],
)
async def test_what_goes_wrong_is_the_calls_error(client: AsyncClient, plugin: str, function: str, words: str) -> None:
    with pytest.raises(errors.PluginError) as raised:
        await client.call_plugin(plugin, function)
    assert raised.value.message.startswith("misbehaving 1.2.3: ")
    assert words in raised.value.message
    await serves(client, plugin, afresh=False)


@pytest.mark.threat("Scripts", "module from outside the package")
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("import fs from 'fs'", "cannot import 'fs' (in index.js): there is no Node.js"),
        ("import fs from 'node:fs'", "cannot import 'node:fs' (in index.js): there is no Node.js"),
        (
            "import '../outside.js'",
            "cannot import '../outside.js' (in index.js): it leads outside the plugin's package",
        ),
        (
            "import '/etc/passwd'",
            "cannot import '/etc/passwd' (in index.js): a plugin imports from its own package only",
        ),
        ("import 'file:///etc/passwd'", "a plugin imports from its own package only"),
        ("import 'https://example.org/x.js'", "a plugin imports from its own package only"),
        ("import './missing.js'", "cannot import './missing.js' (in index.js): the package has no such module"),
        ("import './link.js'", "cannot import './link.js' (in index.js): the package has no such module"),
        ("await import('./sub/../../outside.js')", "leads outside the plugin's package"),
        ("import { nope } from '@timeline-studio/sdk'", "nope"),
        ("export const = 1", "SyntaxError"),
        ("throw new TypeError('at start')", "TypeError: at start (at index.js:1:"),
        ("await new Promise(() => {})", "waits for something that will not come"),
    ],
)
async def test_modules_come_from_the_package_alone(
    client: AsyncClient, tmp_path: Path, statement: str, words: str
) -> None:
    (tmp_path / "outside.js").write_text("export default 'secret'")
    folder = Path(script(tmp_path, f"{statement}; export const run = () => 1;"))
    (folder / "link.js").symlink_to(tmp_path / "outside.js")
    await client.install(str(folder))
    with pytest.raises(errors.PluginError) as raised:
        await client.call_plugin("scripted", "run")
    assert raised.value.message.startswith("scripted 1.2.3: ")
    assert words in raised.value.message
    assert "secret" not in raised.value.message


TAMPERED = {
    "Object.prototype": "Object.prototype.toJSON = () => 'spoilt'; Object.prototype.code = 'x'; Object.prototype.then = 5;",
    "Promise": "globalThis.Promise = undefined; Object.getPrototypeOf(promise).then = () => { throw 1 };",
    "JSON": "globalThis.JSON = null;",
    "arrays": "Array.prototype[Symbol.iterator] = () => { throw 1 }; Array.prototype.push = Array.prototype.map = () => 7;",
    "functions": "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => 7;",
    "Map": "Map.prototype.get = Map.prototype.set = () => { throw 1 };",
    "errors": "Error.prepareStackTrace = () => { throw 1 }; Error.stackTraceLimit = 0; globalThis.Error = 1;",
    "strings": "String.prototype.split = String.prototype.slice = RegExp.prototype.exec = () => { throw 1 };",
    "the host": "try { globalThis[Symbol.for('timeline-studio.host')] = {} } catch {} try { host.call = () => 1 } catch {}",
    "all of it": "for (const key of Reflect.ownKeys(globalThis)) try { delete globalThis[key] } catch {}",
}


async def outcome(client: AsyncClient, function: str) -> str | None:
    """Call the tampering plugin; return what it fails with, in a way that a guest may fail in."""
    try:
        await client.call_plugin("scripted", function, args={"a": [1]}, timeout_ms=5000)
    except (errors.PluginError, errors.Trap) as error:
        return error.message
    return None


@pytest.mark.threat("Scripts", "prototypes tampered with")
@pytest.mark.parametrize("what", TAMPERED)
async def test_who_tampers_with_prototypes_harms_only_itself(client: AsyncClient, tmp_path: Path, what: str) -> None:
    source = f"""
        const promise = Promise.resolve(); const host = globalThis[Symbol.for("timeline-studio.host")];
        export const tamper = () => {{ {TAMPERED[what]} return 1 }};
        export const echo = async value => value;
        export const fails = async () => {{ await null; throw new TypeError("told") }};
        export const recurse = () => recurse();
    """
    await client.install(script(tmp_path, "export const echo = value => value;", name="neighbour"))
    await client.install(script(tmp_path, source))
    for function in ("tamper", "echo", "fails", "recurse", "echo"):
        said = await outcome(client, function)
        assert said is None or said.startswith("scripted 1.2.3: ")
    assert await client.call_plugin("neighbour", "echo", args=[1]) == [1]
    await client.reload("scripted")
    assert await client.call_plugin("scripted", "echo", args={"a": [1]}) == {"a": [1]}


@pytest.mark.threat("Scripts", "script that allocates without end")
async def test_limits_are_those_of_every_guest(client: AsyncClient, plugin: str) -> None:
    await client.set_resource_limits(plugin, Limits(memory_bytes=16 << 20))
    with pytest.raises(errors.MemoryLimit):
        await client.call_plugin(plugin, "hoard", timeout_ms=60_000)
    await serves(client, plugin, afresh=True)
