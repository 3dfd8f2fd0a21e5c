"""Which steps a capsule leads to, who answers the guest, and what is made of the outcome."""

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.fakes.capsules import capsule as blank

from pluginctl.private import toml
from pluginctl.replaying import script as s
from pluginctl.replaying.answers import Answers
from pluginctl.replaying.player import settings
from pluginctl.replaying.source import Found
from pluginctl.replaying.verdict import Outcome, judge
from plugind import config
from plugind_protocol.capsule import (
    CallRecord,
    Capsule,
    EngineRecord,
    ExitRecord,
    FrameRecord,
    HostCallRecord,
    Payload,
    WindowRecord,
)
from plugind_protocol.errors import HostUnavailable, InvalidState, PermissionDenied, PlugindError
from plugind_protocol.worker import Window

WINDOW = WindowRecord(window=3, width=64, height=32, format="RGBA8", stride=256, slots=2, slot_bytes=8192)


def payload(value: Any = None, **changes: Any) -> Payload:
    text = msgspec.json.encode(value).decode()
    return msgspec.structs.replace(Payload(text=text, size=len(text)), **changes)


def call(name: str, step: str = "call", **changes: Any) -> CallRecord:
    made = CallRecord(step="call", name=name, params=payload(), ms=5.0, timeout_ms=30_000, outcome="ok")
    return msgspec.structs.replace(made, step=step, **changes)


def hook(name: str, **changes: Any) -> CallRecord:
    return call(name, "hook", **changes)


def window_call(step: str, number: int) -> CallRecord:
    window = Window(window=number, width=64, height=32, stride=256, format=0, slot_bytes=8192, slots=2)
    return call("frames", step, params=payload(window))


def made(*calls: CallRecord, **changes: Any) -> Capsule:
    last = msgspec.structs.replace(calls[-1], running=True, outcome="Trap") if calls else None
    fields = {"calls": [*calls[:-1], *([last] if last else [])], "hooks": ["lifecycle.load"], **changes}
    return msgspec.structs.replace(blank("x"), **fields)


def actions(capsule: Capsule) -> list[Any]:
    return [step.action for step in s.script(capsule).steps]


def names(capsule: Capsule) -> list[str]:
    return [getattr(action, "name", type(action).__name__) for action in actions(capsule)]


# --- the private daemon


@pytest.mark.parametrize(
    ("engine", "interpreter", "of_wasmer"),
    [
        ("wasmer", '/op "t"/python3.10', '/op "t"/python3.10'),
        ("wasmer", None, None),
        ("wasmtime", "/usr/bin/python3.13", None),  # the private daemon has its own
    ],
)
def test_the_private_daemon_runs_the_engine_that_failed(
    tmp_path: Path, engine: str, interpreter: str | None, of_wasmer: str | None
) -> None:
    capsule = msgspec.structs.replace(blank("x", "a-b"), engine=EngineRecord(name=engine, version="1", settings="x"))
    file = tmp_path / "plugind.toml"
    file.write_text(toml(settings(Found(capsule, None, None, interpreter))))
    engines = config.load({"config": str(file)}, {}).engines
    assert engines.plugins == {"a-b": engine}
    assert engines.wasmer.interpreter == of_wasmer


# --- script


def test_hooks_then_calls_then_the_failure() -> None:
    capsule = made(hook("lifecycle.load"), hook("lifecycle.activate"), hook("main"), call("a"), call("b"))
    script = s.script(capsule)
    assert names(capsule) == ["Load", "Activate", "a", "b"]
    assert [step.fatal for step in script.steps] == [False, False, False, True]
    assert script.notes == []


def test_hooks_that_are_out_of_sight_are_run_first() -> None:
    capsule = made(call("a"), hooks=["lifecycle.load", "lifecycle.activate", "main"])
    assert names(capsule) == ["Load", "Activate", "a"]
    assert s.script(capsule).notes == ["what the guest did before its last 1 calls is not known"]


@pytest.mark.parametrize("outcome", ["Trap", "Timeout", "MemoryLimit"])
def test_what_was_before_a_fresh_instance_does_not_count(outcome: str) -> None:
    capsule = made(hook("lifecycle.load"), call("a"), call("b", outcome=outcome), call("c"), call("d"))
    assert names(capsule) == ["Load", "c", "d"]
    assert s.script(capsule).notes == []


def test_a_plugins_own_error_leaves_the_instance_as_it_is() -> None:
    assert names(made(hook("lifecycle.load"), call("a", outcome="PluginError"), call("b"))) == ["Load", "a", "b"]


@pytest.mark.parametrize(("name", "action"), [("lifecycle.load", s.Load()), ("main", s.Activate())])
def test_a_hook_that_failed(name: str, action: s.Action) -> None:
    before = [hook("lifecycle.load"), hook("lifecycle.activate")] if name == "main" else []
    last = s.script(made(*before, hook(name), hooks=[])).steps[-1]
    assert (last.action, last.fatal) == (action, True)


def test_states_are_gone_through_again() -> None:
    names_of_hooks = ["load", "activate", "deactivate", "activate"]
    capsule = made(*(hook(f"lifecycle.{name}") for name in names_of_hooks), hook("main"), call("a"))
    assert names(capsule) == ["Load", "Activate", "Deactivate", "Activate", "a"]


def test_a_start_function_that_trapped() -> None:
    (step,) = s.script(made(hooks=[])).steps
    assert (step.action, step.fatal) == (s.Load(), True)


def test_an_idle_worker_has_no_step_that_must_fail() -> None:
    capsule = made(hook("lifecycle.load"), call("a"), exit=ExitRecord(status=None, signal="SIGKILL", by_daemon=False))
    idle = msgspec.structs.replace(
        capsule, calls=[msgspec.structs.replace(one, running=False) for one in capsule.calls]
    )
    assert not any(step.fatal for step in s.script(idle).steps)


def test_windows() -> None:
    frame = FrameRecord(window=3, input=1, output=0, pts_us=5)
    capsule = made(call("blur", "process", frame=frame), windows=[WINDOW])
    _, opened, processed = actions(capsule)
    assert opened == s.OpenWindow(WINDOW)
    assert (processed.window, processed.input, processed.output, processed.pts_us) == (3, 1, 0, 5)
    again = made(window_call("openWindow", 3), window_call("closeWindow", 3), call("a"), windows=[])
    assert actions(again)[1:3] == [s.OpenWindow(WINDOW), s.CloseWindow(3)]
    assert names(made(window_call("openWindow", 3), call("a"), windows=[WINDOW])).count("OpenWindow") == 1


def test_a_frame_whose_window_is_not_known() -> None:
    frame = FrameRecord(window=9, input=0, output=0, pts_us=0)
    script = s.script(made(hook("lifecycle.load"), call("blur", "process", frame=frame), call("a")))
    assert script.notes == ["a frame of blur is left out: its window is not known"]


@pytest.mark.parametrize(
    ("outcome", "ms", "timeout_ms", "expected"),
    [("Timeout", 1300.0, 300.0, 300), ("Timeout", 120.0, 30_000.0, 120), ("Timeout", 0.1, 30_000.0, 1),
     ("lost", 50.0, 30_000.0, 2000), ("Trap", 20_000.0, 30_000.0, 80_000), ("lost", 3e6, 3e6, 3_600_000)],
)  # fmt: skip
def test_how_long_it_may_take(outcome: str, ms: float, timeout_ms: float, expected: int) -> None:
    one = call("a", ms=ms, timeout_ms=timeout_ms, running=True, outcome=outcome)
    capsule = msgspec.structs.replace(blank("x"), calls=[one])
    (_, action) = actions(capsule)
    assert action.timeout_ms == expected


def test_params_that_are_not_whole() -> None:
    cut = call("a", params=payload("xyz", text='"xy', cut=True))
    redacted = call("b", params=payload({"token": "[redacted]"}, redacted=True))
    asked = HostCallRecord(method="timeline.getState", params=payload(), answer=payload("x", redacted=True))
    capsule = made(hook("lifecycle.load"), cut, redacted, call("c", host_calls=[asked], host_calls_lost=2))
    assert [bytes(action.params) for action in actions(capsule)[1:3]] == [b"null", b'{"token":"[redacted]"}']
    assert s.script(capsule).notes == [
        "params were cut or had secrets taken out, so the outcome may differ: a, b",
        "answers of the host were cut or had secrets taken out, so the outcome may differ",
        "2 host calls were not recorded, so the outcome may differ",
    ]


# --- answers

pytestmark = pytest.mark.anyio


def asked(method: str, params: Any = None, answer: Any = 0, error: PlugindError | None = None) -> HostCallRecord:
    text = payload(error.to_object() if error is not None else answer)
    return HostCallRecord(method=method, params=payload(params), answer=text, failed=error is not None)


def answers(*host_calls: HostCallRecord) -> Answers:
    return Answers([call("f", host_calls=list(host_calls))])


async def test_answers_come_in_order() -> None:
    recorded = answers(asked("timeline.getState", {"a": 1}, "x"), asked("timeline.getState", {"a": 1}, "y"))
    params = {"a": 1, "pluginId": "p"}
    assert [bytes(await recorded.answer("timeline.getState", params)) for _ in "xy"] == [b'"x"', b'"y"']
    recorded.finish()
    assert recorded.differences == []


async def test_recorded_errors_are_errors_again() -> None:
    with pytest.raises(InvalidState, match="own words"):
        await answers(asked("ui.pickFile", error=InvalidState("its own words"))).answer(
            "ui.pickFile", {"pluginId": "p"}
        )


async def test_what_the_daemon_answers_is_not_waited_for() -> None:
    refused = asked("timeline.addClip", error=PermissionDenied("no"))
    recorded = answers(asked("effects.register"), asked("system.getInfo"), refused, asked("media.getInfo", None, 1))
    assert bytes(await recorded.answer("media.getInfo", {"pluginId": "p"})) == b"1"
    recorded.finish()
    assert recorded.differences == []


async def test_differences_are_told() -> None:
    recorded = answers(asked("timeline.getState", {"a": 1}), asked("ui.pickFile"), asked("media.getInfo", None, 7))
    await recorded.answer("timeline.getState", {"a": 2})
    assert bytes(await recorded.answer("media.getInfo", {})) == b"7"
    with pytest.raises(HostUnavailable):
        await recorded.answer("timeline.addClip", {})
    assert recorded.differences == [
        "asked timeline.getState with other params than recorded",
        "asked media.getInfo where ui.pickFile was recorded",
        "asked timeline.addClip where nothing was recorded",
    ]
    rest = answers(asked("ui.pickFile"))
    rest.finish()
    assert rest.differences == ["recorded, but not asked this time: ui.pickFile"]


async def test_params_with_secrets_taken_out_fit_any() -> None:
    one = msgspec.structs.replace(asked("timeline.getState"), params=payload({"token": "[redacted]"}, redacted=True))
    recorded = answers(one)
    await recorded.answer("timeline.getState", {"token": "x", "pluginId": "p"})
    assert recorded.differences == []


async def test_an_answer_that_never_came_does_not_come() -> None:
    recorded = answers(msgspec.structs.replace(asked("timeline.getState"), answer=None))
    with anyio.move_on_after(0) as scope:
        await recorded.answer("timeline.getState", {})
    assert scope.cancelled_caught


async def test_an_answer_that_was_cut_is_told() -> None:
    cut = msgspec.structs.replace(asked("timeline.getState"), answer=payload("xyz", text='"xy', cut=True))
    recorded = answers(cut)
    assert await recorded.answer("timeline.getState", {}) is None
    assert recorded.differences == ["the recorded answer to timeline.getState is not whole; null was given"]


# --- verdict

TRAP = Outcome("Trap", "trap", top="f")
KILLED = Outcome("WorkerCrashed", "crash", signal="SIGKILL")


@pytest.mark.parametrize(
    ("expected", "found", "reproduced", "words"),
    [
        (TRAP, TRAP, True, "reproduced"),
        (TRAP, None, False, "not reproduced"),
        (TRAP, Outcome("Trap", "trap", top="g"), False, "not reproduced"),
        (TRAP, Outcome("Timeout", "timeout"), False, "not reproduced"),
        (Outcome("Timeout", "timeout"), Outcome("Timeout", "timeout", top="f"), True, "reproduced"),
        (KILLED, KILLED, True, "reproduced"),
        (KILLED, None, False, "killed from outside? The worker was running when it got SIGKILL"),
        (KILLED, Outcome("Timeout", "timeout"), False, "killed from outside?"),
        (Outcome("WorkerCrashed", "limit", signal="SIGXCPU"), None, False, "not reproduced"),
        (Outcome("WorkerCrashed", "protocol"), None, False, "not reproduced"),
    ],
)
def test_what_is_made_of_it(expected: Outcome, found: Outcome | None, reproduced: bool, words: str) -> None:  # noqa: FBT001 - pytest's
    verdict = judge(expected, found, idle=False, differences=["on the way"], notes=[])
    assert verdict.reproduced is reproduced
    assert words in verdict.summary
    assert ("outside" in verdict.summary) is ("outside" in words)
    assert verdict.differences[-1] == "on the way"
    assert (len(verdict.differences) == 1) is reproduced
